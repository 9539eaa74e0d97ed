"""M501 and M506: what is outside the GPU's own time, on small engines and on real logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.analysis.findings.subjects import built, subject
from trtprof.analysis.findings import enqueue_bound, transfers_dominate
from trtprof.analysis.findings.diagnose import diagnose_engine
from trtprof.analysis.findings.rule import Outcome, Rule, Subject
from trtprof.analysis.findings.subjects import subjects_of
from trtprof.engine_facts import EngineFacts, PerformanceSummary, Spread
from trtprof.model import Estimate, Inference, Severity, Unknown
from trtprof.pipeline.measured import read_measured

M501, M506 = enqueue_bound.RULE, transfers_dominate.RULE
WARNING = "* Throughput may be bound by Enqueue Time rather than GPU Compute and the GPU may be under-utilized."


def timed(compute_ms: float, *, facts: EngineFacts | None = None, **parts_ms: float) -> Subject:
    """An engine with ten equal iterations."""
    parts = {f"{name}_ns": (time * 1e6,) * 10 for name, time in parts_ms.items()}
    return subject(built("int8", [], facts=facts, inference=Inference(compute_ns=(compute_ms * 1e6,) * 10, **parts)))


def only(outcome: Outcome) -> Estimate | Unknown | None:
    assert isinstance(outcome, tuple)
    (claim,) = outcome
    return claim.saving


def codes(item: Subject, *rules: Rule) -> dict[str, Severity]:
    findings, _ = diagnose_engine(item, rules)
    return {finding.code: finding.severity for finding in findings}


def test_a_host_slower_than_its_gpu_costs_the_difference() -> None:
    saving = only(M501.check(timed(7.14, enqueue=7.87)))  # NVIDIA/TensorRT#4177
    assert isinstance(saving, Estimate)
    assert (saving.low, saving.high) == pytest.approx((0.73e6, 0.73e6))
    assert codes(timed(7.14, enqueue=7.87), M501) == {"M501": Severity.MAJOR}


def test_a_host_just_quicker_than_its_gpu_costs_nothing() -> None:
    assert M501.check(timed(14.64, enqueue=12.88)) == ()  # PaddlePaddle/Paddle#53406: a graph gained 0.2 ms


def test_trtexec_warns_early_and_a_busy_gpu_answers_it() -> None:
    quiet = PerformanceSummary(throughput_per_s=68.0, walltime_ns=3e9, total_compute_ns=2.99e9)
    facts = EngineFacts(warnings=((WARNING, 1),))
    assert isinstance(only(M501.check(timed(14.64, enqueue=12.88, facts=facts))), Unknown)
    busy = EngineFacts(warnings=((WARNING, 1),), summary=quiet)
    assert M501.check(timed(14.64, enqueue=12.88, facts=busy)) == ()


def test_a_warning_without_figures_is_still_said() -> None:
    item = subject(built("int8", [], facts=EngineFacts(warnings=((WARNING, 1),), logged=True)))
    assert isinstance(only(M501.check(item)), Unknown)


@pytest.mark.parametrize(
    ("version", "graph", "cure"),
    [
        ("10.3.0", None, "--useCudaGraph"),
        ("11.1.0", None, "--noCudaGraph"),
        ("10.3.0", "Enabled", "in use already"),
        (None, None, None),
    ],
)
def test_the_cure_fits_the_version(version: str | None, graph: str | None, cure: str | None) -> None:
    options = {"Inference Options": {"CUDA Graph": graph}} if graph else {}
    item = timed(1.0, enqueue=2.0, facts=EngineFacts(options=options))
    engine = subject(
        built(
            "int8",
            [],
            tool_version=version,
            inference=item.built.engine.inference,
            facts=item.built.engine.facts,
        )
    )
    outcome = M501.check(engine)
    assert isinstance(outcome, tuple)
    assert outcome[0].cure is None if cure is None else cure in (outcome[0].cure or "")


@pytest.mark.parametrize("rule", [M501, M506], ids=lambda rule: rule.code)
def test_without_times_nothing_can_be_told(rule: Rule) -> None:
    assert isinstance(rule.check(subject(built("int8", []))), Unknown)


def test_transfers_of_a_third_of_computing_are_said() -> None:
    assert codes(timed(3.0, h2d=0.6, d2h=0.5), M506) == {"M506": Severity.NOTE}
    assert M506.check(timed(3.0, h2d=0.5, d2h=0.3)) == ()


def test_transfers_that_were_left_out_are_no_finding() -> None:
    facts = EngineFacts(options={"Inference Options": {"Data transfers": "Disabled"}})
    assert M506.check(timed(3.0, facts=facts)) == ()
    assert isinstance(M506.check(timed(3.0)), Unknown)
    none = PerformanceSummary(compute=Spread(median_ns=1e6), h2d=Spread(median_ns=0.0), d2h=Spread(median_ns=0.0))
    assert M506.check(subject(built("int8", [], facts=EngineFacts(summary=none)))) == ()


def real(shared: Path, name: str) -> Subject:
    comparison = read_measured([("engine", shared / name)], command="test")
    return subjects_of(comparison.engines, comparison.graph)[0]


def test_a_real_log_whose_gpu_idles(shared: Path) -> None:
    item = real(shared, "cookbook/cookbook_nsys_result-01.log")
    saving = only(M501.check(item))
    assert isinstance(saving, Estimate)
    assert (saving.low, saving.mid) == (0.0, 0.0)  # the host is quicker than the GPU by 2 µs
    assert saving.high == pytest.approx(34.3e3, rel=0.01)  # 44 % of 115 µs idle, 15.6 µs of it transfers
    assert codes(item, M501, M506) == {"M501": Severity.NOTE}


def test_a_real_log_with_large_transfers(shared: Path) -> None:
    item = real(shared, "logs/trt8203_a100_centerpoint_fp16_verbose.log")
    assert codes(item, M501, M506) == {"M506": Severity.NOTE}
