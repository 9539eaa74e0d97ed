"""M506: copies between host and device are a large part of the latency."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.query_times import NO_QUERY, inference_option, query_times
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.diagnosis import Evidence
from trtprof.model import Provenance, Unknown
from trtprof.units import ms, percent

_COMPARABLE: Final = 1 / 3
"""Transfers of a third of the GPU time turn an engine that is twice as fast into one that is 1.6 times as fast."""


def check(subject: Subject) -> Outcome:
    """Return a claim where transfers take at least a third of what the GPU computes."""
    built = subject.built
    if built.provenance is Provenance.MODELLED or inference_option(built, "Data transfers") == "Disabled":
        return ()
    times = query_times(built)
    if times.compute_ns is None:
        return NO_QUERY
    if times.transfers_ns is None:
        return Unknown("transfers were not measured, or trtexec ran without them")
    if times.transfers_ns < _COMPARABLE * times.compute_ns:
        return ()
    latency = times.transfers_ns + times.compute_ns
    parts = f"H2D {ms(times.h2d_ns)} ms, GPU compute {ms(times.compute_ns)} ms, D2H {ms(times.d2h_ns)} ms (medians)"
    return (
        Claim(
            cause=f"transfers are {percent(times.transfers_ns / latency)} of the latency, whatever the kernels do",
            evidence=(Evidence(parts, times.source),),
            saving=Unknown(
                f"GPU time stays as it is; a latency with transfers may fall by up to {ms(times.transfers_ns)} ms "
                "where inputs and outputs can stay on the device"
            ),
        ),
    )


RULE = Rule(
    code="M506",
    name="transfers-dominate",
    title="Transfers are a large part of the latency",
    role=Role.CONDITION,
    why=(
        "trtexec's Latency is H2D plus GPU compute plus D2H, in version 10 and older by default. A precision changes "
        "only the middle part, so the ratio of two latencies shows less than the engines gain. Inputs and outputs "
        "are FP32 by default, whatever the engine computes in: an INT8 engine copies as much as an FP32 one."
    ),
    needs="transfer times: trtexec --exportTimes, or the summary in its log",
    looks_like=(
        ("times", "h2dMs and d2hMs add up to a third of computeMs or more"),
        (
            "trtexec log",
            "H2D Latency and D2H Latency in the summary; 'Throughput may be bound by host-to-device transfers'",
        ),
        ("nsys", "memory copies as long as the kernels between them"),
    ),
    cure=(
        "Compare GPU compute times: trtexec --noDataTransfers, the default in 11. In the application keep data on the "
        "device, copy from pinned memory while the last query computes, and hand over 8 or 16 bits an element "
        "(--inputIOFormats, --outputIOFormats)."
    ),
    saving="what a latency with transfers may lose at most; GPU time stays",
    false_positives="Transfers of one query overlap with computing another where throughput is what counts.",
    source=(
        "NVIDIA/TensorRT#2158 (1.1 of 2.2 ms), #1940; trtexec, sampleReporting.cpp (explanations of the performance "
        "metrics)"
    ),
    check=check,
)
