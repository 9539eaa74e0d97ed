"""Gates and figures for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from trtprof.analysis.judge import Gates
from trtprof.cli.gate_words import (
    FIGURE_HEADINGS,
    GATE_HEADINGS,
    figure_rows,
    finding_words,
    gate_rows,
    gates_sentence,
    said_cells,
    untold_figures,
)
from trtprof.cli.output import folded, worded
from trtprof.language import shown
from trtprof.pipeline.sides import EnginePair

if TYPE_CHECKING:
    from rich.console import Console

_LEFT: Final = ("outcome", "gate", "engine", "figure", "why")
_STYLES: Final = {"FAILED": "bold red", "cannot tell": "bold magenta", "within noise": "bold yellow"}


def print_gates(gates: Gates, console: Console) -> None:
    """Print the gates above everything else, worst first."""
    console.print(worded(gates_sentence(gates), console, "bold"))
    _print(GATE_HEADINGS, gate_rows(gates), console)


def print_figures(pairs: Sequence[EnginePair], added: Sequence[str], console: Console) -> None:
    """Print engines by their figures alone: several of them, or such as hold no layers."""
    from rich.text import Text

    for pair in pairs:
        console.print(Text(f"{pair.name}: {pair.base.source} → {pair.head.source}", style="bold"))
        missing = pair.base.unknown or pair.head.unknown
        if missing is not None:
            console.print(worded(f"  cannot tell: {missing.reason}", console))
            console.print()
            continue
        _print(FIGURE_HEADINGS, figure_rows(pair.name, pair.base, pair.head), console)
        untold = untold_figures(pair.name, pair.base, pair.head)
        if untold:
            console.print(folded(f"  {untold}", console))
        for line in finding_words(pair.base, pair.head):
            console.print(worded(f"  {line}", console))
        console.print()
    if added:
        console.print(worded(f"in head alone: {', '.join(added)}", console))
    if len(pairs) > 1 and all(pair.built for pair in pairs):
        console.print(worded(f"--engine {pairs[-1].name} shows which layers changed", console))


def _print(headings: Sequence[str], rows: Iterable[Sequence[str]], console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    lines = list(rows)
    table = Table(box=None, pad_edge=False, header_style="dim")
    filled = [place for place in range(len(headings)) if any(line[place] for line in lines)]
    for place in filled:
        left = headings[place] in _LEFT
        heading = shown(headings[place])
        table.add_column(heading, justify="left" if left else "right", overflow="fold", no_wrap=not left)
    for line in lines:
        said = said_cells(headings, line)
        table.add_row(*(Text(said[place], style=_STYLES.get(line[place], "")) for place in filled))
    console.print(table)
    console.print()
