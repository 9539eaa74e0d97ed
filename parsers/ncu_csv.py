"""CSV of Nsight Compute: ``--page raw`` (a row a launch), ``--page details`` (a row a metric), per-kernel summaries.

Lines of ncu itself and of the program (``==PROF== …``) stand before, between and behind the table. Numbers may have
thousands separators, the unit of a metric is in a second header row or in a column, and ``--print-summary per-kernel``
leaves out the end of a row whose section has no metric (ncu 2024 on Jetson). Imports the model and the errors only.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from trtprof.errors import InputError
from trtprof.model import Notice
from trtprof.parsers.document import as_text, parse_number, read_bytes

KEPT: Final = ("sm__ops_path_tensor", "sm__inst_executed_pipe_tensor", "sm__pipe_tensor", "gpu__time_duration")
"""How the metrics begin that are kept; a raw page has 800 more."""

DURATION: Final = ("gpu__time_duration.sum", "Duration")
"""The time of a launch, by its name on the raw page and by its label on the details page."""

_OF_DETAILS: Final = ("ID", "Metric Name", "Metric Unit")
_OF_KERNELS: Final = ("Section Name", "Metric Unit", "Maximum", "Invocations")
_HINT: Final = (
    "make it with `ncu --page raw --csv …`, or from a report with `ncu --import FILE.ncu-rep --page raw --csv`"
)
_NOISE: Final = re.compile(r"==[A-Z]+==")
_NS: Final = {
    "ns": 1.0, "nsecond": 1.0, "us": 1e3, "usecond": 1e3, "ms": 1e6, "msecond": 1e6, "s": 1e9, "second": 1e9,
}  # fmt: skip
_SCALE: Final = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


@dataclass(frozen=True, slots=True)
class MeasuredLaunches:
    """Launches of one kernel with what the counters said: one launch, or the mean of ``launches`` of them.

    ``duration_ns`` is of one launch. ``metrics`` has the values in ncu's base units, without those that ncu could not
    collect; ``largest`` the highest value where the file summarises several launches, else the same.
    """

    name: str
    launches: int
    duration_ns: float | None
    compute_capability: tuple[int, int] | None
    metrics: Mapping[str, float]
    largest: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NcuFile:
    """A file of Nsight Compute. ``metric_names`` are all metrics in it that begin as :data:`KEPT`, collected or not."""

    page: str
    launches: tuple[MeasuredLaunches, ...]
    metric_names: tuple[str, ...]
    notices: tuple[Notice, ...] = ()


def read_ncu_csv(path: Path) -> NcuFile:
    """Return the kernels of a file in its order.

    Raises:
        InputError: no such file, no table of ncu in it, or a table that ends in the middle of a row.
    """
    return parse_ncu_csv(as_text(read_bytes(path)), path=str(path))


def parse_ncu_csv(text: str, *, path: str) -> NcuFile:
    """Return the kernels of the text of a file; ``path`` is for messages.

    Raises:
        InputError: no table of ncu in it, or a table that ends in the middle of a row.
    """
    header, rows = _table(text, path)
    if "Metric Value" in header:
        _need(_OF_DETAILS, header, path)
        return _details(header, rows, path)
    if "Average" in header and "Metric Name" in header:
        _need(_OF_KERNELS, header, path)
        return _per_kernel(header, rows, path)
    return _raw(header, rows, path)


def _need(columns: Sequence[str], header: Sequence[str], path: str) -> None:
    missing = next((column for column in columns if column not in header), None)
    if missing is not None:
        raise InputError(f"expected a column `{missing}`, found none", path=path, where="header", hint=_HINT)


@dataclass(slots=True)
class _Row:
    """A row of the table and the line of the file it begins in."""

    line: int
    cells: list[str]


def _table(text: str, path: str) -> tuple[list[str], list[_Row]]:
    """Return the header and the rows; a header that is repeated is noise."""
    if not text.strip():
        raise InputError("expected CSV of ncu, found an empty file", path=path, hint=_HINT)
    header: list[str] | None = None
    rows: list[_Row] = []
    for row in _csv_rows(text, path):
        if header is None:
            if "Kernel Name" in row.cells and {"ID", "Process ID"} & set(row.cells):
                header = row.cells
        elif row.cells != header and _is_table_row(row.cells):
            rows.append(row)
    if header is None:
        found = next(line.strip() for line in text.splitlines() if line.strip())
        raise InputError(
            f"expected a header with `Kernel Name`, found {found[:60]!r}", path=path, where="line 1", hint=_HINT
        )
    return header, rows


def _csv_rows(text: str, path: str) -> Iterator[_Row]:
    """Yield the lines that can be rows. ncu quotes every cell; only a table saved by something else does not."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if not _NOISE.match(line)]
    if any(line.startswith('"') and "Kernel Name" in line for _, line in lines):
        lines = [(number, line) for number, line in lines if line.startswith('"')]
    for number, line in lines:
        try:
            for cells in csv.reader([line], strict=True):
                yield _Row(number, cells)
        except csv.Error as error:
            raise InputError(
                f"expected CSV, found a row that does not end: {error}", path=path, where=f"line {number}", hint=_HINT
            ) from error


def _is_table_row(cells: list[str]) -> bool:
    """Whether a line is a row of the table: what the program prints between has no commas, or few."""
    return len(cells) > 4


