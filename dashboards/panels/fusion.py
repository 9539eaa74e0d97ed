"""The fusion diff: the same ONNX nodes, cut into kernels differently at each precision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trtprof.comparison import Comparison, FusionCell, FusionChange, FusionRow
from trtprof.dashboards.drawing import draw
from trtprof.dashboards.panel import Panel
from trtprof.dashboards.panels.rows import shown_rows
from trtprof.dashboards.said import Said, about, said
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table
from trtprof.dashboards.words import CHANGES, number_ranges, paragraph, sentence, shorten, types_word
from trtprof.units import plural

if TYPE_CHECKING:
    from markupsafe import Markup

PAGE_GROUPS: Final = 300
"""Groups that the page carries, those that differ first: the page of a long engine must stay fluid."""
_NODES_SHOWN: Final = 4
_TEXT_SHOWN: Final = 240
_NAME_LIMIT: Final = 40
_OPERATIONS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class KernelWords:
    """A kernel of a cell: the numbers and operators of its nodes, its types, and its line in the table of rows."""

    nodes: str
    types: str
    href: str | None


@dataclass(frozen=True, slots=True)
class CellWords:
    """A cell in words."""

    heading: str
    kernels: tuple[KernelWords, ...]


def panel(comparison: Comparison) -> Panel:
    """Return the fusion diff; groups that every engine fuses the same way are hidden until asked for."""
    fusions = comparison.fusions
    limits = list(dict.fromkeys(row.limit for row in fusions if row.limit))
    return Panel(
        id="fusion",
        title="What is fused with what, at each precision?",
        text=_answer(comparison),
        how_to_read=(
            "a line is the smallest set of ONNX nodes that no engine splits across other sets; each cell lists the "
            "kernels that compute it, by the numbers of the nodes, with the type each reads and writes. Held against "
            "the first engine: "
            + ", ".join(f"{symbol} {word}" for symbol, word in CHANGES.values())
            + ". “limit” marks a difference that is the backend's and not the model's."
        ),
        caveat=paragraph([*(f"limit {place}: {text}." for place, text in enumerate(limits, 1)), *_cut(fusions)]),
        html=draw_table(_table(comparison, limits)) if fusions else None,
    )


def carried(fusions: Sequence[FusionRow]) -> Sequence[FusionRow]:
    """Return the groups that the page carries, in order: all, or as many as fit, those that differ first."""
    if len(fusions) <= PAGE_GROUPS:
        return fusions
    kept = sorted(range(len(fusions)), key=lambda place: (not differs(fusions[place]), place))[:PAGE_GROUPS]
    return [fusions[place] for place in sorted(kept)]


def _cut(fusions: Sequence[FusionRow]) -> list[str]:
    if len(fusions) <= PAGE_GROUPS:
        return []
    return [
        f"The page carries {PAGE_GROUPS} of {len(fusions):,} groups, those that differ first; --format json has all."
    ]


def differs(row: FusionRow) -> bool:
    """Return whether an engine fuses the group otherwise than the first one."""
    return any(cell.change is not FusionChange.SAME for cell in row.cells[1:])


def _answer(comparison: Comparison) -> str:
    fusions = comparison.fusions
    if not fusions:
        return "Found nothing: no ONNX node could be matched to a row of an engine."
    if len(comparison.engines) < 2:
        return f"{plural(len(fusions), 'group')} of nodes; one engine only, there is nothing to hold it against."
    counts = []
    for place, built in enumerate(comparison.engines[1:], 1):
        changes = Counter(row.cells[place].change for row in fusions)
        words = [f"{changes[change]} {word}" for change, (_, word) in CHANGES.items() if changes[change]]
        counts.append(about(built.name, ", ".join(words)))
    return sentence([f"{plural(len(fusions), 'group')} of nodes, against {comparison.engines[0].name}", *counts])


def _table(comparison: Comparison, limits: list[str]) -> Table:
    operators = {node.name: node.op_type for node in comparison.graph.nodes}
    links = [shown_rows(place, built) for place, built in enumerate(comparison.engines)]
    several = len(comparison.engines) > 1
    lines = []
    for row in carried(comparison.fusions):
        cells = [Cell(_nodes(row.nodes, operators))]
        cells += [
            Cell(_cell(cell, row.nodes, operators, links[place], first=place == 0))
            for place, cell in enumerate(row.cells)
        ]
        cells.append(Cell(Said(f"{said('limit')}\u00a0{limits.index(row.limit) + 1}")) if row.limit else Cell())
        lines.append(TableRow(tuple(cells), id=f"group-{row.group}", minor=several and not differs(row)))
    columns = (Column("ONNX nodes"), *(Column(Said(built.name)) for built in comparison.engines), Column("limit"))
    hidden = sum(line.minor for line in lines)
    toggle = f"only groups that differ ({len(lines) - hidden} of {len(lines)})" if hidden else ""
    caption = "kernels and types by group of ONNX nodes, read from the engines"
    return Table("fusion-table", caption, columns, tuple(lines), toggle=toggle)


def _nodes(nodes: tuple[str, ...], operators: Mapping[str, str]) -> Markup:
    pairs = [(operators.get(name, ""), name) for name in nodes]
    long = len(nodes) > _NODES_SHOWN or sum(map(len, nodes)) > _TEXT_SHOWN
    return draw(
        "fusion_nodes.html",
        nodes=pairs,
        operations=operation_words([operation for operation, _ in pairs]),
        summary=shorten(nodes[0], _NAME_LIMIT) if long else "",
    )


def operation_words(operations: Sequence[str]) -> str:
    """Return operators in order of first use with their counts, the rest as a number: ``Conv ×3, Relu, 4 more``."""
    counts = Counter(operation or "?" for operation in operations)
    words = [name if count == 1 else f"{name} ×{count}" for name, count in counts.items()]
    more = [said(f"{len(words) - _OPERATIONS_SHOWN} more")] if len(words) > _OPERATIONS_SHOWN else []
    return ", ".join([*words[:_OPERATIONS_SHOWN], *more])


def _cell(
    cell: FusionCell, nodes: tuple[str, ...], operators: Mapping[str, str], shown: Mapping[int, str], *, first: bool
) -> Markup:
    kernels = tuple(
        KernelWords(kernel_words(kernel, nodes, operators), types_word(*types), shown.get(row))
        for kernel, types, row in zip(cell.kernels, cell.types, cell.rows, strict=True)
    )
    return draw("fusion_cell.html", cell=CellWords(_heading(cell, first=first), kernels))


def _heading(cell: FusionCell, *, first: bool) -> str:
    symbol, word = CHANGES[cell.change]
    return said("reference") if first else f"{symbol} {said(word)}"


def kernel_words(kernel: tuple[str, ...], nodes: tuple[str, ...], operators: Mapping[str, str]) -> str:
    """Return the nodes of a kernel by their numbers in the group, with their operators: ``1–3 Conv, Add, Relu``."""
    if len(nodes) > 1 and set(nodes) == set(kernel):
        return said("both in one" if len(nodes) == 2 else f"all {len(nodes)} in one")
    inside = sorted((name for name in kernel if name in nodes), key=nodes.index)
    operations = operation_words([operators.get(name, "") for name in inside or kernel])
    places = number_ranges([nodes.index(name) + 1 for name in inside])
    return f"{places} {operations}".strip() or said("no node")
