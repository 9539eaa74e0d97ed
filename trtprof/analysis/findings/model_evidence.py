"""What the ONNX model of an engine proves, as evidence, and as a claim where the engine itself cannot tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trtprof.analysis.findings.rule import Claim, Outcome, Subject
from trtprof.analysis.roofline import NAME, kernel_time
from trtprof.diagnosis import Evidence
from trtprof.graph_facts import Fact, GraphFact, GraphFacts
from trtprof.model import DType, Estimate, Unknown
from trtprof.units import dims, plural

NOT_IN_RTX: Final = Unknown(
    "TensorRT-RTX never fuses the epilogue of a quantised convolution, so its build does not show what TensorRT would "
    "lose here, and the shapes to model it by are not known"
)


def model_evidence(subject: Subject, *kinds: Fact) -> tuple[Evidence, ...]:
    """Return the places of some kinds in the engine's ONNX model; nothing where it is not at hand."""
    if not isinstance(subject.facts, GraphFacts):
        return ()
    return tuple(_evidence(subject, item) for item in subject.facts.of(*kinds))


def model_claim(subject: Subject, noun: str, *kinds: Fact) -> Outcome:
    """Return one claim for the places of some kinds, ``Unknown`` without the model.

    The saving is modelled: at each place TensorRT runs one quantise by itself, and the layer before it writes the float
    type instead of a byte. TensorRT-RTX's own build cannot show it, for there every epilogue runs apart.
    """
    if not subject.is_quantised:
        return ()
    if isinstance(subject.facts, Unknown):
        return subject.facts
    found = subject.facts.of(*kinds)
    if not found:
        return ()
    return (
        Claim(
            cause=f"{noun} in {plural(len(found), 'place')} of the ONNX model",
            evidence=model_evidence(subject, *kinds),
            saving=_modelled(subject, found, subject.facts.float_type),
            modelled=True,
            basis=f"{NAME}: one quantise by itself at each place, and a float epilogue before it",
        ),
    )


def _modelled(subject: Subject, places: Sequence[GraphFact], float_type: DType | None) -> Estimate | Unknown:
    sizes = {node.name: dims_ for node in subject.graph.nodes for dims_ in node.output_dims[:1]}
    parts = []
    for place in {item.node: item for item in places}.values():
        extents = sizes.get(place.node)
        if extents is None or any(extent < 0 for extent in extents) or subject.peaks is None:
            continue
        elements = 1
        for extent in extents:
            elements *= extent
        wide = elements * (float_type or DType.FP16).bits // 8
        quantise = kernel_time(0, wide + elements, None, subject.peaks, tf32=False)
        # The epilogue's extra bytes hide behind its arithmetic at best.
        epilogue = kernel_time(0, wide - elements, None, subject.peaks, tf32=False)
        parts.append(Estimate(quantise.low, quantise.mid, quantise.high + epilogue.high))
    return Estimate.total(parts) if parts else NOT_IN_RTX


def _evidence(subject: Subject, item: GraphFact) -> Evidence:
    node = next((node for node in subject.graph.nodes if node.name == item.node), None)
    shape = f" ({dims(node.output_dims[0])})" if node is not None and node.output_dims and node.output_dims[0] else ""
    return Evidence(f"'{item.node}'{shape}: {item.what}", "onnx")
