"""The diagnosis in one sentence of plain words, and which engines need nothing."""

from __future__ import annotations

from collections.abc import Sequence

from trtprof.comparison import Built
from trtprof.diagnosis import Finding
from trtprof.model import Estimate, Provenance, Severity
from trtprof.units import ms, ms_range


def healthy(engines: Sequence[Built], findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the engines about which nothing above a note was found."""
    ill = {finding.engine for finding in findings if finding.severity is not Severity.NOTE}
    return tuple(built.name for built in engines if built.name not in ill)


def sentence(engines: Sequence[Built], findings: Sequence[Finding]) -> str:
    """Return what a reader should take away: the leading cause and what its cure would give, or that all is well."""
    if not engines:
        return "No engine was diagnosed."
    leading = next((finding for finding in findings if finding.severity is not Severity.NOTE), None)
    if leading is None:
        notes = sum(finding.severity is Severity.NOTE for finding in findings)
        aside = f" beyond {notes} notes" if notes > 1 else " beyond one note" if notes else ""
        names = " and ".join(built.name for built in engines)
        return f"Nothing that costs a measurable part of the latency was found in {names}{aside}."
    built = next((item for item in engines if item.name == leading.engine), None)
    said = f"{leading.engine}: {leading.cause}"
    if built is None:
        return f"{said}. It was not built; cured, it can be."
    if not isinstance(leading.saving_ns, Estimate):
        return f"{said}. What the cure would save cannot be told: {leading.saving_ns.reason}."
    saved = ms_range(leading.saving_ns.low, leading.saving_ns.high)
    total = f" of {ms(built.latency.median_ns)} ms" if built.latency else ""
    kind = "modelled" if leading.saving_provenance is Provenance.MODELLED else "derived"
    noise = ", which is within what two builds differ by" if leading.within_noise else ""
    return f"{said}. Cured, it would save {saved} ms{total} ({kind}){noise}."
