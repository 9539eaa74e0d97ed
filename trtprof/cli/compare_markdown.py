"""A comparison as Markdown, for a pull request or an issue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from trtprof.board_words import board_words
from trtprof.cli.breakdown_lines import breakdown_columns, breakdown_lines, breakdown_words
from trtprof.cli.compare_table import (
    accuracy_words,
    cell_words,
    changed_fusions,
    conversion_words,
    heading,
    latency_words,
    mix_words,
    shown_kinds,
    shown_nodes,
    time_words,
)
from trtprof.cli.findings_text import SHOWN, rest_words, short_saving, title
from trtprof.cli.markdown_text import all_shown, cell, line, said, said_line, table
from trtprof.comparison import Built, Comparison, Conversion, NotBuilt
from trtprof.diagnosis import Finding
from trtprof.language import shown
from trtprof.model import Estimate, Severity
from trtprof.units import byte_size, mib

_CAUSES: Final = 3


def markdown(comparison: Comparison) -> str:
    """Return the comparison as GitHub Markdown; every modelled column says so in its heading."""
    return "\n".join(_lines(comparison)) + "\n"


def summary(comparison: Comparison, picture: str) -> str:
    """Return what belongs into a pull request: the verdict, a picture, a line an engine and the costliest causes."""
    modelled = comparison.device_is_modelled
    lines = [f"### {said(heading(comparison))}", "", said_line(comparison.verdict.sentence), ""]
    lines += [f"![{shown('time of each engine')}]({picture})", ""]
    times = ("time ms (modelled)",) if modelled else ("p50 ms (measured)", "p99 ms", "per s")
    headings = all_shown("precision", "conv/gemm take", "conversions", *times)
    lines += table(headings, (_short(built) for built in comparison.engines))
    lines += [f"\n{_not_built(item)}" for item in comparison.missing]
    causes = [item for item in comparison.diagnosis.findings if item.severity is not Severity.NOTE]
    lines += ["", *map(_cause, causes[:_CAUSES])]
    if not causes:
        lines.append(shown("Found nothing above a note."))
    elif len(causes) > _CAUSES:
        lines.append(f"- {shown(f'{len(causes) - _CAUSES} more; `trtprof compare` lists them.')}")
    return "\n".join(lines) + "\n"


def _short(built: Built) -> tuple[str, ...]:
    first = (built.name, shown(mix_words(built.precision_mix)), f"{len(built.conversions)}")
    if built.latency is None:
        return (*first, time_words(built.total_ns))
    median, _, p99, _, rate = latency_words(built.latency)
    return (*first, median, p99, rate)


def _cause(item: Finding) -> str:
    known = isinstance(item.saving_ns, Estimate)
    saves = f"Saves {short_saving(item)} ms ({item.saving_provenance.value}). " if known else ""
    return f"- {shown(f'**{item.code}** on {cell(item.engine)}: {said(item.cause)}. {saves}Cure: {said(item.cure)}')}"


def _lines(comparison: Comparison) -> Iterator[str]:
    modelled = comparison.device_is_modelled
    times = "modelled" if modelled else "measured"
    yield f"## {said(heading(comparison))}"
    yield from ("", said_line(comparison.verdict.sentence), "")
    yield from (f"- {said(reason)}" for reason in comparison.verdict.because)
    yield ""
    structure = ("precision", "kernels", "conv/gemm take", "conversions", "activations MiB")
    timed = (
        ("time ms (modelled)", "folded ms (modelled)", "accuracy")
        if modelled
        else ("p50 ms (measured)", "p90 ms", "p99 ms", "spread", "per s", "layer sum ms")
    )
    yield from table(all_shown(*structure, *timed), (_engine(built, modelled) for built in comparison.engines))
    for item in comparison.missing:
        yield f"\n{_not_built(item)}"
    boards = [(item.name, words) for item in comparison.engines for words in board_words(item.board_run, item.dla)]
    if boards:
        lines = (f"- {cell(name)}: {said(words)}" for name, words in boards)
        yield from ("", f"### {shown('On the board')}", "", *lines)
    for breakdown in comparison.breakdowns:
        words = breakdown_words(breakdown)
        names = (breakdown.engine, breakdown.reference)
        title_ = f"{cell(names[0])} against {cell(names[1])} ({words}, ms)"
        yield from ("", f"### {shown(title_)}", "")
        rows = [
            (shown(label).replace("  ", "– ", 1), *all_shown(*cells)) for label, *cells in breakdown_lines(breakdown)
        ]
        yield from table([word if word in names else shown(word) for word in breakdown_columns(breakdown)], rows)
    changed, limited = changed_fusions(comparison)
    title_ = f"Fusion: {len(changed)} of {len(comparison.fusions)} node groups are cut differently"
    yield from ("", f"### {shown(title_)}", "")
    if changed:
        yield from table(
            (shown("ONNX nodes"), *(built.name for built in comparison.engines)),
            (
                (
                    shown_nodes(row.nodes),
                    *(shown(cell_words(each, reference=not n)) for n, each in enumerate(row.cells)),
                )
                for row in changed
            ),
        )
    for limit in sorted({row.limit for row in limited if row.limit}):
        yield f"\n{said_line(f'{len(limited)} more only because {limit}.')}"
    found = [(built.name, item) for built in comparison.engines for item in built.conversions]
    count = f"Conversions: {len(found)}" if found else "Conversions: found none"
    yield from ("", f"### {shown(count)}", "")
    if found:
        yield from table(
            all_shown("engine", "row", "what", "from → to", "moved", f"ms ({times})", "why"),
            ((name, *_conversion(item)) for name, item in found),
        )
    yield from ("", f"### {shown('Read this with it')}", "")
    yield from (f"- {said(notice.message)}" for notice in comparison.notices)
    yield from _findings(comparison)


def _not_built(item: NotBuilt) -> str:
    """The name begins the line, and is not translated."""
    return line(shown(f"{item.name}: cannot build, {item.reason.reason}"))


def _conversion(item: Conversion) -> tuple[str, ...]:
    what, change = conversion_words(item)
    row = (str(item.row), shown_kinds(what), change)
    return (*row, byte_size(item.bytes_moved), time_words(item.time_ns), shown(item.reason))


def _findings(comparison: Comparison) -> Iterator[str]:
    diagnosis = comparison.diagnosis
    yield from ("", f"### {said(title(diagnosis))}", "", said_line(diagnosis.sentence), "")
    if diagnosis.findings:
        yield from table(
            all_shown("severity", "finding", "engine", "cause", "saves ms", "cure"),
            (
                (
                    shown(item.severity.value),
                    f"{item.code} {shown(item.title)}",
                    item.engine,
                    shown(item.cause),
                    shown(f"{short_saving(item)} ({item.saving_provenance.value})"),
                    shown(item.cure),
                )
                for item in diagnosis.findings[:SHOWN]
            ),
        )
    yield from (f"- {said(words)}" for words in rest_words(diagnosis))


def _engine(built: Built, modelled: bool) -> tuple[str, ...]:
    structure = (
        built.name,
        f"{len(built.rows)}",
        shown(mix_words(built.precision_mix)),
        f"{len(built.conversions)}",
        mib(built.activation_bytes),
    )
    if modelled:
        accuracy = shown(accuracy_words(built.accuracy))
        return (*structure, time_words(built.total_ns), time_words(built.projected_ns), accuracy)
    return (*structure, *latency_words(built.latency), time_words(built.total_ns))
