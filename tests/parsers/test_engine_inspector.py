from __future__ import annotations

import json

import pytest

from tests.parsers.places import FIXTURES
from trtprof.errors import InputError
from trtprof.model import DType, IoMode, LayerKind, Layout, Tensor, TensorFormat
from trtprof.parsers.engine_inspector import EngineInfo, parse_engine_info, read_engine_info
from trtprof.parsers.layer_kind import kind_of


def codes(info: EngineInfo) -> list[str]:
    return [notice.code for notice in info.notices]


def test_rows_of_tensorrt_8() -> None:
    info = read_engine_info(FIXTURES / "tiny_v86.layers.json")
    assert [layer.kind.value for layer in info.layers] == [
        "constant",
        "quantize",
        "compute",
        "dequantize",
        "plugin",
        "reformat",
        "compute",
        "foreign",
        "noop",
        "copy",
        "compute",
    ]
    conv = info.layers[2]
    assert conv.index == 2
    assert conv.type == "CaskConvolution"
    assert conv.tactic is not None
    assert conv.tactic.endswith("tensor16x8x32")
    assert conv.onnx_nodes == ("conv1", "relu1", "w1_QuantizeLinear")
    assert conv.constants == (Tensor("weights", (216,), DType.INT8), Tensor("bias", (8,), DType.FP32))
    assert conv.parameters["TacticValue"] == "0x16eafdbc5869b184"
    assert conv.parameters["Kernel"] == [3, 3]
    assert conv.inputs == (
        Tensor(
            "x_q", (1, 3, 8, 8), DType.INT8, TensorFormat(Layout.LINEAR, 1, "Row major Int8 format"), None, "Device"
        ),
    )
    assert conv.outputs is not None
    assert conv.outputs[0].format is not None
    assert conv.outputs[0].format.vector_width == 32
    assert info.layers[1].origin == "QDQ"
    assert [(io.tensor.name, io.mode, io.tensor.dtype) for io in info.io] == [
        ("x", IoMode.INPUT, DType.FP32),
        ("y", IoMode.OUTPUT, DType.FP32),
    ]
    assert codes(info) == []


def test_rows_of_tensorrt_10_with_two_profiles() -> None:
    info = read_engine_info(FIXTURES / "tiny_v10.layers.json")
    first = info.layers[:10]
    assert [layer.kind.value for layer in first] == [
        "signal",
        "signal",
        "shape",
        "quantize",
        "compute",
        "copy",
        "reformat",
        "compute",
        "compute",
        "cast",
    ]
    assert info.profiles == (0,) * 10 + (1,) * 10
    assert first[4].onnx_nodes == ("conv1", "x_DequantizeLinear", "relu1")
    assert first[2].inputs == first[2].outputs == ()
    assert first[2].tactic is None
    assert first[1].parameters == {"EventId": 1}
    assert (first[1].stream_id, first[7].stream_id) == (1, 1)
    assert [(io.tensor.name, io.mode) for io in info.io] == [("x", IoMode.INPUT), ("y", IoMode.OUTPUT)]
    assert codes(info) == ["optimization-profiles", "duplicate-producer"]


def test_rows_of_tensorrt_11() -> None:
    info = read_engine_info(FIXTURES / "tiny_v11.layers.json")
    conv, fused, gemm = info.layers
    assert [layer.kind for layer in info.layers] == [LayerKind.COMPUTE] * 3
    assert conv.inputs is not None
    assert conv.inputs[0].strides == (192, 64, 8, 1)
    assert conv.inputs[0].dtype is DType.FP32
    assert conv.outputs is not None
    assert conv.outputs[0].format == TensorFormat(Layout.CHANNEL_LAST, 1, "(NHWC) Channel major format")
    assert [constant.name for constant in conv.constants] == ["w1", "b1"]
    assert fused.tactic is None
    assert gemm.onnx_nodes == ("fc",)
    x, y = info.io
    assert x.profiles == (((1, 3, 8, 8), (4, 3, 8, 8), (16, 3, 8, 8)),)
    assert (x.mode, x.tensor.dims, x.tensor.dtype) == (IoMode.INPUT, (-1, 3, 8, 8), DType.FP32)
    assert x.tensor.format is not None
    assert x.tensor.format.layout is Layout.LINEAR
    assert (y.mode, y.profiles) == (IoMode.OUTPUT, ())
    assert info.metadata == {"Multi-Device": "Disabled"}


def test_names_only() -> None:
    info = read_engine_info(FIXTURES / "names_only.layers.json")
    assert info.names_only
    assert codes(info) == ["names-only"]
    assert "--profilingVerbosity=detailed" in info.notices[0].message
    assert [layer.kind.value for layer in info.layers] == [
        "reformat",
        "compute",
        "foreign",
        "quantize",
        "dequantize",
        "compute",
        "shape",
    ]
    assert all(layer.inputs is None and layer.outputs is None for layer in info.layers)
    assert [io.mode for io in info.io] == [None, None]


@pytest.mark.parametrize("key", ["Layers", "layers", "LayerInfo", "layerInfo", None])
def test_every_root_that_is_seen(key: str | None) -> None:
    rows = json.loads((FIXTURES / "tiny_v86.layers.json").read_text())["Layers"]
    info = parse_engine_info(json.dumps({"Bindings": [], key: rows} if key else rows))
    assert len(info.layers) == 11
    assert info.io == ()
    assert codes(info) == ([] if key else ["no-bindings"])


