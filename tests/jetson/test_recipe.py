"""Capture scripts: written for each board, run under the shells there are, interrupted, and short of their tools."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.jetson import stand_ins
from trtprof.backends.trtexec_flags import Version
from trtprof.board_run import Energy
from trtprof.errors import BuildError, TrtprofError, UsageError
from trtprof.jetson.board_capture import import_capture, read_board_capture
from trtprof.jetson.boards import BOARDS, board_called
from trtprof.jetson.doctor import diagnose
from trtprof.jetson.machine import open_machine
from trtprof.jetson.recipe import Recipe, default_precisions, write_recipe
from trtprof.model import Unknown
from trtprof.pipeline.measured import inspect, read_measured

CASES = {
    "nano": (8, 2),
    "xavier-nx": (8, 5),
    "orin-nano": (10, 3),
    "agx-orin": (10, 16),
    "thor": (10, 16),
}
SHELLS = [shell for shell in (["dash"], ["busybox", "sh"], ["bash", "--posix"]) if shutil.which(shell[0])]
ORIN = "orin-nano"


def recipe(key: str, trt: tuple[int, int], **fields: object) -> Recipe:
    found = board_called(key)
    assert found is not None
    made = Recipe(Path("net.onnx"), found, Version(*trt), default_precisions(found, Version(*trt)))
    return replace(made, **fields)  # type: ignore[arg-type]


class Desk:
    """A directory with a script, a model and a board's programs in it."""

    def __init__(self, folder: Path, made: Recipe, programs: Path | None = None) -> None:
        self.folder, self.programs = folder, programs or stand_ins.board(folder / "bin", made.trt.series)
        self.script = folder / "capture.sh"
        self.script.write_text(write_recipe(made, "trtprof recipe net.onnx"))
        self.model = folder / "net.onnx"
        self.model.write_text("model")
        for name in ("state", "tmp"):
            (folder / name).mkdir()

    def environment(self, **extra: str) -> Mapping[str, str]:
        path = f"{self.programs}:/usr/bin:/bin"
        here = {"PATH": path, "STATE": str(self.folder / "state"), "TMPDIR": str(self.folder / "tmp")}
        return {**here, "MY_TOKEN": "do-not-tell", **extra}

    def start(self, shell: list[str], *arguments: str, **extra: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*shell, str(self.script), *arguments],
            cwd=self.folder, env=self.environment(**extra), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip

    def run(self, shell: list[str] = SHELLS[0], *arguments: str, **extra: str) -> tuple[int, str]:
        child = self.start(shell, *arguments, **extra)
        out, errors = child.communicate(timeout=60)
        assert out == ""
        assert not list((self.folder / "tmp").iterdir())
        return child.returncode, errors

    def log(self) -> list[str]:
        path = self.folder / "state" / "log"
        return path.read_text().splitlines() if path.exists() else []

    def imported(self) -> Path:
        return import_capture(self.folder / "capture.tgz", self.folder / "there", self.folder)[0]


@pytest.fixture
def desk(tmp_path: Path) -> Callable[..., Desk]:
    return lambda key=ORIN, trt=(10, 3), **fields: Desk(tmp_path / "desk", recipe(key, trt, **fields))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> None:
    (tmp_path / "desk").mkdir()


def nobody_left(group: int) -> bool:
    """Whether a process group is empty, or becomes so within two seconds: a stand-in's own sleep may outlive it."""
    for _ in range(40):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("key", CASES)
def test_each_board_is_measured_and_read(desk: Callable[..., Desk], key: str) -> None:
    place = desk(key, CASES[key])
    code, errors = place.run()
    assert code == 0, errors
    capture = read_board_capture(place.imported())
    assert capture.complete
    names = [engine.name for engine in capture.engines]
    assert names == (["fp32", "fp16"] if key == "nano" else ["fp32", "fp16", "int8"])
    assert [engine.failure for engine in capture.engines] == [None] * len(names)
    comparison = read_measured([(None, capture.folder)], command="test")
    assert sorted(item.name for item in comparison.engines) == sorted(names)
    assert [item.name for item in inspect([capture.folder])] == names
    assert "do-not-tell" not in (capture.folder / "fp32" / "trace.nsys-rep").read_text()
    assert not list(capture.folder.rglob("engine.plan"))


