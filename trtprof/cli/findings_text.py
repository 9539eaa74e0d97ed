"""Findings in words, for the terminal and for Markdown."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from trtprof.cli.output import worded
from trtprof.cli.wide import fold, is_wide, padded
from trtprof.comparison import Comparison
from trtprof.diagnosis import Diagnosis, Effect, Finding
from trtprof.language import shown
from trtprof.model import Estimate, Severity, Unknown
from trtprof.units import ms, ms_range, plural

if TYPE_CHECKING:
    from rich.console import Console

SHOWN: Final = 5
_SEVERITY_CELLS: Final = 8
_COLOURS: Final = {"critical": "bold red", "major": "bold yellow", "minor": "bold", "note": "dim"}


def print_findings(comparison: Comparison, console: Console) -> None:
    """Print at most five findings, each with its cause, saving, effects and cure, and the verdict in one sentence."""
    from rich.text import Text

    diagnosis = comparison.diagnosis
    console.print(worded(title(diagnosis), console, "bold"))
    for finding in diagnosis.findings[:SHOWN]:
        head = Text()
        severity = padded(shown(finding.severity.value), _SEVERITY_CELLS)
        head.append(f"{severity}  {finding.code}  ", style=_COLOURS[finding.severity.value])
        head.append(shown(f"{finding.engine}: {finding.title}"))
        console.print(head)
        for line in lines_of(finding):
            console.print(Text(_indented(shown(line), console.width, 4)))
    for line in rest_words(diagnosis):
        console.print(Text(_indented(shown(line), console.width, 2)))
    console.print()
    console.print(worded(diagnosis.sentence, console, "bold"))


def _indented(line: str, width: int, indent: int) -> str:
    """Wrap by hand: rich pads what it indents with blanks to the right edge."""
    if is_wide(line):
        return fold(" " * indent + line, width)
    return textwrap.fill(
        line,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def title(diagnosis: Diagnosis) -> str:
    """Return the heading of the findings, with how many are shown."""
    count = len(diagnosis.findings)
    if not count:
        return "Findings: found none"
    if count <= SHOWN:
        return f"Findings: {count}, costliest cause first"
    return f"Findings: {SHOWN} of {count}, costliest cause first; the page and --format json have all"


def lines_of(finding: Finding) -> list[str]:
    """Return what a finding says below its title, one line each; a note's effects and cure are not worth the room."""
    lines = [finding.cause, saving_words(finding)]
    if finding.severity is not Severity.NOTE:
        lines += [f"effect: {effect_words(effect)}" for effect in finding.effects]
        lines.append(f"cure: {finding.cure}")
    return lines


def saving_words(finding: Finding) -> str:
    """Return what the cure would save, as a range with its provenance, or why that cannot be told."""
    saving = finding.saving_ns
    if isinstance(saving, Unknown):
        return f"saving: cannot tell, {saving.reason}"
    noise = "; less than two builds differ by (about 4 %)" if finding.within_noise else ""
    how = f"{finding.saving_provenance.value}; how: trtprof rules {finding.code}"
    return f"saves {ms_range(saving.low, saving.high)} ms ({how}){noise}"


def short_saving(finding: Finding) -> str:
    """Return the saving for a table cell: the range in ms, or ``cannot tell``."""
    saving = finding.saving_ns
    return ms_range(saving.low, saving.high) if isinstance(saving, Estimate) else "cannot tell"


def effect_words(effect: Effect) -> str:
    """Return a symptom under its cause: how many layers, their time, the first of them."""
    time = f", {ms(effect.time_ns)} ms as profiled" if effect.time_ns is not None else ""
    return f"{effect.title}: {plural(len(effect.rows), 'layer')}{time} ({effect.code})"


def rest_words(diagnosis: Diagnosis) -> list[str]:
    """Return what stands beside the findings: what was set aside, and how many rules could not tell."""
    lines = []
    for item in diagnosis.suppressed:
        lines.append(f"set aside: {item.finding.code} on {item.finding.engine} ({item.reason})")
    unknown: dict[str, list[str]] = {}
    for answer in diagnosis.answers:
        if answer.reason is not None:
            unknown.setdefault(answer.reason.reason, []).append(answer.code)
    lines += [f"cannot tell ({', '.join(dict.fromkeys(codes))}): {reason}" for reason, codes in unknown.items()]
    return lines
