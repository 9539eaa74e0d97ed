"""The table ``=== Profile (N iterations ) ===`` that ``trtexec --dumpProfile`` prints.

Up to TensorRT 8.5 (and on DRIVE's 8.6.10) the name comes first, right-aligned; since 8.6 it comes last. The median
column exists since 8.4. Figures have four decimals of a millisecond, so a layer's time is known to 0.1 µs. Lines in,
records out.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from trtprof.model import LayerTiming
from trtprof.parsers.document import milliseconds, parse_number

HEADING: Final = re.compile(r"=== Profile \((\d+) iterations ?\) ===$")
_FIGURE: Final = re.compile(r"[-+]?(?:\d+(?:\.\d*)?(?:e[-+]?\d+)?|nan|inf)$", re.IGNORECASE)
_COLUMN: Final = re.compile(r"Layer|Time ?\(ms\)|Avg\. ?(?:Time ?)?\(ms\)|Median ?(?:Time ?)?\(ms\)|Time ?\(?%\)?")


class TableReader:
    """Collects the rows of one table as a log passes by.

    ``total_ns`` is the table's own total of the averages, ``None`` while it has not been met (a table cut off);
    ``unread`` counts rows whose average is no number (``nan``).
    """

    def __init__(self, iterations: int | None) -> None:
        self.iterations = iterations
        self.finished = False
        self.total_ns: float | None = None
        self.unread = 0
        self._columns: tuple[str, ...] | None = None
        self._timings: list[LayerTiming] = []

    def feed(self, message: str) -> None:
        """Take a line without its log prefix: the header, a row, the total, or the blank line that ends the table."""
        if not message.strip():
            self.finished = self._columns is not None
        elif self._columns is None:
            self._columns = _columns(message)
            self.finished = self._columns is None
        else:
            self._take_row(message)

    def timings(self) -> tuple[LayerTiming, ...]:
        """Return the rows read so far, with their share of the sum."""
        whole = sum(timing.mean_ns for timing in self._timings)
        if not whole:
            return tuple(self._timings)
        return tuple(replace(timing, ratio=timing.mean_ns / whole) for timing in self._timings)

    def _take_row(self, message: str) -> None:
        columns = self._columns or ()
        figures = len(columns) - 1
        if columns[0] == "Layer":
            parts = message.strip().rsplit(None, figures)
            layer, values, names = parts[0], parts[1:], columns[1:]
        else:
            parts = message.split(None, figures)
            layer, values, names = parts[-1].rstrip(), parts[:-1], columns[:-1]
        if len(parts) != len(columns) or not all(_FIGURE.match(value) for value in values):
            self.finished = True
            return
        row = dict(zip(names, (milliseconds(parse_number(value)) for value in values), strict=True))
        mean = row.get("Avg")
        if mean is None:
            self.unread += 1
        elif layer == "Total":
            self.total_ns, self.finished = mean, True
        else:
            self._timings.append(LayerTiming(layer, mean, row.get("Median"), row.get("Time"), self.iterations))


def _columns(header: str) -> tuple[str, ...] | None:
    """The columns by name, ``None`` for a line that is no header of this table."""
    found = _COLUMN.findall(header)
    names = tuple("%" if "%" in column else re.split(r"[.( ]", column)[0] for column in found)
    whole = "".join(found).replace(" ", "") == header.replace(" ", "").strip()
    return names if whole and len(names) in (4, 5) and "Layer" in (names[0], names[-1]) else None
