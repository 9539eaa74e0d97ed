"""CSV of ``nsys stats``: the kernel summary and the list of GPU work, among whatever else the file holds.

The kernel summary is ``cuda_gpu_kern_sum`` (``gpukernsum`` until 2022) or ``cuda_gpu_sum``, which has memory operations
too; the list is ``cuda_gpu_trace`` (``gputrace``).
Columns name their unit, which ``--timeunit`` changes. Several reports may stand in one file, with the lines that nsys
prints between them. Imports the model, the errors and the kernel total of the exports only.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trtprof.errors import InputError
from trtprof.model import KernelLaunch
from trtprof.parsers.document import as_text, parse_number, read_bytes
from trtprof.parsers.nsys_schema import KernelTotal

_HINT: Final = "make it with `nsys stats --report cuda_gpu_kern_sum --format csv --output . REPORT`"
_UNITS: Final = {"ns": 1, "us": 1_000, "μs": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_SUMMARY: Final = frozenset({"Total Time", "Instances", "Name"})
_WORK_SUMMARY: Final = frozenset({"Total Time", "Instances", "Category", "Operation"})
_LIST: Final = frozenset({"Start", "Duration", "CorrId", "Name"})
_MEMORY: Final = re.compile(r"\[CUDA mem(?:cpy|set)")
_GRID: Final = ("GrdX", "GrdY", "GrdZ")
_BLOCK: Final = ("BlkX", "BlkY", "BlkZ")


@dataclass(frozen=True, slots=True)
class NsysStats:
    """What a file of ``nsys stats`` says of kernels. ``launches`` is empty where it holds only a summary."""

    totals: tuple[KernelTotal, ...]
    launches: tuple[KernelLaunch, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """One report: its columns by name without unit, and its rows with the line each stands in."""

    columns: tuple[str, ...]
    units: tuple[str, ...]
    rows: tuple[tuple[int, list[str]], ...]


def read_nsys_stats(path: Path) -> NsysStats:
    """Return the kernels of a file.

    Raises:
        InputError: no such file, or no report on kernels in it.
    """
    return parse_nsys_stats(as_text(read_bytes(path)), path=str(path))


def parse_nsys_stats(text: str, *, path: str) -> NsysStats:
    """Return the kernels of the text of a file, longest first; ``path`` is for messages.

    Raises:
        InputError: no report on kernels in it, or a row of one is not as long as its header or holds no number.
    """
    tables = list(_tables(text, path))
    launches = [launch for table in tables if set(table.columns) >= _LIST for launch in _launches(table, path)]
    totals = [total for table in tables for total in _totals(table, path)]
    if not any(set(table.columns) >= wanted for table in tables for wanted in (_SUMMARY, _WORK_SUMMARY, _LIST)):
        raise _no_kernels(tables, text, path)
    return NsysStats(
        tuple(sorted(totals, key=lambda total: (-total.total_ns, total.name))),
        tuple(sorted(launches, key=lambda launch: launch.start_ns)),
    )


def _no_kernels(tables: list[_Table], text: str, path: str) -> InputError:
    if not text.strip():
        return InputError("expected CSV of nsys stats, found an empty file", path=path, hint=_HINT)
    if tables:
        found = f"a report with columns {', '.join(tables[0].columns[:4])}, …"
    else:
        found = repr(next(line.strip() for line in text.splitlines() if line.strip())[:60])
    return InputError(f"expected a kernel summary of nsys stats, found {found}", path=path, where="header", hint=_HINT)


def _tables(text: str, path: str) -> Iterator[_Table]:
    """Yield the reports of a file: a header names times or counts and a Name, and its rows follow without a break."""
    header: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    rows: list[tuple[int, list[str]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        cells = _cells(line, number, path) if "," in line else []
        found = _header(cells)
        if found is not None or not cells:
            if header is not None:
                yield _Table(*header, tuple(rows))
            header, rows = found, []
        elif header is not None:
            rows.append((number, cells))
    if header is not None:
        yield _Table(*header, tuple(rows))


def _cells(line: str, number: int, path: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        raise InputError(
            f"expected CSV, found a row that does not end: {error}", path=path, where=f"line {number}", hint=_HINT
        ) from error


def _header(cells: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return names and units of the columns of a header, ``None`` for any other row."""
    names, units = [], []
    for cell in cells:
        name, bracket, unit = cell.removesuffix(")").rpartition(" (")
        has_unit = bool(bracket) and cell.endswith(")")
        names.append(name if has_unit else cell)
        units.append(unit if has_unit else "")
    is_header = "Time" in names or "Total Time" in names or "Start" in names or "Total" in names
    return (tuple(names), tuple(units)) if is_header and any(units) else None


