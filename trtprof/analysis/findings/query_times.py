"""The parts of one query as an engine's files tell them: host, GPU, transfers, wall clock.

Single iterations are preferred to the summary that trtexec prints, since a summary has no order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from trtprof.comparison import Built
from trtprof.engine_facts import PerformanceSummary, Spread
from trtprof.model import Unknown

INFERENCE: Final = "Inference Options"
NO_QUERY: Final = Unknown("no query was timed by itself: give trtexec --exportTimes, or its whole log")
"""The same words from every rule that lacks them, so that a report says them once."""


@dataclass(frozen=True, slots=True)
class QueryTimes:
    """Medians of the parts of a query in ns, ``None`` where a part was not measured.

    ``wall_ns`` is the time from one query to the next, from the throughput. ``busy_ratio`` is the share of the wall
    clock in which the GPU computed, 0 to 1. ``source`` says where the medians were read: ``times`` or ``log``.
    """

    enqueue_ns: float | None
    compute_ns: float | None
    h2d_ns: float | None
    d2h_ns: float | None
    wall_ns: float | None
    busy_ratio: float | None
    source: str

    @property
    def transfers_ns(self) -> float | None:
        """Time of both transfers; ``None`` where neither was measured."""
        parts = [part for part in (self.h2d_ns, self.d2h_ns) if part is not None]
        return sum(parts) if parts else None


def query_times(built: Built) -> QueryTimes:
    """Return the parts of a query of an engine."""
    inference = built.engine.inference
    summary = (built.engine.facts.summary if built.engine.facts else None) or PerformanceSummary()
    rate = summary.throughput_per_s
    wall, total = summary.walltime_ns, summary.total_compute_ns
    single = inference is not None and bool(inference.compute_ns or inference.latency_ns)
    return QueryTimes(
        enqueue_ns=_middle(inference.enqueue_ns if inference else (), summary.enqueue),
        compute_ns=_middle(inference.compute_ns if inference else (), summary.compute),
        h2d_ns=_middle(inference.h2d_ns if inference else (), summary.h2d),
        d2h_ns=_middle(inference.d2h_ns if inference else (), summary.d2h),
        wall_ns=1e9 / rate if rate else None,
        busy_ratio=min(1.0, total / wall) if wall and total is not None else None,
        source="times" if single else "log",
    )


def warned(built: Built, words: str) -> str | None:
    """Return the first warning of an engine's log that contains some words, without the star trtexec puts before it."""
    facts = built.engine.facts
    if facts is None:
        return None
    return next((text.removeprefix("* ") for text, _ in facts.warnings if words in text), None)


def inference_option(built: Built, name: str) -> str | None:
    """Return a line of trtexec's inference options, ``None`` where it was not printed."""
    return built.engine.facts.option(INFERENCE, name) if built.engine.facts else None


def major_version(built: Built) -> int | None:
    """Return the first number of the TensorRT version an engine was built with."""
    first = (built.engine.tool_version or "").partition(".")[0]
    return int(first) if first.isdigit() else None


def _middle(times: Sequence[float], spread: Spread | None) -> float | None:
    if times:
        return float(median(times))
    return spread.median_ns if spread else None
