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
    untold_figures,
)
from trtprof.pipeline.sides import EnginePair

if TYPE_CHECKING:
    from rich.console import Console

_LEFT: Final = ("outcome", "gate", "engine", "figure", "why")
_STYLES: Final = {"FAILED": "bold red", "cannot tell": "bold magenta", "within noise": "bold yellow"}


def print_gates(gates: Gates, console: Console) -> None:
    """Print the gates above everything else, worst first."""
    from rich.text import Text

    console.print(Text(gates_sentence(gates), style="bold"))
    _print(GATE_HEADINGS, gate_rows(gates), console)


def print_figures(pairs: Sequence[EnginePair], added: Sequence[str], console: Console) -> None:
    """Print engines by their figures alone: several of them, or such as hold no layers."""
    from rich.text import Text

    for pair in pairs:
        console.print(Text(f"{pair.name}: {pair.base.source} → {pair.head.source}", style="bold"))
        missing = pair.base.unknown or pair.head.unknown
        if missing is not None:
            console.print(Text(f"  cannot tell: {missing.reason}\n"))
            continue
        _print(FIGURE_HEADINGS, figure_rows(pair.name, pair.base, pair.head), console)
        for line in (untold_figures(pair.name, pair.base, pair.head), *finding_words(pair.base, pair.head)):
            if line:
                console.print(Text(f"  {line}"))
        console.print()
    if added:
        console.print(Text(f"in head alone: {', '.join(added)}"))
    if len(pairs) > 1 and all(pair.built for pair in pairs):
        console.print(Text(f"--engine {pairs[-1].name} shows which layers changed"))


def _print(headings: Sequence[str], rows: Iterable[Sequence[str]], console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    lines = list(rows)
    table = Table(box=None, pad_edge=False, header_style="dim")
    shown = [place for place in range(len(headings)) if any(line[place] for line in lines)]
    for place in shown:
        left = headings[place] in _LEFT
        table.add_column(headings[place], justify="left" if left else "right", overflow="fold", no_wrap=not left)
    for line in lines:
        table.add_row(*(Text(line[place], style=_STYLES.get(line[place], "")) for place in shown))
    console.print(table)
    console.print()
