"""Running trtexec, by way of a stand-in that is a real executable and behaves as its version does."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.backends.test_process import await_end
from tests.backends.trtexec_stand_in import BANNERS, install
from trtprof.backends.calibration_table import header, write_table
from trtprof.backends.trtexec import TrtexecRequest, open_trtexec, run
from trtprof.errors import BuildError, InputError, TrtprofError, UsageError
from trtprof.parsers.calibration_cache import read_calibration_cache
from trtprof.parsers.trtexec_profile import read_profile
from trtprof.parsers.trtexec_times import read_times

PYTHON_START = "import sys; from pathlib import Path; from trtprof.backends.trtexec import *"


def ask(folder: Path, model: str = "a model", **changes: object) -> TrtexecRequest:
    onnx = folder / "model.onnx"
    onnx.write_text(model)
    settings = {"name": "resnet", "onnx": onnx, "folder": folder / "int8", "precision": "int8", "timeout_s": 60.0}
    return TrtexecRequest(**(settings | changes))  # type: ignore[arg-type]


def fail(folder: Path, series: tuple[int, int], request: TrtexecRequest) -> TrtprofError:
    with pytest.raises(TrtprofError) as caught:
        run(request, open_trtexec(install(folder, series)))
    return caught.value


@pytest.mark.parametrize("series", sorted(BANNERS))
def test_a_run_leaves_engine_layers_times_and_profile(series: tuple[int, int], tmp_path: Path) -> None:
    tool = open_trtexec(install(tmp_path, series))
    assert tool.version.series == series
    told: list[tuple[str, int, int]] = []
    record = run(
        ask(tmp_path, shapes=(("x", (1, 3, 8, 8)),)), tool, lambda phase, step, steps: told.append((phase, step, steps))
    )
    assert record.plan_bytes == record.plan.stat().st_size > 0
    assert len(record.plan_sha256) == 64
    assert record.build_ns > 0
    built = json.loads(record.plan.read_text())
    assert built["detailed"]
    assert built["tf32"] is False
    # Written by the build, and again by the profile run, which knows the dimensions that were dynamic.
    assert json.loads(record.layers.read_text())["Layers"][0]["Inputs"][0]["Dimensions"] == [1, 3, 8, 8]
    assert read_times(record.times).inference.compute_ns == pytest.approx([110_000.0] * 10)
    assert [timing.layer for timing in read_profile(record.profile).timings] == ["conv1 + relu1"]
    assert [path.name for path in record.logs] == ["build.log", "latency.log", "profile.log"]
    assert "CUDA Graph: Enabled" in record.logs[1].read_text()
    assert "CUDA Graph: Disabled" in record.logs[2].read_text()
    assert all(shlex.split(line)[0] == str(tool.path) for line in record.commands)
    assert record.tool_version == str(tool.version)
    assert told == [
        ("building", 1, 3),
        ("building (1 layers timed)", 1, 3),
        ("building (2 layers timed)", 1, 3),
        ("timing inferences", 2, 3),
        ("timing layers", 3, 3),
    ]


def test_the_log_has_both_streams(tmp_path: Path) -> None:
    record = run(ask(tmp_path), open_trtexec(install(tmp_path, (8, 6))))
    assert "&&&& PASSED TensorRT.trtexec [TensorRT v8601]" in record.logs[0].read_text()
    assert [notice.code for notice in record.notices] == ["weakly-typed"]
    error = fail(tmp_path, (8, 6), ask(tmp_path, "too large"))
    assert "OutOfMemory" in error.message  # from stderr


@pytest.mark.parametrize("series", [(8, 5), (8, 6), (9, 3), (10, 0), (10, 16)])
@pytest.mark.parametrize("title", ["TRT-8401-MinMaxCalibration", "own"])
def test_the_flag_road_reaches_the_engine(series: tuple[int, int], title: str, tmp_path: Path) -> None:
    """A table of another version is refused by trtexec 10, so it is given one with its own title."""
    tool = open_trtexec(install(tmp_path, series))
    table = tmp_path / "table"
    first = header(tool.version) if title == "own" else title
    table.write_text(f"{first}\nx: 3c010a14\n")
    record = run(ask(tmp_path, typing="weak", calib=table), tool)
    assert json.loads(record.plan.read_text())["types"] == ["fp16", "int8"]
    codes = [notice.code for notice in record.notices]
    assert ("calibration-table-of-another-version" in codes) == (title != "own")
    assert table.read_text().startswith(first)


def test_ranges_of_ours_make_a_table(tmp_path: Path) -> None:
    tool = open_trtexec(install(tmp_path, (10, 3)))
    table = tmp_path / "table"
    write_table(table, tool.version, {"x": 127.0, "conv:0/y": 1.0, "dead": 0.0, "overflown": float("inf")})
    read = read_calibration_cache(table)
    assert (read.version, read.algorithm) == ("10.3.0", "EntropyCalibration2")
    assert {item.tensor: item.dynamic_range for item in read.ranges} == pytest.approx({"x": 127.0, "conv:0/y": 1.0})
    assert run(ask(tmp_path, typing="weak", calib=table), tool).notices == ()


def test_what_is_no_table_is_told(tmp_path: Path) -> None:
    (tmp_path / "table").write_text("hello\n")
    error = fail(tmp_path, (10, 3), ask(tmp_path, typing="weak", calib=tmp_path / "table"))
    assert isinstance(error, InputError)
    assert "begins with a line like TRT-100300-EntropyCalibration2, found 'hello'" in error.message


def test_the_folder_of_the_timing_cache_is_made(tmp_path: Path) -> None:
    run(ask(tmp_path, timing_cache=tmp_path / "new" / "cache"), open_trtexec(install(tmp_path, (10, 3))))
    assert (tmp_path / "new").is_dir()


def test_a_missing_table_is_told_before_anything_runs(tmp_path: Path) -> None:
    error = fail(tmp_path, (10, 3), ask(tmp_path, typing="weak", calib=tmp_path / "none"))
    assert isinstance(error, InputError)
    assert not (tmp_path / "int8").exists()


FAILING = [(8, 5), (8, 6), (10, 0), (10, 16), (11, 0), (11, 1)]


@pytest.mark.parametrize("series", FAILING)
class TestFailures:
    def test_an_unknown_option(self, series: tuple[int, int], tmp_path: Path) -> None:
        """11.1 prints no FAILED line here, and 8.5 prints the help after the reason."""
        error = fail(tmp_path, series, ask(tmp_path, extra=("--nonsense=1",)))
        assert isinstance(error, BuildError)
        assert error.message == "resnet: building with trtexec failed: Unknown option: --nonsense 1"
        version = open_trtexec(tmp_path / "trtexec").version
        assert error.hint == f"trtexec {version} does not know --nonsense"
        assert ("&&&& FAILED" in (tmp_path / "int8" / "build.log").read_text()) == (series < (11, 1))

    def test_a_node_that_the_parser_refuses(self, series: tuple[int, int], tmp_path: Path) -> None:
        error = fail(tmp_path, series, ask(tmp_path, "refused by the parser"))
        assert error.message == (
            "resnet: building with trtexec failed: the ONNX parser refuses node 12 (NonExistent) that makes 'y': "
            'onnxOpCheckers.cpp:781 In function checkFallbackPluginImporter: [6] creator && "Plugin not found, are the '
            'plugin name, version, and namespace correct?"'
        )
        assert error.hint is not None
        assert "--staticPlugins" in error.hint

    def test_too_little_memory(self, series: tuple[int, int], tmp_path: Path) -> None:
        error = fail(tmp_path, series, ask(tmp_path, "too large"))
        assert "Error Code 2: OutOfMemory" in error.message
        assert "Could not find any implementation" not in error.message  # the consequence
        assert error.hint is not None
        assert "free memory on the GPU" in error.hint

    def test_a_crash(self, series: tuple[int, int], tmp_path: Path) -> None:
        error = fail(tmp_path, series, ask(tmp_path, "crashes"))
        assert "building with trtexec crashed with SIGSEGV: Assertion failed: tensors.size() == 1" in error.message
        assert error.hint is not None
        assert "build.log" in error.hint


def test_a_killed_build_is_most_often_out_of_memory(tmp_path: Path) -> None:
    error = fail(tmp_path, (10, 3), ask(tmp_path, "killed"))
    assert "was killed, most often because memory ran out" in error.message


def test_a_build_out_of_time_is_ended_with_what_it_started(tmp_path: Path) -> None:
    error = fail(tmp_path, (10, 3), ask(tmp_path, "hangs", timeout_s=1.0))
    assert "building with trtexec took longer than 1 s and was ended" in error.message
    assert await_end(int((tmp_path / "int8" / "grandchild.pid").read_text()))


def test_ctrl_c_ends_the_build_and_keeps_its_log(tmp_path: Path) -> None:
    request = ask(tmp_path, "hangs")
    code = (
        f"{PYTHON_START}\nfolder = Path(sys.argv[1])\n"
        "request = TrtexecRequest('resnet', folder / 'model.onnx', folder / 'int8', 'int8')\n"
        "run(request, open_trtexec(folder / 'trtexec'))"
    )
    install(tmp_path, (10, 3))
    caller = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE, start_new_session=True
    )
    pid_file = request.folder / "grandchild.pid"
    deadline = time.monotonic() + 20
    while not pid_file.exists() or not pid_file.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(caller.pid, signal.SIGINT)
    _, error = caller.communicate(timeout=20)
    assert b"KeyboardInterrupt" in error
    assert await_end(int(pid_file.read_text()))
    assert "&&&& RUNNING" in (request.folder / "build.log").read_text()


def test_an_engine_of_another_tensorrt_is_told(tmp_path: Path) -> None:
    """The plan changes hands between the build and the run, as when a wrapper script updates itself."""
    tool = open_trtexec(install(tmp_path, (10, 3)))
    request = ask(tmp_path)

    def swap(phase: str, step: int, steps: int) -> None:
        if step == 2:
            install(tmp_path, (10, 7))

    with pytest.raises(
        BuildError, match="timing inferences with trtexec failed: The engine plan file is not compat"
    ) as caught:
        run(request, tool, swap)
    assert caught.value.hint == "the engine is of another TensorRT or GPU: build it again with this trtexec"


def test_a_success_that_leaves_a_file_out_is_none(tmp_path: Path) -> None:
    """``--separateProfileRun`` missing and a profiler on: up to 10 no times are written, and the status is 0."""
    error = fail(tmp_path, (10, 3), ask(tmp_path, extra=("--dumpProfile",)))
    assert "timing inferences with trtexec ended well but left no times.json" in error.message


def test_files_of_an_earlier_run_do_not_stand_in(tmp_path: Path) -> None:
    run(ask(tmp_path), open_trtexec(install(tmp_path, (10, 3))))
    fail(tmp_path, (10, 3), ask(tmp_path, "too large"))
    assert not any((tmp_path / "int8" / name).exists() for name in ("engine.plan", "times.json", "profile.json"))


def test_what_a_version_cannot_do_is_told_before_anything_runs(tmp_path: Path) -> None:
    error = fail(tmp_path, (11, 1), ask(tmp_path, typing="weak"))
    assert isinstance(error, UsageError)
    assert not (tmp_path / "int8").exists()
