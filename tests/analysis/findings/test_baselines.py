"""M503 and M504: what a quantised engine is compared with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.analysis.findings.subjects import built, layer, subject, tensor, trex
from trtprof.analysis.findings import tf32_baseline, within_noise
from trtprof.analysis.findings.subjects import diagnose, subjects_of
from trtprof.comparison import Built
from trtprof.engine_facts import EngineFacts
from trtprof.model import Device, Inference, Severity, Unknown

M503, M504 = within_noise.RULE, tf32_baseline.RULE
TF32 = "sm80_xmma_fprop_implicit_gemm_f32f32_tf32f32_f32_nhwckrsc_nhwc_tilesize64x32x64_stage5_tensor16x8x8"
FFMA = "ampere_scudnn_128x64_relu_medium_nn_v1"
SHAPE = (1, 64, 56, 56)


def timed(name: str, *times_ms: float, what: str = "compute") -> Built:
    return built(name, [], inference=Inference(**{f"{what}_ns": tuple(time * 1e6 for time in times_ms)}))


@pytest.mark.parametrize(("int8_ms", "found"), [(0.97, True), (1.03, True), (0.9, False), (1.2, False)])
def test_four_percent_cannot_be_ranked(int8_ms: float, found: bool) -> None:
    outcome = M503.check(subject(timed("fp16", 1.0, 1.0), timed("int8", int8_ms, int8_ms)))
    assert isinstance(outcome, tuple)
    assert bool(outcome) is found


def test_a_wide_spread_ranks_nothing() -> None:
    outcome = M503.check(subject(timed("fp16", 0.8, 1.2), timed("int8", 0.75, 1.05)))
    assert isinstance(outcome, tuple)
    assert outcome[0].cause == "int8 and fp16 are 11.1 % apart, less than the iterations of one of them do"


def test_only_pairs_that_somebody_would_rank() -> None:
    assert M503.check(subject(timed("fp32", 1.0), timed("fp16", 1.0))) == ()
    assert M503.check(subject(timed("int8", 1.0))) == ()


def test_times_of_different_things_cannot_be_told() -> None:
    assert isinstance(M503.check(subject(built("fp16", []), timed("int8", 1.0))), Unknown)
    assert isinstance(M503.check(subject(timed("fp16", 1.0, what="latency"), timed("int8", 1.0))), Unknown)


def test_case_01_is_within_noise_and_the_mended_engine_is_not(shared: Path) -> None:
    for name, found in (("qat", True), ("qat-residual", False)):
        comparison = trex(shared, "pytorch__resnet__A100", fp16="fp16", int8=name)
        codes = {item.code for item in diagnose(comparison.engines, comparison.graph).of("int8")}
        assert ("M503" in codes) is found


def conv(tactic: str | None) -> list:
    return [
        layer(
            0, "Conv_0", "CaskConvolution", [tensor("x", "fp32", SHAPE)], [tensor("y", "fp32", SHAPE)], tactic=tactic
        )
    ]  # fmt: skip


def test_a_tf32_kernel_in_an_fp32_engine_is_said() -> None:
    outcome = M504.check(subject(built("fp32", conv(TF32), [1.0])))
    assert isinstance(outcome, tuple)
    assert outcome[0].cause == "the FP32 engine multiplies TF32 in 1 of 1 conv/gemm layer, 100 % of their time"
    assert [item.row for item in outcome[0].evidence] == [0]


def test_fp32_proper_and_tf32_by_name_are_fine() -> None:
    assert M504.check(subject(built("fp32", conv(FFMA), [1.0]))) == ()
    assert M504.check(subject(built("tf32", conv(TF32), [1.0]))) == ()


@pytest.mark.parametrize(
    ("command", "capability", "expected"),
    [
        ("trtexec --onnx=m.onnx", (8, 6), 1),
        ("trtexec --onnx=m.onnx --noTF32", (8, 6), 0),
        ("trtexec --onnx=m.onnx", (7, 5), 0),
        ("trtexec --loadEngine=m.plan", (8, 6), None),
        (None, None, None),
    ],
)
def test_without_kernel_names_the_command_tells_what_was_allowed(
    command: str | None, capability: tuple[int, int] | None, expected: int | None
) -> None:
    device = Device("a GPU", capability) if capability else None
    outcome = M504.check(subject(built("fp32", conv(None), facts=EngineFacts(command=command), device=device)))
    assert (None if isinstance(outcome, Unknown) else len(outcome)) == expected


def test_the_published_baselines_are_tf32_and_no_more_than_a_note(shared: Path) -> None:
    comparison = trex(shared, "tensorflow__resnet__RTX-3090", fp32="fp32", fp16="fp16", int8="qat")
    found = [item for item in diagnose(comparison.engines, comparison.graph).findings if item.code == "M504"]
    assert [(item.engine, item.severity) for item in found] == [("fp32", Severity.NOTE)]
    assert "40 of 54" in found[0].cause
    assert [M504.check(item) for item in subjects_of(comparison.engines[1:], comparison.graph)] == [(), ()]