def test_raw_control_characters_and_byte_order_marks() -> None:
    text = '{"Layers": [{"Name": "a", "LayerType": "gemm", "Metadata": "[ONNX Layer: p]\x1e[ONNX Layer: q]"}]}'
    for data in (text, text.encode("utf-8-sig"), text.encode("utf-16")):
        assert parse_engine_info(data).layers[0].onnx_nodes == ("p", "q")


def test_tensors_without_location_and_rows_without_metadata() -> None:
    """TensorRT 8.2 and 8.4."""
    tensor = {"Name": "x", "Dimensions": [2, 2], "Format/Datatype": "N/A due to dynamic shapes"}
    info = parse_engine_info(json.dumps({"Layers": [{"Name": "a", "LayerType": "Shuffle", "Inputs": [tensor]}]}))
    assert info.layers[0].inputs == (Tensor("x", (2, 2)),)
    assert info.layers[0].outputs is None
    assert codes(info) == ["no-onnx-nodes", "no-bindings"]


def test_repeated_layer_names_are_said() -> None:
    info = parse_engine_info(json.dumps({"Layers": ["a", "b", "a"], "Bindings": []}))
    assert codes(info) == ["names-only", "layer-name"]
    assert "2 layers share the name 'a'" in info.notices[1].message


def test_rows_of_a_wrong_type_are_left_out_and_said() -> None:
    rows: list[object] = [
        {"Name": 3},
        None,
        {"Name": "a", "LayerType": 7, "Inputs": {}, "StreamId": "0", "Metadata": []},
    ]
    rows.append({"Name": "b", "LayerType": "gemm", "Inputs": [{"Name": 1, "Dimensions": [1, "2"]}, 5]})
    info = parse_engine_info(json.dumps({"Layers": rows, "Bindings": 3}))
    assert [(layer.index, layer.name, layer.type, layer.stream_id) for layer in info.layers] == [
        (0, "a", None, None),
        (1, "b", "gemm", None),
    ]
    assert info.layers[1].inputs == (Tensor("", None),)
    assert "2 of 4 rows could not be read" in info.notices[0].message


@pytest.mark.parametrize(
    ("data", "message", "where"),
    [
        (b"", "found an empty file", None),
        (b"{", "the file ends in the middle of it", "line 1, column 2"),
        (b'{"Layers": [{"Name": "a', "the file ends in the middle of it", "line 1, column 22"),
        (b'{"Layers": nope}', "expecting value, found 'nope}'", "line 1, column 12"),
        (b"7", "found a number", None),
        (b'{"a": 1, "b": 2}', "expected the key 'Layers', found 'a', 'b'", None),
        (b'{"Layers": {}}', "expected a list of layers, found an object", "Layers"),
        (b'{"Layers": [], "Bindings": []}', "expected layers, found an empty list", "Layers"),
        (b'{"Layers": [1, 2]}', "layer 1 is a number", "Layers"),
        (b"[" * 100_000, "nested too deeply", None),
        (b'{"Layers": [{"Name": "a", "StreamId": ' + b"9" * 5000 + b"}]}", "a number that is none", None),
    ],
)
def test_what_is_refused(data: bytes, message: str, where: str | None) -> None:
    with pytest.raises(InputError) as error:
        parse_engine_info(data, path="engine.json")
    assert message in error.value.message
    assert error.value.message.startswith("engine.json: ")
    assert error.value.where == where
    assert error.value.hint


@pytest.mark.parametrize(
    ("layer_type", "name", "origin", "kind"),
    [
        ("Reformat", "q", "CAST", "cast"),
        ("Reformat", "x_QuantizeLinear", "QDQ", "quantize"),
        ("Reformat", "x_DequantizeLinear_clone_1", "QDQ", "dequantize"),
        ("Reformat", "a + x_QuantizeLinear", "QDQ", "reformat"),
        ("Scale", "QuantizeLinear_151_quantize_scale_node", None, "quantize"),
        ("Scale", "DequantizeLinear_7", None, "dequantize"),
        ("Scale", "bn", None, "compute"),
        ("ShapeHostToDevice", "s", None, "shape"),
        ("PluginV3", "p", None, "plugin"),
        ("TrainStation", "[trainStation1]", None, "signal"),
        ("runtime_fusion", "__myl_CorrSilu_myl0_1", None, "compute"),
    ],
)
def test_kinds_by_type_name_and_origin(layer_type: str, name: str, origin: str | None, kind: str) -> None:
    assert kind_of(layer_type, name, None, None, origin=origin).value == kind


def test_a_requantisation_is_a_quantise() -> None:
    """INT8 in, INT8 out, Origin QDQ: a DQ and a Q of other scales in one row."""
    q8 = (Tensor("a", dtype=DType.INT8),)
    assert kind_of("Reformat", "x_QuantizeLinear", q8, q8, origin="QDQ") is LayerKind.QUANTIZE
    assert kind_of("Reformat", "Reformatting CopyNode", q8, q8, origin="REFORMAT") is LayerKind.REFORMAT


def test_the_users_own_transpose_is_no_conversion() -> None:
    half = (Tensor("a", dtype=DType.FP16),)
    name = "__myl_Tran_myl2_5"
    assert kind_of("kgen", name, half, half, nodes=("/attn/Transpose_1",)) is LayerKind.COPY
    assert kind_of("kgen", name, half, half, nodes=("/neck/conv/Conv",)) is LayerKind.REFORMAT
    assert kind_of("kgen", name, half, half) is LayerKind.REFORMAT
