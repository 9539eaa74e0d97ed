"""The panels of the page in reading order. A new panel is one module with ``panel`` and one line in this list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from trtprof.comparison import Comparison
from trtprof.dashboards.panel import Panel
from trtprof.dashboards.panels import (
    accuracy,
    breakdown,
    conversions,
    findings,
    fusion,
    how_to_read,
    limits,
    precision_mix,
    provenance,
    roofline,
    rows,
    time_by_kind,
    verdict,
)

PANELS: Final[tuple[Callable[[Comparison], Panel], ...]] = (
    verdict.panel,
    findings.panel,
    limits.panel,
    precision_mix.panel,
    time_by_kind.panel,
    breakdown.panel,
    roofline.panel,
    fusion.panel,
    conversions.panel,
    rows.panel,
    accuracy.panel,
    provenance.panel,
    how_to_read.panel,
)
