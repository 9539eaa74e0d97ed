"""M501: the host needs longer to enqueue a query than the GPU to compute it."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.query_times import (
    NO_QUERY,
    QueryTimes,
    inference_option,
    major_version,
    query_times,
    warned,
)
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.diagnosis import Evidence
from trtprof.model import Estimate, Provenance, Unknown
from trtprof.units import ms, percent

_WARNING: Final = "bound by Enqueue Time"
_BUSY: Final = 0.95
"""A GPU that computes this share of the wall clock is not waiting for its host, whatever the medians say."""


def check(subject: Subject) -> Outcome:
    """Return a claim where enqueueing takes as long as computing, or where trtexec warned of it and the GPU idles."""
    built = subject.built
    if built.provenance is Provenance.MODELLED:
        return ()
    times = query_times(built)
    warning = warned(built, _WARNING)
    if times.enqueue_ns is None or times.compute_ns is None:
        if warning is None:
            return NO_QUERY
        return (Claim(_CAUSE, (Evidence(warning, "log"),), saving=Unknown("the log has no enqueue and GPU times")),)
    behind = times.enqueue_ns - times.compute_ns
    busy = times.busy_ratio is not None and times.busy_ratio >= _BUSY
    if behind < 0 and (warning is None or busy):
        return ()
    return (
        Claim(
            cause=_CAUSE if behind >= 0 else _CLOSE,
            evidence=tuple(_evidence(times, warning)),
            saving=_saving(times, max(0.0, behind)),
            basis="median enqueue time less median GPU time, at most what the GPU idles beyond transfers",
            cure=_cure(subject),
        ),
    )


def _evidence(times: QueryTimes, warning: str | None) -> list[Evidence]:
    said = f"enqueueing takes {ms(times.enqueue_ns)} ms (median), the GPU {ms(times.compute_ns)} ms"
    found = [Evidence(said, times.source)]
    if times.busy_ratio is not None:
        found.append(Evidence(f"the GPU computes {percent(times.busy_ratio)} of the wall clock", "log"))
    if warning is not None:
        found.append(Evidence(warning, "log"))
    return found


def _saving(times: QueryTimes, behind: float) -> Estimate | Unknown:
    """What the host is behind is lost for certain; the wall clock may show more idle time, of whatever cause."""
    if times.wall_ns is None or times.compute_ns is None or times.busy_ratio is None:
        if not behind:
            return Unknown("by these medians the host keeps up; a run with a CUDA graph tells what waiting costs")
        return Estimate(behind, behind, behind)
    idle = times.wall_ns * (1 - times.busy_ratio) - (times.transfers_ns or 0.0)
    return Estimate(behind, behind, max(behind, idle))


def _cure(subject: Subject) -> str | None:
    """The flag depends on the version; a graph in use already is no cure."""
    if inference_option(subject.built, "CUDA Graph") == "Enabled":
        return "A CUDA graph is in use already: enqueue several queries ahead, or give each launch more work (batch)."
    version = major_version(subject.built)
    if version is None:
        return None
    if version >= 11:
        return (
            "Do not pass --noCudaGraph: trtexec 11 launches through a CUDA graph by default. In an application " + _OWN
        )
    return "Run trtexec with --useCudaGraph. In an application " + _OWN


_CAUSE: Final = "the host takes at least as long to enqueue a query as the GPU to compute it"
_CLOSE: Final = "the host takes nearly as long to enqueue a query as the GPU to compute it, and the GPU idles"
_OWN: Final = "capture the enqueue into a CUDA graph, or enqueue the next query before the last one is done."

RULE = Rule(
    code="M501",
    name="enqueue-bound",
    title="The host is slower than the GPU",
    role=Role.CONDITION,
    why=(
        "Every kernel is launched by the host, which takes some microseconds a launch. Where that adds up to more "
        "than the kernels run, faster kernels change nothing: INT8 and FP16 both take as long as the launches."
    ),
    needs="enqueue and GPU times: trtexec --exportTimes, or the summary in its log",
    looks_like=(
        ("times", "the median of enqueue is at least that of GPU compute"),
        ("trtexec log", "'Throughput may be bound by Enqueue Time', printed from 0.8 times the GPU time on"),
        ("nsys", "gaps between kernels, and launches that end just before their kernel starts"),
    ),
    cure=f"trtexec 10 and older: --useCudaGraph; trtexec 11 does so by default. In an application {_OWN}",
    saving="wall time of a query that goes to waiting for the host",
    false_positives=(
        "Enqueueing that takes a little less than the GPU is hidden behind it: a CUDA graph took it from 12.88 to "
        "0.12 ms and the run only from 14.64 to 14.44 ms (PaddlePaddle/Paddle#53406). An engine that must wait for "
        "the GPU while it is enqueued (shapes that depend on data, plugins that synchronise) shows long enqueue times "
        "too, and no graph cures that."
    ),
    source=(
        "NVIDIA/TensorRT#4177 (7.87 against 7.14 ms), #2905; hmorimitsu/ptlflow#65; PaddlePaddle/Paddle#53406; "
        "trtexec, sampleReporting.cpp; TensorRT developer guide, CUDA graphs"
    ),
    check=check,
)
