"""M502 and the shapes of a series of times."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.findings.subjects import built, subject, trex
from trtprof.analysis.findings.subjects import subjects_of
from trtprof.analysis.findings.unstable_times import RULE, UNSTABLE_RATIO
from trtprof.analysis.steadiness import Shape, steadiness
from trtprof.engine_facts import EngineFacts, PerformanceSummary, Spread
from trtprof.model import Inference, Provenance, Unknown

WARNING = "* GPU compute time is unstable, with coefficient of variance = 25.2016%."


def series(level, noise: float = 0.002, count: int = 1000, seed: int = 1) -> list[float]:  # type: ignore[no-untyped-def]
    """Times around a level that may change with the iteration, 1 ms being 1e6."""
    chance = random.Random(seed)
    return [1e6 * level(place / count) * (1 + chance.gauss(0, noise)) for place in range(count)]


def steady(place: float) -> float:
    return 1.0


def ramp(place: float) -> float:
    return 1.0 + 0.15 * place


def step(place: float) -> float:
    return 1.2 if place < 0.3 else 1.0


def wave(place: float) -> float:
    return 1.2 if int(place * 10) % 2 else 1.0


def spiky() -> list[float]:
    times = series(steady)
    for place in range(0, 1000, 50):
        times[place] *= 3
    return times


@pytest.mark.parametrize(
    ("times", "shape"),
    [
        (series(steady), Shape.STEADY),
        (series(steady, noise=0.08), Shape.SCATTER),
        (series(ramp), Shape.DRIFT),
        (series(step), Shape.STEP),
        (series(wave), Shape.LEVELS),
        (spiky(), Shape.OUTLIERS),
    ],
    ids=lambda value: value.value if isinstance(value, Shape) else "",
)
def test_the_shape_of_a_series(times: list[float], shape: Shape) -> None:
    found = steadiness(times, UNSTABLE_RATIO)
    assert found is not None
    assert found.shape is shape


def test_a_step_is_placed_and_its_levels_told() -> None:
    found = steadiness(series(step), UNSTABLE_RATIO)
    assert found is not None
    assert found.step_at == 300
    assert (found.before_ns, found.after_ns) == pytest.approx((1.2e6, 1.0e6), rel=0.01)


def test_few_iterations_have_no_shape() -> None:
    assert steadiness([1.0, 2.0] * 19, UNSTABLE_RATIO) is None


@given(st.lists(st.floats(1e3, 1e9), min_size=40, max_size=200))
def test_any_series_has_a_shape_and_a_scale_does_not_change_it(times: list[float]) -> None:
    found, doubled = steadiness(times, 0.025), steadiness([2 * time for time in times], 0.025)
    assert found is not None
    assert doubled is not None
    assert found.shape is doubled.shape
    assert 0 <= found.outliers < len(times)


@pytest.mark.parametrize(
    ("times", "cause"),
    [
        (series(ramp), "the times drift over the run: 4.0 % of the mean"),
        (spiky(), "a few slow iterations make the times vary: 27.0 % of the mean"),
    ],
    ids=["drift", "outliers"],
)
def test_unstable_times_are_told_with_their_shape(times: list[float], cause: str) -> None:
    outcome = RULE.check(subject(built("int8", [], inference=Inference(compute_ns=tuple(times)))))
    assert isinstance(outcome, tuple)
    assert [claim.cause for claim in outcome] == [cause]
    assert isinstance(outcome[0].saving, Unknown)


def test_steady_times_are_none() -> None:
    assert RULE.check(subject(built("int8", [], inference=Inference(compute_ns=tuple(series(steady)))))) == ()


def test_the_warning_alone_gives_its_figure() -> None:
    facts = EngineFacts(warnings=((WARNING, 1),), options={"Inference Options": {"Spin-wait": "Disabled"}})
    outcome = RULE.check(subject(built("int8", [], facts=facts)))
    assert isinstance(outcome, tuple)
    assert outcome[0].cause == "the iterations vary: 25.2 % of the mean"
    assert "trtexec ran without --useSpinWait" in [item.what for item in outcome[0].evidence]


def summarised(p99_ms: float) -> EngineFacts:
    spread = Spread(min_ns=0.99e6, max_ns=5e6, mean_ns=1e6, median_ns=1e6, percentiles=((99.0, p99_ms * 1e6),))
    return EngineFacts(summary=PerformanceSummary(compute=spread), logged=True)


def test_a_summary_may_prove_that_times_are_narrow_but_not_that_they_are_not() -> None:
    assert RULE.check(subject(built("int8", [], facts=summarised(1.01)))) == ()
    assert isinstance(RULE.check(subject(built("int8", [], facts=summarised(1.04)))), Unknown)
    assert isinstance(RULE.check(subject(built("int8", []))), Unknown)


def test_modelled_times_do_not_vary() -> None:
    assert RULE.check(subject(replace(built("int8", []), provenance=Provenance.MODELLED))) == ()


def test_published_engines_are_steady(shared: Path) -> None:
    for folder in ("pytorch__resnet__A100", "tensorflow__resnet__RTX-3090"):
        comparison = trex(shared, folder, fp32="fp32", fp16="fp16", int8="qat")
        assert [RULE.check(item) for item in subjects_of(comparison.engines, comparison.graph)] == [(), (), ()]
