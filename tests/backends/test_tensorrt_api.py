"""The TensorRT backend as a whole, child processes and all, on packages that stand in for TensorRT and pycuda."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.backends import fake_site
from tests.backends.bindings import CACHE as WHEEL_CACHE
from tests.backends.bindings import fetch
from trtprof.backends import tensorrt_api
from trtprof.backends.tensorrt_request import TensorrtRequest
from trtprof.errors import BuildError, InputError, MissingDependency, TrtprofError, UsageError
from trtprof.model import Unknown
from trtprof.parsers.trtexec_profile import read_profile

SHAPES = (("x", (2, 3, 8, 8)), ("token_mask", (2, 4)))


def ask(folder: Path, model: str = "a model", **changes: Any) -> TensorrtRequest:
    (folder / "model.onnx").write_text(model)
    # A graph would be captured through the machine's own driver, which knows nothing of a fake stream.
    settings = {
        "name": "net", "onnx": folder / "model.onnx", "folder": folder / "int8", "precision": "int8",
        "shapes": SHAPES, "graph": False, "duration_s": 0.02, "warm_up_s": 0.0, "max_warm_up_s": 0.3, "timeout_s": 60.0,
    }  # fmt: skip
    return TensorrtRequest(**(settings | changes))


def batches(count: int = 2) -> Iterator[dict[str, Any]]:
    for index in range(count):
        yield {"token_mask": np.ones((2, 4), np.int32), "x": np.full((2, 3, 8, 8), index, np.float32)}


def test_a_request_crosses_over_whole(tmp_path: Path) -> None:
    request = ask(tmp_path, timing_cache=tmp_path / "c", calibrator="minmax", feed=Path("x.npz"), prefix="a.")
    assert TensorrtRequest.from_json(request.to_json()) == request


def test_build_then_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ranges = fake_site.install(monkeypatch, tmp_path)
    request = ask(tmp_path)
    told: list[tuple[str, int, int]] = []
    built = tensorrt_api.build(request, lambda *step: told.append(step))
    assert told == [("Tactics", 1, 1)]
    assert built.plan_bytes == built.plan.stat().st_size > 0
    assert (len(built.plan_sha256), built.tool, built.tool_version) == (64, "TensorRT", "10.0.0")
    assert built.peak_memory_bytes > 2**20
    assert "[V] [TRT] =============== Computing costs for conv1 + relu1" in built.log.read_text()

    told.clear()
    measured = tensorrt_api.measure(request, lambda *step: told.append(step))
    assert told == [("warming up", 1, 3), ("timing inferences", 2, 3), ("timing layers", 3, 3)]
    assert measured.iterations == len(json.loads(measured.times.read_text()))
    assert measured.profile is not None
    assert len(read_profile(measured.profile).timings) == 3
    assert measured.warm_up.iterations > 10
    assert not measured.graph
    assert isinstance(measured.clocks, Unknown)
    lines = ranges.read_text().splitlines()
    assert lines[:2] == ["int8", "  warm-up"]
    assert set(lines) == {"int8", "  warm-up", "  timed", "  layers", "    iteration"}
    assert not list((tmp_path / "int8").glob("*.request.json"))


def test_calibration_data_reaches_the_calibrator_and_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_site.install(monkeypatch, tmp_path)
    request = ask(tmp_path, typing="weak", calibrator="entropy2")
    built = tensorrt_api.build(request, batches=batches())
    assert json.loads(built.plan.read_text())["flags"] == ["FP16", "INT8"]
    assert (tmp_path / "int8" / "calibration.cache").read_bytes().startswith(b"TRT-10000-EntropyCalibration2")
    assert not (tmp_path / "int8" / "calibration").exists()
    # With a table there is nothing to calibrate: an iterator that must not be touched proves it.
    tensorrt_api.build(request)


def test_batches_cross_over_under_any_name(tmp_path: Path) -> None:
    """numpy's ``savez`` has parameters of its own, and a name may hold slashes."""
    from trtprof.backends.tensorrt_child import read_batches

    arrays = {"file": np.arange(3), "a/b:0": np.ones((2, 2), np.float16)}
    tensorrt_api._spool([arrays, arrays], tmp_path / "c")
    read = list(read_batches(tmp_path / "c"))
    assert len(read) == 2
    assert list(read[1]) == ["file", "a/b:0"]
    assert read[1]["a/b:0"].dtype == np.float16
    assert read[1]["file"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("wants", "changes", "kind", "said"),
    [
        (
            {},
            {"model": "refused"},
            BuildError,
            "net: the ONNX parser refuses node 'mish' (NonExistent): Plugin not found",
        ),
        ({}, {"shapes": ()}, UsageError, "net: input 'x' is dynamic: -1x3x8x8"),
        ({}, {"shapes": (*SHAPES, ("z", (1,)))}, UsageError, "--shapes names 'z', which is no input of net"),
        ({}, {"shapes": (("x", (2, 3, 9, 8)),)}, UsageError, "--shapes x:2x3x9x8 does not fit the input's -1x3x8x8"),
        ({"shape_tensor": "x"}, {}, UsageError, "input 'x' holds a shape"),
        ({"major": 11}, {"typing": "weak"}, UsageError, "TensorRT 11.0.0 is strongly typed only"),
        ({}, {"precision": "best"}, UsageError, "'best' leaves the types to TensorRT"),
        (
            {"build_error": "Error Code 2: OutOfMemory (no further information)"},
            {},
            BuildError,
            "net: Error Code 2: Out",
        ),
        ({}, {"device": 1}, BuildError, "GPU 1 cannot be used: cuDeviceGet failed"),
        ({"broken": True}, {}, MissingDependency, "'tensorrt' is installed but cannot be imported: libnvinfer.so.10"),
        ({"dies": True}, {}, BuildError, "net: the TensorRT build crashed with SIGABRT"),
    ],
)
def test_what_goes_wrong_in_the_child_is_raised_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wants: dict[str, Any], changes: dict[str, Any],
    kind: type[TrtprofError], said: str,
) -> None:  # fmt: skip
    fake_site.install(monkeypatch, tmp_path, wants)
    with pytest.raises(kind) as caught:
        tensorrt_api.build(ask(tmp_path, **changes))
    assert said in caught.value.message
    assert type(caught.value) is kind
    assert caught.value.hint
    assert (tmp_path / "int8" / "build.log").is_file()


