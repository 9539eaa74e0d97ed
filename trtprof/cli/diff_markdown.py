"""A difference of two engines as Markdown, for a comment on a pull request: the verdict first, then what changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trtprof.analysis.difference import Difference
from trtprof.analysis.judge import Gates
from trtprof.cli.compare_table import shown_nodes
from trtprof.cli.diff_text import (
    ENGINE_HEADINGS,
    REST,
    conversion_line,
    engine_rows,
    findings_lines,
    group_lines,
    shown_changes,
    signed_ms,
    summary_lines,
    untold_line,
)
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
from trtprof.cli.markdown_text import all_shown, cell, line, said, said_line, table
from trtprof.language import shown
from trtprof.pipeline.sides import EnginePair
from trtprof.units import ABSENT, ms


def markdown(
    found: Difference | None, pairs: Sequence[EnginePair], added: Sequence[str], judged: Gates | None, every: bool
) -> Iterator[str]:
    """Yield the lines of gates and difference as GitHub Markdown, the gates on top."""
    if judged is not None:
        rows = (said_cells(GATE_HEADINGS, row) for row in gate_rows(judged, marks=True))
        yield from (f"## {shown(gates_sentence(judged))}", "", *table(all_shown(*GATE_HEADINGS), rows), "")
    yield from _difference(found, every) if found else _figures(pairs, added)


def _figures(pairs: Sequence[EnginePair], added: Sequence[str]) -> Iterator[str]:
    for pair in pairs:
        yield from (f"## {cell(pair.name)}: {cell(pair.base.source)} → {cell(pair.head.source)}", "")
        missing = pair.base.unknown or pair.head.unknown
        if missing is not None:
            yield from (said_line(f"cannot tell: {missing.reason}"), "")
            continue
        rows = (said_cells(FIGURE_HEADINGS, row) for row in figure_rows(pair.name, pair.base, pair.head))
        yield from (*table(all_shown(*FIGURE_HEADINGS), rows), "")
        untold = untold_figures(pair.name, pair.base, pair.head)
        findings = [_item(shown(words)) for words in finding_words(pair.base, pair.head)]
        yield from (f"- {item}" for item in ([cell(untold)] if untold else []) + findings)
        yield ""
    if added:
        yield said_line(f"in head alone: {', '.join(added)}")


def _difference(found: Difference, every: bool) -> Iterator[str]:
    yield f"## {cell(found.base.name)} → {cell(found.head.name)}"
    yield from ("", *map(said_line, summary_lines(found)), "")
    engines = [(name, *all_shown(*cells)) for name, *cells in engine_rows(found)]
    yield from table(all_shown(*ENGINE_HEADINGS), engines)
    yield from ("", f"### {shown('What differs around them')}", "")
    if found.differs:
        differs = [all_shown(item.what, item.base or ABSENT, item.head or ABSENT) for item in found.differs]
        yield from (*table(("", found.base.name, found.head.name), differs), "")
    untold = untold_line(found)
    if untold:
        yield from (said_line(untold), "")
    yield from (f"### {shown('Node groups (layer times as profiled, ms)')}", "")
    nodes, *others = all_shown("ONNX nodes", "change", "layers", "kernels")
    yield from table((nodes, found.base.name, found.head.name, *others), _rows(found, every))
    for word, items in (("added", found.conversions_added), ("gone", found.conversions_gone)):
        title = f"Conversions {word}: {len(items) or 'none'}"
        yield from ("", f"### {shown(title)}", "")
        yield from (f"- {said(conversion_line(item))}" for item in items)
    yield from ("", f"### {shown('Findings, each engine by itself')}", "")
    yield from (f"- {_item(shown(words))}" for words in findings_lines(found))


def _item(words: str) -> str:
    """A list says with words what the terminal says with a sign too."""
    sign, _, rest = words.partition(" ")
    return line(rest if sign in ("-", "+", "=") else words)


def _rows(found: Difference, every: bool) -> Iterator[tuple[str | list[str], ...]]:
    for item in shown_changes(found, every):
        layers, *kernels = group_lines(item)
        times = (ms(item.base.time_ns), ms(item.head.time_ns), signed_ms(item.delta_ns))
        yield (shown_nodes(item.nodes, 3) or shown(REST), *times, shown(layers), list(map(shown, kernels)))
