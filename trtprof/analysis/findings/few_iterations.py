"""M507: too few iterations were measured to compare by."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.query_times import NO_QUERY
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.comparison import Built
from trtprof.diagnosis import Evidence
from trtprof.model import Provenance, Unknown
from trtprof.units import plural

_FEWEST_QUERIES: Final = 100
"""Of fewer, the 99th percentile is the slowest one."""
_FEWEST_PROFILED: Final = 10
"""trtexec itself measures no fewer unless told to."""


def check(subject: Subject) -> Outcome:
    """Return a claim where fewer than 100 queries were timed, or fewer than 10 were profiled by layer."""
    built = subject.built
    if built.provenance is Provenance.MODELLED:
        return ()
    queries, profiled = _queries(built), _profiled(built)
    if queries is None and profiled is None:
        return NO_QUERY
    evidence = []
    if queries is not None and queries < _FEWEST_QUERIES:
        evidence.append(Evidence(f"{plural(queries, 'query', 'queries')} timed", "times"))
    if profiled is not None and profiled < _FEWEST_PROFILED:
        evidence.append(Evidence(f"layer times are of {plural(profiled, 'iteration')}", "profile"))
    if not evidence:
        return ()
    what = " and ".join(item.what for item in evidence)
    return (Claim(cause=f"few iterations: {what}", evidence=tuple(evidence), saving=_NOTHING_TO_SAVE),)


def _queries(built: Built) -> int | None:
    """From single iterations, else from trtexec's throughput and wall clock, which its summary always has."""
    if built.latency is None:
        return None
    if built.latency.iterations is not None:
        return built.latency.iterations
    summary = built.engine.facts.summary if built.engine.facts else None
    if summary is None or summary.throughput_per_s is None or summary.walltime_ns is None:
        return None
    return round(summary.throughput_per_s * summary.walltime_ns / 1e9)


def _profiled(built: Built) -> int | None:
    counts = [timing.count for timing in built.engine.timings or () if timing.count is not None]
    return max(counts, default=None)


_NOTHING_TO_SAVE: Final = Unknown("it is uncertainty of the measurement, not time of the engine")

RULE = Rule(
    code="M507",
    name="few-iterations",
    title="Few iterations were measured",
    role=Role.CONDITION,
    why=(
        "The first iterations run while clocks rise and memory is touched for the first time, and single ones are "
        "disturbed by whatever else runs. Of a few iterations neither the median nor a tail is worth comparing, and "
        "a layer timed once may be off by a multiple."
    ),
    needs="iteration times, trtexec's summary, or a profile with its count",
    looks_like=(
        ("times", "fewer than 100 entries"),
        ("profile", "'count' below 10"),
        ("trtexec log", "'Timing trace has N queries', with few"),
    ),
    cure=(
        "Measure for longer: trtexec --duration=10 --iterations=100, and the profile in a run of its own "
        "(--separateProfileRun, always so in 11)."
    ),
    saving="none: it is the measurement that gets better",
    false_positives=(
        "A model that takes a second a query needs no hundred of them for a median. Profiles of one iteration are "
        "often right within some percent where clocks were locked."
    ),
    source=(
        "trtexec's defaults (at least 10 iterations and 3 s after 200 ms of warm-up); TensorRT developer guide, "
        "benchmarking"
    ),
    check=check,
)
