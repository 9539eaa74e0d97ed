"""A comparison becomes subjects: each engine with its siblings, its dataflow and what its ONNX model says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from trtprof.analysis.devices import Peaks
from trtprof.analysis.findings.diagnose import diagnose_engine
from trtprof.analysis.findings.flow import QUANTISED, flow_of
from trtprof.analysis.findings.healthy import healthy, sentence
from trtprof.analysis.findings.refused import refused_findings
from trtprof.analysis.findings.rule import NO_MODEL, Subject
from trtprof.comparison import Built
from trtprof.diagnosis import Diagnosis
from trtprof.graph_facts import GraphFacts
from trtprof.model import Graph, Precision, Unknown

_HALF: Final = (Precision.FP16, Precision.BF16)
_RTX: Final = "TensorRT-RTX"


def diagnose(
    engines: Sequence[Built],
    graph: Graph,
    facts: Mapping[str, GraphFacts | Unknown] | None = None,
    peaks: Peaks | None = None,
    refused: Mapping[str, GraphFacts | Unknown] | None = None,
) -> Diagnosis:
    """Return the diagnosis of every engine of a comparison, quantised engines first, each by what cures would save.

    ``facts`` are what the engines' own ONNX models say, by engine name. ``peaks`` is the GPU they run on, where known.
    ``refused`` are what the models of variants say that could not be built; those lead, for nothing costs more.
    """
    answered = [diagnose_engine(subject) for subject in subjects_of(engines, graph, facts, peaks)]
    built = tuple(finding for found, _ in answered for finding in found)
    lost = (item for name, known in (refused or {}).items() for item in refused_findings(name, known))
    findings = (*lost, *built)
    return Diagnosis(
        findings=findings,
        answers=tuple(answer for _, answers in answered for answer in answers),
        suppressed=(),
        healthy=healthy(engines, findings),
        sentence=sentence(engines, findings),
    )


def subjects_of(
    engines: Sequence[Built],
    graph: Graph,
    facts: Mapping[str, GraphFacts | Unknown] | None = None,
    peaks: Peaks | None = None,
) -> tuple[Subject, ...]:
    """Return what the rules are given, one for each engine: quantised engines first, the baseline last."""
    half = next((built for built in engines if built.precision in _HALF), None)
    full = next((built for built in engines if built.precision is Precision.FP32), None)
    nodes = {node.name: node for node in graph.nodes}
    subjects = []
    for built in engines:
        io = {item.tensor.name: item.mode for item in built.engine.io}
        known = (facts or {}).get(built.name, NO_MODEL)
        subjects.append(
            Subject(
                built=built,
                flow=flow_of(built.rows, nodes, io),
                graph=graph,
                half=half if half is not built else None,
                full=full if full is not built else None,
                facts=known,
                peaks=peaks,
                ahead_of_time=(built.engine.tool or "").startswith(_RTX),
                explicit=_explicit(built, known),
            )
        )
    return tuple(sorted(subjects, key=lambda subject: (not subject.is_quantised, subject.built is full)))


def _explicit(built: Built, facts: GraphFacts | Unknown) -> bool | None:
    """Whether quantisation came from Q/DQ nodes: their names stay in layers, and Reformats say ``Origin: QDQ``.

    Without either a quantised engine was made by a calibrator, if names are there to tell at all.
    """
    if isinstance(facts, GraphFacts):
        return facts.quantize_nodes > 0
    quantised = any(
        tensor.dtype in QUANTISED
        for row in built.rows
        for tensor in (*(row.layer.inputs or ()), *(row.layer.outputs or ()))
    )
    for row in built.rows:
        said = " ".join((row.layer.name, *row.layer.onnx_nodes, *row.added_nodes)).lower()
        if row.layer.origin == "QDQ" or "quantizelinear" in said or "_quantize_scale_node" in said:
            return True
    if not quantised or any(row.layer.inputs is None for row in built.rows):
        return None
    return False
