"""What a trace says of an engine's kernels as JSON, in sums; the form is in ``docs/compare.schema.json``."""

from __future__ import annotations

from typing import Any

from trtprof.gpu_timeline import EngineTimeline
from trtprof.model import Provenance, Unknown


def timeline_json(timeline: EngineTimeline | Unknown) -> dict[str, Any]:
    """Return the sums over the shown inference and over the run; the reason where there is no trace to tell."""
    if isinstance(timeline, Unknown):
        return {"unknown": timeline.reason}
    run = timeline.run
    idle = sum(sum(shares) for _, shares in run.gaps) * run.bin_ns
    return {
        "trace": timeline.trace,
        "gpu": timeline.device,
        "inferences": timeline.inferences,
        "other_inferences": timeline.others,
        "shown_inference": timeline.shown,
        "median_ns": timeline.median_ns,
        "span_ns": timeline.span_ns,
        "kernels": len(timeline.kernels),
        "kernels_with_row": sum(kernel.row is not None for kernel in timeline.kernels),
        "idle_ns": timeline.idle_ns,
        "launch_bound_ns": timeline.launch_bound_ns,
        "units": [{"unit": unit.value, "total_ns": time} for unit, time in timeline.units],
        "gaps": [{"cause": cause.value, "total_ns": time} for cause, time in timeline.causes],
        "run": {
            "launches": run.launches,
            "span_ns": run.span_ns,
            "busy_ratio": round(1 - idle / run.span_ns, 4) if run.span_ns else None,
        },
        "provenance": Provenance.MEASURED.value,
    }
