"""What is known to keep quantisation away from an engine that was to be quantised."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.hardware import Speed, speed_of
from trtprof.analysis.findings.model_evidence import model_evidence
from trtprof.analysis.findings.rule import Subject
from trtprof.diagnosis import Evidence
from trtprof.engine_facts import EngineFacts
from trtprof.graph_facts import Fact, GraphFacts
from trtprof.model import Precision
from trtprof.units import plural

_REFUSED: Final = (Fact.INT32_BIAS, Fact.ZERO_POINT)


def reasons_not_quantised(subject: Subject, asked: Precision) -> tuple[Evidence, ...]:
    """Return the observations that explain it, the surest first; none where nothing at hand tells."""
    found = []
    facts, options = subject.facts, subject.built.engine.facts
    device = subject.built.engine.device
    if device is not None and speed_of(device, asked) is Speed.NONE:
        found.append(Evidence(f"{device.name} has no {asked.value.upper()}", "options"))
    if isinstance(facts, GraphFacts):
        found.extend(model_evidence(subject, *_REFUSED))
        if facts.quantize_nodes and not facts.quantised:
            found.append(
                Evidence(f"its Q/DQ nodes reach none of {plural(facts.weighted, 'convolution or product')}", "onnx")
            )
    found.extend(_calibration(subject))
    has_nodes = facts.quantize_nodes > 0 if isinstance(facts, GraphFacts) else bool(subject.explicit)
    if options is not None and _without_calibrator(options) and not has_nodes:
        found.append(Evidence("neither a calibration cache nor Q/DQ nodes gave it scales", "options"))
    return tuple(found)


def _without_calibrator(options: EngineFacts) -> bool:
    """Whether the build's own words show no cache: trtexec writes ``Dynamic`` where none was given."""
    line = options.option("Build Options", "Calibration")
    known = line is not None or options.command is not None
    named = (line or "").lower() not in ("", "dynamic") or "--calib" in (options.command or "")
    return known and not named and options.calibrated is None


def _calibration(subject: Subject) -> tuple[Evidence, ...]:
    """The keys of a calibration cache must be tensors of this network; after a new export often none is."""
    facts = subject.built.engine.facts
    if facts is None or not facts.calibrated:
        return ()
    here = {tensor.name for row in subject.rows for tensor in (*(row.layer.inputs or ()), *(row.layer.outputs or ()))}
    here.update(item.tensor.name for item in subject.built.engine.io)
    matching = sum(name in here for name in facts.calibrated)
    if matching:
        return ()
    said = f"none of the {plural(len(facts.calibrated), 'key')} of its calibration cache is a tensor of this engine"
    return (Evidence(said, "options"),)
