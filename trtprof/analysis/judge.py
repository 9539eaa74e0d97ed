"""Whether a gate holds between two engines: passed, failed, within noise, or cannot tell and why."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from trtprof.analysis.gates import Gate
from trtprof.analysis.latency import BUILD_NOISE_RATIO
from trtprof.figures import METRICS, EngineFigures, Figure, Known, NamedFinding, Quantity
from trtprof.model import Provenance, Severity, Unknown

_ORDER: Final = tuple(Severity)
_TIMED: Final = (Quantity.TIME, Quantity.RATE)
_SHARE: Final = "tensor-core-share"
_ROUNDING: Final = 1e-9
"""A limit of 3 % is met by 103 against 100, whatever binary fractions make of it."""


class Outcome(str, Enum):
    """What came of a gate, the worst last."""

    PASSED = "passed"
    WITHIN_NOISE = "within noise"
    UNKNOWN = "cannot tell"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One gate on one engine. ``change`` is head less base, a ratio of base where the gate is ``relative``.

    ``noise`` is what the change may be without anything having changed, in the same unit; 0 for what does not vary.
    ``why`` says what an outcome other than passed and failed rests on. For several outputs it is the worst one.
    """

    gate: Gate
    engine: str
    outcome: Outcome
    base: Figure | None = None
    head: Figure | None = None
    change: float | None = None
    noise: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Gates:
    """Every gate on every engine; ``strict`` takes a change beyond its limit as a failure even within noise."""

    judgements: tuple[Judgement, ...]
    strict: bool = False

    @property
    def failed(self) -> tuple[Judgement, ...]:
        """Those that fail."""
        bad = (Outcome.FAILED, Outcome.WITHIN_NOISE) if self.strict else (Outcome.FAILED,)
        return tuple(item for item in self.judgements if item.outcome in bad)

    @property
    def unknown(self) -> tuple[Judgement, ...]:
        """Those that cannot be judged."""
        return tuple(item for item in self.judgements if item.outcome is Outcome.UNKNOWN)

    @property
    def warned(self) -> tuple[Judgement, ...]:
        """Those that pass only because the change is within noise."""
        return () if self.strict else tuple(i for i in self.judgements if i.outcome is Outcome.WITHIN_NOISE)

    @property
    def outcome(self) -> Outcome:
        """The whole: failed, else cannot tell, else within noise, else passed."""
        if self.failed:
            return Outcome.FAILED
        if self.unknown:
            return Outcome.UNKNOWN
        return Outcome.WITHIN_NOISE if self.warned else Outcome.PASSED


def judge(gates: Sequence[Gate], engine: str, base: EngineFigures, head: EngineFigures) -> Iterator[Judgement]:
    """Yield what comes of each gate between two engines, called ``engine``."""
    for gate in gates:
        missing = base.unknown or head.unknown
        if missing is not None:
            yield Judgement(gate, engine, Outcome.UNKNOWN, why=missing.reason)
        elif gate.metric.name == "findings":
            yield _findings(gate, engine, base.findings, head.findings)
        else:
            yield _metric(gate, engine, base, head)


def changes(engine: str, base: EngineFigures, head: EngineFigures) -> Iterator[Judgement]:
    """Yield every metric of two engines with its change, as a gate that nothing passes; each output by itself."""
    for metric in METRICS.values():
        if metric.name == "findings":
            continue
        relative = metric.quantity in (Quantity.TIME, Quantity.RATE, Quantity.BYTES)
        gate = Gate(metric.name, metric, 1, 0.0, relative)
        reason = _incomparable(gate, base, head)
        if reason is None:
            pairs = _pairs(base.figures[metric.name], head.figures[metric.name])
            yield from (_part(gate, engine, before, after) for before, after in pairs)
        else:
            yield _untold(gate, engine, base, head, reason)


def new_findings(base: EngineFigures, head: EngineFigures) -> tuple[NamedFinding, ...]:
    """Return the findings of head whose code base has not; none where one side's are not known."""
    if isinstance(base.findings, Unknown) or isinstance(head.findings, Unknown):
        return ()
    codes = {item.code for item in base.findings}
    return tuple(item for item in head.findings if item.code not in codes)


def _untold(gate: Gate, engine: str, base: EngineFigures, head: EngineFigures, reason: str) -> Judgement:
    sides = (base.figures[gate.metric.name], head.figures[gate.metric.name])
    known = [None if isinstance(side, Unknown) else side[0] for side in sides]
    return Judgement(gate, engine, Outcome.UNKNOWN, known[0], known[1], why=reason)


def _metric(gate: Gate, engine: str, base: EngineFigures, head: EngineFigures) -> Judgement:
    reason = _incomparable(gate, base, head)
    if reason is not None:
        return _untold(gate, engine, base, head, reason)
    name = gate.metric.name
    parts = [_part(gate, engine, before, after) for before, after in _pairs(base.figures[name], head.figures[name])]
    worst = max(parts, key=lambda item: (list(Outcome).index(item.outcome), gate.sign * (item.change or 0.0)))
    return replace(worst, why=_other_outputs(worst, parts))


def _incomparable(gate: Gate, base: EngineFigures, head: EngineFigures) -> str | None:
    """Why the figures of both cannot be held against each other at all."""
    name = gate.metric.name
    before, after = base.figures[name], head.figures[name]
    if isinstance(before, Unknown) or isinstance(after, Unknown):
        reasons = {word: side.reason for word, side in (("base", before), ("head", after)) if isinstance(side, Unknown)}
        if len(set(reasons.values())) < len(reasons):
            return f"of neither engine: {reasons['base']}"
        return "; ".join(f"of {word}: {reason}" for word, reason in reasons.items())
    if gate.metric.quantity in _TIMED or name == _SHARE:
        return _timed_apart(base, head, before[0], after[0])
    return None


