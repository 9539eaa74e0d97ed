"""The prepared base computes what the user's model computes, with a name for each node."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from trtprof.errors import InputError, UsageError
from trtprof.graph.batchnorm import fold_batch_norms
from trtprof.graph.prepare import BASE_OPSET, default_opset, name_nodes, prepare
from trtprof.graph.structure import graph_of, read_graph


def model_of(nodes, inputs, outputs, weights=(), opset=17) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def run(model: onnx.ModelProto | Path, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    ort = pytest.importorskip("onnxruntime")
    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    return ort.InferenceSession(source, providers=["CPUExecutionProvider"]).run(None, feeds)


def conv_bn(op: str, groups: int, bias: bool, seed: int) -> onnx.ModelProto:
    rng = np.random.default_rng(seed)
    width = 4
    shape = (6, width // groups, 3, 3) if op == "Conv" else (width, 6 // groups, 3, 3)
    weights = [("w", rng.standard_normal(shape).astype("f"))]
    weights += [("b", rng.standard_normal(6).astype("f"))] if bias else []
    for name in ("scale", "shift", "mean"):
        weights.append((name, rng.standard_normal(6).astype("f")))
    weights.append(("var", rng.random(6).astype("f") + 0.1))
    return model_of(
        [
            helper.make_node(op, ["x", "w", *(["b"] if bias else [])], ["c"], name="conv", group=groups, pads=[1] * 4),
            helper.make_node("BatchNormalization", ["c", "scale", "shift", "mean", "var"], ["y"], name="bn"),
        ],
        [("x", [1, width, 8, 8])],
        [("y", [1, 6, 8, 8])],
        weights,
    )


@settings(max_examples=25, deadline=None)
@given(
    op=st.sampled_from(["Conv", "ConvTranspose"]),
    groups=st.sampled_from([1, 2]),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_folding_a_batch_norm_changes_no_result(op: str, groups: int, bias: bool, seed: int) -> None:
    model = conv_bn(op, groups, bias, seed)
    feeds = {"x": np.random.default_rng(seed).standard_normal((1, 4, 8, 8)).astype("f")}
    before = run(model, feeds)[0]
    assert fold_batch_norms(model) == 1
    assert [node.op_type for node in model.graph.node] == [op]
    assert {tensor.name for tensor in model.graph.initializer} == {"w", "w.folded_bias"}
    onnx.checker.check_model(model, full_check=True)
    np.testing.assert_allclose(run(model, feeds)[0], before, rtol=1e-4, atol=1e-4)


def test_a_batch_norm_stays_where_somebody_else_reads_the_convolution() -> None:
    model = conv_bn("Conv", 1, True, 0)
    model.graph.output.append(helper.make_tensor_value_info("c", TensorProto.FLOAT, [1, 6, 8, 8]))
    assert fold_batch_norms(model) == 0
    assert [node.op_type for node in model.graph.node] == ["Conv", "BatchNormalization"]


def test_nodes_are_named_after_their_first_output_and_once() -> None:
    model = model_of(
        [
            helper.make_node("Relu", ["x"], ["a"]),
            helper.make_node("Relu", ["a"], ["b"], name="same"),
            helper.make_node("Relu", ["b"], ["c"], name="same"),
            helper.make_node("Relu", ["c"], ["y"], name="a"),
        ],
        [("x", [1])],
        [("y", [1])],
    )
    name_nodes(model)
    names = [node.name for node in model.graph.node]
    assert names == ["a_1", "same", "same_1", "a"]
    name_nodes(model)
    assert [node.name for node in model.graph.node] == names


def test_prepare_raises_the_opset_and_keeps_the_result(models: Path, tmp_path: Path) -> None:
    for name in ("resnet18", "transformer"):
        prepared = prepare(models / f"{name}.onnx", {}, tmp_path / f"{name}.onnx")
        model = onnx.load(prepared.path)
        onnx.checker.check_model(model, full_check=True)
        assert default_opset(model) == BASE_OPSET
        assert len({node.name for node in model.graph.node}) == len(model.graph.node)
        assert not any(node.op_type in ("BatchNormalization", "Constant") for node in model.graph.node)
        rng = np.random.default_rng(0)
        feeds = {name: rng.standard_normal(dims).astype("f") for name, dims, _ in prepared.inputs}
        for before, after in zip(run(models / f"{name}.onnx", feeds), run(prepared.path, feeds), strict=True):
            np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-4)


def test_a_sum_of_two_becomes_an_add_and_of_three_does_not(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(
        model_of(
            [
                helper.make_node("Sum", ["x", "x"], ["a"], name="two"),
                helper.make_node("Sum", ["a", "x", "x"], ["y"], name="three"),
            ],
            [("x", [4])],
            [("y", [4])],
        ),
        path,
    )
    prepare(path, {}, tmp_path / "out.onnx")
    assert [node.op_type for node in read_graph(tmp_path / "out.onnx").nodes] == ["Add", "Sum"]


def test_weights_listed_as_inputs_are_no_inputs(tmp_path: Path) -> None:
    model = model_of(
        [helper.make_node("Add", ["x", "w"], ["y"], name="add")],
        [("x", [2]), ("w", [2])],
        [("y", [2])],
        [("w", np.ones(2, "f"))],
    )
    model.ir_version = 3
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    assert [name for name, _, _ in prepare(path, {}, tmp_path / "out.onnx").inputs] == ["x"]


def dynamic(tmp_path: Path) -> Path:
    path = tmp_path / "dynamic.onnx"
    onnx.save(
        model_of([helper.make_node("Relu", ["x"], ["y"], name="r")], [("x", ["n", 3, "h", None])], [("y", None)]), path
    )
    return path


def test_dynamic_dimensions_without_a_shape_are_refused_with_the_flag_to_type(tmp_path: Path) -> None:
    path = dynamic(tmp_path)
    with pytest.raises(InputError) as caught:
        prepare(path, {}, tmp_path / "out.onnx")
    assert caught.value.message == f"{path}: dynamic dimensions and no --shapes for them: 'x' is [n, 3, h, ?]"
    assert caught.value.hint == "give the shape to compare at, for example --shapes x:1x3x640x640"
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize(
    ("shapes", "error", "text"),
    [
        ({"z": (1, 3, 8, 8)}, UsageError, "--shapes: the model has no input 'z'"),
        ({"x": (1, 4, 8, 8)}, InputError, "expected a shape that fits nx3xhx?, found 1x4x8x8"),
        ({"x": (1, 3, 8)}, InputError, "expected a shape that fits nx3xhx?, found 1x3x8"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(tmp_path: Path, shapes, error, text: str) -> None:
    with pytest.raises(error) as caught:
        prepare(dynamic(tmp_path), shapes, tmp_path / "out.onnx")
    assert text in caught.value.message
    assert caught.value.hint


def test_given_shapes_are_written_into_the_base(tmp_path: Path) -> None:
    prepared = prepare(dynamic(tmp_path), {"x": (2, 3, 8, 9)}, tmp_path / "out.onnx")
    assert prepared.inputs[0][1] == (2, 3, 8, 9)
    assert read_graph(prepared.path).nodes[0].output_dims == ((2, 3, 8, 9),)


@pytest.mark.parametrize(
    ("op", "shapes", "attributes", "flops"),
    [
        ("Conv", {"x": (1, 4, 8, 8), "w": (6, 4, 3, 3)}, {"pads": [1] * 4}, 2 * 6 * 64 * 4 * 9),
        ("Conv", {"x": (1, 4, 8, 8), "w": (4, 1, 3, 3)}, {"pads": [1] * 4, "group": 4}, 2 * 4 * 64 * 9),
        ("ConvTranspose", {"x": (1, 4, 8, 8), "w": (4, 6, 2, 2)}, {"strides": [2, 2]}, 2 * 4 * 64 * 6 * 4),
        ("Gemm", {"x": (5, 7), "w": (7, 3)}, {}, 2 * 5 * 7 * 3),
        ("Gemm", {"x": (7, 5), "w": (7, 3)}, {"transA": 1}, 2 * 5 * 7 * 3),
        ("MatMul", {"x": (2, 5, 7), "w": (7, 3)}, {}, 2 * 2 * 5 * 7 * 3),
        ("Add", {"x": (2, 2), "w": (2, 2)}, {}, None),
    ],
)
def test_flops_count_two_for_each_multiply_add(op: str, shapes, attributes, flops: int | None) -> None:
    model = model_of(
        [helper.make_node(op, ["x", "w"], ["y"], name="n", **attributes)],
        [("x", shapes["x"])],
        [("y", None)],
        [("w", np.zeros(shapes["w"], "f"))],
    )
    model = onnx.shape_inference.infer_shapes(model)
    assert graph_of(model).nodes[0].flops == flops


def test_flops_are_unknown_where_a_shape_is() -> None:
    model = model_of(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="n")],
        [("x", ["n", 7])],
        [("y", None)],
        [("w", np.zeros((7, 3), "f"))],
    )
    assert graph_of(model).nodes[0].flops is None
