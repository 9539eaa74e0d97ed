"""Plans: the cut is the best choice there is, conversions are paid once a tensor, islands do not pay."""

from __future__ import annotations

import math
import re
from itertools import chain, combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from trtprof.analysis.min_cut import Network
from trtprof.analysis.plan import FLOAT, Choices, Link, Unit, front, knee, within

CASE = ROOT.parent / "shared" / "cases" / "12-resnet50-int8-islands" / "evidence.txt"


def one(value: float):
    return (value, value, value)


@st.composite
def models(draw):
    count = draw(st.integers(1, 6))
    amount = st.integers(0, 20)
    units = tuple(
        Unit(f"u{place}", (f"l{place}",), draw(amount) / 1000, one(float(draw(st.integers(-5, 20)))))
        if draw(st.integers(0, 4))
        else Unit(f"u{place}", (), 0.0, one(0.0))
        for place in range(count)
    )
    places = st.sampled_from([FLOAT, *range(count)])
    links = []
    for index in range(draw(st.integers(0, 8))):
        producer = draw(places)
        readers = tuple(sorted(draw(st.sets(places, min_size=1, max_size=3)) - {producer}))
        if readers:
            links.append(Link(f"t{index}", producer, readers, one(float(draw(amount))), one(float(draw(amount)))))
    return Choices(units, tuple(links))


def worth(choices: Choices, chosen, price: float) -> float:
    point = choices.point(chosen)
    noise = 0.0 if math.isinf(point.sqnr_db) else 10 ** (-point.sqnr_db / 10)
    return point.saving_ns[1] - price * noise


@settings(max_examples=150, deadline=None)
@given(models(), st.sampled_from([0.0, 10.0, 300.0, 3000.0, 1e6]))
def test_no_choice_is_better_than_the_cut(choices, price):
    places = range(len(choices.units))
    every = chain.from_iterable(combinations(places, size) for size in range(len(choices.units) + 1))
    best = max(worth(choices, chosen, price) for chosen in every)
    assert worth(choices, choices.best(price), price) == pytest.approx(best, abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(models())
def test_a_front_trades_one_for_the_other(choices):
    points = front(choices)
    assert points[0].layers == () or points[0].saving_ns[1] >= 0
    for slow, fast in pairwise(points):
        assert slow.saving_ns[1] < fast.saving_ns[1]
        assert slow.sqnr_db > fast.sqnr_db
    assert 0 <= knee(points) < len(points)


def chain_of(count: int, saving: float, conversion: float, noise=lambda place: 1e-4) -> Choices:
    """Layers in a row, as in a net without branches."""
    units = tuple(Unit(f"u{place}", (f"l{place}",), noise(place), one(saving)) for place in range(count))
    ends = [FLOAT, *range(count), FLOAT]
    links = tuple(
        Link(f"t{place}", start, (end,), one(conversion), one(0.0)) for place, (start, end) in enumerate(pairwise(ends))
    )
    return Choices(units, links)


def test_a_region_is_chosen_over_islands_of_the_same_accuracy():
    # Each second layer is a little less sensitive: on its own it would be the better choice.
    choices = chain_of(12, saving=10.0, conversion=9.0, noise=lambda place: 1e-4 if place % 2 else 1.1e-4)
    islands = choices.point(range(1, 12, 2))
    contiguous = choices.point(range(6))
    assert (islands.regions, islands.conversions) == (6, 12)
    assert (contiguous.regions, contiguous.conversions) == (1, 2)
    assert islands.saving_ns[1] < contiguous.saving_ns[1]
    assert all(point.regions <= 1 for point in front(choices))


@pytest.mark.skipif(not CASE.is_file(), reason="the case bank is not beside this checkout")
def test_the_published_series_on_islands_is_foreseen():
    """ResNet-50 on an RTX 4050: sums of savings less conversions, against the latencies that were measured."""
    text = CASE.read_text(encoding="utf-8")
    counts = [int(value.strip("* ")) for value in re.search(r"Reformat layers \|(.*)\|", text)[1].split("|")]
    spent = [float(value.strip("* ")) for value in re.search(r"Reformat time.*?\|(.*)\|", text)[1].split("|")]
    each = 1e6 * spent[1] / counts[1]
    float_ms, whole_ms, convolutions = 0.623, 0.336, 53
    saving = (float_ms - whole_ms) * 1e6 / convolutions
    choices = chain_of(convolutions, saving, each)
    scattered = choices.point(range(1, 48, 3))
    head_float = choices.point(range(48))
    assert len(scattered.layers) == 16
    # 16 scattered gained next to nothing, 0.572 to 0.593 ms of 0.623; 48 in one region took 0.381.
    assert scattered.saving_ns[1] < 0.25 * 16 * saving
    assert float_ms - head_float.saving_ns[1] / 1e6 == pytest.approx(0.381, abs=0.03)
    assert choices.best(0.0) == choices.everything()


def test_a_tensor_is_converted_once_for_all_who_read_it():
    units = tuple(Unit(f"u{place}", (f"l{place}",), 1e-4, one(10.0)) for place in range(3))
    choices = Choices(units, (Link("t", FLOAT, (0, 1, 2), one(12.0), one(0.0)),))
    assert choices.point([0]).saving_ns == one(-2.0)
    assert choices.point([0, 1, 2]).saving_ns == one(18.0)
    assert choices.best(0.0) == frozenset({0, 1, 2})


def test_what_passes_on_joins_its_neighbours():
    units = (Unit("a", ("a",), 1e-4, one(10.0)), Unit("pool", (), 0.0, one(0.0)), Unit("b", ("b",), 1e-4, one(10.0)))
    ends = [FLOAT, 0, 1, 2, FLOAT]
    links = tuple(
        Link(str(place), start, (end,), one(4.0), one(4.0)) for place, (start, end) in enumerate(pairwise(ends))
    )
    choices = Choices(units, links)
    assert choices.best(0.0) == frozenset({0, 1, 2})
    point = choices.point({0, 1, 2})
    assert (point.layers, point.regions, point.conversions, point.saving_ns) == (("a", "b"), 1, 2, one(12.0))


def test_ranges_stay_ranges():
    choices = Choices(
        (Unit("a", ("a",), 1e-3, (-5.0, 10.0, 30.0)),), (Link("t", FLOAT, (0,), (1.0, 2.0, 4.0), one(0.0)),)
    )
    point = choices.point({0})
    assert point.saving_ns == (-9.0, 8.0, 29.0)
    assert point.sqnr_db == pytest.approx(30)


def test_a_budget_between_two_points_of_the_front_is_filled():
    choices = chain_of(8, saving=10.0, conversion=5.0)
    start = choices.point(())
    point = within(choices, lambda item: item.sqnr_db >= 34.0, start)
    assert len(point.layers) == 3  # 10 log10(3e-4) is -35.2 dB, of 4e-4 -34.0 less a hair
    assert point.regions == 1


def test_a_network_without_a_way_through():
    network = Network()
    left, right = network.node(), network.node()
    network.edge(0, left, 3.0)
    network.edge(left, right, 0.0)
    network.edge(right, 1, 2.0)
    assert network.source_side() == frozenset({0, left})
