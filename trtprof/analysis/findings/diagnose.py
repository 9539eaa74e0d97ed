"""From claims to findings: causes first, their effects under them, every layer counted once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from trtprof.analysis.findings.registry import RULES
from trtprof.analysis.findings.rule import Claim, Role, Rule, Share, Subject, row_ns
from trtprof.analysis.findings.savings import Scale, saving_of, scale_of
from trtprof.analysis.latency import BUILD_NOISE_RATIO
from trtprof.comparison import Row
from trtprof.diagnosis import Answer, Effect, Finding
from trtprof.model import Estimate, Provenance, Severity, Unknown

CRITICAL_RATIO = 0.20
MINOR_RATIO = 0.01
"""Shares of the engine's latency; between them stands the noise between two builds, where ``major`` begins."""
COUNTED_ELSEWHERE = Unknown("its layers are counted under another cause")
_ORDER = {Role.CAUSE: 0, Role.CONDITION: 0, Role.SYMPTOM: 1}


@dataclass(frozen=True, slots=True)
class _Claimed:
    rule: Rule
    claim: Claim
    saving: Estimate | Unknown


def diagnose_engine(subject: Subject, rules: Sequence[Rule] = RULES) -> tuple[tuple[Finding, ...], tuple[Answer, ...]]:
    """Return what the rules found in one engine, costliest cause first, and what the others answered.

    A row explained by several causes counts for the one that saves most; a symptom none of whose rows are left over
    stands only under its causes.
    """
    scale = scale_of(subject.built)
    rows = {row.layer.index: row for row in subject.rows}
    claims: list[_Claimed] = []
    answers = []
    for rule in rules:
        outcome = rule.check(subject)
        if isinstance(outcome, Unknown) or not outcome:
            reason = outcome if isinstance(outcome, Unknown) else None
            answers.append(Answer(rule.code, rule.title, subject.built.name, reason))
            continue
        claims.extend(_Claimed(rule, claim, _saving(claim, claim.savings, rows, scale)) for claim in outcome)
    findings = _findings(subject, claims, scale)
    return tuple(sorted(findings, key=lambda item: _rank(item, rules))), tuple(answers)


def _saving(claim: Claim, shares: Mapping[int, Share], rows: Mapping[int, Row], scale: Scale) -> Estimate | Unknown:
    if claim.saving is not None:
        return claim.saving
    return saving_of(rows, shares, scale)


def _findings(subject: Subject, claims: Sequence[_Claimed], scale: Scale) -> list[Finding]:
    """Causes take their rows first, the costliest before the others; then symptoms get what is left."""
    symptoms = [item for item in claims if item.rule.role is Role.SYMPTOM]
    leading = sorted((item for item in claims if item.rule.role is not Role.SYMPTOM), key=lambda item: -_mid(item))
    rows = {row.layer.index: row for row in subject.rows}
    taken: set[int] = set()
    explained: set[int] = set()
    findings = []
    for item in leading:
        shares = {index: share for index, share in item.claim.savings.items() if index not in taken}
        mine = item.claim.explains - explained
        saving = _saving(item.claim, shares, rows, scale)
        if item.claim.savings and not shares:
            saving = COUNTED_ELSEWHERE
        findings.append(_finding(subject, item, saving, scale, _effects(subject, symptoms, mine)))
        taken.update(shares)
        explained.update(mine)
    for item in symptoms:
        left = {index: share for index, share in item.claim.savings.items() if index not in explained | taken}
        if not left:
            continue
        kept = tuple(piece for piece in item.claim.evidence if piece.row is None or piece.row in left)
        rest = replace(item.claim, evidence=kept, savings=left)
        findings.append(_finding(subject, replace(item, claim=rest), _saving(rest, left, rows, scale), scale, ()))
        taken.update(left)
    return findings


def _effects(subject: Subject, symptoms: Sequence[_Claimed], rows: frozenset[int]) -> tuple[Effect, ...]:
    """Every symptom on the rows of a cause, each row under the first symptom that names it."""
    left = set(rows)
    effects = []
    for item in symptoms:
        mine = sorted(left & set(item.claim.savings))
        if not mine:
            continue
        left -= set(mine)
        times = [row_ns(subject.row(index)) for index in mine]
        known = [time for time in times if time is not None]
        effects.append(
            Effect(
                code=item.rule.code,
                title=item.rule.title,
                what=_effect_words(item, subject, mine),
                rows=tuple(mine),
                layers=tuple(subject.row(index).layer.name for index in mine),
                time_ns=sum(known) if known else None,
            )
        )
    return tuple(sorted(effects, key=lambda effect: (-(effect.time_ns or 0.0), effect.code)))


def _effect_words(item: _Claimed, subject: Subject, rows: Sequence[int]) -> str:
    said = {piece.row: piece.what for piece in item.claim.evidence}
    first = said.get(rows[0]) or subject.row(rows[0]).layer.name
    return first if len(rows) == 1 else f"{first}; {len(rows) - 1} more"


def _finding(
    subject: Subject, item: _Claimed, saving: Estimate | Unknown, scale: Scale, effects: tuple[Effect, ...]
) -> Finding:
    rule, claim = item.rule, item.claim
    aside = rule.role is not Role.CAUSE if claim.aside is None else claim.aside
    severity, noise = _severity(saving, scale, aside=aside or saving == COUNTED_ELSEWHERE)
    modelled = claim.modelled or subject.built.provenance is Provenance.MODELLED
    return Finding(
        code=rule.code,
        title=rule.title,
        engine=subject.built.name,
        severity=severity,
        cause=claim.cause,
        why=rule.why,
        cure=claim.cure or rule.cure,
        source=rule.source,
        evidence=claim.evidence,
        effects=effects,
        saving_ns=saving,
        saving_provenance=Provenance.MODELLED if modelled else Provenance.DERIVED,
        saving_basis=claim.basis or (rule.saving if isinstance(saving, Unknown) else f"{rule.saving}; {scale.basis}"),
        within_noise=noise,
        rows=tuple(sorted({*claim.savings, *claim.explains, *(e.row for e in claim.evidence if e.row is not None)})),
    )


def _severity(saving: Estimate | Unknown, scale: Scale, *, aside: bool) -> tuple[Severity, bool]:
    """By milliseconds: the middle of the saving against the engine's latency.

    A cause whose saving cannot be told is proven all the same: it is minor, where it is not merely worth knowing.
    """
    if isinstance(saving, Unknown) or not scale.reference_ns:
        return Severity.NOTE if aside else Severity.MINOR, False
    ratio = saving.mid / scale.reference_ns
    noise = saving.high < BUILD_NOISE_RATIO * scale.reference_ns
    if ratio >= CRITICAL_RATIO:
        return Severity.CRITICAL, noise
    if ratio >= BUILD_NOISE_RATIO:
        return Severity.MAJOR, noise
    return (Severity.MINOR if ratio >= MINOR_RATIO else Severity.NOTE), noise


def _mid(item: _Claimed) -> float:
    return item.saving.mid if isinstance(item.saving, Estimate) else -1.0


def _rank(finding: Finding, rules: Sequence[Rule]) -> tuple[bool, int, float, int]:
    """Notes last; causes and conditions by what they save, the unknown behind the known; then lone symptoms."""
    places = {rule.code: place for place, rule in enumerate(rules)}
    role = next((rule.role for rule in rules if rule.code == finding.code), Role.SYMPTOM)
    saving = finding.saving_ns.mid if isinstance(finding.saving_ns, Estimate) else -1.0
    return finding.severity is Severity.NOTE, _ORDER[role], -saving, places.get(finding.code, len(places))
