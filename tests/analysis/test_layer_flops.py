"""Operations from an engine's own parameters, held against the ONNX rule and against engines somebody published."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.test_measured import trex
from trtprof.analysis.layer_flops import layer_flops, unlisted_weight_bytes
from trtprof.model import DType, Layer, LayerKind, Tensor
from trtprof.pipeline.measured import inspect


def tensor(name: str, *dims: int, dtype: DType = DType.FP16) -> Tensor:
    return Tensor(name, dims, dtype)


def conv(type_: str = "CaskConvolution", source=(2, 16, 14, 14), result=(2, 32, 7, 7), **changes: object) -> Layer:
    parameters = {
        "Kernel": [3, 3], "PrePadding": [1, 1], "PostPadding": [1, 1], "Stride": [2, 2], "Dilation": [1, 1],
        "OutMaps": 32, "Groups": 1, "Weights": {"Type": "Half", "Count": 32 * 16 * 9}, **changes,
    }  # fmt: skip
    given_ = {key: value for key, value in parameters.items() if value is not None}
    return Layer(
        0, "conv", LayerKind.COMPUTE, type_, (tensor("x", *source),), (tensor("y", *result),), parameters=given_
    )


def product(*tensors: Tensor, type_: str = "gemm") -> Layer:
    return Layer(0, "mm", LayerKind.COMPUTE, type_, tensors[:-1], tensors[-1:])


def test_a_convolution_puts_its_weights_on_every_place_it_writes() -> None:
    work = 2 * 2 * 49 * 32 * 16 * 9
    assert layer_flops(conv()) == work
    assert layer_flops(conv(Weights=None)) == work, "the count follows from maps, kernel and channels"
    assert layer_flops(conv(Groups=16, Weights={"Type": "Half", "Count": 32 * 9})) == work // 16
    assert layer_flops(conv(Groups=16, Weights=None)) == work // 16
    assert layer_flops(conv("deconv", (2, 16, 7, 7), (2, 32, 14, 14))) == work, "a transposed one, on those it reads"
    assert layer_flops(conv(PrePadding=None)) == work


def test_a_fused_pool_hides_how_much_the_convolution_writes() -> None:
    plain = conv(
        source=(2, 3, 224, 224), Kernel=[7, 7], PrePadding=[3, 3], PostPadding=[3, 3], OutMaps=64, Weights=None
    )
    pooled = {f"Conv{key}": value for key, value in plain.parameters.items()} | {"PoolingWindowSize": [3, 3]}
    layer = Layer(0, "c", LayerKind.COMPUTE, "CaskConvActPool", plain.inputs, (tensor("y", 2, 64, 56, 56),),
                  parameters=pooled)  # fmt: skip
    assert layer_flops(layer) == 2 * 2 * 112 * 112 * 64 * 3 * 49


@pytest.mark.parametrize(
    "layer",
    [
        conv(source=(-1, 16, 14, 14)),
        conv(result=(2, 32, 8, 8)),
        conv(Weights=None, OutMaps=None),
        conv(Weights=None, Groups=3),
        conv(source=(2, 16, 14)),
        Layer(0, "pool", LayerKind.COMPUTE, "CaskPooling", (tensor("x", 1, 2),), (tensor("y", 1, 2),)),
        Layer(0, "conv", LayerKind.COMPUTE, "CaskConvolution"),
        product(tensor("a", 4, 8), tensor("b", 3, 5), tensor("c", 4, 5)),
        product(tensor("a", 2, 8), tensor("c", 4, 5)),
        product(tensor("a", 4, 8), tensor("bias", 4, 5), tensor("c", 4, 5)),
        product(tensor("a", 4, -1), tensor("c", 4, 5)),
    ],
)
def test_what_cannot_be_told_is_not_guessed(layer: Layer) -> None:
    assert layer_flops(layer) is None


@given(*(st.integers(2, 50) for _ in range(4)), st.booleans(), st.booleans())
def test_a_product_of_any_extents_whichever_operand_is_turned(b: int, m: int, n: int, k: int, left, right) -> None:
    one = (k, m) if left else (m, k)
    other = (n, k) if right else (k, n)
    assert layer_flops(product(tensor("a", *one), tensor("b", *other), tensor("c", m, n))) == 2 * m * n * k
    batched = product(tensor("a", b, *one), tensor("b", b, *other), tensor("c", b, m, n))
    assert layer_flops(batched) == 2 * b * m * n * k
    shared = product(tensor("a", b, m, k), tensor("b", k, n), tensor("c", b, m, n), type_="CaskGemmMatrixMultiply")
    assert layer_flops(shared) == 2 * b * m * n * k
    alone = product(tensor("a", m, k), tensor("c", m, n))
    assert layer_flops(alone) == 2 * m * n * k
    assert unlisted_weight_bytes(alone) == k * n * 2
    assert unlisted_weight_bytes(shared) == 0


def test_the_published_resnet18_does_what_resnet18_does(shared: Path) -> None:
    comparison = trex(shared, "fp32", "fp16", "qat")
    for built in comparison.engines:
        flops = [row.flops for row in built.rows if row.has_matmul]
        assert None not in flops
        # 1.8 G multiply-adds an image (torchvision's figure is 1.81), batch 32.
        assert sum(count or 0 for count in flops) / 2 / 32 / 1e9 == pytest.approx(1.814, rel=0.002)
        assert all(row.flops is None for row in built.rows if not row.has_matmul)
    residual = trex(shared, "qat-residual").engines[0]
    assert sum(row.flops or 0 for row in residual.rows) == pytest.approx(1.814 * 64e9, rel=0.002), "its stem has a pool"


@pytest.mark.parametrize(("name", "giga"), [("mobilenet_v2", 0.300), ("alexnet", 0.714), ("resnet18", 1.814)])
def test_published_networks_of_tensorrt_10(shared: Path, name: str, giga: float) -> None:
    """Multiply-adds an image as torchvision gives them for its models."""
    built = inspect([shared / "fuzzylabs" / f"trtexec_{name}_fp16.graph.json"])[0]
    mains = [row for row in built.rows if row.has_matmul]
    assert {row.layer.type for row in mains if row.flops is None} <= {"kgen"}, (
        "generated code lists no operands in order"
    )
    assert sum(row.flops or 0 for row in mains) / 2e9 == pytest.approx(giga, rel=0.01)


def test_parts_of_a_real_engine_of_blackwell(shared: Path) -> None:
    built = inspect([shared / "blackwell" / "dmt_sm100_layers.json"])[0]
    by_type: dict[str | None, list[int | None]] = {}
    for row in built.rows:
        if row.has_matmul:
            by_type.setdefault(row.layer.type, []).append(row.flops)
    assert all(count is None for count in by_type["correlation"]), "Myelin gives no kernel size"
    known = [count for count in by_type["gemm"] if count is not None]
    assert len(known) > len(by_type["gemm"]) / 2
    first = next(row for row in built.rows if row.layer.type == "gemm" and row.flops)
    source, result = (tensors[0].dims or () for tensors in (first.layer.inputs or (), first.layer.outputs or ()))
    assert first.flops == 2 * math.prod(result) * source[-1]
