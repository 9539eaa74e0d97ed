"""The records of a diagnosis: findings with cause, evidence, saving and cure, and what could not be told.

Built from ``trtprof.model`` alone. Times are nanoseconds of the engine's own latency unless a field says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

from trtprof.model import Estimate, Provenance, Severity, Unknown


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observation a finding rests on: what was seen, in which layer, and the time of that layer as profiled.

    ``row`` is the index of a layer of the engine, ``None`` where the evidence is not one layer (a log line, a node of
    the ONNX model, the iterations). ``source`` says where it was read: ``layers``, ``profile``, ``times``, ``log``,
    ``onnx`` or ``options``.
    """

    what: str
    source: str
    row: int | None = None
    layer: str | None = None
    time_ns: float | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What a cause brought about: the symptom's code and title, its layers and their time as profiled.

    ``time_ns`` is ``None`` where the layers have no times. A layer is counted under one cause only.
    """

    code: str
    title: str
    what: str
    rows: tuple[int, ...]
    layers: tuple[str, ...]
    time_ns: float | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer to "why is this engine slow", for one engine.

    ``cause`` says what is wrong in this engine, ``why`` why TensorRT answers it with lost time, ``source`` where that
    is documented or was observed. ``saving_ns`` is what the cure would give, as a range of the engine's own latency,
    or :class:`~trtprof.model.Unknown`. ``within_noise`` is set where even the top of the range is less than two builds
    of one network differ by.
    """

    code: str
    title: str
    engine: str
    severity: Severity
    cause: str
    why: str
    cure: str
    source: str
    evidence: tuple[Evidence, ...]
    effects: tuple[Effect, ...]
    saving_ns: Estimate | Unknown
    saving_provenance: Provenance
    saving_basis: str
    within_noise: bool
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rule without findings said of an engine: ``reason`` is ``None`` for *found nothing*."""

    code: str
    title: str
    engine: str
    reason: Unknown | None


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding that the project's ``trtprof.toml`` sets aside, with the reason written there."""

    finding: Finding
    reason: str
    where: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything the rules said: findings with the costliest cause first, the other answers, and what was set aside.

    ``healthy`` are the engines about which nothing above a note was found. ``sentence`` is the verdict in plain words.
    """

    findings: tuple[Finding, ...]
    answers: tuple[Answer, ...]
    suppressed: tuple[Suppressed, ...]
    healthy: tuple[str, ...]
    sentence: str

    def of(self, engine: str) -> tuple[Finding, ...]:
        """Return the findings of one engine, in order."""
        return tuple(finding for finding in self.findings if finding.engine == engine)


NOTHING = Diagnosis((), (), (), (), "Nothing was diagnosed.")
