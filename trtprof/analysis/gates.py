"""A gate of ``trtprof diff --fail-if``: METRIC:CHANGE, where the sign tells the direction that fails."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from trtprof.errors import UsageError
from trtprof.figures import METRICS, Metric, Quantity
from trtprof.model import Severity

_UNITS: Final[Mapping[Quantity, Mapping[str, float]]] = MappingProxyType(
    {
        Quantity.TIME: {"ms": 1e6, "us": 1e3, "µs": 1e3, "ns": 1.0},
        Quantity.RATE: {},
        Quantity.SHARE: {"pp": 0.01},
        Quantity.COUNT: {"": 1.0},
        Quantity.BYTES: {"B": 1.0, "KiB": 1024.0, "MiB": 1024.0**2, "GiB": 1024.0**3},
        Quantity.DECIBEL: {"dB": 1.0},
        Quantity.NUMBER: {"": 1.0},
    }
)
"""The absolute units of each quantity, in ns, bytes, ratio or as they are."""
_RELATIVE: Final = frozenset({Quantity.TIME, Quantity.RATE, Quantity.COUNT, Quantity.BYTES, Quantity.NUMBER})
"""Quantities whose limit may be a percentage; a share changes by percentage points, and dB are ratios already."""
_CHANGE: Final = re.compile(r"([+-])(\d+(?:\.\d*)?|\.\d+)\s*(.*)")
_EXAMPLE: Final[Mapping[Quantity, str]] = MappingProxyType(
    {
        Quantity.TIME: "+3% or +0.1ms",
        Quantity.RATE: "-3%",
        Quantity.SHARE: "-2pp",
        Quantity.COUNT: "+1 or +10%",
        Quantity.BYTES: "+5% or +1MiB",
        Quantity.DECIBEL: "-1dB",
        Quantity.NUMBER: "-0.001 or -1%",
    }
)


@dataclass(frozen=True, slots=True)
class Gate:
    """A limit on how a metric may change from base to head.

    ``sign`` is +1 where a rise fails and -1 where a fall does; ``limit`` is the smallest change that fails, a ratio of
    base where ``relative``, else in the metric's own unit; with a limit of 0 any change in that direction fails.
    ``severity`` is the least that a finding must have to count.
    """

    text: str
    metric: Metric
    sign: int
    limit: float
    relative: bool
    severity: Severity = Severity.NOTE


def parse_gate(text: str) -> Gate:
    """Return the gate that ``METRIC:CHANGE`` describes.

    Raises:
        UsageError: the metric is not known, the change has no sign, or its unit is none of the metric's.
    """
    name, colon, change = text.strip().partition(":")
    stem, dot, level = name.partition(".")
    if stem == "findings":
        return _findings_gate(text, level if dot else None, change if colon else None)
    metric = METRICS.get(name)
    if metric is None:
        raise _wrong(text, f"'{name}' is no metric", _list_hint())
    found = _CHANGE.fullmatch(change.strip())
    example = f"for example {name}:{_EXAMPLE[metric.quantity]}"
    if not colon or not change.strip():
        raise _wrong(text, "the change is missing", f"METRIC:CHANGE, {example}")
    if found is None:
        raise _wrong(text, f"'{change}' is no change: expected a sign, a number and a unit", example)
    sign, number, unit = found.groups()
    units = _UNITS[metric.quantity]
    relative = unit == "%" and metric.quantity in _RELATIVE
    if not relative and unit not in units:
        allowed = [*(["%"] if metric.quantity in _RELATIVE else []), *(item or "none" for item in units)]
        raise _wrong(text, f"'{unit or 'none'}' is no unit of {name}, which takes {', '.join(allowed)}", example)
    return Gate(text, metric, 1 if sign == "+" else -1, float(number) * (0.01 if relative else units[unit]), relative)


def _findings_gate(text: str, level: str | None, change: str | None) -> Gate:
    """``findings:critical`` is short for ``findings.critical:+1``: a new finding of that severity or a worse one."""
    levels = {severity.value: severity for severity in Severity}
    if level is None and change in levels:
        level, change = change, "+1"
    if level is not None and level not in levels:
        raise _wrong(text, f"'{level}' is no severity", f"severities: {', '.join(levels)}")
    found = _CHANGE.fullmatch((change or "").strip())
    if found is None or found[3] or not float(found[2]).is_integer():
        hint = f"findings:+1, findings.major:+1, or short findings:{'|'.join(levels)}"
        raise _wrong(text, f"'{change or ''}' is no number of findings with a sign", hint)
    severity = levels[level] if level else Severity.NOTE
    return Gate(text, METRICS["findings"], 1 if found[1] == "+" else -1, float(found[2]), False, severity)


def _list_hint() -> str:
    return f"metrics: {', '.join(METRICS)}"


def _wrong(text: str, what: str, hint: str) -> UsageError:
    return UsageError(f"--fail-if {text}: {what}", hint=hint)
