"""A property: whatever the graph, repairs change what it computes by no more than its own quantisation does.

Graphs are drawn so that the error can be bounded by hand: no scale cuts anything off, every operation but Add passes
an error on without making it larger, and Add sums the errors of its inputs. Where a tensor goes through Q/DQ in either
model, one step of the coarsest scale is added.
"""

from __future__ import annotations

import numpy as np
import onnx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.graph.qdq import Net
from tests.graph.repairs.running import repaired, run
from trtprof.graph.lint_facts import lint_facts
from trtprof.graph.qdq_graph import QUANTIZE, QdqGraph
from trtprof.graph_facts import Fact

CHANNELS, EXTENT = 4, 6
FIXED = (Fact.SKIP_NOT_QUANTISED, Fact.PAD_BETWEEN, Fact.INT32_BIAS, Fact.SCALE_SHAPE, Fact.BATCH_NORM)


class Drawn:
    """A random graph with, for each tensor, the largest magnitude it can have and the steps its error can hold."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw, self.net = draw, Net(CHANNELS, EXTENT)
        self.rng = np.random.default_rng(draw(st.integers(0, 2**16)))
        self.bounds: dict[str, float] = {"x": 1.0}
        self.steps: dict[str, float] = {"x": 0.0}

    def keep(self, tensor: str, *, bound: float, steps: float) -> str:
        self.bounds[tensor], self.steps[tensor] = bound, steps
        return tensor

    def qdq(self, tensor: str) -> str:
        scale = self.bounds[tensor] / 127 * self.draw(st.sampled_from([1.0, 1.0, 1.1, 1.9]))
        zero, dtype = self.draw(st.sampled_from([(0, np.int8), (0, np.int8), (128, np.uint8)]))
        shape = self.draw(st.sampled_from([(), (), (1,)]))
        out = self.net.qdq(tensor, scale, zero, dtype=dtype, shape=shape)
        return self.keep(out, bound=self.bounds[tensor] + scale, steps=self.steps[tensor] + 1)

    def conv(self, tensor: str, channels: int = CHANNELS, kernel: int = 1) -> str:
        net = self.net
        name = f"conv{len(net.nodes)}"
        values = self.rng.standard_normal((CHANNELS, channels, kernel, kernel)).astype(np.float32)
        values /= np.abs(values).sum(axis=(1, 2, 3), keepdims=True) * np.float32(1.02)
        scale = net.constant(f"{name}.s", (np.abs(values).max(axis=(1, 2, 3)) / 127).astype(np.float32))
        zero = net.constant(f"{name}.z", np.zeros(CHANNELS, np.int8))
        quantised = net.node(QUANTIZE, net.constant(f"{name}.w", values), scale, zero, axis=0)
        inputs = [tensor, net.node("DequantizeLinear", quantised, scale, zero, axis=0)]
        bound = self.bounds[tensor]
        if self.draw(st.booleans()):
            bias = net.constant(f"{name}.b", self.rng.integers(-9, 10, CHANNELS, dtype=np.int32))
            inputs.append(net.node("DequantizeLinear", bias, net.constant(f"{name}.bs", np.float32(0.01))))
            bound += 0.09
        y = self.keep(net.node("Conv", *inputs, name=name), bound=bound, steps=self.steps[tensor])
        return self.norm(y, name) if self.draw(st.integers(0, 3)) == 0 else y

    def norm(self, tensor: str, name: str) -> str:
        """A factor of at most 1, of either sign."""
        rng = self.rng
        values = [rng.uniform(-1, 1, CHANNELS), *(rng.uniform(-0.1, 0.1, CHANNELS) for _ in range(2))]
        values.append(rng.uniform(1, 2, CHANNELS))
        names = [self.net.constant(f"{name}.n{i}", value.astype(np.float32)) for i, value in enumerate(values)]
        y = self.net.node("BatchNormalization", tensor, *names, name=f"{name}.norm")
        return self.keep(y, bound=self.bounds[tensor] + 0.2, steps=self.steps[tensor])

    def step(self, tensors: list[str]) -> str:
        one, two = (self.draw(st.sampled_from(tensors)) for _ in range(2))
        net, kind = self.net, self.draw(st.sampled_from(["conv", "relu", "pool", "add", "concat", "pad"]))
        if kind == "conv":
            return self.conv(self.qdq(one))
        if kind == "relu":
            return self.keep(net.node("Relu", one), bound=self.bounds[one], steps=self.steps[one])
        if kind == "pool":
            y = net.node("MaxPool", one, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
            return self.keep(y, bound=self.bounds[one], steps=self.steps[one])
        if kind == "add":
            inputs = [self.qdq(name) if self.draw(st.booleans()) else name for name in (one, two)]
            # Either input may get Q/DQ.
            steps = sum(self.steps[name] for name in inputs) + 2
            return self.keep(net.node("Add", *inputs), bound=sum(self.bounds[name] for name in inputs), steps=steps)
        if kind == "pad":
            pads = net.constant(f"pads{len(net.nodes)}", np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
            y = net.node("Pad", self.qdq(one) if self.draw(st.booleans()) else one, pads)
            source = net.nodes[-1].input[0]
            self.keep(y, bound=self.bounds[source], steps=self.steps[source])
            return self.conv(self.qdq(y), kernel=3)
        inputs = [self.qdq(name) for name in (one, two)]
        y = net.node("Concat", *inputs, axis=1)
        bound = max(self.bounds[name] for name in inputs)
        self.keep(y, bound=bound, steps=max(self.steps[name] for name in inputs))
        return self.conv(self.qdq(y) if self.draw(st.booleans()) else y, channels=2 * CHANNELS)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[onnx.ModelProto, dict[str, float]]:
    drawn = Drawn(draw)
    tensors = ["x", drawn.conv(drawn.qdq("x"))]
    for _ in range(draw(st.integers(1, 7))):
        tensors.append(drawn.step(tensors[-4:]))
    read = {name for node in drawn.net.nodes for name in node.input}
    outputs = [name for name in tensors if name not in read]
    return drawn.net.model(*outputs), {name: drawn.steps[name] for name in outputs}


def coarsest(*models: onnx.ModelProto) -> float:
    found = []
    for model in models:
        graph = QdqGraph(model)
        found += [graph.scale(node) or 0.0 for node in graph.of(QUANTIZE) if node.input[0] not in graph.constants]
    return max(found)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(graphs(), st.integers(0, 1000))
def test_repairs_keep_the_float_function(drawn: tuple[onnx.ModelProto, dict[str, float]], seed: int) -> None:
    model, steps = drawn
    after, made, left = repaired(model)
    x = np.random.default_rng(seed).uniform(-1, 1, (1, CHANNELS, EXTENT, EXTENT)).astype(np.float32)
    names = [value.name for value in model.graph.output]
    assert names == [value.name for value in after.graph.output]
    step = coarsest(model, after)
    for name, one, two in zip(names, run(model, x), run(after, x), strict=True):
        # Exact repairs change the order of float operations at most, which may tip a value over to the next step.
        allowed = step * steps[name] if made else 0.0
        assert float(np.abs(one - two).max()) <= allowed + 1e-5, (name, made, left)
    places = {item.node for item in left}
    facts = lint_facts(onnx.shape_inference.infer_shapes(after)).of(*FIXED)
    assert all(item.node in places or (item.fact is Fact.SKIP_NOT_QUANTISED and left) for item in facts)
