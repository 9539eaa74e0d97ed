"""A diagnosis as JSON: part of what ``docs/compare.schema.json`` describes. Times are ms here, as people read them."""

from __future__ import annotations

from typing import Any

from trtprof.diagnosis import Answer, Diagnosis, Effect, Evidence, Finding, Suppressed
from trtprof.model import Estimate, Unknown
from trtprof.units import NS_PER_MS

Json = dict[str, Any]


def finding_json(finding: Finding) -> Json:
    """Return one finding; ``saving_ms`` is ``[low, high]``, or null with the reason in ``saving``."""
    saving = finding.saving_ns
    known = isinstance(saving, Estimate)
    return {
        "code": finding.code,
        "title": finding.title,
        "engine": finding.engine,
        "severity": finding.severity.value,
        "cause": finding.cause,
        "why": finding.why,
        "cure": finding.cure,
        "source": finding.source,
        "saving_ms": [saving.low / NS_PER_MS, saving.high / NS_PER_MS] if isinstance(saving, Estimate) else None,
        "saving": {
            "mid_ms": saving.mid / NS_PER_MS if isinstance(saving, Estimate) else None,
            "provenance": finding.saving_provenance.value,
            "basis": finding.saving_basis,
            "within_build_noise": finding.within_noise if known else None,
            "unknown": saving.reason if isinstance(saving, Unknown) else None,
        },
        "evidence": [_evidence(item) for item in finding.evidence],
        "effects": [_effect(item) for item in finding.effects],
        "rows": list(finding.rows),
    }


def diagnosis_json(diagnosis: Diagnosis) -> Json:
    """Return what stands beside the findings: the sentence, healthy engines, other answers, what was set aside."""
    return {
        "sentence": diagnosis.sentence,
        "healthy": list(diagnosis.healthy),
        "found_nothing": [_answer(item) for item in diagnosis.answers if item.reason is None],
        "cannot_tell": [_answer(item) for item in diagnosis.answers if item.reason is not None],
        "suppressed": [_suppressed(item) for item in diagnosis.suppressed],
    }


def _evidence(item: Evidence) -> Json:
    return {
        "what": item.what,
        "source": item.source,
        "row": item.row,
        "layer": item.layer,
        "time_ms": _ms(item.time_ns),
    }


def _effect(item: Effect) -> Json:
    return {
        "code": item.code,
        "title": item.title,
        "what": item.what,
        "rows": list(item.rows),
        "layers": list(item.layers),
        "time_ms": _ms(item.time_ns),
    }


def _answer(item: Answer) -> Json:
    entry: Json = {"code": item.code, "title": item.title, "engine": item.engine}
    return entry if item.reason is None else {**entry, "because": item.reason.reason}


def _suppressed(item: Suppressed) -> Json:
    return {"finding": finding_json(item.finding), "reason": item.reason, "where": item.where}


def _ms(time_ns: float | None) -> float | None:
    return None if time_ns is None else time_ns / NS_PER_MS