def test_memory_that_runs_out_is_told_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_site.install(monkeypatch, tmp_path, {"build_error": "Error Code 2: OutOfMemory"})
    with pytest.raises(BuildError) as caught:
        tensorrt_api.build(ask(tmp_path))
    assert caught.value.hint == "free memory on the GPU, build a smaller shape, or limit the workspace"


def test_a_failing_calibration_batch_is_raised_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_site.install(monkeypatch, tmp_path)
    request = ask(tmp_path, typing="weak", calibrator="entropy2")
    with pytest.raises(InputError, match="expected an array for input 'token_mask', found 'x'"):
        tensorrt_api.build(request, batches=[{"x": np.zeros((2, 3, 8, 8), np.float32)}])


@pytest.mark.parametrize(
    ("changes", "data", "said"),
    [
        ({}, True, "calibration batches need a calibrator"),
        ({"calibrator": "entropy2"}, True, "no use for a strongly typed int8 build"),
        ({"calibrator": "entropy2", "typing": "weak", "precision": "fp16"}, True, "no use for a weakly typed fp16"),
        ({"calibrator": "entropy2", "typing": "weak"}, False, "nothing to calibrate with"),
    ],
)
def test_calibration_without_a_use_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], data: bool, said: str
) -> None:
    fake_site.install(monkeypatch, tmp_path)
    with pytest.raises(UsageError, match=said):
        tensorrt_api.build(ask(tmp_path, **changes), batches=batches() if data else None)
    assert not (tmp_path / "int8").exists()


def test_no_batches_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_site.install(monkeypatch, tmp_path)
    with pytest.raises(UsageError, match="no calibration batches were given"):
        tensorrt_api.build(ask(tmp_path, typing="weak", calibrator="minmax"), batches=[])


