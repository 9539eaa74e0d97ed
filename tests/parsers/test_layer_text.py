"""The closing section of a verbose build log, as TensorRT-RTX prints it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trtprof.errors import InputError
from trtprof.model import DType, IoMode, LayerKind, Layout
from trtprof.parsers.layer_text import read_engine_text
from trtprof.parsers.myelin import conversions, kind_of_codes, operation_codes
from trtprof.parsers.onnx_metadata import onnx_nodes

NHWC = "Format: (NHWC) Channel major format"
LINEAR = "Format: (Linear) Row major linear format"


def tensor(name: str, dims: str, dtype: str, layout: str = NHWC) -> str:
    return f"{{ Name: {name}, Dimensions: [{dims}], Strides: [1], StrideOrder: [0], Datatype: {dtype}, {layout} }}"


def row(name: str, kind: str, inputs: list[str], outputs: list[str], tail: str) -> str:
    def listed(tensors: list[str]) -> str:
        return f"[ {', '.join(tensors)}]" if tensors else "[]"

    return f"Name: {name}, LayerType: {kind}, Inputs: {listed(inputs)}, Constants: [], Outputs: {listed(outputs)}{tail}"


# Written for this test in the form of TensorRT-RTX 1.7.1; the names are ours.
LOG = "\n".join(
    [
        "[I] Input filename:   m.onnx",
        "[V] Layers:",
        row(
            "__myl_MulMinMaxRounCastConc_myl0_0",
            "kgen",
            [tensor("image", "1,3,8,8", "Float", LINEAR)],
            [tensor("q.1_2_myl0", "1,4,8,8", "Int8")],
            ", TacticName: __myl_MulMinMaxRounCastConc_0x31949b47365b322986e8869b437687e3, StreamId: 0, "
            "Metadata: [ONNX Layer: image_QuantizeLinear]\x1f[ONNX Layer: stem]",
        ),
        row(
            "stem_myl0_1",
            "correlation",
            [tensor("q.1_2_myl0", "1,4,8,8", "Int8")],
            [tensor("c, the conv_myl0", "1,16,8,8", "Half")],
            ", TacticName: __myelin_CASK_STUB, StreamId: 1, EventId: 3, Metadata: [ONNX Layer: stem][ONNX Layer: a[0]]",
        ),
        row("__mye9_shape", "shape_call", [], [], ", TacticName: , StreamId: 0, Metadata: "),
        "",
        "I/O Tensors:",
        " Name: image, IOMode: Input, DataType: Float, Dimensions: [1,3,8,8], Location: Device, "
        "IsShapeInferenceIO: false, ProfileInfo: [ { MinShape: [1,3,8,8], OptShape: [1,3,8,8], "
        "MaxShape: [4,3,8,8], Format: Row major linear FP32 format (kLINEAR) }]",
        " Name: y, IOMode: Output, DataType: Half, Dimensions: [1,10], Location: Device, "
        "IsShapeInferenceIO: false, ProfileInfo: [ { Format: Row major linear FP16 format (kLINEAR) }]",
        "",
        "Engine Metadata:",
        " Multi-Device: Disabled",
        "[V] Adding 1 engine(s) to plan file.",
    ]
)


def test_rows_types_layouts_nodes_and_io() -> None:
    text = read_engine_text(LOG)
    quantise, conv, shape = text.layers
    assert text.notices == ()
    assert [layer.kind for layer in text.layers] == [LayerKind.QUANTIZE, LayerKind.COMPUTE, LayerKind.SHAPE]
    assert quantise.onnx_nodes == ("image_QuantizeLinear", "stem")
    assert quantise.tactic == "__myl_MulMinMaxRounCastConc_0x31949b47365b322986e8869b437687e3"
    assert quantise.inputs is not None
    assert quantise.inputs[0].dtype is DType.FP32
    assert quantise.inputs[0].format is not None
    assert quantise.inputs[0].format.layout is Layout.LINEAR
    assert (conv.name, conv.type, conv.stream_id) == ("stem_myl0_1", "correlation", 1)
    assert conv.onnx_nodes == ("stem", "a[0]")
    assert conv.outputs is not None
    output = conv.outputs[0]
    assert (output.name, output.dims, output.dtype) == ("c, the conv_myl0", (1, 16, 8, 8), DType.FP16)
    assert output.format is not None
    assert output.format.layout is Layout.CHANNEL_LAST
    assert output.size_bytes == 16 * 64 * 2
    assert (shape.inputs, shape.outputs, shape.tactic) == ((), (), None)
    assert [(item.tensor.name, item.mode) for item in text.io] == [("image", IoMode.INPUT), ("y", IoMode.OUTPUT)]
    assert text.io[0].profiles == (((1, 3, 8, 8), (1, 3, 8, 8), (4, 3, 8, 8)),)


def test_the_last_section_counts_and_a_row_that_cannot_be_read_is_said() -> None:
    twice = LOG + "\n" + LOG.replace("stem_myl0_1", "second_myl0_1").replace("LayerType: shape_call", "Kind: x")
    text = read_engine_text(twice, path="b.log")
    assert [layer.name for layer in text.layers][1] == "second_myl0_1"
    assert len(text.layers) == 2
    assert [(notice.code, notice.where) for notice in text.notices] == [("row-unread", "b.log")]


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ("", "b.log: expected a line 'Layers:' with the engine's rows, found none"),
        ("[V] Layers:\n[]\n", "b.log: expected rows such as 'Name: …, LayerType: …' below 'Layers:', found none"),
    ],
)
def test_a_log_without_rows_is_refused(log: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_engine_text(log, path="b.log")
    assert caught.value.message == message
    assert caught.value.hint is not None
    assert "detailed profiling verbosity" in caught.value.hint


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_logs_give_rows_or_one_error(data: st.DataObject) -> None:
    text = LOG
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        stop = data.draw(st.integers(start, min(len(text), start + 60)))
        text = text[:start] + data.draw(st.text(max_size=6)) + text[stop:]
    try:
        result = read_engine_text(text)
    except InputError:
        return
    assert 0 < len(result.layers) <= 4


def test_a_long_hostile_row_ends_in_time() -> None:
    names = ", ".join(tensor("{ Name: x, Dimensions: [" * 40, "1", "Float") for _ in range(40))
    text = LOG.replace("[V] Layers:", f"[V] Layers:\nName: {'a' * 5000}, LayerType: kgen, Inputs: [ {names}")
    assert len(read_engine_text(text).layers) >= 2


@pytest.mark.parametrize(
    ("name", "codes", "actions", "kind"),
    [
        ("__myl_Tran_myl0_7", ("Tran",), ("transpose",), LayerKind.REFORMAT),
        ("__myl_CastConc_myl0_0", ("Cast", "Conc"), ("cast", "pad"), LayerKind.CAST),
        ("__myl_MulMinMaxRounCast_myl0_3", ("Mul", "Min", "Max", "Roun", "Cast"), ("quantize",), LayerKind.QUANTIZE),
        ("__myl_CastMulCast_0x0a", ("Cast", "Mul", "Cast"), ("dequantize",), LayerKind.DEQUANTIZE),
        ("__myl_ReshReplResh_myl1_2", ("Resh", "Repl", "Resh"), ("reshape", "replicate"), LayerKind.COPY),
        ("__myl_MulAddRelu_myl0_2", ("Mul", "Add", "Relu"), None, LayerKind.COMPUTE),
    ],
)
def test_generated_kernels_are_read_by_their_codes(name: str, codes, actions, kind: LayerKind) -> None:
    assert operation_codes(name) == codes
    assert conversions(codes) == actions
    assert kind_of_codes(codes) is kind


@pytest.mark.parametrize(
    ("metadata", "nodes"),
    [
        ("[ONNX Layer: a][ONNX Layer: b]", ("a", "b")),
        ("[ONNX Layer: p.Conv.28]__gemm_from_conv1x1", ("p.Conv.28",)),
        ("[ONNX Layer: a]__gemm_from_conv1x1[ONNX Layer: b[1]]__x\x1f[ONNX Layer: a]", ("a", "b[1]")),
        ("", ()),
    ],
)
def test_metadata_names_nodes_also_where_myelin_rewrote_them(metadata: str, nodes: tuple[str, ...]) -> None:
    assert onnx_nodes(metadata) == nodes


def test_a_name_that_is_no_generated_kernels_has_no_codes() -> None:
    assert operation_codes("stem_myl0_1") is None
    assert operation_codes("__mye1366_pooling_myl0_3") is None


def test_real_builds_are_read_whole(micro_capture) -> None:
    for name, kinds in (
        ("fp32", {LayerKind.COMPUTE, LayerKind.REFORMAT}),
        ("int8", {LayerKind.COMPUTE, LayerKind.QUANTIZE}),
    ):
        log = (micro_capture / "capture" / name / "build.log").read_text()
        text = read_engine_text(log)
        assert text.notices == ()
        assert len(text.layers) == log[log.index("Layers:") :].count("LayerType: ")
        assert kinds <= {layer.kind for layer in text.layers}
        assert all(tensor.size_bytes for layer in text.layers for tensor in (layer.inputs or ()))
