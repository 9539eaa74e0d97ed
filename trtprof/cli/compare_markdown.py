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
    nodes_words,
    time_words,
)
from trtprof.cli.findings_text import SHOWN, rest_words, short_saving, title
from trtprof.cli.markdown_text import cell, line, table
from trtprof.comparison import Built, Comparison
from trtprof.diagnosis import Finding
from trtprof.model import Estimate, Severity
from trtprof.units import byte_size, mib

_CAUSES: Final = 3


def markdown(comparison: Comparison) -> str:
    """Return the comparison as GitHub Markdown; every modelled column says so in its heading."""
    return "\n".join(_lines(comparison)) + "\n"


def summary(comparison: Comparison, picture: str) -> str:
    """Return what belongs into a pull request: the verdict, a picture, a line an engine and the costliest causes."""
    modelled = comparison.device_is_modelled
    lines = [f"### {cell(heading(comparison))}", "", line(comparison.verdict.sentence), ""]
    lines += [f"![time of each engine]({picture})", ""]
    times = ("time ms (modelled)",) if modelled else ("p50 ms (measured)", "p99 ms", "per s")
    lines += table(
        ("precision", "conv/gemm take", "conversions", *times), (_short(built) for built in comparison.engines)
    )
    lines += [f"\n{line(item.name)}: cannot build, {cell(item.reason.reason)}" for item in comparison.missing]
    causes = [item for item in comparison.diagnosis.findings if item.severity is not Severity.NOTE]
    lines += ["", *map(_cause, causes[:_CAUSES])]
    if not causes:
        lines.append("Found nothing above a note.")
    elif len(causes) > _CAUSES:
        lines.append(f"- {len(causes) - _CAUSES} more; `trtprof compare` lists them.")
    return "\n".join(lines) + "\n"


def _short(built: Built) -> tuple[str, ...]:
    first = (built.name, mix_words(built.precision_mix), f"{len(built.conversions)}")
    if built.latency is None:
        return (*first, time_words(built.total_ns))
    median, _, p99, _, rate = latency_words(built.latency)
    return (*first, median, p99, rate)


def _cause(item: Finding) -> str:
    known = isinstance(item.saving_ns, Estimate)
    saves = f"Saves {short_saving(item)} ms ({item.saving_provenance.value}). " if known else ""
    return f"- **{item.code}** on {cell(item.engine)}: {cell(item.cause)}. {saves}Cure: {cell(item.cure)}"


def _lines(comparison: Comparison) -> Iterator[str]:
    modelled = comparison.device_is_modelled
    times = "modelled" if modelled else "measured"
    yield f"## {cell(heading(comparison))}"
    yield from ("", line(comparison.verdict.sentence), "")
    yield from (f"- {cell(reason)}" for reason in comparison.verdict.because)
    yield ""
    structure = ("precision", "kernels", "conv/gemm take", "conversions", "activations MiB")
    timed = (
        ("time ms (modelled)", "folded ms (modelled)", "accuracy")
        if modelled
        else ("p50 ms (measured)", "p90 ms", "p99 ms", "spread", "per s", "layer sum ms")
    )
    yield from table((*structure, *timed), (_engine(built, modelled) for built in comparison.engines))
    for item in comparison.missing:
        yield f"\n{line(item.name)}: cannot build, {cell(item.reason.reason)}"
    boards = [(item.name, said) for item in comparison.engines for said in board_words(item.board_run, item.dla)]
    if boards:
        yield from ("", "### On the board", "", *(f"- {cell(name)}: {cell(said)}" for name, said in boards))
    for breakdown in comparison.breakdowns:
        words = breakdown_words(breakdown)
        yield from ("", f"### {cell(breakdown.engine)} against {cell(breakdown.reference)} ({words}, ms)", "")
        lines = [(label.replace("  ", "– ", 1), *cells) for label, *cells in breakdown_lines(breakdown)]
        yield from table(breakdown_columns(breakdown), lines)
    changed, limited = changed_fusions(comparison)
    yield from ("", f"### Fusion: {len(changed)} of {len(comparison.fusions)} node groups are cut differently", "")
    if changed:
        yield from table(
            ("ONNX nodes", *(built.name for built in comparison.engines)),
            (
                (nodes_words(row.nodes), *(cell_words(item, reference=not n) for n, item in enumerate(row.cells)))
                for row in changed
            ),
        )
    for limit in sorted({row.limit for row in limited if row.limit}):
        yield f"\n{len(limited)} more only because {cell(limit)}."
    found = [(built.name, item) for built in comparison.engines for item in built.conversions]
    yield from ("", f"### Conversions: {len(found)}" if found else "### Conversions: found none", "")
    if found:
        yield from table(
            ("engine", "row", "what", "from → to", "moved", f"ms ({times})", "why"),
            (
                (name, str(item.row), *conversion_words(item), byte_size(item.bytes_moved), time_words(item.time_ns),
                 item.reason)
                for name, item in found
            ),
        )  # fmt: skip
    yield from ("", "### Read this with it", "")
    yield from (f"- {cell(notice.message)}" for notice in comparison.notices)
    yield from _findings(comparison)


def _findings(comparison: Comparison) -> Iterator[str]:
    diagnosis = comparison.diagnosis
    yield from ("", f"### {cell(title(diagnosis))}", "", line(diagnosis.sentence), "")
    if diagnosis.findings:
        yield from table(
            ("severity", "finding", "engine", "cause", "saves ms", "cure"),
            (
                (
                    item.severity.value,
                    f"{item.code} {item.title}",
                    item.engine,
                    item.cause,
                    f"{short_saving(item)} ({item.saving_provenance.value})",
                    item.cure,
                )
                for item in diagnosis.findings[:SHOWN]
            ),
        )
    yield from (f"- {cell(words)}" for words in rest_words(diagnosis))


def _engine(built: Built, modelled: bool) -> tuple[str, ...]:
    structure = (
        built.name,
        f"{len(built.rows)}",
        mix_words(built.precision_mix),
        f"{len(built.conversions)}",
        mib(built.activation_bytes),
    )
    if modelled:
        return (*structure, time_words(built.total_ns), time_words(built.projected_ns), accuracy_words(built.accuracy))
    return (*structure, *latency_words(built.latency), time_words(built.total_ns))