def _timed_apart(base: EngineFigures, head: EngineFigures, before: Figure, after: Figure) -> str | None:
    if base.device and head.device and base.device != head.device:
        return f"timed on different GPUs: {base.device} and {head.device}"
    if before.provenance is not after.provenance:
        return f"base is {before.provenance.value}, head {after.provenance.value}"
    if before.of != after.of:
        return f"times of different things: {before.of} of base, {after.of} of head"
    return None


def _pairs(before: Known, after: Known) -> Iterator[tuple[Figure, Figure | None]]:
    """Figures of the same thing; the only one of each side is the same thing whatever it is called."""
    if isinstance(before, Unknown) or isinstance(after, Unknown):
        return
    if len(before) == len(after) == 1:
        yield before[0], after[0]
        return
    of = {item.of: item for item in after}
    yield from ((item, of.get(item.of)) for item in before)


def _part(gate: Gate, engine: str, base: Figure, head: Figure | None) -> Judgement:
    if head is None:
        return Judgement(gate, engine, Outcome.UNKNOWN, base, why=f"head has no output '{base.of}'")
    if base.samples != head.samples:
        why = f"measured over {base.samples} samples in base and {head.samples} in head"
        return Judgement(gate, engine, Outcome.UNKNOWN, base, head, why=why)
    if math.isnan(base.value) or math.isnan(head.value):
        return Judgement(gate, engine, Outcome.UNKNOWN, base, head, why="one of them is not a number")
    if base.low is not None and base.high is not None and head.low is not None and head.high is not None:
        return _modelled(gate, engine, base, head)
    change = _change(gate, base.value, head.value)
    noise = _noise(gate, base, head)
    outcome = Outcome.PASSED
    if _exceeds(gate, change):
        outcome = Outcome.WITHIN_NOISE if abs(change) < noise else Outcome.FAILED
    return Judgement(gate, engine, outcome, base, head, change, noise)


def _modelled(gate: Gate, engine: str, base: Figure, head: Figure) -> Judgement:
    """A modelled change is a range too: its ends take both models' errors in opposite directions."""
    least = _change(gate, base.high or 0.0, head.low or 0.0)
    most = _change(gate, base.low or 0.0, head.high or 0.0)
    ends = sorted((_exceeds(gate, least), _exceeds(gate, most)))
    judged = Judgement(gate, engine, Outcome.FAILED if ends[0] else Outcome.PASSED, base, head)
    if ends[0] is ends[1]:
        return replace(judged, why="modelled, but the ranges are that far apart")
    why = "times are modelled, and their ranges overlap: gate on what needs no GPU, or measure on one"
    return replace(judged, outcome=Outcome.UNKNOWN, why=why)


def _change(gate: Gate, base: float, head: float) -> float:
    if base == head:  # also where both are infinite: an output that is exact in both
        return 0.0
    if not gate.relative:
        return head - base
    return head / base - 1 if base else math.copysign(math.inf, head)


def _exceeds(gate: Gate, change: float) -> bool:
    worse = gate.sign * change
    return worse > 0 and worse >= gate.limit * (1 - _ROUNDING)


def _noise(gate: Gate, base: Figure, head: Figure) -> float:
    """Return what two builds of one network, or the iterations of one, differ by, in the unit of the gate's change."""
    if gate.metric.name == _SHARE:
        # Either part of the time may be that much off: d(a / (a + b)) = share (1 - share) d(log(a / b)).
        return BUILD_NOISE_RATIO * max(share * (1 - share) for share in (base.value, head.value))
    if gate.metric.quantity not in _TIMED:
        return 0.0
    ratio = max(BUILD_NOISE_RATIO, base.spread_ratio or 0.0, head.spread_ratio or 0.0)
    return ratio if gate.relative else ratio * base.value


def _other_outputs(worst: Judgement, parts: Sequence[Judgement]) -> str:
    if worst.base is None or len(parts) == 1:
        return worst.why
    place = f"output '{worst.base.of}', the worst of {len(parts)}"
    return f"{worst.why}; {place}" if worst.why else place


def _findings(
    gate: Gate, engine: str, base: tuple[NamedFinding, ...] | Unknown, head: tuple[NamedFinding, ...] | Unknown
) -> Judgement:
    """Count those that the other side has not, by code: one that is mended must not hide a new one."""
    for word, side in (("base", base), ("head", head)):
        if isinstance(side, Unknown):
            return Judgement(gate, engine, Outcome.UNKNOWN, why=f"of {word}: {side.reason}")
    least = _ORDER.index(gate.severity)
    sides = [
        [item for item in side if _ORDER.index(item.severity) >= least]
        for side in (base, head)
        if not isinstance(side, Unknown)
    ]
    mine, other = sides[::-1] if gate.sign > 0 else sides
    codes = {item.code for item in other}
    new = [item for item in mine if item.code not in codes]
    counts = [Figure(len(side), Provenance.DERIVED) for side in sides]
    judged = Judgement(gate, engine, Outcome.PASSED, counts[0], counts[1], float(gate.sign * len(new)))
    if new and len(new) >= gate.limit:
        word = "new" if gate.sign > 0 else "gone"
        why = f"{word}: {', '.join(dict.fromkeys(f'{item.code} {item.title}' for item in new))}"
        return replace(judged, outcome=Outcome.FAILED, why=why)
    return judged
