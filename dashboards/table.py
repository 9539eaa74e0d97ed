"""Tables: a value type that panels fill and one template draws. Sorting, filter and CSV are the page's script's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trtprof.dashboards.categories import mid_ns
from trtprof.dashboards.drawing import draw
from trtprof.dashboards.packing import ALPHABET, packed
from trtprof.dashboards.said import Said, said
from trtprof.dashboards.words import shorten, us, us_range
from trtprof.model import Estimate, Provenance
from trtprof.units import ABSENT, ms, ms_range, significant

if TYPE_CHECKING:
    from markupsafe import Markup

WHOLE: Final = 40
"""Lines up to which a table stands in the page as it is; a longer one is packed but for its first lines."""
FIRST: Final = 8
_NAME_LIMIT: Final = 44
_LIST_LIMIT: Final = 96


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its header, words of ours or :class:`Said`, with the unit; ``wide`` keeps names whole."""

    label: str
    numeric: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell. ``sort`` orders numbers (absent sorts last), ``names`` are printed short with the full text to open.

    ``category`` is the place of a category's colour, ``href`` leads to an element of the page. ``text`` is words of
    ours unless it is :class:`Said`.
    """

    text: str | Markup = ABSENT
    sort: float | None = None
    names: tuple[str, ...] = ()
    category: int | None = None
    href: str | None = None

    @property
    def sort_key(self) -> str:
        """The attribute to sort by; empty where the text ends in the number, because a page holds thousands."""
        if self.sort is None:
            return "data-s=none"
        return "data-s" if _reads_as(self.text, self.sort) else f"data-s={self.sort:.6g}"

    @property
    def summary(self) -> str | None:
        """The short form of ``names``, ``None`` where they fit as they are."""
        if len(", ".join(self.names)) <= _LIST_LIMIT:
            return None
        more = said(f" + {len(self.names) - 1} more") if len(self.names) > 1 else ""
        return Said(shorten(self.names[0], _NAME_LIMIT) + more)


@dataclass(frozen=True, slots=True)
class TableRow:
    """A line of a table; a ``minor`` one is hidden until asked for, if the page's script runs.

    ``layer`` is the element id of the layer a line is about, ``group`` the number of its node group, by which a
    selected layer is shown in every table; a line whose own ``id`` is that of its layer needs no ``layer``.
    """

    cells: tuple[Cell, ...]
    id: str | None = None
    minor: bool = False
    layer: str | None = None
    group: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its caption; ``toggle`` is the label of the switch that hides minor rows, ``foot`` the sum."""

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    foot: tuple[TableRow, ...] = ()
    toggle: str = ""
    tools: bool = True

    @property
    def is_packed(self) -> bool:
        """Whether the page carries the lines packed, and draws those beyond the first when they are wanted."""
        return self.tools and not self.foot and len(self.rows) > WHOLE

    @property
    def first(self) -> tuple[TableRow, ...]:
        """The lines that stand in the page as they are: all, or the first of those that are shown at once."""
        if not self.is_packed:
            return self.rows
        return tuple(row for row in self.rows if not row.minor)[:FIRST] or self.rows[:FIRST]


def _reads_as(text: str, value: float) -> bool:
    """Return whether the text ends in a number; its unit is the column's, so it need not equal the value."""
    try:
        return math.isfinite(float(text.rpartition(" ")[2])) and math.isfinite(value)
    except ValueError:
        return False


def draw_table(table: Table) -> Markup:
    """Return the table as HTML.

    A long one has all its lines once more, packed, for the page's script: as elements they would be the page's bulk.
    """
    rest = packed(draw("lines.html", table=table)) if table.is_packed else ""
    return draw("table.html", table=table, rest=rest, alphabet=ALPHABET)


def number(value: float | None, text: str) -> Cell:
    """Return a cell for a number, absent where there is none."""
    return Cell() if value is None else Cell(text, sort=float(value))


def kib(value_bytes: int | None) -> Cell:
    """Return a cell for bytes in a column of KiB, with three significant digits."""
    return Cell() if value_bytes is None else Cell(significant(value_bytes / 1024, 3), sort=float(value_bytes))


def names(items: Iterable[str | None]) -> Cell:
    """Return a cell for names out of a model or an engine."""
    return Cell(names=tuple(item for item in items if item is not None))


def time_columns(provenances: Iterable[Provenance], unit: str) -> tuple[Column, ...]:
    """Return the columns for times: numbers of different provenance never share one, a modelled one has its range."""
    present = set(provenances)
    columns = [Column(f"{kind.value}, {unit}", numeric=True) for kind in _SINGLE if kind in present]
    if Provenance.MODELLED in present:
        columns += [Column(f"modelled mid, {unit}", numeric=True), Column(f"modelled range, {unit}", numeric=True)]
    return tuple(columns)


_SINGLE: Final = (Provenance.MEASURED, Provenance.DERIVED)


def time_cells(
    time: Estimate | float | None, provenance: Provenance, provenances: Sequence[Provenance], unit: str
) -> tuple[Cell, ...]:
    """Return the cells under :func:`time_columns` for one time; ``unit`` is ``ms`` or ``µs``."""
    present = set(provenances)
    cells = [
        _time_cell(time if kind is provenance and not isinstance(time, Estimate) else None, unit)
        for kind in _SINGLE
        if kind in present
    ]
    if Provenance.MODELLED in present:
        cells += _modelled_cells(time, unit) if isinstance(time, Estimate) else [Cell(), Cell()]
    return tuple(cells)


def _time_cell(time: float | None, unit: str) -> Cell:
    return Cell() if time is None else Cell(ms(time) if unit == "ms" else us(time), sort=time)


def _modelled_cells(time: Estimate, unit: str) -> list[Cell]:
    spread = ms_range(time.low, time.high) if unit == "ms" else us_range(time)
    return [_time_cell(mid_ns(time), unit), Cell(spread, sort=time.high)]
