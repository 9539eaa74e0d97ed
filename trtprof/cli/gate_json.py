"""Gates and figures as JSON: part of ``docs/diff.schema.json``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from trtprof.analysis.judge import Gates, Judgement, changes, new_findings
from trtprof.figures import EngineFigures, Figure, NamedFinding, Quantity
from trtprof.pipeline.sides import EnginePair

_UNITS = {
    Quantity.TIME: "ns", Quantity.RATE: "per_s", Quantity.SHARE: "ratio", Quantity.COUNT: "count",
    Quantity.BYTES: "bytes", Quantity.DECIBEL: "dB", Quantity.NUMBER: "number",
}  # fmt: skip
Json = dict[str, Any]


def gates_json(gates: Gates) -> Json:
    """Return the gates with the outcome of the whole."""
    return {
        "outcome": gates.outcome.value,
        "strict": gates.strict,
        "judgements": [
            {
                "gate": item.gate.text,
                "engine": item.engine,
                "outcome": item.outcome.value,
                "limit": item.gate.sign * item.gate.limit,
                "severity": item.gate.severity.value if item.gate.metric.name == "findings" else None,
                **_change_json(item),
            }
            for item in gates.judgements
        ],
    }


def pair_json(pair: EnginePair) -> Json:
    """Return two engines by their figures."""
    known = pair.base.unknown is None and pair.head.unknown is None
    return {
        "engine": pair.name,
        "base": _side(pair.base),
        "head": _side(pair.head),
        "figures": [_change_json(item) for item in changes(pair.name, pair.base, pair.head)] if known else [],
        "findings": {
            "new": _findings(new_findings(pair.base, pair.head)),
            "gone": _findings(new_findings(pair.head, pair.base)),
        },
    }


def _side(side: EngineFigures) -> Json:
    return {
        "name": side.name,
        "precision": side.precision,
        "source": side.source,
        "device": side.device,
        "unknown": side.unknown.reason if side.unknown else None,
    }


def _findings(items: Iterable[NamedFinding]) -> list[Json]:
    return [{"code": item.code, "severity": item.severity.value, "title": item.title} for item in items]


def _change_json(item: Judgement) -> Json:
    unit = _UNITS[item.gate.metric.quantity]
    known = item.base or item.head
    return {
        "metric": item.gate.metric.name,
        "of": (known.of or None) if known else None,
        "unit": unit,
        "base": _figure(item.base),
        "head": _figure(item.head),
        "change": _finite(item.change),
        "noise": item.noise if item.change is not None else None,
        "change_unit": "ratio_of_base" if item.gate.relative else unit,
        "why": item.why or None,
    }


def _figure(figure: Figure | None) -> Json | None:
    if figure is None:
        return None
    if figure.low is not None and figure.high is not None:
        return {"low": figure.low, "mid": figure.value, "high": figure.high, "provenance": figure.provenance.value}
    return {
        "value": _finite(figure.value),
        "exact": math.isinf(figure.value),
        "provenance": figure.provenance.value,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
