"""No engine, however odd, makes a rule fail: tensors without types or shapes, loops, repeated names, no times."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.analysis.findings.subjects import FORMATS, built, subject
from trtprof.analysis.findings.diagnose import diagnose_engine
from trtprof.findings_json import finding_json
from trtprof.model import DType, Estimate, Layer, Tensor
from trtprof.parsers.layer_kind import kind_of

NAMES = st.sampled_from([
    "Conv_1", "Conv_2 + Add_3 + Relu_4", "QuantizeLinear_5", "DequantizeLinear_6", "MaxPool_7", "Pad_8", "Concat_9",
    "BatchNormalization_1", "PWN(Sigmoid_2)", "Softmax_3", "_gemm_mha_v2_myl0_1", "{ForeignNode[a...b]}", "", "Conv_1",
    "Reformatting CopyNode for Input Tensor 0 to Conv_1", "__myl_MulMinMaxRounCast_myl0_1", "ConvTranspose_1",
    "\x1b[31m",
])  # fmt: skip
TYPES = st.sampled_from([
    None, "CaskConvolution", "Reformat", "Scale", "kgen", "gemm", "Myelin", "PluginV2", "TiledPooling", "NoOp", "DLA",
    "ConvActPool", "CaskDeconvolutionV2", "Padding", "Concat",
])  # fmt: skip
TENSORS = st.builds(
    Tensor,
    name=st.sampled_from("abcdefgh"),
    dims=st.none() | st.lists(st.integers(-1, 64), max_size=5).map(tuple),
    dtype=st.none() | st.sampled_from(list(DType)),
    format=st.none() | st.sampled_from(list(FORMATS.values())),
)
KERNELS = st.sampled_from([
    None, "ampere_int8x4_icudnn_int8x4_128x32_relu_interior_c32_nn_v1", "sm80_xmma_fprop_implicit_gemm_i8i8_i8i32_f32",
    "", "0x1f", "__myl_MaxSubExpSum_0x1",
])  # fmt: skip
PARAMETERS = st.dictionaries(
    st.sampled_from(["Groups", "Kernel", "OutMaps", "Stride", "PoolingType"]),
    st.none() | st.integers(-1, 64) | st.lists(st.integers(0, 3), max_size=3) | st.text(max_size=3),
)


@st.composite
def engines(draw: st.DrawFn):
    layers = []
    for index in range(draw(st.integers(0, 8))):
        name, kind = draw(NAMES), draw(TYPES)
        inputs = draw(st.none() | st.lists(TENSORS, max_size=3).map(tuple))
        outputs = draw(st.none() | st.lists(TENSORS, max_size=2).map(tuple))
        origin = draw(st.sampled_from([None, "QDQ", "REFORMAT"]))
        layers.append(
            Layer(
                index=index,
                name=name,
                kind=kind_of(kind, name, inputs, outputs, origin=origin),
                type=kind,
                inputs=inputs,
                outputs=outputs,
                tactic=draw(KERNELS),
                origin=origin,
                parameters=draw(PARAMETERS),
            )
        )
    times = draw(st.none() | st.lists(st.floats(0, 5), min_size=len(layers), max_size=len(layers)))
    return built(draw(st.sampled_from(["int8", "fp16", "fp32", "fp8"])), layers, times)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=150)
@given(st.lists(engines(), min_size=1, max_size=2, unique_by=lambda item: item.name))
def test_rules_answer_whatever_the_engine(found: list) -> None:
    for item in found:
        findings, answers = diagnose_engine(subject(*found, of=item.name))
        spent = sum(float(row.time_ns) for row in item.rows if isinstance(row.time_ns, float))
        for finding in findings:
            assert finding.cause
            assert finding_json(finding)["code"] == finding.code
            if isinstance(finding.saving_ns, Estimate) and finding.code[0] in "QKFR":
                assert finding.saving_ns.high <= spent * (1 + 1e-9)
        told = {finding.code for finding in findings} | {answer.code for answer in answers}
        assert told