def test_power_is_aligned_with_the_inferences(desk: Callable[..., Desk]) -> None:
    place = desk(precisions=("fp16",))
    assert place.run(STAND_IN_RUN_S="0.8")[0] == 0
    (built,) = inspect([place.imported()])
    assert built.board_run is not None
    energy = built.board_run.energy
    assert isinstance(energy, Energy)
    assert (energy.mean_mw, energy.idle_mw, energy.rails, energy.whole_board) == (12_000, 12_000, ("VDD_IN",), True)
    assert energy.per_inference_mj == pytest.approx(12_000 * energy.span_s / energy.inferences)
    assert (built.board_run.throttles, built.board_run.gpu_mhz) == ((), (621, 621))
    assert built.board_run.samples[0].time_s < 0 < built.board_run.samples[-1].time_s


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_every_shell_runs_it(desk: Callable[..., Desk], shell: list[str]) -> None:
    place = desk(precisions=("fp16",))
    assert place.run(shell) == (
        0,
        "capture.sh: fp16: building, which takes minutes\ncapture.sh: fp16: latency\ncapture.sh: fp16: profile\n"
        "capture.sh: fp16: tracing with nsys\ncapture.sh: fp16: done\n"
        f"capture.sh: wrote {place.folder}/capture.tgz (complete); on your desk: trtprof import capture.tgz\n",
    )


def test_busybox_is_tried_where_it_is() -> None:
    if ["busybox", "sh"] not in SHELLS:
        pytest.skip("no busybox on this machine: apt install busybox")
    assert len(SHELLS) >= 2


@pytest.mark.parametrize("key", [*CASES, "changes"])
def test_shellcheck_has_nothing_to_say(tmp_path: Path, key: str) -> None:
    if key == "changes":
        made = recipe("xavier-nx", (8, 5), lock=True, power_mode=8, dla=1, given={"int8": Path("my qat.onnx")},
                      shapes=(("x", (1, 3, 8, 8)),), duration_s=5)  # fmt: skip
    else:
        made = recipe(key, CASES[key])
    script = tmp_path / "capture.sh"
    script.write_text(write_recipe(made, "trtprof recipe"))
    shellcheck = Path(sys.executable).with_name("shellcheck")
    result = subprocess.run([shellcheck, "-s", "sh", script], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")
    assert "@" not in script.read_text().replace("$@", "")


def test_what_it_changes_is_put_back(desk: Callable[..., Desk]) -> None:
    place = desk(precisions=("fp16",), lock=True, power_mode=2)
    code, errors = place.run()
    assert code == 0, errors
    assert place.log() == [
        "sudo", "nvpmodel -m 2", "sudo", "jetson_clocks --store", "sudo", "jetson_clocks",
        "sudo", "jetson_clocks --restore", "sudo", "nvpmodel -m 1",
    ]  # fmt: skip
    there = place.imported()
    assert "MODE_1\n" in (there / "board/commands/nvpmodel.txt").read_text()
    assert "MODE_2\n" in (there / "locked/commands/nvpmodel.txt").read_text()


def test_unless_asked_nothing_is_changed_and_nobody_is_root(desk: Callable[..., Desk]) -> None:
    place = desk(precisions=("fp16",))
    assert place.run()[0] == 0
    assert place.log() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_interrupted_it_puts_back_and_packs_what_there_is(
    desk: Callable[..., Desk], shell: list[str], number: signal.Signals
) -> None:
    place = desk(precisions=("fp16", "fp32"), lock=True, power_mode=2)
    child = place.start(shell, STAND_IN_RUN_S="20")
    assert child.stderr is not None
    for line in child.stderr:
        if "latency" in line:
            break
    time.sleep(0.3)
    os.kill(child.pid, number)
    errors = child.communicate(timeout=15)[1]
    assert child.returncode == 130
    assert "interrupted: what was finished is kept" in errors
    assert place.log()[-3:] == ["jetson_clocks --restore", "sudo", "nvpmodel -m 1"]
    assert not list((place.folder / "tmp").iterdir())
    assert nobody_left(child.pid)
    capture = read_board_capture(place.imported())
    assert capture.info["status"] == "interrupted"
    assert [engine.failure for engine in capture.engines] == [
        "the script was ended before it wrote times.json, profile.json",
        "the script was ended before it wrote layers.json, times.json, profile.json",
    ]


def test_without_tegrastats_and_nsys_it_measures_all_the_same(desk: Callable[..., Desk]) -> None:
    place = desk(precisions=("fp16",))
    for name in ("tegrastats", "nsys"):
        (place.programs / name).unlink()
    code, errors = place.run()
    assert code == 0
    assert "no tegrastats here: power, clocks and heat are not recorded" in errors
    (built,) = inspect([place.imported()])
    assert built.board_run is not None
    assert built.board_run.energy == Unknown("tegrastats was not recorded")


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (lambda place: (place.programs / "trtexec").unlink(), 4, "error: trtexec was not found on PATH"),
        (lambda place: place.model.unlink(), 3, "/net.onnx: no such model"),
        (lambda place: (place.folder / "capture.tgz").touch(), 2, "capture.tgz is there already"),
    ],
    ids=["trtexec", "model", "archive"],
)
def test_what_is_missing_is_said(
    desk: Callable[..., Desk], spoil: Callable[[Desk], None], code: int, words: str
) -> None:
    place = desk()
    spoil(place)
    found, errors = place.run()
    assert found == code
    assert words in errors
    assert "\nhint: " in errors


