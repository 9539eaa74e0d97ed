"""Findings and verdicts of real and of made engines in Chinese: no English sentence is left."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.analysis.findings.subjects import subject, trex
from tests.analysis.findings.test_any_engine import engines
from tests.conftest import ROOT
from trtprof.analysis.findings.diagnose import diagnose_engine
from trtprof.analysis.findings.healthy import sentence
from trtprof.cli.explain import verdict_words
from trtprof.cli.findings_text import lines_of
from trtprof.comparison import Comparison
from trtprof.diagnosis import Answer, Finding
from trtprof.kernels import classify
from trtprof.kernels import explain as tokens_of
from trtprof.language import Language, translate
from trtprof.pipeline.measured import read_measured
from trtprof.pipeline.targets import parse_target

SENTENCE = re.compile(r"\b[a-z]{2,} [a-z]{2,}\b")
NAMES = re.compile(r"“[^”]*”|'[^']*'|`[^`]*`|\bresidual quantizer\b|\btrtprof rules\b")
"""Names, commands and messages that are taken over; `residual quantizer` is a term given beside its translation."""


def english_left(text: str) -> list[str]:
    return SENTENCE.findall(NAMES.sub("", translate(text, Language.ZH)))


def texts(findings: tuple[Finding, ...], answers: tuple[Answer, ...]) -> Iterator[str]:
    for item in findings:
        yield from (item.title, item.why, item.saving_basis, *lines_of(item))
        yield from (piece.what for piece in item.evidence)
        yield from (effect.what for effect in item.effects)
    for answer in answers:
        yield answer.title
        if answer.reason is not None:
            yield answer.reason.reason


def kernel_names() -> list[str]:
    with (ROOT / "fixtures/nsys/h100_eager_cuda_gpu_kern_sum.csv").open(encoding="utf-8") as file:
        return sorted({row["Name"] for row in csv.DictReader(file)} | set(NAMES_OF_EACH_FAMILY))


NAMES_OF_EACH_FAMILY = (
    "ampere_fp32_icudnn_int8x4_128x64_relu_medium_nn_v1",
    "sm80_xmma_fprop_implicit_gemm_interleaved_i8i8_i8i32_f32_nchw_vect_c_32kcrs_vect_c_32_nchw_vect_c_32_"
    "tilesize96x64x64_stage3_warpsize2x2x1_g1_tensor16x8x32",
    "trt_ampere_h1688cudnn_128x64_ldg8_relu_exp_interior_nhwc_tn_v1",
    "__myl_MovTraRes_0x1234",
    "__myl_FcAdd_myl0_3",
    "fmha_v2_flash_attention_fp16_64_64_S_qkv_64_sm80_kernel",
    "triton_poi_fused_add_relu_0",
    "my_gemm",
    "generatedNativePointwise",
    "void cuInt8::nchwToNcxhwx<float>(int)",
)


@pytest.mark.parametrize("name", kernel_names(), ids=lambda name: name[:40])
def test_kernel_names(name: str) -> None:
    kind = classify(name)
    words = [kind.why, verdict_words(kind), *(token.meaning for token in tokens_of(name))]
    assert [(text, left) for text in words if (left := english_left(text))] == []


def said(comparison: Comparison) -> list[str]:
    diagnosis, verdict = comparison.diagnosis, comparison.verdict
    lines = [verdict.sentence, *verdict.because, diagnosis.sentence, *texts(diagnosis.findings, diagnosis.answers)]
    lines += [item.reason for built in comparison.engines for item in built.conversions]
    return lines


@pytest.mark.parametrize(
    "files",
    [
        ["blackwell/dmt_sm100_layers.json"],
        ["blackwell/as_sm80_orin_profile.json"],
        ["fuzzylabs/trtexec_mobilenet_v2_fp16.graph.json"],
        ["fuzzylabs/torch_onnx_trt_mobilenet_v2_trt_engine_info.json"],
        ["cookbook/cookbook_trtexec_result-02_verbose.log"],
        ["logs/trt8203_a100_centerpoint_fp16_verbose.log"],
    ],
)
def test_real_engines(shared: Path, files: list[str]) -> None:
    comparison = read_measured([parse_target(str(shared / file)) for file in files], command="test")
    assert [(text, left) for text in said(comparison) if (left := english_left(text))] == []


@pytest.mark.parametrize(
    ("family", "quantised"),
    [
        ("pytorch__resnet__A100", "qat"),
        ("pytorch__resnet__A100", "qat-residual"),
        ("tensorflow__resnet__RTX-3090", "qat"),
    ],
)
def test_published_comparisons(shared: Path, family: str, quantised: str) -> None:
    comparison = trex(shared, family, fp32="fp32", fp16="fp16", int8=quantised)
    assert [(text, left) for text in said(comparison) if (left := english_left(text))] == []


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(st.lists(engines(), min_size=1, max_size=2, unique_by=lambda item: item.name))
def test_any_engine(found: list) -> None:
    for item in found:
        findings, answers = diagnose_engine(subject(*found, of=item.name))
        lines = [sentence(found, findings), *texts(findings, answers)]
        assert [(text, left) for text in lines if (left := english_left(text))] == []