def test_a_measurement_out_of_time_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_site.install(monkeypatch, tmp_path)
    request = ask(tmp_path, duration_s=60.0, timeout_s=2.0)
    tensorrt_api.build(request)
    started = time.monotonic()
    with pytest.raises(BuildError, match="the TensorRT measure took longer than 2 s and was ended"):
        tensorrt_api.measure(request)
    assert time.monotonic() - started < 10


def test_files_of_an_earlier_run_do_not_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_site.install(monkeypatch, tmp_path)
    request = ask(tmp_path)
    tensorrt_api.build(request)
    tensorrt_api.measure(request)
    fake_site.install(monkeypatch, tmp_path, {"major": 11})
    with pytest.raises(BuildError, match="not compatible with this version"):
        tensorrt_api.measure(request)
    request.onnx.write_text("refused")
    with pytest.raises(BuildError):
        tensorrt_api.build(request)
    assert {path.name for path in request.folder.iterdir()} == {"build.log", "latency.log"}


class TestTimingCache:
    def test_it_is_read_and_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fake_site.install(monkeypatch, tmp_path)
        request = ask(tmp_path, timing_cache=tmp_path / "made" / "cache")
        for expected in (b"timed", b"timedtimed"):
            assert tensorrt_api.build(request).notices == ()
            assert (tmp_path / "made" / "cache").read_bytes() == expected

    def test_one_of_another_gpu_is_left_alone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fake_site.install(monkeypatch, tmp_path)
        (tmp_path / "cache").write_bytes(b"other GPU")
        built = tensorrt_api.build(ask(tmp_path, timing_cache=tmp_path / "cache"))
        assert [notice.code for notice in built.notices] == ["timing-cache-unused"]
        assert (tmp_path / "cache").read_bytes() == b"other GPU"


def test_the_command_for_nsight_systems_runs_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_site.install(monkeypatch, tmp_path)
    request = ask(tmp_path, graph=True)
    tensorrt_api.build(request)
    done = subprocess.run(tensorrt_api.measure_command(request), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "int8").iterdir()}
    assert {"trace.times.json", "trace.layers.json"} <= names
    assert not {"times.json", "profile.json"} & names
    (tmp_path / "int8" / "engine.plan").write_text('{"version": "8.6.1"}')
    done = subprocess.run(tensorrt_api.measure_command(request), capture_output=True, text=True, check=False)
    assert done.returncode == 1  # which is how nsys is told


@pytest.mark.parametrize("lacking", ["tensorrt", "pycuda", "nvtx"])
def test_a_missing_package_is_named(lacking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trtprof.backends.tensorrt_api.installed", lambda module: module != lacking)
    with pytest.raises(MissingDependency, match=f"needs the package '{lacking}'") as caught:
        tensorrt_api.version()
    assert caught.value.hint == "pip install 'trtprof[tensorrt]'"


def test_the_version_is_found_under_any_name_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trtprof.backends.tensorrt_api.installed", lambda module: True)
    for name in ("tensorrt", "tensorrt-cu12", "tensorrt-bindings"):
        monkeypatch.setattr(
            "trtprof.backends.tensorrt_api.version_of", lambda asked, name=name: "10.3.0" if asked == name else None
        )
        assert tensorrt_api.version() == "10.3.0"


def test_nothing_heavy_is_imported_for_it() -> None:
    code = "import sys, trtprof.backends.tensorrt_api, trtprof.backends.choose, trtprof.backends.nsys\n" + (
        "print([name for name in ('tensorrt', 'pycuda', 'nvtx', 'numpy', 'onnx', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_real_nvtx_takes_our_ranges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    WHEEL_CACHE.mkdir(exist_ok=True)
    tag = f"nvtx-{sys.version_info.major}.{sys.version_info.minor}"
    fetch("nvtx", WHEEL_CACHE / tag)
    code = (
        "from trtprof.backends.tensorrt_child import nvtx_marker\n"
        "mark = nvtx_marker()\n"
        "with mark('int8'), mark('warm-up'):\n"
        "    with mark('iteration'): pass\n"
        "print('marked')"
    )
    monkeypatch.setenv("PYTHONPATH", str(WHEEL_CACHE / tag))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "marked\n", done.stderr
