"""Iterations of real engines beside a made recording: the axis, the energy, and no rhythm where there is none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from trtprof.board_run import Energy
from trtprof.jetson.periodicity import find_period
from trtprof.model import Device
from trtprof.parsers.trtexec_times import read_times
from trtprof.pipeline.measured import read_measured

LINE = "RAM 3000/7620MB (lfb 8x2MB) GR3D_FREQ 99%@[{mhz}] tj@{heat}C VDD_IN {power}mW/9000mW VDD_SOC 2817mW/2817mW"
BEGAN_S = 500.0
"""Uptime at which trtexec said that it starts; its first timed iteration came after 5 s of warm-up."""


@pytest.fixture
def capture(shared: Path, tmp_path: Path) -> Path:
    """AlexNet at FP16 as trtexec left it, under the names of a capture, with a board that slows down after 6 s."""
    engine = tmp_path / "fp16"
    engine.mkdir()
    for source, name in (("graph", "layers"), ("profile", "profile"), ("timing", "times")):
        shutil.copyfile(shared / "fuzzylabs" / f"trtexec_alexnet_fp16.{source}.json", engine / f"{name}.json")
    info = "trtprof-capture: 1\nstatus: complete\nboard: orin-nano\ntrt: 10.3.0\nmodel: alexnet.onnx\nengines: fp16\n"
    (tmp_path / "capture.txt").write_text(info)
    marks = [(480, "idle start"), (483, "idle end"), (498, "fp16 latency start"), (BEGAN_S, "fp16 inference"),
             (509, "fp16 latency end")]  # fmt: skip
    (tmp_path / "marks.txt").write_text("".join(f"{at:.2f} {what}\n" for at, what in marks))
    lines = []
    for step in range(150):
        at = 480 + step / 5
        busy, slow = 500 <= at <= 508.5, at > BEGAN_S + 6
        power = 4000 if not busy else 8000 if slow else 12_000
        lines.append(f"{at:.2f} " + LINE.format(mhz=612 if slow else 1020, heat=60 + step / 10, power=power))
    (tmp_path / "tegrastats.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_the_recording_is_laid_under_the_iterations(capture: Path) -> None:
    comparison = read_measured([(None, capture)], command="test")
    (built,) = comparison.engines
    run = built.board_run
    assert run is not None
    times = read_times(capture / "fp16" / "times.json").inference
    first_s = times.start_ns[0] / 1e9
    assert first_s == pytest.approx(5.0, abs=0.01)
    assert run.iterations[0][0] == 0
    assert len(run.iterations) == len(times.latency_ns) == 6039
    assert isinstance(run.energy, Energy)
    timed_s = (times.start_ns[-1] + times.compute_ns[-1]) / 1e9 - first_s
    assert run.energy.span_s == pytest.approx(timed_s)
    assert 8000 < run.energy.mean_mw < 12_000
    assert run.energy.idle_mw == 4000
    assert run.energy.per_inference_mj == pytest.approx(run.energy.mean_mw * timed_s / 6039)
    assert isinstance(run.throttles, tuple)
    (throttle,) = run.throttles
    assert throttle.start_s == pytest.approx(6 - first_s, abs=0.21)
    assert (throttle.from_mhz, throttle.to_mhz) == (1020, 612)
    assert run.period is None
    assert comparison.device.name == "Jetson Orin Nano"
    assert built.engine.device == Device("Orin", (8, 7))
    assert {item.code for item in comparison.diagnosis.findings} == {"M522"}
    assert {notice.code for notice in comparison.notices} >= {"board-numbers"}


def test_steady_engines_have_no_rhythm(shared: Path) -> None:
    files = sorted(shared.glob("*/*timing.json"))
    assert len(files) >= 8
    for path in files:
        times = read_times(path).inference
        assert find_period(times.latency_ns or times.compute_ns, times.start_ns) is None, path.name
