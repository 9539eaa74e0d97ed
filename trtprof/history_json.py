"""Several runs of the store as JSON: what ``trtprof report --format json`` prints; ``docs/history.schema.json``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from trtprof.history import PastEngine, PastFinding, PastRun
from trtprof.model import Estimate, Provenance
from trtprof.units import NS_PER_MS

SCHEMA_VERSION: Final = 1
Json = dict[str, Any]


def history_json(runs: Sequence[PastRun]) -> Json:
    """Return runs, oldest first, as one JSON object."""
    return {"schema_version": SCHEMA_VERSION, "runs": [_run(run) for run in runs]}


def _run(run: PastRun) -> Json:
    return {
        "id": run.id,
        "created": run.created,
        "model": run.model,
        "device": run.device,
        "tool": run.tool,
        "tool_version": run.tool_version,
        "verdict": run.verdict,
        "engines": [_engine(engine) for engine in run.engines],
    }


def _engine(engine: PastEngine) -> Json:
    share = engine.tensor_core_ratio
    return {
        "name": engine.name,
        "unknown": engine.unknown,
        "time": _time(engine),
        "latency_p99_ns": engine.latency_p99_ns,
        "tensor_core_share": None if share is None else {"ratio": share, "provenance": Provenance.DERIVED.value},
        "findings": [_finding(item) for item in engine.findings] if engine.findings_kept else None,
    }


def _time(engine: PastEngine) -> Json | None:
    time, kind = engine.time_ns, engine.time_provenance
    if time is None or kind is None:
        return None
    what = "layer sum" if engine.latency_median_ns is None else "median"
    if isinstance(time, Estimate):
        return {"what": what, "low_ns": time.low, "mid_ns": time.mid, "high_ns": time.high, "provenance": kind.value}
    return {"what": what, "ns": time, "provenance": kind.value}


def _finding(item: PastFinding) -> Json:
    saving = item.saving_ns
    return {
        "code": item.code,
        "title": item.title,
        "severity": item.severity,
        "saving_ms": None if saving is None else [saving.low / NS_PER_MS, saving.high / NS_PER_MS],
    }
