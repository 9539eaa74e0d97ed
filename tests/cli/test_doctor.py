"""``trtprof doctor``: the whole report, its formats and its errors."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from trtprof.jetson.doctor import diagnose
from trtprof.jetson.machine import open_machine

FACTS = {
    "nano": ("nano", "tegra210", "5.3", 0, "32.7.1", "4.6.1", "8.2.1"),
    "xavier-nx": ("xavier-nx", "tegra194", "7.2", 2, "35.4.1", "5.1.2", "8.5.2"),
    "orin-nano": ("orin-nano", "tegra234", "8.7", 0, "36.4.3", "6.2", "10.3.0"),
    "agx-orin": ("agx-orin", "tegra234", "8.7", 2, "39.2.0", "7.2", "10.16.2"),
    "thor": ("thor", "tegra264", "11.0", 0, "39.2.0", "7.2", "10.16.2"),
}


XAVIER_REPORT = """\
NVIDIA Jetson Xavier NX Developer Kit (recorded in xavier-nx)

system
  ok       kernel: Linux 5.15.148-tegra aarch64

board
  ok       model: NVIDIA Jetson Xavier NX Developer Kit (Jetson Xavier NX): Xavier (tegra194), compute capability 7.2
  ok       JetPack: 5.1.2 (L4T 35.4.1), CUDA 11.4
  ok       precisions: FP16, INT8: Tensor Core; TF32, BF16, FP8, FP4: nothing
  ok       DLA: 2 cores, driven by TensorRT 8.5.2; FP16 and INT8 only

power
  ok       power mode: MODE_20W_6CORE, the highest this board has
  ok       GPU clock: locked at 1109 MHz
  ok       memory clock: locked

heat
  ok       temperature: 47.0 °C (CPU-therm), the hottest of 2 zones
  ok       throttling: none now
  ok       over-current: no event since the board started
  ok       fan: at 100 % of its speed

memory
  ok       memory: 4.7 GiB of 6.7 GiB free, shared by CPU and GPU
  ok       swap: 3.3 GiB of compressed memory (zram), 0 B in use

tools
  ok       TensorRT: 8.5.2 (trtexec, package libnvinfer8, package libnvinfer-bin)
  ok       CUDA toolkit: 11.4
  ok       Nsight Systems: 2022.5.2.120
  note     Nsight Compute: not found
             why: trtprof verify needs it to hold kernel names against counters
             cure: install Nsight Compute (apt install nsight-compute)

permissions
  ok       CPU sampling: perf_event_paranoid is 2

Nothing found that would spoil a measurement.
"""


@pytest.mark.parametrize("name", FACTS)
def test_what_a_board_is_stands_in_the_json(boards: Path, trtprof, name: str) -> None:
    result = trtprof("doctor", "--root", boards / name, "--format", "json")
    answer = json.loads(result.stdout)
    board = answer["board"]
    facts = (
        board["board"],
        board["soc"],
        board["compute_capability"],
        board["dla_cores"],
        board["l4t"],
        board["jetpack"],
    )
    assert (*facts, answer["tensorrt"][0]["version"]) == FACTS[name]
    assert result.exit_code == int(answer["worthless"])
    assert {"topic", "subject", "state", "found", "why", "cure"} == set(answer["checks"][0])


def test_the_report_whole(boards: Path, trtprof, tmp_path: Path) -> None:
    shutil.copytree(boards / "xavier-nx", tmp_path / "xavier-nx")
    result = trtprof("doctor", "--root", "xavier-nx")
    assert (result.exit_code, result.stdout, result.stderr) == (0, XAVIER_REPORT, "")


def test_a_cure_is_a_command_and_the_verdict_names_the_spoilers(boards: Path, trtprof) -> None:
    result = trtprof("doctor", "--root", boards / "orin-nano")
    assert result.exit_code == 1
    assert "  warning  power mode: 15W; MAXN_SUPER is the highest this board has\n" in result.stdout
    assert "cure: sudo nvpmodel -m 2\n" in result.stdout
    assert result.stdout.endswith(
        "A measurement here would be worthless: GPU clock: free between 306 MHz and 1020 MHz, 306 MHz now\n"
    )


def test_csv_and_markdown_hold_every_line(boards: Path, trtprof) -> None:
    checks = diagnose(open_machine(boards / "thor")).checks
    rows = list(csv.reader(io.StringIO(trtprof("doctor", "--root", boards / "thor", "--format", "csv").stdout)))
    assert rows[0] == ["topic", "subject", "state", "found", "why", "cure"]
    assert [row[1] for row in rows[1:]] == [item.subject for item in checks]
    markdown = trtprof("doctor", "--root", boards / "thor", "--format", "markdown").stdout.splitlines()
    assert len([line for line in markdown if line.startswith("| ")]) == len(checks) + 1


@pytest.mark.parametrize(("make", "words"), [(True, "expected a recorded machine"), (False, "no such directory")])
def test_a_directory_without_a_recording_is_refused(trtprof, tmp_path: Path, make: bool, words: str) -> None:
    if make:
        (tmp_path / "empty").mkdir()
    result = trtprof("doctor", "--root", "empty")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith(f"error: empty: {words}")
    assert "\nhint: " in result.stderr
