"""A suffix run from kept tensors gives what the whole model gives."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper

from trtprof.variants.layers import quantisable_layers
from trtprof.variants.qdq import QuantisedType, insert_qdq
from trtprof.variants.sensitivity import Group, Sweep
from trtprof.variants.session import open_session
from trtprof.variants.suffix import Graph

from .support import data_for, graph_model


def net(seed: int, depth: int) -> onnx.ModelProto:
    """Matrix products that read earlier tensors at random, with Adds and Relus between, and two outputs."""
    rng = np.random.default_rng(seed)
    nodes, weights, tensors = [], {}, ["x"]
    for index in range(depth):
        source = tensors[rng.integers(len(tensors))]
        kind = rng.integers(3)
        name = f"t{index}"
        if kind == 0:
            other = tensors[rng.integers(len(tensors))]
            nodes.append(helper.make_node("Add", [source, other], [name], name=f"add{index}"))
        elif kind == 1:
            nodes.append(helper.make_node("Relu", [source], [name], name=f"relu{index}"))
        else:
            weights[f"w{index}"] = rng.standard_normal((6, 6)) / 2
            nodes.append(helper.make_node("MatMul", [source, f"w{index}"], [name], name=f"mul{index}"))
        tensors.append(name)
    weights["w"] = rng.standard_normal((6, 6))
    nodes.append(helper.make_node("MatMul", [tensors[-1], "w"], ["y"], name="last"))
    outputs = {"y": (2, 6), tensors[depth // 2 + 1]: (2, 6)}
    return graph_model(nodes, {"x": (2, 6)}, outputs, weights)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.integers(2, 9), st.sampled_from(["alone", "leave-one-out"]))
def test_a_layer_costs_what_the_whole_model_says(tmp_path_factory, seed, depth, mode):
    model = net(seed, depth)
    layers = quantisable_layers(model)
    data = data_for(model)
    amax = {edge.tensor: 2.0 for layer in layers for edge in layer.edges if not edge.weight}
    sweep = Sweep(model, layers, amax, data, mode=mode, jobs=2)
    found = {group.name: effect for group, effect in sweep.measure([Group(layer.name, (layer,)) for layer in layers])}
    assert set(found) == {layer.name for layer in layers}
    folder = tmp_path_factory.mktemp("whole")
    onnx.save(model, folder / "float.onnx")
    for layer in layers:
        changed = onnx.ModelProto()
        changed.CopyFrom(model)
        quantised = [other for other in layers if (other is layer) == (mode == "alone")]
        insert_qdq(changed, [edge for other in quantised for edge in other.edges], amax, QuantisedType.INT8)
        onnx.save(changed, folder / "changed.onnx")
        names = [value.name for value in model.graph.output]
        sessions = open_session(folder / "float.onnx"), open_session(folder / "changed.onnx")
        error = signal = np.zeros(len(names))
        for batch in data.batches():
            x, y = (session.run(names, batch) for session in sessions)
            error = error + [float(((a.astype(float) - b) ** 2).sum()) for a, b in zip(x, y, strict=True)]
            signal = signal + [float((a.astype(float) ** 2).sum()) for a in x]
        for place, item in enumerate(found[layer.name].outputs):
            if error[place] > 1e-9 * signal[place]:
                assert item.sqnr_db == pytest.approx(10 * np.log10(signal[place] / error[place]), abs=0.1)
            else:
                assert item.sqnr_db is None or item.sqnr_db > 80


def test_a_suffix_reads_only_what_lies_before_it():
    """x -> a -> b -> y, with a read again at the end."""
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="a"),
        helper.make_node("MatMul", ["a", "w"], ["b"], name="b"),
        helper.make_node("Add", ["b", "a"], ["y"], name="y"),
    ]
    model = graph_model(nodes, {"x": (2, 6)}, {"y": (2, 6)}, {"w": np.eye(6)})
    part = Graph(model).suffix(["b"])
    assert (part.nodes, part.reads, part.outputs) == (frozenset({"b", "y"}), ("a",), ("y",))


def test_a_branch_of_if_reads_tensors_of_the_graph_around_it():
    branch = helper.make_graph(
        [helper.make_node("Identity", ["a"], ["out"], name="inner")],
        "branch",
        [],
        [helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, (2, 6))],
    )
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="a"),
        helper.make_node("If", ["yes"], ["y"], name="if", then_branch=branch, else_branch=branch),
    ]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (2, 6))],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, (2, 6))],
        [onnx.numpy_helper.from_array(np.asarray(True), "yes")],
    )
    part = Graph(helper.make_model(graph)).suffix(["a"])
    assert part.nodes == frozenset({"a", "if"})
    assert Graph(helper.make_model(graph)).suffix(["if"]).reads == ("a",)
