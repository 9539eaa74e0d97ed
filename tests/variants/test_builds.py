"""Each variant built by TensorRT-RTX on the CPU: it parses, it builds, and what was quantised multiplies in INT8."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from trtprof.variants.calibration import CalibrationData
from trtprof.variants.make import MadeVariant, VariantOptions, make_variant
from trtprof.variants.ranges import RangeCache
from trtprof.variants.spec import parse_variant

from .rtx import Row, build
from .support import data_for

pytest.importorskip("tensorrt_rtx", reason="needs the rtx extra")

MODELS = (
    "residual_micro",
    "transformer",
    "mobilenet",
    "resnet18",
    "light_resnet50",
    "light_squeezenet",
    "ch_PP-OCRv4_det_infer",
    "ch_PP-OCRv4_rec_infer",
)
SMALL = ("residual_micro", "transformer")
TYPE = {"fp32": "Float", "fp16": "Half", "bf16": "BFloat16", "int8": "Int8", "int8-fp32": "Int8", "fp8": "FP8"}
# The kinds of rows that hold a convolution or a matrix product; in FP16 Myelin also makes a pointwise one a fusion.
PRODUCTS = {"correlation", "gemm", "runtime_fusion", "kgen", "deconv"}
CACHE, DATA = RangeCache(), dict[Path, CalibrationData]()


def rows_of(base: Path, variant: str, out: Path, **options: object) -> list[Row]:
    data = DATA.setdefault(base, data_for(base, "random:1"))
    made = make_variant(parse_variant(variant), base, out, data, VariantOptions(**options), "sm89", cache=CACHE)
    assert isinstance(made, MadeVariant), made
    return build(made.path)


def check_products(base: Path, rows: list[Row], expected: str) -> None:
    """Every Conv, and every Gemm and MatMul that has a row of its own, reads ``expected``."""
    nodes = {node.name: node.op_type for node in onnx.load(base).graph.node}
    found: dict[str, set[str]] = {}
    for row in rows:
        for name in row.nodes:
            if nodes.get(name) in ("Conv", "Gemm", "MatMul") and row.kind in ("correlation", "gemm"):
                found.setdefault(name, set()).add(row.inputs[0])
    assert found
    assert {kind for kinds in found.values() for kind in kinds} == {expected}
    if expected in ("Int8", "FP8"):
        assert {name for name, op_type in nodes.items() if op_type == "Conv"} <= set(found)


@pytest.mark.parametrize("variant", ["fp32", "fp16", "int8", "int8-fp32"])
@pytest.mark.parametrize("name", MODELS)
def test_builds(base, tmp_path, name, variant):
    check_products(base(name), rows_of(base(name), variant, tmp_path / "v.onnx"), TYPE[variant])


@pytest.mark.parametrize("variant", ["bf16", "fp8"])
@pytest.mark.parametrize("name", SMALL)
def test_builds_of_newer_types(base, tmp_path, name, variant):
    check_products(base(name), rows_of(base(name), variant, tmp_path / "v.onnx"), TYPE[variant])


@pytest.mark.parametrize("options", [{"residual_inputs": "skip"}, {"residual_qdq": False}, {"method": "entropy"}])
def test_builds_of_other_options(base, tmp_path, options):
    check_products(
        base("residual_micro"), rows_of(base("residual_micro"), "int8", tmp_path / "v.onnx", **options), "Int8"
    )


def test_what_residual_qdq_is_for(base, tmp_path):
    """Without it the block's last row reads the shortcut as Half beside an Int8 copy of the same tensor."""
    with_pairs = rows_of(base("residual_micro"), "int8", tmp_path / "a.onnx")
    without = rows_of(base("residual_micro"), "int8", tmp_path / "b.onnx", residual_qdq=False)

    def readers(rows):
        return [row.inputs for row in rows if any(name == "/block/Add" for name in row.nodes)]

    assert readers(with_pairs) and readers(without)
    assert not any("Half" in inputs for inputs in readers(with_pairs))
    assert any("Half" in inputs for inputs in readers(without))
