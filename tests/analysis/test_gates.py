"""Gates: their grammar, and what comes of them on figures made for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trtprof.analysis.gates import Gate, parse_gate
from trtprof.analysis.judge import Gates, Judgement, Outcome, changes, judge
from trtprof.comparison import Latency, OutputAccuracy
from trtprof.errors import UsageError
from trtprof.figures import METRICS, EngineFigures, LayerFacts, NamedFinding, Quantity, engine_figures
from trtprof.model import DType, Estimate, Provenance, Severity, Unit, Unknown

MS = 1e6
CRITICAL = NamedFinding("Q101", Severity.CRITICAL, "Skip input")
MINOR = NamedFinding("R401", Severity.MINOR, "QuantizeLinear")


def latency(median_ms: float, *, spread: float = 0.001, what: str = "GPU compute", iterations: int = 200) -> Latency:
    times = dict.fromkeys(("min_ns", "median_ns", "p90_ns", "p99_ns", "max_ns", "mean_ns"), median_ms * MS)
    return Latency(what=what, iterations=iterations, spread_ratio=spread, **times)


def accuracy(**sqnr: float) -> tuple[OutputAccuracy, ...]:
    return tuple(OutputAccuracy(name, 8, 0.99, value, 0.1, 0.9) for name, value in sqnr.items())


def side(
    median_ms: float | Latency | Estimate | None = 1.0,
    *,
    conversions: int = 2,
    on_tensor_cores: float = 0.8,
    sqnr: Mapping[str, float] | None = None,
    findings: tuple[NamedFinding, ...] | Unknown = (),
    device: str | None = "A100",
) -> EngineFigures:
    modelled = isinstance(median_ms, Estimate)
    layers = [
        LayerFacts(True, DType.INT8, Unit.TENSOR_CORE, on_tensor_cores * MS),
        LayerFacts(True, DType.FP16, Unit.CUDA_CORE, (1 - on_tensor_cores) * MS),
    ]
    figures = engine_figures(
        latency=latency(median_ms) if isinstance(median_ms, float) else None if modelled else median_ms,
        total_ns=median_ms if isinstance(median_ms, Estimate) else MS,
        provenance=Provenance.MODELLED if modelled else Provenance.MEASURED,
        layers=layers,
        conversions=conversions,
        activation_bytes=1 << 20,
        plan_bytes=None,
        accuracy=accuracy(**sqnr) if sqnr else Unknown("its ONNX model is not at hand"),
    )
    return EngineFigures("int8", "int8", "here", device, figures, findings)


def one(gate: str, base: EngineFigures, head: EngineFigures) -> Judgement:
    (judgement,) = judge([parse_gate(gate)], "int8", base, head)
    return judgement


@pytest.mark.parametrize(
    ("text", "limit", "sign", "relative"),
    [
        ("latency:+3%", 0.03, 1, True),
        ("latency:+0.1ms", 1e5, 1, False),
        ("p99:+50us", 5e4, 1, False),
        ("throughput:-2.5%", 0.025, -1, True),
        ("tensor-core-share:-2pp", 0.02, -1, False),
        ("conversions:+1", 1, 1, False),
        ("conversions:+10%", 0.1, 1, True),
        ("activation-bytes:+1MiB", 1 << 20, 1, False),
        ("accuracy.sqnr:-1dB", 1, -1, False),
        ("accuracy.top1:-.5pp", 0.005, -1, False),
        ("accuracy.cosine:-0.001", 0.001, -1, False),
        ("findings.major:+2", 2, 1, False),
    ],
)
def test_a_gate_is_read(text: str, limit: float, sign: int, relative: bool) -> None:
    gate = parse_gate(text)
    assert (gate.limit, gate.sign, gate.relative, gate.text) == (pytest.approx(limit), sign, relative, text)
    assert gate.metric.name == text.partition(":")[0].removesuffix(".major")


def test_a_severity_alone_is_a_new_finding_of_it() -> None:
    short, long = parse_gate("findings:critical"), parse_gate("findings.critical:+1")
    assert replace(short, text="") == replace(long, text="")
    assert parse_gate("findings:+1").severity is Severity.NOTE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speed:+3%", "--fail-if speed:+3%: 'speed' is no metric"),
        ("latency", "--fail-if latency: the change is missing"),
        ("latency:", "--fail-if latency:: the change is missing"),
        ("latency:3%", "--fail-if latency:3%: '3%' is no change: expected a sign, a number and a unit"),
        ("latency:+x%", "--fail-if latency:+x%: '+x%' is no change: expected a sign, a number and a unit"),
        ("latency:+3", "--fail-if latency:+3: 'none' is no unit of latency, which takes %, ms, us, µs, ns"),
        ("latency:+3pp", "--fail-if latency:+3pp: 'pp' is no unit of latency, which takes %, ms, us, µs, ns"),
        (
            "tensor-core-share:-2%",
            "--fail-if tensor-core-share:-2%: '%' is no unit of tensor-core-share, which takes pp",
        ),
        ("accuracy.sqnr:-1", "--fail-if accuracy.sqnr:-1: 'none' is no unit of accuracy.sqnr, which takes dB"),
        ("findings:dire", "--fail-if findings:dire: 'dire' is no number of findings with a sign"),
        ("findings.dire:+1", "--fail-if findings.dire:+1: 'dire' is no severity"),
        ("findings:+1.5", "--fail-if findings:+1.5: '+1.5' is no number of findings with a sign"),
        ("", "--fail-if : '' is no metric"),
    ],
)
def test_a_bad_gate_names_the_token(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_gate(text)
    assert caught.value.message == message
    assert caught.value.hint


def test_an_unknown_metric_is_answered_with_the_list() -> None:
    with pytest.raises(UsageError) as caught:
        parse_gate("speed:+3%")
    assert caught.value.hint == f"metrics: {', '.join(METRICS)}"


@given(
    st.text(max_size=20)
    | st.builds("{}:{}".format, st.sampled_from(list(METRICS)), st.text("+-0123.%mspdB ", max_size=8))
)
def test_any_text_is_a_gate_or_a_usage_error(text: str) -> None:
    try:
        gate = parse_gate(text)
    except UsageError as error:
        assert error.exit_code == 2
    else:
        assert isinstance(gate, Gate)
        assert gate.limit >= 0


@pytest.mark.parametrize(
    ("gate", "head", "outcome"),
    [
        ("latency:+3%", 1.06, Outcome.FAILED),
        ("latency:+3%", 1.035, Outcome.WITHIN_NOISE),  # beyond the limit, less than two builds differ by
        ("latency:+3%", 1.02, Outcome.PASSED),
        ("latency:+3%", 0.5, Outcome.PASSED),
        ("latency:+10%", 1.1, Outcome.FAILED),  # the limit itself fails
        ("latency:+10%", 1.0999, Outcome.PASSED),
        ("latency:-10%", 0.8, Outcome.FAILED),  # the sign is the direction that fails
        ("latency:-10%", 1.2, Outcome.PASSED),
        ("latency:+0.05ms", 1.06, Outcome.FAILED),
        ("latency:+0.01ms", 1.02, Outcome.WITHIN_NOISE),
        ("throughput:-5%", 1.2, Outcome.FAILED),
        ("latency:+0%", 1.05, Outcome.FAILED),
        ("latency:+0%", 1.0, Outcome.PASSED),
    ],
)
def test_a_time(gate: str, head: float, outcome: Outcome) -> None:
    assert one(gate, side(1.0), side(head)).outcome is outcome


def test_iterations_that_vary_more_than_builds_are_the_noise() -> None:
    steady, shaky = side(1.0), side(latency(1.1, spread=0.15))
    judged = one("latency:+3%", steady, shaky)
    assert (judged.outcome, judged.noise) == (Outcome.WITHIN_NOISE, pytest.approx(0.15))
    assert one("latency:+3%", steady, side(latency(1.2, spread=0.15))).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("gate", "base", "head", "why"),
    [
        ("latency:+3%", side(None), side(1.0), "of base: no inference was timed: give trtexec --exportTimes"),
        ("p90:+3%", side(None), side(None), "of neither engine: no inference was timed: give trtexec --exportTimes"),
        ("latency:+3%", side(1.0), side(1.0, device="H100"), "timed on different GPUs: A100 and H100"),
        (
            "latency:+3%", side(1.0), side(latency(1.0, what="latency")),
            "times of different things: GPU compute of base, latency of head",
        ),
        ("latency:+3%", side(1.0), side(Estimate(MS, MS, MS)), "base is measured, head modelled"),
        ("p99:+3%", side(1.0), side(latency(1.0, iterations=20)),
         "of head: p99 of 20 iterations is the slowest one: measure 100 or more"),
        ("plan-size:+1%", side(), side(), "of neither engine: the size of the engine file is not known"),
        ("accuracy.sqnr:-1dB", side(), side(), "of neither engine: its ONNX model is not at hand"),
        ("accuracy.sqnr:-1dB", side(sqnr={"a": 30.0, "b": 30.0}), side(sqnr={"a": 30.0, "c": 30.0}),
         "head has no output 'b'; output 'b', the worst of 2"),
        ("accuracy.sqnr:-1dB", side(sqnr={"y": 30.0}), side(sqnr={"y": math.nan}), "one of them is not a number"),
        ("findings:critical", side(), side(findings=Unknown("not kept")), "of head: not kept"),
        ("latency:+3%", replace(side(), unknown=Unknown("no kernel")), side(), "no kernel"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_says_why(gate: str, base: EngineFigures, head: EngineFigures, why: str) -> None:
    judged = one(gate, base, head)
    assert (judged.outcome, judged.why) == (Outcome.UNKNOWN, why)


def test_a_gpu_that_no_file_names_is_no_other_gpu() -> None:
    assert one("latency:+3%", side(1.0), side(1.0, device=None)).outcome is Outcome.PASSED


def test_modelled_times_are_ranges_and_only_ranges_apart_decide() -> None:
    base = side(Estimate(1 * MS, 1.5 * MS, 2 * MS))
    same = one("latency:+3%", base, base)
    assert same.outcome is Outcome.UNKNOWN
    assert "modelled" in same.why
    assert same.change is None
    assert one("latency:+3%", base, side(Estimate(3 * MS, 4 * MS, 5 * MS))).outcome is Outcome.FAILED
    apart = one("latency:+3%", base, side(Estimate(0.1 * MS, 0.2 * MS, 0.3 * MS)))
    assert (apart.outcome, apart.why) == (Outcome.PASSED, "modelled, but the ranges are that far apart")


@pytest.mark.parametrize(
    ("gate", "base", "head", "outcome"),
    [
        ("conversions:+1", side(), side(conversions=3), Outcome.FAILED),
        ("conversions:+2", side(), side(conversions=3), Outcome.PASSED),
        ("conversions:+10%", side(conversions=0), side(conversions=1), Outcome.FAILED),
        ("conversions:+10%", side(conversions=0), side(conversions=0), Outcome.PASSED),
        ("tensor-core-share:-2pp", side(), side(on_tensor_cores=0.7), Outcome.FAILED),
        ("tensor-core-share:-0.1pp", side(), side(on_tensor_cores=0.797), Outcome.WITHIN_NOISE),
        ("accuracy.sqnr:-1dB", side(sqnr={"y": 30.0}), side(sqnr={"y": 28.9}), Outcome.FAILED),
        ("accuracy.sqnr:-1dB", side(sqnr={"y": 30.0}), side(sqnr={"y": 29.1}), Outcome.PASSED),
        ("accuracy.sqnr:-1dB", side(sqnr={"y": math.inf}), side(sqnr={"y": math.inf}), Outcome.PASSED),
        ("accuracy.sqnr:-1dB", side(sqnr={"y": math.inf}), side(sqnr={"y": 60.0}), Outcome.FAILED),
        ("accuracy.sqnr:-1dB", side(sqnr={"y": 30.0}), side(sqnr={"renamed": 30.0}), Outcome.PASSED),
        ("accuracy.sqnr:-1dB", side(sqnr={"a": 9.0, "b": 40.0}), side(sqnr={"a": 9.0, "b": 30.0}), Outcome.FAILED),
        ("findings:critical", side(), side(findings=(CRITICAL,)), Outcome.FAILED),
        ("findings:critical", side(), side(findings=(MINOR,)), Outcome.PASSED),
        ("findings:minor", side(findings=(CRITICAL,)), side(findings=(MINOR,)), Outcome.FAILED),
        ("findings:+1", side(findings=(MINOR,)), side(findings=(MINOR,)), Outcome.PASSED),
        ("findings:-1", side(findings=(MINOR,)), side(), Outcome.FAILED),
    ],
)
def test_counts_shares_accuracy_and_findings(
    gate: str, base: EngineFigures, head: EngineFigures, outcome: Outcome
) -> None:
    assert one(gate, base, head).outcome is outcome


def test_the_whole_is_as_bad_as_its_worst_gate() -> None:
    texts = ("latency:+3%", "plan-size:+1%", "conversions:+1", "layers:+1")
    judged = tuple(judge([parse_gate(text) for text in texts], "int8", side(1.0), side(1.035, conversions=9)))
    outcomes = [item.outcome for item in judged]
    assert outcomes == [Outcome.WITHIN_NOISE, Outcome.UNKNOWN, Outcome.FAILED, Outcome.PASSED]
    assert Gates(judged).outcome is Outcome.FAILED
    assert Gates(judged[:2]).outcome is Outcome.UNKNOWN
    assert Gates(judged[:1]).outcome is Outcome.WITHIN_NOISE
    assert Gates(judged[:1], strict=True).outcome is Outcome.FAILED
    assert Gates(judged[3:]).outcome is Outcome.PASSED


@given(st.floats(0.01, 1e6), st.floats(0.01, 1e6), st.floats(0, 1))
def test_a_gate_and_its_opposite_never_both_fail(base: float, head: float, limit: float) -> None:
    sides = side(base), side(head)
    both = [one(f"latency:{sign}{limit:.3f}%", *sides).outcome for sign in "+-"]
    assert both.count(Outcome.PASSED) >= 1


@given(st.floats(0.01, 1e3), st.integers(0, 99), st.floats(0, 1))
def test_an_engine_fails_no_gate_against_itself(median: float, conversions: int, share: float) -> None:
    engine = side(median, conversions=conversions, on_tensor_cores=share, sqnr={"y": 30.0}, findings=(CRITICAL,))
    units = {Quantity.TIME: "+0%", Quantity.RATE: "-0%", Quantity.SHARE: "-0pp", Quantity.DECIBEL: "-0dB"}
    gates = [
        parse_gate(f"{metric.name}:{units.get(metric.quantity, '+0' if metric.name != 'activation-bytes' else '+0B')}")
        for metric in METRICS.values()
        if metric.name not in ("plan-size", "findings")
    ]
    assert {item.outcome for item in judge(gates, "int8", engine, engine)} == {Outcome.PASSED}
    assert not any(item.change for item in changes("int8", engine, engine))
