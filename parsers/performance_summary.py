"""trtexec's performance summary: throughput and the spread of each part of a query.

Forms by version, from ``printEpilog`` in NVIDIA/TensorRT's ``sampleReporting.cpp`` and public logs: TensorRT 7 writes
blocks headed ``Host Latency``, ``Enqueue Time`` and ``GPU Compute``; since 8.0 there is one line each below
``=== Performance summary ===``, up to 8.2 with an end-to-end line, since 8.5 with three percentiles. Lines in, records
out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from trtprof.engine_facts import PerformanceSummary, Spread
from trtprof.parsers.document import milliseconds, parse_number

HEADING: Final = "=== Performance summary ==="
_LINES: Final = {
    "Latency": "latency",
    "Enqueue Time": "enqueue",
    "H2D Latency": "h2d",
    "GPU Compute Time": "compute",
    "D2H Latency": "d2h",
    "End-to-End Host Latency": "end_to_end",
}
_TOTALS: Final = {"Total Host Walltime": "walltime", "Total GPU Compute Time": "total_compute"}
_FIGURE: Final = re.compile(r"(min|max|mean|median|percentile\(([\d.]+)%\)) = (\S+) ms")
_BLOCKS: Final = {"Host Latency": "latency", "Enqueue Time": "enqueue", "GPU Compute": "compute"}
_BLOCK_LINE: Final = re.compile(
    r"(min|max|mean|median|percentile): (\S+) ms(?: at ([\d.]+)%)?(?: \(end to end (\S+) ms(?: at [\d.]+%)?\))?$"
)
_BLOCK_TOTALS: Final = {"walltime": "walltime", "total compute time": "total_compute"}


class SummaryReader:
    """Collects the lines of one summary, of any version, as a log passes by."""

    def __init__(self) -> None:
        self._spreads: dict[str, dict[str, float]] = {}
        self._totals: dict[str, float] = {}
        self._block: str | None = None

    def feed(self, message: str) -> bool:
        """Take a line without its log prefix; return whether it belongs to a summary."""
        if message in _BLOCKS:
            self._block = _BLOCKS[message]
            return True
        name, colon, rest = message.partition(": ")
        if not colon:
            return False
        if name in _LINES:
            return self._take_line(_LINES[name], rest)
        if name == "Throughput" or name in _TOTALS:
            return self._take_total("throughput" if name == "Throughput" else _TOTALS[name], rest)
        return self._block is not None and self._take_block_line(self._block, message, name, rest)

    def result(self) -> PerformanceSummary | None:
        """Return the summary, ``None`` when no figure was seen."""
        if not self._spreads and not self._totals:
            return None
        spreads = {part: spread_of(figures) for part, figures in self._spreads.items()}
        seconds = {key: value * 1e9 for key, value in self._totals.items() if key != "throughput"}
        return PerformanceSummary(
            throughput_per_s=self._totals.get("throughput"),
            latency=spreads.get("latency"),
            compute=spreads.get("compute"),
            enqueue=spreads.get("enqueue"),
            h2d=spreads.get("h2d"),
            d2h=spreads.get("d2h"),
            end_to_end=spreads.get("end_to_end"),
            walltime_ns=seconds.get("walltime"),
            total_compute_ns=seconds.get("total_compute"),
        )

    def _take_line(self, part: str, rest: str) -> bool:
        figures = {}
        for word, percent, value in _FIGURE.findall(rest):
            time = milliseconds(parse_number(value))
            if time is not None:
                figures[percent or word] = time
        if figures:
            self._spreads[part] = figures
        return bool(figures)

    def _take_total(self, key: str, rest: str) -> bool:
        value = parse_number(rest.split(" ", 1)[0])
        # TensorRT 7 counts 0 queries a second for networks with explicit batch: that is not measured, not slow.
        if value is None or value <= 0:
            return False
        self._totals[key] = value
        return True

    def _take_block_line(self, part: str, message: str, name: str, rest: str) -> bool:
        found = _BLOCK_LINE.match(message)
        if found is None:
            key = "throughput" if name == "throughput" else _BLOCK_TOTALS.get(name)
            return key is not None and self._take_total(key, rest)
        word = found[3] or found[1]
        for target, text in ((part, found[2]), ("end_to_end", found[4])):
            time = milliseconds(parse_number(text)) if text else None
            if time is not None:
                self._spreads.setdefault(target, {})[word] = time
        return True


def spread_of(figures: Mapping[str, float]) -> Spread:
    """Return figures in nanoseconds, keyed ``min`` … ``median`` or by the percentile's number, as a record."""
    percentiles = {parse_number(key): value for key, value in figures.items() if key[:1].isdigit()}
    return Spread(
        figures.get("min"),
        figures.get("max"),
        figures.get("mean"),
        figures.get("median"),
        tuple(sorted((key, value) for key, value in percentiles.items() if key is not None)),
    )
