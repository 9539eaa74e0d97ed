"""Whole comparisons of real models: a materialised ResNet-50 and PP-OCR's text detector."""

from __future__ import annotations

from pathlib import Path

import pytest

import trtprof
from tests.models.materialise import materialise
from trtprof.comparison import Comparison
from trtprof.model import DType, Unknown


def check(comparison: Comparison) -> None:
    """What holds for every comparison at three precisions."""
    assert [built.name for built in comparison.engines] == ["fp32", "fp16", "int8"]
    assert comparison.missing == ()
    known = {node.name for node in comparison.graph.nodes}
    for built in comparison.engines:
        assert built.engine.notices == (), "every row was read"
        assert {name for row in built.rows for name in row.nodes} <= known
        mains = [name for row in built.rows for name in row.matmuls]
        assert len(mains) == len(set(mains)), "each conv and gemm multiplies in one row"
        assert all(row.group is not None for row in built.rows if row.nodes)
        placed = sorted(index for group in comparison.groups for index in group.rows[_place(comparison, built.name)])
        assert placed == [row.layer.index for row in built.rows if row.group is not None]
    names = [name for group in comparison.groups for name in group.nodes]
    assert len(names) == len(set(names))
    for breakdown in comparison.breakdowns:
        for side, name in enumerate((breakdown.reference, breakdown.engine)):
            rows = comparison.engines[_place(comparison, name)].rows
            assert sum(term.rows[side] for term in breakdown.terms) == len(rows)
            assert sum(term.rows[side] for group in breakdown.groups for term in group.terms) == len(rows)


def _place(comparison: Comparison, name: str) -> int:
    return [built.name for built in comparison.engines].index(name)


def multiplied(comparison: Comparison) -> list[set[str]]:
    return [{name for row in built.rows for name in row.matmuls} for built in comparison.engines]


def test_resnet50(rtx: None, tmp_path: Path) -> None:
    model = materialise("resnet50", tmp_path / "resnet50.onnx")
    comparison = trtprof.compare(model, out=tmp_path / "out").comparison
    check(comparison)
    fp32, fp16, int8 = comparison.engines
    assert fp32.precision_mix == ((DType.FP32, 54),)
    assert fp16.precision_mix == ((DType.FP16, 54),)
    assert int8.precision_mix == ((DType.INT8, 54),)
    assert isinstance(int8.accuracy, Unknown)
    assert not isinstance(fp16.accuracy, Unknown)
    assert fp16.accuracy[0].sqnr_db is not None
    assert fp16.accuracy[0].sqnr_db > 40
    everything = {node.name for node in comparison.graph.nodes if node.op_type in ("Conv", "Gemm")}
    assert multiplied(comparison) == [everything] * 3
    adds = {node.name for node in comparison.graph.nodes if node.op_type == "Add"}
    residuals = [row for row in int8.rows if adds & set(row.nodes)]
    identity = [row for row in residuals if DType.INT8 in {tensor.dtype for tensor in row.layer.inputs or ()}]
    assert (len(residuals), len(identity)) == (16, 12), "4 blocks add two convolutions, 12 a shortcut read as INT8"


def test_pp_ocr_detector(rtx: None, tmp_path: Path) -> None:
    package = pytest.importorskip("rapidocr_onnxruntime", reason="pip install rapidocr-onnxruntime")
    model = Path(package.__file__).parent / "models" / "ch_PP-OCRv4_det_infer.onnx"
    shapes = (("x", (1, 3, 320, 320)),)
    comparison = trtprof.compare(model, out=tmp_path / "out", shapes=shapes).comparison
    check(comparison)
    fp32, fp16, int8 = comparison.engines
    assert fp32.precision_mix == ((DType.FP32, 64),)
    assert fp16.precision_mix == ((DType.FP16, 64),)
    assert dict(int8.precision_mix)[DType.INT8] == 62
    # Where Myelin turned a 1x1 convolution into a gemm, its row is still found by the convolution's name.
    assert multiplied(comparison)[0] == multiplied(comparison)[1]
    assert any("quantize" in item.what for item in int8.conversions)
