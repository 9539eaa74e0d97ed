"""What the rules on kernels, remainder and hardware say of real engines: nothing above a note."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.analysis.findings.subjects import trex
from trtprof.analysis.findings import (
    channel_alignment,
    conv_3d,
    grouped_conv,
    horizontal_merge,
    int32_bias,
    memory_bound,
    never_quantised,
    no_hardware,
    opaque_region,
    refit,
    remainder_fp32,
    scale_shape,
    transposed_conv,
    wide_profile,
    zero_point,
)
from trtprof.analysis.findings.diagnose import diagnose_engine
from trtprof.analysis.findings.subjects import subjects_of
from trtprof.comparison import Comparison
from trtprof.model import Severity
from trtprof.pipeline.measured import read_measured
from trtprof.pipeline.targets import parse_target

HERE = (
    remainder_fp32, never_quantised, int32_bias, zero_point, scale_shape, refit, grouped_conv, transposed_conv,
    conv_3d, channel_alignment, horizontal_merge, opaque_region, no_hardware, memory_bound, wide_profile,
)  # fmt: skip


def said(comparison: Comparison) -> set[tuple[str, str, Severity]]:
    found = subjects_of(comparison.engines, comparison.graph)
    findings = [item for each in found for item in diagnose_engine(each, [module.RULE for module in HERE])[0]]
    return {(item.engine, item.code, item.severity) for item in findings}


@pytest.mark.parametrize(
    ("family", "quantised", "expected"),
    [
        ("pytorch__resnet__A100", "qat", set()),
        ("pytorch__resnet__A100", "qat-residual", set()),
        ("tensorflow__resnet__RTX-3090", "qat", {("int8", "H602", Severity.NOTE)}),
    ],
)
def test_published_comparisons(
    shared: Path, family: str, quantised: str, expected: set[tuple[str, str, Severity]]
) -> None:
    assert said(trex(shared, family, fp32="fp32", fp16="fp16", int8=quantised)) == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("blackwell/dmt_sm100_layers.json", {("int8", "H602", Severity.NOTE)}),
        ("blackwell/as_sm80_orin_profile.json", {("int8", "F304", Severity.NOTE)}),
        ("fuzzylabs/trtexec_alexnet_fp16.graph.json", set()),
        ("fuzzylabs/trtexec_mobilenet_v2_fp16.graph.json", set()),
        ("fuzzylabs/trtexec_resnet18_fp16.graph.json", set()),
        ("fuzzylabs/torch_onnx_trt_mobilenet_v2_trt_engine_info.json", set()),
        ("cookbook/cookbook_trtexec_result-02_verbose.log", set()),
        ("logs/trt8203_a100_centerpoint_fp16_verbose.log", set()),
    ],
)
def test_single_engines(shared: Path, file: str, expected: set[tuple[str, str, Severity]]) -> None:
    assert said(read_measured([parse_target(str(shared / file))], command="test")) == expected
