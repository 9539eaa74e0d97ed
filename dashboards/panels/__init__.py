"""The panels of the page in reading order. A new panel is one module with ``panel`` and one line in this list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from trtprof.comparison import Comparison
from trtprof.dashboards.panel import Panel
from trtprof.dashboards.panels import (
    accuracy,
    breakdown,
    conversion_map,
    conversions,
    dumbbell,
    findings,
    fusion,
    how_to_read,
    icicle,
    iterations,
    limits,
    memory,
    order,
    placement,
    power,
    precision_mix,
    provenance,
    roofline,
    rows,
    time_by_kind,
    timeline,
    verdict,
)

PANELS: Final[tuple[Callable[[Comparison], Panel], ...]] = (
    verdict.panel,
    findings.panel,
    limits.panel,
    precision_mix.panel,
    time_by_kind.panel,
    breakdown.panel,
    order.panel,
    dumbbell.panel,
    roofline.panel,
    fusion.panel,
    conversions.panel,
    conversion_map.panel,
    icicle.panel,
    rows.panel,
    timeline.panel,
    iterations.panel,
    memory.panel,
    accuracy.panel,
    provenance.panel,
    how_to_read.panel,
)

_LAST: Final = 2
"""Provenance and the explanations close every page."""


def panels_of(comparison: Comparison) -> list[Panel]:
    """Return the panels of a comparison: those of every page, and those of boards where an engine ran on one."""
    boards: list[Callable[[Comparison], Panel]] = []
    if any(built.board_run is not None for built in comparison.engines):
        boards.append(power.panel)
    if any(built.dla is not None for built in comparison.engines):
        boards.append(placement.panel)
    return [make(comparison) for make in (*PANELS[:-_LAST], *boards, *PANELS[-_LAST:])]
