"""M505: the layer times add up to clearly more than the latency."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.query_times import NO_QUERY
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.analysis.findings.savings import NO_TIMES
from trtprof.diagnosis import Evidence
from trtprof.model import Provenance, Unknown
from trtprof.units import ms, percent, plural

_LARGE_RATIO: Final = 0.10


def check(subject: Subject) -> Outcome:
    """Return a claim where a profiler added more than a tenth to the engine's time, with how much a layer."""
    built = subject.built
    if built.provenance is Provenance.MODELLED:
        return ()
    if built.engine.timings is None or not isinstance(built.total_ns, float | int):
        return Unknown(NO_TIMES)
    if built.latency is None:
        return NO_QUERY
    streams = {row.layer.stream_id for row in subject.rows if row.layer.stream_id is not None}
    if len(streams) > 1:
        return Unknown(f"its layers run on {len(streams)} streams, some at the same time: their sum is no time")
    spent = [timing for timing in built.engine.timings if timing.mean_ns > 0]
    excess = built.total_ns - built.latency.median_ns
    if not spent or excess <= _LARGE_RATIO * built.latency.median_ns:
        return ()
    each = excess / len(spent)
    return (
        Claim(
            cause=f"layer times add up to {percent(excess / built.latency.median_ns)} more than a query takes",
            evidence=(
                Evidence(f"{plural(len(spent), 'layer')} take {ms(built.total_ns)} ms in sum", "profile"),
                Evidence(f"{built.latency.what} takes {ms(built.latency.median_ns)} ms (median)", "times"),
                Evidence(f"{each / 1e3:.1f} µs a layer, if each costs the same", "profile"),
            ),
            saving=_NOTHING_TO_SAVE,
        ),
    )


_NOTHING_TO_SAVE: Final = Unknown("without the profiler this time is not spent")

RULE = Rule(
    code="M505",
    name="profiler-overhead",
    title="Layer times sum to more than the latency",
    role=Role.CONDITION,
    why=(
        "The layer profiler puts an event around every layer and keeps the next kernel from starting early, which "
        "costs some microseconds a layer. An engine with many short layers looks slower in its profile than it is, "
        "and a layer of few microseconds is mostly overhead."
    ),
    needs="a layer profile, and query times measured without the profiler",
    looks_like=(
        ("profile", "averageMs of all layers add up to more than 1.1 times the median of GPU compute"),
        ("times", "a median below that sum"),
    ),
    cure=(
        "Compare whole engines by their latency and layers only with layers. Times of kernels from nsys have no such "
        "overhead. trtprof scales savings to the latency."
    ),
    saving="none: the time exists in the profile alone",
    false_positives="Layers that run at the same time on several streams add up to more than the latency, too.",
    source=(
        "measured on TREx's published engines: 1.02 against 0.86 ms, 0.73 against 0.55 ms, that is 2.5 to 7 µs a "
        "layer; TensorRT developer guide, built-in profiling"
    ),
    check=check,
)
