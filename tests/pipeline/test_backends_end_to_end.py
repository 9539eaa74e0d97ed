"""`compare` through a backend that measures: trtexec's stand-in builds, `compare` reads what it left."""

from __future__ import annotations

from pathlib import Path

import pytest

import trtprof
from tests.backends import nsys_stand_in, trtexec_stand_in
from trtprof.backends.capture import read_manifest
from trtprof.errors import MissingDependency, UsageError
from trtprof.model import Provenance, Unknown


@pytest.fixture
def trtexec(tmp_path: Path) -> Path:
    """A trtexec of version 10.3 that takes that version's flags and writes what it would."""
    (tmp_path / "bin").mkdir()
    return trtexec_stand_in.install(tmp_path / "bin", (10, 3))


def test_a_model_is_compared_through_trtexec(rtx, models: Path, trtexec: Path, tmp_path: Path) -> None:
    report = trtprof.compare(
        models / "residual_micro.onnx", out=tmp_path / "out", backend="trtexec", trtexec=trtexec,
        precisions=("fp32", "fp16"),
    )  # fmt: skip
    comparison = report.comparison
    assert not comparison.device_is_modelled
    assert comparison.made.backend == "trtexec"
    assert comparison.missing == ()
    for built in comparison.engines:
        assert built.provenance is Provenance.MEASURED
        assert built.latency is not None
        assert built.latency.median_ns > 0
        assert isinstance(built.total_ns, float)
        assert built.engine.tool_version is not None
        assert built.engine.tool_version.startswith("10.3")
    assert "modelled-times" not in {notice.code for notice in comparison.notices}
    assert comparison.verdict.provenance is Provenance.MEASURED
    again = trtprof.load(tmp_path / "out").comparison
    assert again == comparison
    assert "p50" in report.to_html()


def test_a_named_backend_that_is_not_there_is_an_error(models: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingDependency) as caught:
        trtprof.compare(models / "residual_micro.onnx", out=tmp_path / "out", backend="tensorrt")
    assert "tensorrt" in caught.value.message
    assert not (tmp_path / "out").exists()


def test_weak_typing_builds_the_base_by_flags_with_a_table_of_ranges(
    rtx, models: Path, trtexec: Path, tmp_path: Path
) -> None:
    report = trtprof.compare(
        models / "residual_micro.onnx", out=tmp_path / "out", backend="trtexec", trtexec=trtexec, typing="weak",
        precisions=("fp32", "int8"),
    )  # fmt: skip
    record = read_manifest(tmp_path / "out" / "capture")["steps"]["build:int8"]["record"]
    build = record["commands"][0]
    assert "--int8" in build
    assert "--fp16" in build
    assert "--stronglyTyped" not in build
    assert "base.onnx" in build
    table = (tmp_path / "out" / "capture" / "int8" / "calibration.cache").read_text()
    assert table.startswith("TRT-10")
    assert len(table.splitlines()) > 3
    accuracy = report.comparison.engines[1].accuracy
    assert isinstance(accuracy, Unknown)
    assert "weak typing" in accuracy.reason


def test_a_trace_is_left_in_the_capture_and_read_again(
    rtx, models: Path, trtexec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nsys").mkdir()
    monkeypatch.setenv("NSYS", str(nsys_stand_in.install(tmp_path / "nsys", "2025.3.1.0")))
    report = trtprof.compare(
        models / "residual_micro.onnx", out=tmp_path / "out", backend="trtexec", trtexec=trtexec, nsys=True,
        precisions=("fp32",),
    )  # fmt: skip
    (built,) = report.comparison.engines
    assert [Path(path).name for path in built.engine.traces] == ["trace.sqlite"]
    assert isinstance(built.timeline, Unknown)
    assert built.timeline.reason.startswith("trace.sqlite: the export has no CUDA table"), "the stand-in runs no GPU"
    assert trtprof.load(tmp_path / "out").comparison == report.comparison


def test_nsys_needs_a_backend_that_runs(models: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="rtx-aot builds and runs nothing"):
        trtprof.compare(models / "residual_micro.onnx", out=tmp_path / "out", backend="rtx-aot", nsys=True)
