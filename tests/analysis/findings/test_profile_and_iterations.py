"""M505 and M507: what a profile costs, and how much was measured at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.analysis.findings.subjects import built, layer, subject, tensor, trex
from trtprof.analysis.findings import few_iterations, profiler_overhead
from trtprof.analysis.findings.subjects import subjects_of
from trtprof.comparison import Built
from trtprof.engine_facts import EngineFacts, PerformanceSummary, Spread
from trtprof.model import Inference, LayerTiming, Unknown

M505, M507 = profiler_overhead.RULE, few_iterations.RULE
LAYERS = [
    layer(index, f"Conv_{index}", "CaskConvolution", [tensor("x", "int8", (1,))], [tensor("y", "int8", (1,))])
    for index in range(4)
]


def engine(layer_ms: float, query_ms: float | None, count: int = 1000) -> Built:
    inference = None if query_ms is None else Inference(compute_ns=(query_ms * 1e6,) * count)
    return built("int8", LAYERS, [layer_ms] * 4, inference=inference)


def test_an_excess_of_a_tenth_is_said_with_its_part_a_layer() -> None:
    outcome = M505.check(subject(engine(0.3, 1.0)))
    assert isinstance(outcome, tuple)
    assert outcome[0].cause == "layer times add up to 20 % more than a query takes"
    assert outcome[0].evidence[-1].what == "50.0 µs a layer, if each costs the same"
    assert M505.check(subject(engine(0.27, 1.0))) == ()


def test_an_excess_cannot_be_told_without_both_times_or_on_several_streams() -> None:
    assert isinstance(M505.check(subject(engine(0.3, None))), Unknown)
    assert isinstance(M505.check(subject(built("int8", LAYERS))), Unknown)
    streams = [replace(item, stream_id=item.index % 2) for item in LAYERS]
    several = built("int8", streams, [0.3] * 4, inference=Inference(compute_ns=(1e6,) * 9))
    assert isinstance(M505.check(subject(several)), Unknown)


@pytest.mark.parametrize(("count", "found"), [(99, True), (100, False)])
def test_fewer_than_a_hundred_queries_are_few(count: int, found: bool) -> None:
    outcome = M507.check(subject(engine(0.2, 1.0, count)))
    assert isinstance(outcome, tuple)
    assert bool(outcome) is found


def test_a_summary_tells_its_number_of_queries() -> None:
    summary = PerformanceSummary(throughput_per_s=10.0, walltime_ns=3e9, compute=Spread(median_ns=1e8))
    outcome = M507.check(subject(built("int8", [], facts=EngineFacts(summary=summary))))
    assert isinstance(outcome, tuple)
    assert outcome[0].cause == "few iterations: 30 queries timed"


def test_a_profile_of_one_iteration_is_said() -> None:
    once = built("int8", LAYERS, timings=tuple(LayerTiming(item.name, 1e6, count=1) for item in LAYERS))
    outcome = M507.check(subject(once))
    assert isinstance(outcome, tuple)
    assert outcome[0].cause == "few iterations: layer times are of 1 iteration"


def test_without_counts_nothing_can_be_told() -> None:
    assert isinstance(M507.check(subject(built("int8", LAYERS))), Unknown)


def test_published_engines(shared: Path) -> None:
    comparison = trex(shared, "pytorch__resnet__A100", fp32="fp32", fp16="fp16", int8="qat-residual")
    said = {}
    for item in subjects_of(comparison.engines, comparison.graph):
        outcome = M505.check(item)
        assert isinstance(outcome, tuple)
        said[item.built.name] = [claim.cause for claim in outcome]
    assert said == {
        "int8": ["layer times add up to 34 % more than a query takes"],
        "fp16": ["layer times add up to 18 % more than a query takes"],
        "fp32": [],
    }
