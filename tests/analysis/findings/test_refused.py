"""A variant that TensorRT's parser refuses still gets its cause, from its ONNX model alone."""

from __future__ import annotations

from trtprof.analysis.findings.refused import refused_findings
from trtprof.analysis.findings.subjects import diagnose
from trtprof.graph_facts import Fact, GraphFact, GraphFacts
from trtprof.model import Graph, Severity, Unknown

BIAS = GraphFacts(1, 3, 1, 1, None, (GraphFact(Fact.INT32_BIAS, "Conv_0", "an INT32 bias of 8 values"),))


def test_its_model_tells_why() -> None:
    (finding,) = refused_findings("int8", BIAS)
    assert (finding.engine, finding.code, finding.severity) == ("int8", "Q111", Severity.CRITICAL)
    assert finding.cause == "1 bias is INT32 behind DequantizeLinear"
    assert finding.saving_ns == Unknown("there is no engine of it to be measured")


def test_a_model_without_such_places_or_without_a_model_says_nothing() -> None:
    assert refused_findings("int8", GraphFacts(1, 3, 1, 1, None, ())) == ()
    assert refused_findings("int8", Unknown("its ONNX model cannot be read")) == ()


def test_it_stands_beside_the_findings_on_engines() -> None:
    diagnosis = diagnose((), Graph((), (), ()), refused={"int8": BIAS})
    assert [(item.engine, item.code) for item in diagnosis.findings] == [("int8", "Q111")]
    assert diagnosis.healthy == ()