def _totals(table: _Table, path: str) -> Iterator[KernelTotal]:
    """Yield the kernels of a summary, none for another report; the grid and block variant has several for a name."""
    if not any(set(table.columns) >= wanted for wanted in (_SUMMARY, _WORK_SUMMARY)):
        return
    column = "Name" if "Name" in table.columns else "Operation"
    for record in _records(table, path):
        if _MEMORY.match(record.text(column)):
            continue
        yield KernelTotal(
            record.text(column), None, record.integer("Instances"), record.time("Total Time"),
            record.time_or_none("Min", "Minimum"), record.time_or_none("Max", "Maximum"),
        )  # fmt: skip


def _launches(table: _Table, path: str) -> Iterator[KernelLaunch]:
    """Yield the kernels of a list of GPU work; copies and memsets have no grid."""
    for record in _records(table, path):
        if _MEMORY.match(record.text("Name")):
            continue
        yield KernelLaunch(
            record.text("Name"), record.time("Start"), record.time("Duration"), record.device(),
            stream=record.integer_or_none("Strm"), grid=record.three(_GRID), block=record.three(_BLOCK),
            registers=record.integer_or_none("Reg/Trd"), correlation_id=record.integer_or_none("CorrId"),
        )  # fmt: skip


def _records(table: _Table, path: str) -> Iterator[_Record]:
    for number, cells in table.rows:
        if len(cells) != len(table.columns):
            raise InputError(
                f"expected {len(table.columns)} cells, found {len(cells)}", path=path, where=f"line {number}",
                hint=f"the file may be cut off; {_HINT}",
            )  # fmt: skip
        yield _Record(table, cells, number, path)


@dataclass(frozen=True, slots=True)
class _Record:
    """A row, by the names of its columns."""

    table: _Table
    cells: list[str]
    line: int
    path: str

    def text(self, column: str) -> str:
        return self.cells[self.table.columns.index(column)]

    def number(self, column: str) -> float | None:
        """Return a number, ``None`` for an empty cell or a column that is not there."""
        if column not in self.table.columns or not (text := self.text(column)):
            return None
        value = parse_number(text.replace(",", ""))
        if value is None:
            raise InputError(
                f"expected a number, found {text[:40]!r}", path=self.path, where=f"line {self.line}, column {column}",
                hint=_HINT,
            )  # fmt: skip
        return value

    def time_or_none(self, *columns: str) -> int | None:
        """Return a time in ns from the first of the columns that has one, whatever its unit."""
        for column in columns:
            value = self.number(column)
            if value is not None:
                return round(value * _UNITS.get(self.table.units[self.table.columns.index(column)], 1))
        return None

    def time(self, column: str) -> int:
        """Return a time in ns."""
        value = self.time_or_none(column)
        if value is None:
            raise self._empty(column)
        return value

    def integer_or_none(self, column: str) -> int | None:
        """Return a count."""
        value = self.number(column)
        return None if value is None else round(value)

    def integer(self, column: str) -> int:
        """Return a count."""
        value = self.integer_or_none(column)
        if value is None:
            raise self._empty(column)
        return value

    def device(self) -> int | None:
        """Return the number that nsys writes behind the name of the GPU."""
        found = re.search(r"\((\d+)\)$", self.text("Device")) if "Device" in self.table.columns else None
        return int(found[1]) if found else None

    def three(self, columns: tuple[str, str, str]) -> tuple[int, int, int] | None:
        """Return a size in three dimensions."""
        x, y, z = (self.integer_or_none(column) for column in columns)
        return None if x is None or y is None or z is None else (x, y, z)

    def _empty(self, column: str) -> InputError:
        return InputError(
            "expected a number, found an empty cell", path=self.path, where=f"line {self.line}, column {column}",
            hint=_HINT,
        )  # fmt: skip