def _raw(header: list[str], rows: list[_Row], path: str) -> NcuFile:
    """Read a row a launch; the first row holds the units and no kernel."""
    units = dict.fromkeys(header, "")
    name_column = header.index("Kernel Name")
    kept = {name: place for place, name in enumerate(header) if name.startswith(KEPT)}
    launches = []
    for row in rows:
        if len(row.cells) != len(header):
            raise _short_row(row, len(header), path)
        if not row.cells[name_column]:
            units = dict(zip(header, row.cells, strict=True))
            continue
        values = {
            name: value for name, place in kept.items() if (value := _number(row.cells[place], units[name])) is not None
        }
        launches.append(
            MeasuredLaunches(
                row.cells[name_column], 1, values.get(DURATION[0]), _capability(header, row.cells), values, values
            )
        )
    return NcuFile("raw", tuple(launches), tuple(kept))


def _details(header: list[str], rows: list[_Row], path: str) -> NcuFile:
    """Read a row a metric, gathered by the launch's ID."""
    found: dict[str, tuple[list[str], dict[str, float]]] = {}
    names: dict[str, None] = {}
    for row in rows:
        if len(row.cells) != len(header):
            raise _short_row(row, len(header), path)
        cells = dict(zip(header, row.cells, strict=True))
        values = found.setdefault(cells["ID"], (row.cells, {}))[1]
        name = cells["Metric Name"]
        value = _number(cells["Metric Value"], cells["Metric Unit"])
        if name.startswith(KEPT):
            names[name] = None
        if value is not None and name.startswith((*KEPT, DURATION[1])):
            values.setdefault(name, value)
    name_column = header.index("Kernel Name")
    launches = tuple(
        MeasuredLaunches(cells[name_column], 1, _duration(values), _capability(header, cells), values, values)
        for cells, values in found.values()
    )
    return NcuFile("details", launches, tuple(names))


def _per_kernel(header: list[str], rows: list[_Row], path: str) -> NcuFile:
    """Read a row a metric of all launches of a kernel with one grid and block."""
    found: dict[tuple[str, ...], tuple[dict[str, str], dict[str, float], dict[str, float]]] = {}
    names: dict[str, None] = {}
    section = header.index("Section Name")
    whole, lost = _resynchronised(rows, len(header), section + 1, path)
    for cells in whole:
        record = dict(zip(header, cells, strict=True))
        key = tuple(cells[:section])
        _, mean, largest = found.setdefault(key, (record, {}, {}))
        name = record["Metric Name"]
        if name.startswith(KEPT):
            names[name] = None
        if name.startswith((*KEPT, DURATION[1])):
            for values, column in ((mean, "Average"), (largest, "Maximum")):
                value = _number(record[column], record["Metric Unit"])
                if value is not None:
                    values.setdefault(name, value)
    launches = tuple(
        MeasuredLaunches(
            record["Kernel Name"], int(_number(record["Invocations"], "") or 1), _duration(mean),
            _capability(header, list(record.values())), mean, largest,
        )
        for record, mean, largest in found.values()
    )  # fmt: skip
    message = f"{lost} rows have no metric: their section collected none"
    return NcuFile("per-kernel", launches, tuple(names), (Notice("ncu-empty-sections", message, path),) if lost else ())


def _resynchronised(rows: list[_Row], width: int, start: int, path: str) -> tuple[list[list[str]], int]:
    """Return rows of full width, and how many beginnings of rows were dropped.

    A section without metrics is written as the first ``start`` cells of a row, and the next row follows on the same
    line; from there on lines break in the middle of rows until one is short. The cells are taken as one stream, and a
    row that repeats its own process, program and host where a metric should stand has lost its end.
    """
    whole: list[list[str]] = []
    lost = 0
    stream = _Stream(rows)
    while (cells := stream.take(start)) is not None:
        if stream.peek(3) == cells[:3]:
            lost += 1
            continue
        rest = stream.take(width - start)
        if rest is None or len(cells) + len(rest) != width:
            raise _short_row(_Row(stream.line, cells + (rest or [])), width, path)
        whole.append(cells + rest)
    return whole, lost


class _Stream:
    """The cells of all rows, one after the other. A row cut short ends in an empty cell, which is no cell."""

    def __init__(self, rows: Iterable[_Row]) -> None:
        self._cells: list[str] = []
        self._lines: list[int] = []
        for row in rows:
            cells = row.cells[:-1] if row.cells[-1] == "" else row.cells
            self._cells += cells
            self._lines += [row.line] * len(cells)
        self._place = 0

    @property
    def line(self) -> int:
        """The line of the cell before the next."""
        return self._lines[min(self._place, len(self._lines)) - 1]

    def take(self, count: int) -> list[str] | None:
        """Return the next cells, fewer at the end, ``None`` behind it."""
        cells = self.peek(count)
        self._place += len(cells)
        return cells or None

    def peek(self, count: int) -> list[str]:
        """Return the next cells and leave them."""
        return self._cells[self._place : self._place + count]


def _short_row(row: _Row, width: int, path: str) -> InputError:
    return InputError(
        f"expected {width} cells, found {len(row.cells)}", path=path, where=f"line {row.line}",
        hint=f"the file may be cut off; {_HINT}",
    )  # fmt: skip


def _duration(values: Mapping[str, float]) -> float | None:
    return next((values[name] for name in DURATION if name in values), None)


def _capability(header: list[str], cells: list[str]) -> tuple[int, int] | None:
    """Return the compute capability of ``8.7``."""
    text = cells[header.index("CC")] if "CC" in header else ""
    found = re.fullmatch(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def _number(text: str, unit: str) -> float | None:
    """Return a value in base units (ns for times), ``None`` for what ncu did not get (``n/a``, ``nan``, empty)."""
    value = parse_number(text.replace(",", ""))
    if value is None:
        return None
    if unit in _NS:
        return value * _NS[unit]
    prefix = _SCALE.get(unit[:1]) if unit[1:] in {"byte", "inst", "cycle", "hz"} else None
    return value * prefix if prefix else value
