"""Inputs that once ended a reader in a traceback or in silence, each made here: they are refused, in words."""

from __future__ import annotations

import io
import json
import sqlite3
import struct
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.fuzz import seeds
from tests.fuzz.harness import check
from tests.fuzz.readers import READERS
from trtprof.errors import InputError, TrtprofError


def refusal(name: str, data: bytes, folder: Path) -> str:
    """What a reader says against an input, without the name of the file."""
    path = folder / f"input{READERS[name].suffix}"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        READERS[name].read(path)
    assert caught.value.hint
    return caught.value.message.partition(": ")[2]


def changed(seed: list[bytes], **values: object) -> bytes:
    return json.dumps({**json.loads(seed[0]), **values}).encode()


SENSITIVITY, TABLE = seeds.sensitivity(), seeds.calibration_tables()
REFUSED = {
    "table nested": ("calibration_table", b"[" * 3000, "expected a calibration table, found neither JSON"),
    "table digits": ("calibration_table", b'{"tensors":' + b"9" * 5000 + b"}", "expected a calibration table"),
    "table huge": ("calibration_table", changed(TABLE, tensors={"x": {"amax": 10**400}}), "expected a range from 0"),
    "manifest nested": ("manifest", b"[" * 5000, "expected JSON, found something else"),
    "manifest digits": ("manifest", b'{"a": ' + b"9" * 5000 + b"}", "expected JSON, found something else"),
    "sensitivity infinite": ("sensitivity", changed(SENSITIVITY, samples=float("inf")), "expected the fields of"),
    "sensitivity huge": ("sensitivity", changed(SENSITIVITY, seconds=10**400), "expected the fields of"),
    "sensitivity text": ("sensitivity", changed(SENSITIVITY, ranges={"x": "2"}), "expected a number, found"),
    "ncu without ID": ("ncu_csv", b'"Process ID","Process Name","Kernel Name","Metric Value"\n"1","a","k","2"\n',
                       "expected a column `ID`, found none"),
    "bomb": ("images", b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 30000, 30000, 1, 24, 0, 0, 1, 1, 0, 0),
             "expected an image"),
    "array header": ("arrays", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4(\n\n", "expected a .npy file"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_was_found_is_refused(case: str, tmp_path: Path) -> None:
    name, data, words = REFUSED[case]
    assert words in refusal(name, data, tmp_path)


def npz(**header: int) -> bytes:
    out = io.BytesIO()
    np.savez(out, x=np.ones((2, 4), np.float32))
    data = bytearray(out.getvalue())
    for offset, value in ((6, header.get("flags")), (8, header.get("method"))):
        if value is not None:
            directory = data.index(b"PK\x01\x02")
            data[offset : offset + 2] = data[directory + offset + 2 : directory + offset + 4] = struct.pack("<H", value)
    return bytes(data)


@pytest.mark.parametrize("header", [{"flags": 1}, {"method": 97}, {"method": 14}])
def test_arrays_that_are_packed_otherwise(header: dict[str, int], tmp_path: Path) -> None:
    zipfile.ZipFile(io.BytesIO(npz(**header)))
    assert "cannot be read as one" in refusal("arrays", npz(**header), tmp_path)


def test_a_domain_of_a_trace_whose_text_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "trace.sqlite"
    path.write_bytes(seeds.fixtures("nsys/h100_graph_node.sqlite")()[0])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE NVTX_EVENTS SET textId = 'x', domainId = 1, eventType = 75 WHERE rowid % 2 = 0")
    connection.close()
    assert "expected an integer in every row" in refusal("nsys_sqlite", path.read_bytes(), tmp_path)


def test_an_extent_with_two_signs() -> None:
    from trtprof.parsers.layer_listing import read_listing_row

    row = read_listing_row("Layer(gemm): a, Tactic: 0x1, x (Float[--1,2]) -> y (Float[1,²])", 0)
    assert row is not None
    assert [tensor.dims for tensor in (*(row.inputs or ()), *(row.outputs or ()))].count((1, 2)) == 0


def test_a_time_below_a_picosecond_is_no_measurement() -> None:
    from trtprof.parsers.document import milliseconds

    assert milliseconds(5e-324) is None
    assert milliseconds(0) == 0
    assert milliseconds(1e-6) == 1


def test_an_error_quotes_no_more_than_a_screen_holds() -> None:
    error = TrtprofError("found " + "x" * 100_000 + " at the end", hint="y" * 5000)
    assert len(error.message) < 1700
    assert error.message.startswith("found xxx")
    assert error.message.endswith("x at the end")
    assert error.hint is not None
    assert len(error.hint) < 1700


def net() -> onnx.ModelProto:
    """One convolution and what follows it."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1, 1, 1, 1], np.ones(1, np.float32).tobytes(), raw=True)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y"], "conv", kernel_shape=[1, 1]),
        helper.make_node("Relu", ["y"], ["z"], "relu"),
    ]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 4, 4]) for name in ("x", "z")]
    graph = helper.make_graph(nodes, "net", ports[:1], ports[1:], [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def external(location: str, **more: str) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **more}.items():
            tensor.external_data.add(key=key, value=value)

    return change


def of(place: str, value: object) -> Callable[[onnx.ModelProto], None]:
    """Set a field, given as a path of names and numbers."""

    def change(model: onnx.ModelProto) -> None:
        *path, last = place.split(".")
        target = model.graph
        for step in path:
            target = target[int(step)] if step.isdecimal() else getattr(target, step)
        if last.isdecimal():
            target[int(last)] = value
        else:
            setattr(target, last, value)

    return change


OUTSIDE = "expected weights in a file beside the model"
UNSOUND: dict[str, tuple[Callable[[onnx.ModelProto], None], str]] = {
    "parent": (external("../../etc/passwd"), OUTSIDE),
    "absolute": (external("/etc/passwd"), OUTSIDE),
    "backslash": (external("..\\w.bin"), OUTSIDE),
    "drive": (external("C:\\w.bin"), OUTSIDE),
    "nul": (external("w\0.bin"), OUTSIDE),
    "long": (external("w" * 300), OUTSIDE),
    "no location": (external(""), OUTSIDE),
    "missing": (external("w.bin"), "which is missing"),
    "offset": (external("input.onnx", offset="-1"), "expected a number of bytes as offset"),
    "length": (external("input.onnx", length="9" * 30), "expected a number of bytes as length"),
    "cut off": (external("input.onnx", length="999999"), "expected 999,999 bytes in input.onnx"),
    "cycle": (of("node.0.input.0", "z"), "the graph has a cycle"),
    "itself": (of("node.1.input.0", "z"), "the graph has a cycle"),
    "nobody writes": (of("node.1.input.0", "nowhere"), "reads the tensor 'nowhere', which nothing writes"),
    "two writers": (of("node.1.output.0", "y"), "which is there already"),
    "too few inputs": (of("node.1.op_type", "Add"), "has 1 inputs, Add needs 2"),
    "a required one left out": (of("node.1.input.0", ""), "has no input 'X', which Relu needs"),
    "no operator": (of("node.1.op_type", ""), "has no operator"),
    "attribute": (of("node.0.attribute.0.type", onnx.AttributeProto.GRAPH), "'kernel_shape' of a wrong type"),
    "no groups": (lambda model: model.graph.node[0].attribute.extend([helper.make_attribute("group", 0)]), "0 groups"),
    "type": (of("initializer.0.data_type", 99), "expected a known type, found number 99"),
    "negative extent": (of("initializer.0.dims.0", -1), "expected extents from 0 on, found -1"),
    "huge extent": (of("initializer.0.dims.0", 2**62), "bytes for its dims, found 4"),
    "bytes missing": (of("initializer.0.raw_data", b"\0\0\0"), "expected 4 bytes for its dims, found 3"),
    "values missing": (lambda model: model.graph.initializer[0].ClearField("raw_data"), "expected 1 values"),
    "empty graph": (lambda model: model.graph.ClearField("node"), "expected an ONNX model with nodes and an opset"),
}  # fmt: skip


@pytest.mark.parametrize("reader", ["onnx", "onnx_base", "onnx_repairs"])
@pytest.mark.parametrize("case", UNSOUND)
def test_a_model_that_contradicts_itself_is_refused(case: str, reader: str, tmp_path: Path) -> None:
    change, words = UNSOUND[case]
    model = net()
    change(model)
    assert words in refusal(reader, model.SerializeToString(), tmp_path)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    data = net().SerializeToString().replace(b"relu", b"re\xff\xfe")
    assert "a name that is no UTF-8" in refusal("onnx", data, tmp_path)


def test_a_sound_model_is_read(tmp_path: Path) -> None:
    for reader in ("onnx", "onnx_base", "onnx_repairs"):
        assert check(reader, net().SerializeToString(), tmp_path) is None
        (tmp_path / "input.onnx").write_bytes(net().SerializeToString())
        READERS[reader].read(tmp_path / "input.onnx")


def test_what_a_subgraph_reads_may_lie_outside_it(tmp_path: Path) -> None:
    model = net()
    outer = helper.make_node("Identity", ["y"], ["inner"])
    branch = helper.make_graph([outer], "branch", [], [helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)])
    flag = helper.make_tensor("flag", TensorProto.BOOL, [], [True])
    model.graph.initializer.append(flag)
    model.graph.node.insert(1, helper.make_node("If", ["flag"], ["o"], "if", then_branch=branch, else_branch=branch))
    model.graph.node[2].input[0] = "o"
    path = tmp_path / "input.onnx"
    path.write_bytes(model.SerializeToString())
    READERS["onnx"].read(path)


def test_a_reader_that_takes_too_much_or_says_too_much_is_found(tmp_path: Path, monkeypatch) -> None:
    def wasteful(path: Path) -> object:
        return [bytearray(1000) for _ in range(path.stat().st_size)]

    def talkative(path: Path) -> object:
        error = TrtprofError("short")
        error.message = path.read_text()
        raise error

    data = b"a" * (1 << 17)
    for read, what in (
        (wasteful, "too much memory"),
        (talkative, "message too long"),
        (lambda _: 1 / 0, "ZeroDivision"),
    ):
        monkeypatch.setitem(READERS, "options", replace(READERS["options"], read=read))
        finding = check("options", data, tmp_path, memory=True)
        assert finding is not None
        assert what in finding.line()


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("nsys_stats_csv", lambda size: b"Time (%),Total Time (ns),Instances,Name" + b"a (" * size + b"\n"),
        ("engine_inspector", lambda size: b'[{"Name": "a", "LayerType": "x", "Metadata": "' + b"[ONNX" * size + b'"}]'),
        ("trt_log", lambda size: b"[V] [TRT] a: Fusing " + b" with into" * size + b"\n"),
        ("kernel_names", lambda size: b"cudnn::" + b"compute" * size),
        ("tegrastats", lambda size: b"RAM 1/2MB " + b"A1B" * size),
        ("layer_text", lambda size: b"I/O Tensors:\n" + b"Name: a, IOMode: " * size + b"\n"),
    ],
)
def test_four_times_the_input_takes_no_sixteen_times_the_time(
    name: str, make: Callable[[int], bytes], tmp_path: Path
) -> None:
    """Four times the input: what takes quadratic time has a ratio of 16 at any speed of the machine."""

    def seconds(size: int) -> float:
        path = tmp_path / f"input{READERS[name].suffix}"
        path.write_bytes(make(size))
        times = []
        for _ in range(3):
            started = time.process_time()
            with suppress(TrtprofError):
                READERS[name].read(path)
            times.append(time.process_time() - started)
        return min(times)

    assert seconds(32_000) <= 11 * seconds(8_000) + 0.05
