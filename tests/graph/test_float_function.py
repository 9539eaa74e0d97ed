"""A quantised graph without its rounding."""

from __future__ import annotations

import numpy as np
import onnx

from tests.graph.qdq import Net
from tests.graph.repairs.running import run
from trtprof.graph.float_function import without_rounding


def test_pairs_go_and_what_they_read_stays() -> None:
    net = Net()
    y = net.conv(net.qdq(net.qdq("x", 0.5), 0.25), "a", int32_bias=True)
    model = net.model(net.node("Relu", y), net.qdq(y, 10.0))
    given = model.SerializeToString(deterministic=True)
    plain = without_rounding(model)
    onnx.checker.check_model(plain, full_check=True)
    kinds = [node.op_type for node in plain.graph.node]
    # The bias is stored as INT32 and keeps its DequantizeLinear; an output keeps its name.
    assert sorted(kinds) == ["Conv", "DequantizeLinear", "Identity", "Relu"]
    x = np.random.default_rng(0).standard_normal((1, 8, 16, 16)).astype(np.float32)
    relu, shown = run(plain, x)
    expected = np.repeat(x.sum(axis=1, keepdims=True), 8, axis=1) + np.float32(0.01)
    np.testing.assert_allclose(shown, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(relu, np.maximum(expected, 0), rtol=1e-4, atol=1e-4)
    assert [value.name for value in plain.graph.output] == [value.name for value in model.graph.output]
    assert model.SerializeToString(deterministic=True) == given
