"""What the doctor says of each board of fixtures/boards, of a desktop, and of machines that tell little or nonsense."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trtprof.backends.trtexec_flags import Version
from trtprof.jetson.board_checks import best_mode
from trtprof.jetson.boards import BOARDS, board_called, board_of, dla_reason, jetpack_of, l4t_release
from trtprof.jetson.checks import State
from trtprof.jetson.doctor import diagnose
from trtprof.jetson.machine import COMMANDS, FILES, PRESENCES, Answer, RecordedMachine, ThisMachine, open_machine
from trtprof.jetson.precisions import Hardware, hardware_for, support_words
from trtprof.model import Device, Precision

FINDINGS = {
    "nano": {
        "precisions": "note", "GPU clock": "bad", "memory clock": "unknown", "fan": "note", "Nsight Systems": "note",
    },
    "xavier-nx": {},
    "orin-nano": {
        "power mode": "warning", "GPU clock": "bad", "memory clock": "unknown", "over-current": "warning",
        "fan": "note", "memory": "warning", "swap": "warning",
    },
    "agx-orin": {"DLA": "note", "temperature": "bad", "throttling": "bad", "swap": "note"},
    "thor": {"swap": "note"},
}  # fmt: skip


@pytest.mark.parametrize("name", FINDINGS)
def test_each_board_gets_its_own_findings(boards: Path, name: str) -> None:
    diagnosis = diagnose(open_machine(boards / name))
    found = {item.subject: item.state.value for item in diagnosis.checks if item.state is not State.OK}
    assert found == {"Nsight Compute": "note", **FINDINGS[name]}
    assert diagnosis.worthless == ("bad" in FINDINGS[name].values())


class Made:
    """A machine out of a table."""

    def __init__(self, files: Mapping[str, str], answers: Mapping[str, Answer], recorded: Path | None) -> None:
        self._files, self._answers, self.recorded = files, answers, recorded

    def read(self, path: str) -> str | None:
        return self._files.get(path)

    def glob(self, pattern: str) -> tuple[str, ...]:
        return tuple(path for path in self._files if Path(path).match(pattern))

    def ask(self, name: str) -> Answer | None:
        return self._answers.get(name)


SMI = "0, NVIDIA H100 80GB HBM3, 9.0, 580.159.04, 81559, 0, 450, 1980, 42, Enabled, Disabled, 0"
"""As nvidia-smi of that driver wrote it on an H100."""


def test_a_desktop_gpu_that_another_program_uses() -> None:
    answers = {"nvidia-smi": Answer(0, SMI), "nvidia-smi-processes": Answer(0, "4711, python3, 4000 MiB")}
    files = {"/proc/sys/kernel/perf_event_paranoid": "4", "/proc/driver/nvidia/params": "RmProfilingAdminOnly: 1"}
    found = {item.subject: item for item in diagnose(Made(files, answers, Path("desktop"))).checks}
    assert "compute capability 9.0, 79.6 GiB, driver 580.159.04" in found["GPU 0"].found
    assert found["GPU 0 clock"].found.startswith("450 of 1980 MHz now")
    assert found["other programs"].state is State.WARNING
    assert found["CPU sampling"].cure == "sudo sysctl kernel.perf_event_paranoid=2"
    assert found["hardware counters"].state is State.NOTE


@pytest.mark.parametrize(
    ("answer", "words"),
    [(None, "no nvidia-smi"), (Answer(9, "NVIDIA-SMI has failed\n"), "nvidia-smi fails: NVIDIA-SMI has failed")],
)
def test_without_a_gpu_nothing_can_be_measured(answer: Answer | None, words: str) -> None:
    diagnosis = diagnose(Made({}, {"nvidia-smi": answer} if answer else {}, Path("laptop")))
    assert [item.found for item in diagnosis.spoilers] == [f"none ({words})"]


def test_two_tensorrts_clash() -> None:
    files = {"/usr/lib/aarch64-linux-gnu/libnvinfer.so.10.3.0": "", "/usr/lib/x/libnvinfer.so.8.6.1": ""}
    answers = {"nvidia-smi": Answer(0, SMI), "nvidia-smi-processes": Answer(0, "")}
    diagnosis = diagnose(Made(files, answers, Path("both")))
    (clash,) = (item for item in diagnosis.checks if item.subject == "TensorRT")
    assert clash.state is State.WARNING
    assert "10.3.0 (/usr/lib/aarch64-linux-gnu/libnvinfer.so.10.3.0); 8.6.1 (" in clash.found


def test_what_cannot_be_seen_is_said_and_never_taken_for_good() -> None:
    bare = Made({"/proc/device-tree/compatible": "nvidia,p3767-0005\nnvidia,tegra234"}, {}, Path("container"))
    unseen = {item.subject for item in diagnose(bare).checks if item.state is State.UNKNOWN}
    assert unseen == {
        "kernel",
        "JetPack",
        "power mode",
        "GPU clock",
        "temperature",
        "throttling",
        "memory",
        "CPU sampling",
    }


def test_this_machine_is_examined() -> None:
    diagnosis = diagnose(ThisMachine())
    assert diagnosis.source is None
    assert {"kernel", "TensorRT", "extra quant"} <= {item.subject for item in diagnosis.checks}


def test_a_release_is_known_by_its_file_or_its_package() -> None:
    line = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64"
    assert l4t_release(line, None) == "36.4.3"
    assert l4t_release(None, "libnvinfer8 8.2.1\nnvidia-l4t-core 35.4.1-20230801124926") == "35.4.1"
    assert l4t_release("", "") is None
    releases = {
        "32.6.1": "4.6", "32.7.6": "4.6.6", "35.1.0": "5.0.2", "35.6.4": "5.1.6", "36.3.0": "6.0", "36.4.7": "6.2.1",
        "36.5.0": "6.2.2", "38.2.1": "7.0", "38.4.0": "7.1", "39.2.0": "7.2",
    }  # fmt: skip
    assert {l4t: jetpack_of(l4t).version for l4t in releases} == releases  # type: ignore[union-attr]
    assert jetpack_of("21.8") is None


def test_a_module_is_known_by_its_id_and_not_by_its_carrier() -> None:
    for text, key in (
        ("nvidia,p3768-0000+p3767-0005-super", "orin-nano"),
        ("p3509-0000+p3767-0001", "orin-nx-8gb"),
        ("p3767-0000", "orin-nx"),
        ("p3737-0000+p3701-0004", "agx-orin"),
        ("p2888-0001", "agx-xavier"),
    ):
        assert board_of(text) is board_called(key)
    assert board_of("p3768-0000") is None
    assert len({item.key for item in BOARDS}) == len(BOARDS)


@pytest.mark.parametrize(
    ("board", "version", "driven"),
    [
        ("xavier-nx", (8, 5, 2), True), ("orin-nx", (10, 3, 0), True), ("orin-nx", (10, 7, 0), True),
        ("orin-nx", (10, 13, 0), False), ("agx-orin", (11, 3, 0), False), ("agx-orin", (11, 4, 1), True),
        ("orin-nx", (11, 4, 1), False), ("orin-nano", (10, 3, 0), False), ("thor", (10, 16, 2), False),
    ],
)  # fmt: skip
def test_which_tensorrt_drives_which_dla(board: str, version: tuple[int, int, int], driven: bool) -> None:
    found = board_called(board)
    assert found is not None
    assert (dla_reason(found, Version(*version)) is None) is driven


def test_the_highest_power_mode_is_the_one_with_most_to_spend() -> None:
    assert best_mode([(0, "15W"), (1, "25W"), (2, "MAXN_SUPER")]) == (2, "MAXN_SUPER")
    assert best_mode([(0, "MAXN"), (3, "MODE_50W")]) == (0, "MAXN")
    assert best_mode([(3, "MODE_10W_2CORE"), (6, "MODE_20W_2CORE"), (8, "MODE_20W_6CORE")]) == (6, "MODE_20W_2CORE")
    assert best_mode([]) is None


def test_what_each_generation_multiplies_in_hardware() -> None:
    int8 = {
        (5, 0): Hardware.NONE, (5, 3): Hardware.NONE, (6, 1): Hardware.DP4A, (6, 2): Hardware.NONE,
        (7, 0): Hardware.DP4A, (7, 2): Hardware.TENSOR_CORE, (8, 6): Hardware.TENSOR_CORE, (10, 3): Hardware.CRIPPLED,
        (12, 0): Hardware.TENSOR_CORE,
    }  # fmt: skip
    assert {key: hardware_for(Device("a GPU", key), Precision.INT8) for key in int8} == int8
    assert hardware_for(Device("P4", (6, 1)), Precision.FP16) is Hardware.NONE
    assert hardware_for(Device("Nano", (5, 3)), Precision.FP16) is Hardware.CUDA_CORE
    assert hardware_for(Device("Orin", (8, 7)), Precision.FP8) is Hardware.NONE
    assert hardware_for(Device("L4", (8, 9)), Precision.FP8) is Hardware.TENSOR_CORE
    assert hardware_for(Device("NVIDIA GeForce GTX 1660", (7, 5)), Precision.INT8) is Hardware.DP4A
    kepler = Device("Tesla K40", (3, 5))
    assert (hardware_for(kepler, Precision.FP16), support_words(kepler)) == (None, None)


TEXTS = st.one_of(
    st.text(max_size=40), st.from_regex(r"[-\d]{1,25}", fullmatch=True), st.just("nvidia,tegra234 p3767-0005")
)
PATHS = [path.replace("*", "0") for path in (*FILES, *PRESENCES)] + ["/sys/class/devfreq/17000000.gpu/min_freq",
    "/sys/class/devfreq/17000000.gpu/cur_freq", "/sys/class/devfreq/17000000.gpu/max_freq"]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from(PATHS), TEXTS),
    st.dictionaries(st.sampled_from(sorted(COMMANDS)), st.builds(Answer, st.integers(0, 255), TEXTS)),
)
def test_no_machine_confuses_the_doctor(files: dict[str, str], answers: dict[str, Answer]) -> None:
    for item in diagnose(Made(files, answers, Path("odd"))).checks:
        assert item.found
        assert item.state is State.OK or item.why or item.cure or item.state is State.UNKNOWN


def test_a_recorded_status_that_is_no_number_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "commands").mkdir()
    (tmp_path / "commands" / "nsys.txt").write_text("x")
    (tmp_path / "commands" / "nsys.status").write_text("what?")
    assert RecordedMachine(tmp_path).ask("nsys") == Answer(1, "x")
