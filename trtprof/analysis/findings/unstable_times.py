"""M502: the same query takes very different times from one iteration to the next."""

from __future__ import annotations

import re
from typing import Final

from trtprof.analysis.findings.query_times import NO_QUERY, inference_option, warned
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.analysis.steadiness import Shape, Steadiness, steadiness
from trtprof.comparison import Built
from trtprof.diagnosis import Evidence
from trtprof.model import Provenance, Unknown
from trtprof.units import ms, percent, plural

UNSTABLE_RATIO: Final = 0.025
"""trtexec warns from this coefficient of variation on since 10.13.3; from 1 % on before (sampleReporting.cpp)."""
_WARNING: Final = "GPU compute time is unstable"
_FIGURE: Final = re.compile(r"coefficient of variance = ([\d.]+)\s*%")
NO_ITERATIONS: Final = Unknown("a summary alone does not tell how the iterations vary: give trtexec --exportTimes")
_NOTHING_TO_SAVE: Final = Unknown("it is uncertainty of the measurement, not time of the engine")


def check(subject: Subject) -> Outcome:
    """Return a claim where iterations vary by more than a few percent, with the shape of the variation."""
    built = subject.built
    if built.provenance is Provenance.MODELLED:
        return ()
    warning = warned(built, _WARNING)
    inference = built.engine.inference
    times = (inference.compute_ns or inference.latency_ns) if inference else ()
    if not times and warning is None:
        return () if _is_narrow(built) else NO_ITERATIONS if built.latency else NO_QUERY
    spread = built.latency.spread_ratio if built.latency and times else _figure(warning)
    if warning is None and (spread is None or spread < UNSTABLE_RATIO):
        return ()
    shape = steadiness(times, UNSTABLE_RATIO)
    evidence = [Evidence(f"coefficient of variation {percent(spread, 1)}", "times" if times else "log")]
    if shape is not None:
        evidence.append(Evidence(_words(shape, len(times)), "times"))
    elif not times:
        evidence.append(Evidence("the log does not tell outliers from changes of the clock; --exportTimes does", "log"))
    if warning is not None:
        evidence.append(Evidence(warning, "log"))
    if inference_option(built, "Spin-wait") == "Disabled":
        evidence.append(Evidence("trtexec ran without --useSpinWait", "options"))
    cause = _CAUSES[shape.shape] if shape else "the iterations vary"
    return (
        Claim(cause=f"{cause}: {percent(spread, 1)} of the mean", evidence=tuple(evidence), saving=_NOTHING_TO_SAVE),
    )


def _is_narrow(built: Built) -> bool:
    """Whether a summary alone proves that times were steady: 99 % of them, and the fastest, lie near the median.

    That no warning is in a log proves nothing: trtexec writes warnings to stderr, which often is not kept.
    """
    latency = built.latency
    if latency is None or latency.p99_ns is None:
        return False
    widest = max(latency.p99_ns - latency.median_ns, latency.median_ns - latency.min_ns)
    return widest < UNSTABLE_RATIO * latency.median_ns


def _figure(warning: str | None) -> float | None:
    found = _FIGURE.search(warning or "")
    return float(found[1]) / 100 if found else None


def _words(found: Steadiness, count: int) -> str:
    core = f"{percent(found.core_ratio, 1)} without {plural(found.outliers, 'outlier')} of {count:,} iterations"
    levels = f"{ms(found.before_ns)} and {ms(found.after_ns)} ms"
    return {
        Shape.STEADY: f"they vary by {percent(found.spread_ratio, 1)} over the iterations that were exported",
        Shape.OUTLIERS: f"{core}: the median holds, the mean and the tail do not",
        Shape.DRIFT: f"the level moves between {levels} from the first iterations to the last, as a clock does",
        Shape.STEP: f"the level steps between {levels} at iteration {found.step_at}, as a clock does",
        Shape.LEVELS: f"the level changes several times between {levels}, as a clock or another process does",
        Shape.SCATTER: f"the level stays and single iterations scatter, {core}",
    }[found.shape]


_CAUSES: Final = {
    Shape.STEADY: "trtexec found the times unstable",
    Shape.OUTLIERS: "a few slow iterations make the times vary",
    Shape.DRIFT: "the times drift over the run",
    Shape.STEP: "the times change level during the run",
    Shape.LEVELS: "the times change level again and again",
    Shape.SCATTER: "the times scatter from one iteration to the next",
}

RULE = Rule(
    code="M502",
    name="unstable-times",
    title="Times vary over the iterations",
    role=Role.CONDITION,
    why=(
        "A GPU whose clock is not locked runs as fast as temperature, power and idle time allow at the moment, and "
        "a host that sleeps while it waits wakes up late. Differences of a few percent between precisions then say "
        "nothing. Whether clocks were locked cannot be read from these files, only how the times moved."
    ),
    needs="iteration times (trtexec --exportTimes), or trtexec's log with its warnings",
    looks_like=(
        ("times", "a coefficient of variation of 2.5 % or more; drift or steps of the level, or single outliers"),
        ("trtexec log", "'GPU compute time is unstable, with coefficient of variance = …'"),
    ),
    cure=(
        "Lock the clock below what the GPU can hold (nvidia-smi -lgc; on a Jetson nvpmodel and jetson_clocks), let "
        "trtexec spin (--useSpinWait; the default in 11), warm up for longer (--warmUp), and run nothing beside it."
    ),
    saving="none: it is the measurement that gets better",
    false_positives=(
        "trtexec before 10.13.3 warns from 1 % on, which hurts no comparison. Very short queries vary more, by the "
        "resolution of the timer alone."
    ),
    source=(
        "trtexec, sampleReporting.cpp; NVIDIA/TensorRT#2158 (5.1 %), #983; TensorRT developer guide, hardware and "
        "software environment for performance measurements"
    ),
    check=check,
)
