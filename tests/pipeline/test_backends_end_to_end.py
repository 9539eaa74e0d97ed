"""`compare` through a backend that measures: trtexec's stand-in builds, `compare` reads what it left."""

from __future__ import annotations

from pathlib import Path

import pytest

import trtprof
from tests.backends import trtexec_stand_in
from trtprof.errors import MissingDependency
from trtprof.model import Provenance


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
