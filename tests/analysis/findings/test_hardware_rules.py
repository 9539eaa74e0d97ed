"""H601, H602 and H603: what the GPU, the model and the profile leave to be gained."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.analysis.findings.subjects import built, layer, subject, tensor, trex
from trtprof.analysis.findings import memory_bound, no_hardware, wide_profile
from trtprof.analysis.findings.hardware import Speed, speed_of
from trtprof.analysis.findings.subjects import subjects_of
from trtprof.comparison import Built
from trtprof.engine_facts import EngineFacts
from trtprof.model import Device, IoMode, IoTensor, Precision, Tensor, Unknown

SHAPE = (1, 64, 40, 40)


def conv(name: str, dtype: str, **fields: object) -> Built:
    layers = [layer(0, "Conv_0", "CaskConvolution", [tensor("x", dtype, SHAPE)], [tensor("y", dtype, SHAPE)])]
    return built(name, layers, [1.0], **fields)


@pytest.mark.parametrize(
    ("name", "capability", "precision", "expected"),
    [
        ("Tesla P4", (6, 1), "int8", Speed.SLOW), ("Tesla P4", (6, 1), "fp16", Speed.NONE),
        ("Tesla P100", (6, 0), "int8", Speed.NONE), ("Tesla P100", (6, 0), "fp16", Speed.SLOW),
        ("Tesla V100", (7, 0), "int8", Speed.SLOW), ("Tesla V100", (7, 0), "fp16", Speed.TENSOR_CORE),
        ("Xavier", (7, 2), "int8", Speed.TENSOR_CORE), ("Tesla T4", (7, 5), "int8", Speed.TENSOR_CORE),
        ("NVIDIA GeForce GTX 1660 SUPER", (7, 5), "int8", Speed.SLOW),
        ("NVIDIA GeForce GTX 1650", (7, 5), "fp16", Speed.SLOW), ("NVIDIA T1000 8GB", (7, 5), "int8", Speed.SLOW),
        ("NVIDIA GeForce RTX 2060", (7, 5), "int8", Speed.TENSOR_CORE), ("Tesla T4", (7, 5), "bf16", Speed.NONE),
        ("NVIDIA A100", (8, 0), "fp8", Speed.NONE), ("NVIDIA L4", (8, 9), "fp8", Speed.TENSOR_CORE),
        ("NVIDIA L4", (8, 9), "fp4", Speed.NONE), ("NVIDIA B200", (10, 0), "fp4", Speed.TENSOR_CORE),
        ("NVIDIA B300", (10, 3), "int8", Speed.SLOW), ("NVIDIA B300", (10, 3), "fp8", Speed.TENSOR_CORE),
    ],
)  # fmt: skip
def test_what_a_gpu_multiplies_fast(name: str, capability: tuple[int, int], precision: str, expected: Speed) -> None:
    assert speed_of(Device(name, capability), Precision(precision)) is expected


def test_int8_on_volta_is_better_done_in_fp16() -> None:
    (claim,) = no_hardware.RULE.check(subject(conv("int8", "int8", device=Device("Tesla V100-SXM2", (7, 0)))))
    assert claim.cause == (
        "Tesla V100-SXM2 (compute capability 7.0) multiplies INT8 with dp4a on CUDA cores, not on Tensor Cores"
    )
    assert claim.cure == "Use FP16 on this GPU: its Tensor Cores multiply FP16 but not INT8."


def test_every_type_that_was_allowed_is_looked_at() -> None:
    facts = EngineFacts(options={"Build Options": {"Precision": "FP32+FP16+INT8"}})
    claims = no_hardware.RULE.check(subject(conv("int8", "int8", device=Device("GTX 1080", (6, 1)), facts=facts)))
    assert not isinstance(claims, Unknown)
    assert [claim.evidence[0].what.split()[0] for claim in claims] == ["FP16", "INT8"]


def test_fp8_before_ada_is_better_done_in_int8() -> None:
    (claim,) = no_hardware.RULE.check(subject(conv("fp8", "fp8", device=Device("NVIDIA A100", (8, 0)))))
    assert claim.cure == "Quantise to INT8 on this GPU: it has Tensor Cores for INT8 but not for FP8."


def test_the_right_gpu_is_healthy_and_an_unknown_one_unknown() -> None:
    assert no_hardware.RULE.check(subject(conv("int8", "int8", device=Device("Tesla T4", (7, 5))))) == ()
    assert isinstance(no_hardware.RULE.check(subject(conv("int8", "int8"))), Unknown)
    assert no_hardware.RULE.check(subject(conv("fp32", "fp32"))) == ()


def remainder(times: list[float] | None) -> Built:
    a, b, c = (tensor(name, "int8", SHAPE) for name in "abc")
    layers = [
        layer(0, "Conv_0", "CaskConvolution", [tensor("x", "int8", SHAPE)], [a]),
        layer(1, "Resize_1", "Resize", [a], [b]),
        layer(2, "Conv_2", "CaskConvolution", [b], [c]),
        layer(3, "TopK_3", "TopK", [c], [tensor("y", "fp16", (1, 100))]),
    ]
    return built("int8", layers, times)


def test_what_no_precision_helps_is_listed() -> None:
    (claim,) = memory_bound.RULE.check(subject(remainder([1.0, 0.5, 1.0, 0.5])))
    assert [item.what for item in claim.evidence] == ["Resize", "TopK"]
    assert claim.cause == "33 % of the time is in 2 layers that no precision speeds up much"
    assert isinstance(claim.saving, Unknown)


def test_a_little_of_it_is_healthy_and_no_times_are_unknown() -> None:
    assert memory_bound.RULE.check(subject(remainder([1.0, 0.05, 1.0, 0.05]))) == ()
    assert isinstance(memory_bound.RULE.check(subject(remainder(None))), Unknown)
    assert memory_bound.RULE.check(subject(conv("fp16", "fp16"))) == ()


def test_the_healthy_resnet_50_has_its_front_end_listed(shared: Path) -> None:
    comparison = trex(shared, "tensorflow__resnet__RTX-3090", int8="qat")
    (found,) = subjects_of(comparison.engines, comparison.graph)
    (claim,) = memory_bound.RULE.check(found)
    assert claim.cause == "12 % of the time is in 5 layers that no precision speeds up much"
    assert no_hardware.RULE.check(found) == ()
    assert wide_profile.RULE.check(found) == ()


def dynamic(*profiles: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]) -> Built:
    io = (IoTensor(Tensor("images", (-1, 3, 64, 64)), IoMode.INPUT, profiles),)
    return conv("int8", "int8", io=io)


def test_a_profile_far_wider_than_its_optimum_is_noted() -> None:
    wide = ((1, 3, 64, 64), (4, 3, 64, 64), (32, 3, 64, 64))
    (claim,) = wide_profile.RULE.check(subject(dynamic(wide)))
    assert claim.evidence[0].what == "'images' may be 1x3x64x64 to 32x3x64x64 and is tuned for 4x3x64x64"
    assert isinstance(claim.saving, Unknown)


def test_a_narrow_profile_or_a_static_shape_is_healthy() -> None:
    assert wide_profile.RULE.check(subject(dynamic(((1, 3, 64, 64), (2, 3, 64, 64), (4, 3, 64, 64))))) == ()
    assert wide_profile.RULE.check(subject(conv("int8", "int8"))) == ()


def test_dynamic_shapes_without_a_profile_are_unknown() -> None:
    assert isinstance(wide_profile.RULE.check(subject(dynamic())), Unknown)
