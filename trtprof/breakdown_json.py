"""Times and the identity of two engines as JSON: part of ``docs/compare.schema.json``."""

from __future__ import annotations

from typing import Any

from trtprof.comparison import Breakdown, Gain, GroupGain, SpeedupTerm
from trtprof.model import Estimate, Provenance

Json = dict[str, Any]


def time_json(time: Estimate | float | None, provenance: Provenance) -> Json | None:
    """Return a time in ns: a range when modelled, one value when measured, ``null`` when absent."""
    if time is None:
        return None
    if isinstance(time, Estimate):
        return {
            "low_ns": round(time.low),
            "mid_ns": round(time.mid),
            "high_ns": round(time.high),
            "provenance": provenance.value,
        }
    return {"ns": time, "provenance": provenance.value}


def breakdown_json(item: Breakdown) -> Json:
    """Return a breakdown: the terms in total, then those of each node group."""
    kind = item.provenance
    return {
        "engine": item.engine,
        "reference": item.reference,
        "terms": [_term(term, kind) for term in item.terms],
        "gain_math": gain_json(item.gain_math_ns, kind),
        "gain": gain_json(item.gain_ns, kind),
        "groups": [_group(group, kind) for group in item.groups],
    }


def gain_json(gain: Gain, provenance: Provenance) -> Json | None:
    """Return a gain in ns, which may be below 0: a range when modelled, ``null`` when unknown."""
    if gain is None:
        return None
    if isinstance(gain, tuple):
        low, mid, high = (round(part) for part in gain)
        return {"low_ns": low, "mid_ns": mid, "high_ns": high, "provenance": provenance.value}
    return {"ns": gain, "provenance": provenance.value}


def _term(term: SpeedupTerm, provenance: Provenance) -> Json:
    return {
        "key": term.key,
        "label": term.label,
        "reference": {"rows": term.rows[0], "time": time_json(term.times_ns[0], provenance)},
        "engine": {"rows": term.rows[1], "time": time_json(term.times_ns[1], provenance)},
        "gain": gain_json(term.gain_ns, provenance),
    }


def _group(group: GroupGain, provenance: Provenance) -> Json:
    return {
        "group": group.group,
        "onnx_nodes": list(group.nodes),
        "terms": [_term(term, provenance) for term in group.terms],
        "gain": gain_json(group.gain_ns, provenance),
    }
