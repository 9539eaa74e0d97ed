"""The same nodes in the 16-bit engine: what a row's group takes there."""

from __future__ import annotations

from trtprof.analysis.findings.asked import reads_quantised, sum_ns
from trtprof.analysis.findings.rule import NONE, Share, Subject
from trtprof.comparison import Row

_SPREAD = 0.1
"""How far the measured gain of one layer may be off between two builds."""


def group_rows(subject: Subject, row: Row) -> tuple[Row, ...]:
    """Return the rows of the engine itself that do the same nodes' work, conversions left out."""
    if row.group is None:
        return (row,)
    return tuple(item for item in subject.rows if item.group == row.group and not item.kind.is_conversion)


def half_ns(subject: Subject, row: Row) -> float | None:
    """Return the time of a row's nodes in the 16-bit engine, ``None`` where it has none."""
    time = sum_ns(item for item in subject.sibling_rows(row, subject.half) if not item.kind.is_conversion)
    return time or None


def half_share(subject: Subject, row: Row) -> Share | None:
    """Return the share of a float row's time that 16 bits save, as measured; ``None`` where nothing compares."""
    mine = group_rows(subject, row)
    other, own = half_ns(subject, row), sum_ns(mine)
    if other is None or not own or any(reads_quantised(item) for item in mine):
        return None
    gain = 1.0 - other / own
    if gain <= 0:
        return NONE
    return Share(gain * (1 - _SPREAD), gain, min(1.0, gain * (1 + _SPREAD)))
