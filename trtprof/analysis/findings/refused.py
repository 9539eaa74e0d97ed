"""A variant that no builder took: what its ONNX model says, though there is no engine to look at."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from trtprof.analysis.findings import int32_bias, zero_point
from trtprof.analysis.findings.diagnose import diagnose_engine
from trtprof.analysis.findings.flow import flow_of
from trtprof.analysis.findings.rule import Rule, Subject
from trtprof.comparison import Built
from trtprof.diagnosis import Finding
from trtprof.graph_facts import GraphFacts
from trtprof.model import Engine, Graph, Provenance, Severity, Unknown

NO_ENGINE: Final = Unknown("it was not built")
_RULES: Final[tuple[Rule, ...]] = (int32_bias.RULE, zero_point.RULE)
"""What TensorRT's parser refuses. The other rules are about engines that are there."""


def refused_findings(name: str, facts: GraphFacts | Unknown) -> tuple[Finding, ...]:
    """Return why TensorRT's parser refuses a variant, as far as its Q/DQ nodes tell; none where they do not."""
    nothing = Built(
        name=name,
        precision=None,
        remainder=None,
        engine=Engine(name, None, ()),
        rows=(),
        conversions=(),
        precision_mix=(),
        activation_bytes=None,
        total_ns=None,
        projected_ns=None,
        provenance=Provenance.DERIVED,
        accuracy=NO_ENGINE,
    )
    subject = Subject(built=nothing, flow=flow_of((), {}, {}), graph=Graph((), (), ()), facts=facts)
    found = diagnose_engine(subject, _RULES)[0]
    return tuple(replace(item, severity=Severity.CRITICAL) for item in found)
