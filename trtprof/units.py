"""Numbers in words. Records keep nanoseconds and bytes; this is the only place that formats them.

Imports nothing of ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000

ABSENT = "–"
"""What a table shows where a number is absent. Never 0: 0 is a measurement."""


def ms(value_ns: float | None, digits: int = 3) -> str:
    """Return nanoseconds as milliseconds without the unit, or the absent mark."""
    return ABSENT if value_ns is None else f"{value_ns / NS_PER_MS:.{digits}f}"


def ms_range(low_ns: float, high_ns: float) -> str:
    """Return a range of nanoseconds as ``low to high`` in milliseconds, without the unit."""
    digits = 3 if high_ns < 10 * NS_PER_MS else 1
    return f"{low_ns / NS_PER_MS:.{digits}f} to {high_ns / NS_PER_MS:.{digits}f}"


def signed_ms(value_ns: float | None, digits: int = 3) -> str:
    """Return a difference of nanoseconds as milliseconds with its sign, ``0`` for none at all, or the absent mark."""
    if value_ns is None:
        return ABSENT
    if not value_ns:
        return "0"
    text = f"{value_ns / NS_PER_MS:+.{digits}f}"
    return text if float(text) else text[1:]


def ratio_range(low: float, high: float) -> str:
    """Return a range of ratios as ``×low to ×high`` with two significant digits."""
    return f"×{significant(low)} to ×{significant(high)}"


def significant(value: float, digits: int = 2) -> str:
    """Return a number with so many significant digits, without an exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"


def mib(value_bytes: int | None) -> str:
    """Return bytes as MiB without the unit (two decimals below 10), or the absent mark."""
    if value_bytes is None:
        return ABSENT
    value = value_bytes / 2**20
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def byte_size(value_bytes: int | None) -> str:
    """Return bytes with the binary unit that suits them."""
    if value_bytes is None:
        return ABSENT
    value = float(value_bytes)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def percent(ratio: float | None, digits: int = 0) -> str:
    """Return a ratio from 0 to 1 as percent with its sign, or the absent mark."""
    return ABSENT if ratio is None else f"{ratio * 100:.{digits}f} %"


def seconds(value_ns: float | None) -> str:
    """Return nanoseconds as seconds with the unit."""
    return ABSENT if value_ns is None else f"{value_ns / NS_PER_S:.1f} s"


def decibel(value_db: float | None) -> str:
    """Return decibels with the unit; infinity reads ``exact``."""
    if value_db is None:
        return ABSENT
    return "exact" if math.isinf(value_db) and value_db > 0 else f"{value_db:.1f} dB"


def dims(shape: Iterable[int | str] | None) -> str:
    """Return a shape the way trtexec writes it: ``1x3x224x224``."""
    return ABSENT if shape is None else "x".join(str(extent) for extent in shape) or "scalar"


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """Return ``1 row`` or ``3 rows``."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"
