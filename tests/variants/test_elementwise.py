"""Q/DQ on what lies between quantised layers."""

from __future__ import annotations

import numpy as np
import onnx

from tests.graph.qdq import Net
from trtprof.graph.qdq_facts import qdq_facts
from trtprof.graph_facts import Fact
from trtprof.variants.elementwise import elementwise_edges
from trtprof.variants.qdq import QuantisedType, insert_qdq, weighted_edges


def squeeze_and_excite() -> onnx.ModelProto:
    """A convolution scaled by what its own mean says, then another convolution; all of it float."""
    net = Net()

    def conv(tensor: str, name: str) -> str:
        weight = net.constant(f"{name}.w", np.ones((8, 8, 1, 1), np.float32))
        return net.node("Conv", tensor, weight, name=name)

    y = conv("x", "a")
    gate = net.node("HardSigmoid", conv(net.node("GlobalAveragePool", y, name="pool"), "gate"), name="sigmoid")
    return net.model(conv(net.node("Mul", y, gate, name="scale"), "b"))


def test_squeeze_and_excite_is_quantised_throughout() -> None:
    model = squeeze_and_excite()
    edges = weighted_edges(model)
    more = elementwise_edges(model, edges)
    assert {edge.node for edge in more} == {"pool", "sigmoid", "scale"}
    assert qdq_facts(model).facts == ()  # the model itself is as it was
    before, after = onnx.ModelProto(), onnx.ModelProto()
    for trial, chosen in ((before, edges), (after, (*edges, *more))):
        trial.CopyFrom(model)
        insert_qdq(trial, chosen, {edge.tensor: 1.0 for edge in chosen}, QuantisedType.INT8)
    assert qdq_facts(before).of(Fact.FLOAT_BETWEEN, Fact.FLOAT_OPERATION, Fact.FLOAT_CONSUMER)
    assert qdq_facts(after).facts == ()
