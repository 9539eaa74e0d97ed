"""Why an engine is slow: each finding with its saving, what it brought about, the evidence and the cure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from trtprof.comparison import Comparison
from trtprof.dashboards.drawing import draw
from trtprof.dashboards.panel import Panel
from trtprof.dashboards.panels.rows import shown_rows
from trtprof.dashboards.said import Said, about, mark, said
from trtprof.dashboards.words import shorten
from trtprof.diagnosis import Diagnosis, Effect, Evidence, Finding
from trtprof.model import Severity, Unknown
from trtprof.units import ms, ms_range, plural

SHOWN_EVIDENCE: Final = 8
_NAME_LIMIT: Final = 60
Links = Mapping[str, Mapping[int, str]]


@dataclass(frozen=True, slots=True)
class Link:
    """A layer's number, and where on the page its row stands; ``None`` where the page does not carry it."""

    text: str
    href: str | None


@dataclass(frozen=True, slots=True)
class EffectLine:
    """A symptom under its cause."""

    text: str
    code: str
    rows: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """One observation; ``label`` is the layer it was made on."""

    text: str
    label: str = ""
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """One finding as the page shows it; the ones worth reading first are open."""

    code: str
    title: str
    engine: str
    severity: str
    open: bool
    cause: str
    saving: str
    saving_long: str
    effects: tuple[EffectLine, ...]
    evidence: tuple[EvidenceLine, ...]
    more: str
    cure: str
    why: str
    source: str


def panel(comparison: Comparison) -> Panel:
    """Return every finding, costliest cause first, and what could not be told."""
    diagnosis = comparison.diagnosis
    links = {built.name: shown_rows(place, built) for place, built in enumerate(comparison.engines)}
    cards = [_card(finding, links) for finding in diagnosis.findings]
    return Panel(
        id="findings",
        title="Why, and what would help?",
        text=diagnosis.sentence,
        how_to_read=(
            "each line opens. Causes lead, costliest first; under a cause stands what it brought about, and each layer "
            "is counted under one cause only. A saving is a range in ms of the engine's own latency; one of less than "
            "about 4 % is within what two builds of one network differ by."
        ),
        html=draw("findings.html", cards=cards, lines=_lines(diagnosis)),
    )


def _card(finding: Finding, links: Links) -> Card:
    rows = links.get(finding.engine, {})
    left = len(finding.evidence) - SHOWN_EVIDENCE
    return Card(
        code=finding.code,
        title=finding.title,
        engine=finding.engine,
        severity=finding.severity.value,
        open=finding.severity in (Severity.CRITICAL, Severity.MAJOR),
        cause=finding.cause,
        saving=_saving(finding),
        saving_long=_saving_long(finding),
        effects=tuple(_effect(item, rows) for item in finding.effects),
        evidence=tuple(_evidence(item, rows) for item in finding.evidence[:SHOWN_EVIDENCE]),
        more=f"{left:,} more; --format json has all" if left > 0 else "",
        cure=finding.cure,
        why=finding.why,
        source=finding.source,
    )


def _saving(finding: Finding) -> str:
    saving = finding.saving_ns
    if isinstance(saving, Unknown):
        return ""
    return f"saves {ms_range(saving.low, saving.high)} ms, {finding.saving_provenance.value}"


def _saving_long(finding: Finding) -> str:
    saving = finding.saving_ns
    if isinstance(saving, Unknown):
        return f"cannot tell: {saving.reason}"
    noise = "; less than two builds differ by (about 4 %)" if finding.within_noise else ""
    return f"{ms_range(saving.low, saving.high)} ms, {finding.saving_provenance.value}: {finding.saving_basis}{noise}"


def _effect(effect: Effect, rows: Mapping[int, str]) -> EffectLine:
    time = f", {ms(effect.time_ns)} ms as profiled" if effect.time_ns is not None else ""
    return EffectLine(
        text=about(said(effect.title), f"{plural(len(effect.rows), 'layer')}{time}"),
        code=effect.code,
        rows=tuple(Link(str(index), rows.get(index)) for index in effect.rows),
    )


def _evidence(item: Evidence, rows: Mapping[int, str]) -> EvidenceLine:
    time = f"{ms(item.time_ns)} ms" if item.time_ns is not None else ""
    if item.row is None:
        return EvidenceLine(_timed(item.what, time))
    label = f"{item.row} {shorten(item.layer or '', _NAME_LIMIT)}"
    return EvidenceLine(_timed(item.what, time), label, rows.get(item.row))


def _timed(what: str, time: str) -> Said:
    return Said(said(what) + (mark(", ") + time if time else ""))


def _lines(diagnosis: Diagnosis) -> list[str]:
    """What was set aside, and what no rule could tell, each reason once."""
    lines = [
        f"set aside: {item.finding.code} on {item.finding.engine} ({item.reason}; {item.where})"
        for item in diagnosis.suppressed
    ]
    unknown: dict[str, dict[str, None]] = {}
    for answer in diagnosis.answers:
        if answer.reason is not None:
            unknown.setdefault(answer.reason.reason, {})[answer.code] = None
    return lines + [f"cannot tell ({', '.join(codes)}): {reason}" for reason, codes in unknown.items()]