def test_another_tensorrt_is_refused_with_the_command_for_it(desk: Callable[..., Desk], tmp_path: Path) -> None:
    programs = stand_ins.board(tmp_path / "other", (8, 5))
    place = Desk(tmp_path / "desk", recipe(ORIN, (10, 3)), programs)
    code, errors = place.run()
    assert code == 4
    assert errors == (
        "error: this board has TensorRT 8.5, this script is for 10.3\n"
        "hint: write another: trtprof recipe net.onnx --board orin-nano --trt 8.5\n"
    )
    assert not (place.folder / "capture.tgz").exists()


def test_a_build_that_fails_costs_its_engine_and_is_told(desk: Callable[..., Desk]) -> None:
    place = desk(precisions=("fp32", "int8"), given={"int8": Path("qat.onnx")})
    (place.folder / "qat.onnx").write_text("refused by the parser")
    code, errors = place.run()
    assert code == 5
    assert "int8: build ended with status 1: " in errors
    assert "(incomplete)" in errors
    capture = read_board_capture(place.imported())
    assert [engine.failure is None for engine in capture.engines] == [True, False]
    assert [item.name for item in read_measured([(None, capture.folder)], command="x").engines] == ["fp32"]


def test_the_model_may_lie_elsewhere(desk: Callable[..., Desk], tmp_path: Path) -> None:
    place = desk(precisions=("fp32",))
    elsewhere = tmp_path / "with blanks"
    elsewhere.mkdir()
    place.model.rename(elsewhere / "other net.onnx")
    code, errors = place.run(SHELLS[0], str(elsewhere / "other net.onnx"))
    assert code == 0, errors


def test_what_was_recorded_of_the_board_is_read_by_the_doctor(desk: Callable[..., Desk]) -> None:
    place = desk(precisions=("fp32",))
    assert place.run()[0] == 0
    diagnosis = diagnose(open_machine(place.imported() / "board"))
    assert [str(item.version) for item in diagnosis.tensorrt if item.place == "trtexec"] == ["10.3.0"]


@pytest.mark.parametrize(
    ("key", "trt", "fields", "error", "words"),
    [
        ("nano", (10, 3), {}, UsageError, "no JetPack for Jetson Nano brings TensorRT 10.3"),
        ("thor", (8, 6), {}, UsageError, "no JetPack for Jetson AGX Thor brings TensorRT 8.6"),
        (ORIN, (10, 3), {"dla": 0}, UsageError, "Jetson Orin Nano has no DLA"),
        ("orin-nx", (10, 3), {"dla": 2}, UsageError, "Jetson Orin NX 16GB has DLA cores 0 to 1"),
        ("orin-nx", (10, 13), {"dla": 0}, UsageError, "TensorRT 10.13.0 does not drive the DLA"),
        (ORIN, (10, 3), {"model": Path("a'; rm -rf x;.onnx")}, UsageError, "mean something to a shell"),
        ("agx-orin", (11, 4), {"precisions": ("fp32", "int8")}, UsageError, "from the ONNX file alone: int8 needs one"),
        (ORIN, (8, 6), {"precisions": ("bf16",)}, BuildError, "cannot build bf16"),
        (ORIN, (10, 3), {"extra": ("--buildOnly",)}, UsageError, "is set by trtprof"),
        ("nano", (8, 0), {}, UsageError, "trtexec 8.0.0 is too old"),
    ],
)  # fmt: skip
def test_what_no_board_can_do_is_refused(
    key: str, trt: tuple[int, int], fields: dict[str, object], error: type[TrtprofError], words: str
) -> None:
    with pytest.raises(error) as refused:
        write_recipe(recipe(key, trt, **fields), "trtprof recipe")
    assert words in refused.value.message
    assert refused.value.hint


def test_every_board_has_a_recipe_for_its_newest_and_oldest_tensorrt() -> None:
    for board in BOARDS:
        for series in (board.chip.first_trt, board.chip.last_trt or (11, 4)):
            if series >= (8, 2):
                text = write_recipe(recipe(board.key, series), "trtprof recipe")
                assert f"this script is for {series[0]}.{series[1]}" in text


def test_a_dla_engine_is_asked_for_beside_the_gpu_s() -> None:
    text = write_recipe(recipe("xavier-nx", (8, 5), dla=1), "trtprof recipe")
    assert "'fp32 fp16 int8 fp16-dla1 int8-dla1'" in text
    assert text.count("--useDLACore=1") == 2 * 4
    assert text.count("--allowGPUFallback") == 2 * 4
