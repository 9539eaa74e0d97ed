"""The files that a measured engine leaves, named and written alike by every backend.

``layers.json`` is what the engine inspector says; ``profile.json`` and ``times.json`` are in the formats of ``trtexec
--exportProfile`` and ``--exportTimes`` (NVIDIA/TensorRT, ``samples/common/sampleReporting.cpp``), so that one set of
parsers reads all of them.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trtprof.backends.capture import write_text
from trtprof.units import NS_PER_MS

PLAN: Final = "engine.plan"
LAYERS: Final = "layers.json"
TIMES: Final = "times.json"
PROFILE: Final = "profile.json"
LAYER_TIMES: Final = "layer_times.json"
BUILD_LOG: Final = "build.log"
LATENCY_LOG: Final = "latency.log"
PROFILE_LOG: Final = "profile.log"


@dataclass(frozen=True, slots=True)
class IterationTimes:
    """One inference: host clock around the enqueue, GPU clock around the work, in ns since the run began."""

    start_enqueue_ns: float
    end_enqueue_ns: float
    start_compute_ns: float
    end_compute_ns: float

    @property
    def compute_ns(self) -> float:
        """Time the GPU took."""
        return self.end_compute_ns - self.start_compute_ns

    @property
    def enqueue_ns(self) -> float:
        """Time the host took to hand the work over."""
        return self.end_enqueue_ns - self.start_enqueue_ns


@dataclass(frozen=True, slots=True)
class LayerDistribution:
    """Times of one layer over all profiled iterations, in ns. ``p99_ns`` is the nearest rank, never interpolated."""

    name: str
    count: int
    total_ns: float
    min_ns: float
    mean_ns: float
    median_ns: float
    p99_ns: float


def distribution(name: str, times_ns: Sequence[float]) -> LayerDistribution:
    """Return the distribution of a layer's times, of which there is at least one."""
    ordered = sorted(times_ns)
    total = sum(ordered)
    rank = -(-99 * len(ordered) // 100)
    return LayerDistribution(
        name=name,
        count=len(ordered),
        total_ns=total,
        min_ns=ordered[0],
        mean_ns=total / len(ordered),
        median_ns=statistics.median(ordered),
        p99_ns=ordered[rank - 1],
    )


def write_times(path: Path, iterations: Sequence[IterationTimes]) -> None:
    """Write ``times.json``; nothing is copied to or from the host, so latency is compute, as in trtexec.

    Raises:
        BuildError: it cannot be written.
    """
    write_text(path, json.dumps([_times_row(item) for item in iterations], indent=0) + "\n")


def _times_row(item: IterationTimes) -> dict[str, float]:
    start, end = item.start_compute_ns / NS_PER_MS, item.end_compute_ns / NS_PER_MS
    compute = item.compute_ns / NS_PER_MS
    return {
        "startEnqMs": item.start_enqueue_ns / NS_PER_MS,
        "endEnqMs": item.end_enqueue_ns / NS_PER_MS,
        "startH2dMs": start,
        "endH2dMs": start,
        "startComputeMs": start,
        "endComputeMs": end,
        "startD2hMs": end,
        "endD2hMs": end,
        "h2dMs": 0,
        "computeMs": compute,
        "d2hMs": 0,
        "latencyMs": compute,
    }


def write_profile(path: Path, layers: Sequence[LayerDistribution], iterations: int) -> None:
    """Write ``profile.json``, and beside it ``layer_times.json`` with what trtexec's format has no room for.

    Raises:
        BuildError: one of them cannot be written.
    """
    whole = sum(layer.total_ns for layer in layers)
    rows: list[dict[str, Any]] = [{"count": iterations}]
    for layer in layers:
        rows.append(
            {
                "name": layer.name,
                "timeMs": layer.total_ns / NS_PER_MS,
                "averageMs": layer.mean_ns / NS_PER_MS,
                "medianMs": layer.median_ns / NS_PER_MS,
                "percentage": 100 * layer.total_ns / whole if whole else 0.0,
            }
        )
    write_text(path, json.dumps(rows, indent=0) + "\n")
    write_text(path.with_name(LAYER_TIMES), json.dumps(_layer_times(layers, iterations), indent=1) + "\n")


def _layer_times(layers: Sequence[LayerDistribution], iterations: int) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "iterations": iterations,
        "layers": [
            {
                "name": layer.name,
                "count": layer.count,
                "min_ns": layer.min_ns,
                "mean_ns": layer.mean_ns,
                "median_ns": layer.median_ns,
                "p99_ns": layer.p99_ns,
            }
            for layer in layers
        ],
    }
