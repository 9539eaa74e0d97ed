"""The identity of two engines: exact in total and for each node group, whatever the engines look like."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.engines import GRAPH, fused, split
from tests.analysis.test_times import built
from tests.pipeline.test_measured import trex
from trtprof.analysis.align import align
from trtprof.analysis.fusion import mark_epilogues
from trtprof.analysis.latency import latency_of
from trtprof.analysis.lost_fusion import lost_fusions
from trtprof.analysis.rows import read_rows
from trtprof.analysis.speedup import LABELS, breakdown
from trtprof.comparison import Breakdown, Built, NodeGroup, Row
from trtprof.model import Engine, Estimate, Inference, Layer, LayerKind, LayerTiming, Provenance, Unknown
from trtprof.pipeline.measured import read_measured

NODES = tuple(f"n{place}" for place in range(6))
GROUPS = align(mark_epilogues([read_rows(fused(), GRAPH), read_rows(split(), GRAPH)]), GRAPH)[0]


def row(index: int, nodes: tuple[str, ...], time: Estimate | float | None, **changes: object) -> Row:
    kind = changes.pop("kind", LayerKind.COMPUTE)
    values = {
        "layer": Layer(index, f"row{index}", kind), "kind": kind, "nodes": nodes, "added_nodes": (), "matmuls": (),
        "operand": None, "result": None, "read_bytes": None, "written_bytes": None, "constant_bytes": 0, "flops": None,
        "time_ns": time, "group": None,
    }  # fmt: skip
    return Row(**{**values, **changes})  # type: ignore[arg-type]


def engine(name: str, rows: tuple[Row, ...], provenance: Provenance, median_ns: float | None = None) -> Built:
    timed = None if provenance is Provenance.MODELLED else (LayerTiming("row0", 1.0),)
    inference = None if median_ns is None else Inference(compute_ns=(median_ns,))
    made = Engine(name, None, tuple(item.layer for item in rows), timings=timed, inference=inference)
    return Built(
        name=name, precision=None, remainder=None, engine=made, rows=rows, conversions=(), precision_mix=(),
        activation_bytes=None, total_ns=None, projected_ns=None, provenance=provenance, accuracy=Unknown("not asked"),
        latency=latency_of(made),
    )  # fmt: skip


def times(modelled: bool) -> st.SearchStrategy[Estimate | float]:
    figures = st.floats(0, 1e9, allow_nan=False)
    return st.lists(figures, min_size=3, max_size=3).map(lambda ends: Estimate(*sorted(ends))) if modelled else figures


@st.composite
def engines(draw: st.DrawFn, modelled: bool) -> tuple[Built, Built]:
    pair = []
    for name in ("fp16", "int8"):
        rows = tuple(
            row(
                index,
                nodes,
                draw(times(modelled)),
                kind=draw(st.sampled_from(list(LayerKind))),
                matmuls=nodes[: draw(st.integers(0, 1))],
                group=draw(st.sampled_from([None, 0, 1, 2])),
                epilogue_of=draw(st.sampled_from([None, None, *NODES])),
            )
            for index, nodes in enumerate(draw(st.lists(st.lists(st.sampled_from(NODES), unique=True).map(tuple))))
        )
        latency = None if modelled else draw(st.none() | st.floats(1, 1e9))
        pair.append(engine(name, rows, Provenance.MODELLED if modelled else Provenance.MEASURED, latency))
    return pair[0], pair[1]


def ends(gain: object) -> tuple[Fraction, ...]:
    return tuple(map(Fraction, gain)) if isinstance(gain, tuple) else (Fraction(gain),)  # type: ignore[arg-type]


def check(item: Breakdown, before: Built, after: Built) -> None:
    """Every sum of the identity, in exact arithmetic, and each row counted once."""
    assert item.gain_ns is not None
    whole = ends(item.gain_ns)
    assert [sum(side) for side in zip(*(ends(term.gain_ns) for term in item.terms), strict=True)] == list(whole)
    if item.groups:
        assert [sum(side) for side in zip(*(ends(group.gain_ns) for group in item.groups), strict=True)] == list(whole)
    for term in item.terms:
        parts = [part for group in item.groups for part in group.terms if part.key == term.key]
        zero = [Fraction(0)] * len(whole)
        found = [sum(side) for side in zip(*(ends(part.gain_ns) for part in parts), strict=True)] or zero
        assert found == list(ends(term.gain_ns))
        assert tuple(sum(part.rows[side] for part in parts) for side in (0, 1)) == term.rows
    math = ends(item.gain_math_ns)
    others = [ends(term.gain_ns) for term in item.terms if term.key not in item.MATH]
    assert [own - sum(-other[place] for other in others) for place, own in enumerate(math)] == list(whole)
    assert [sum(term.rows[side] for term in item.terms) for side in (0, 1)] == [len(before.rows), len(after.rows)]


@given(st.booleans().flatmap(engines))
def test_it_adds_up_exactly_for_any_two_engines(pair: tuple[Built, Built]) -> None:
    before, after = pair
    groups = tuple(NodeGroup(place, NODES[place : place + 1], ()) for place in range(3))
    item = breakdown(after, before, groups)
    check(item, before, after)
    back = breakdown(before, after, groups).gain_ns
    assert ends(back) == tuple(-end for end in reversed(ends(item.gain_ns))), "it is the other way round from the other"
    same = breakdown(after, after, groups)
    assert next(term for term in same.terms if term.key == "fusion_lost").rows == (0, 0)
    assert isinstance(same.gain_ns, tuple) or same.gain_ns == 0


@pytest.mark.parametrize("names", [("fp32", "fp16", "qat"), ("qat-residual", "qat"), ("fp32", "qat-residual")])
def test_it_adds_up_on_published_engines(shared: Path, names: tuple[str, ...]) -> None:
    comparison = trex(shared, *names)
    built_by = {item.name: item for item in comparison.engines}
    for item in comparison.breakdowns:
        check(item, built_by[item.reference], built_by[item.engine])
        medians = [built_by[name].latency.median_ns for name in (item.reference, item.engine)]  # type: ignore[union-attr]
        assert item.gain_ns == pytest.approx(medians[0] - medians[1], abs=1e-3)


def test_it_adds_up_on_a_published_resnet50(shared: Path) -> None:
    files = sorted((shared / "trex").glob("examples__tensorflow__resnet__RTX-3090__*.engine.graph.json"))
    comparison = read_measured([(None, file) for file in files], command="test")
    built_by = {item.name: item for item in comparison.engines}
    assert [item.engine for item in comparison.breakdowns] == ["fp16", "int8"]
    for item in comparison.breakdowns:
        check(item, built_by[item.reference], built_by[item.engine])
    terms = {term.key: term for term in comparison.breakdowns[1].terms}
    assert terms["compute"].gain_ns == pytest.approx(1_787_000, abs=1000)
    assert terms["quantize"].gain_ns == pytest.approx(-31_000, abs=1000)


def test_the_terms_of_the_published_resnet18(shared: Path) -> None:
    item = trex(shared, "fp32", "fp16", "qat").breakdowns[1]
    gains = {term.key: round(term.gain_ns / 1e6, 3) for term in item.terms}  # type: ignore[operator]
    assert gains == {
        "compute": 0.154, "other": -0.025, "quantize": -0.187, "dequantize": 0, "reformat": 0.038, "fusion_lost": 0
    }  # fmt: skip
    assert item.gain_math_ns == pytest.approx(129_300, abs=100)
    assert {term.key: term.rows for term in item.terms}["quantize"] == (0, 10)
    worst = min(item.groups, key=lambda group: group.gain_ns)  # type: ignore[arg-type, return-value]
    assert worst.nodes == ("Conv_0", "Relu_1"), "the stem ate most"


def test_a_pool_that_was_fused_into_its_convolution_is_a_lost_fusion(shared: Path) -> None:
    item = trex(shared, "qat-residual", "qat").breakdowns[0]
    lost = next(term for term in item.terms if term.key == "fusion_lost")
    assert lost.rows == (0, 1)
    assert lost.gain_ns == pytest.approx(-76_700, abs=100), "the unrepaired engine's pool, scaled to its latency"


def test_what_only_the_other_engine_fuses_is_lost() -> None:
    whole = (row(0, ("conv", "relu", "pool"), 1.0, matmuls=("conv",)), row(1, ("a", "b", "c"), 1.0))
    cut = (
        row(0, ("conv", "relu"), 1.0, matmuls=("conv",)), row(1, ("pool",), 1.0), row(2, ("a",), 1.0),
        row(3, ("b",), 1.0), row(4, ("c",), 1.0),
    )  # fmt: skip
    assert lost_fusions(cut, whole) == {1, 3, 4}, "the first of a chain stays"
    assert lost_fusions(whole, cut) == frozenset()
    assert lost_fusions(cut, cut) == frozenset()
    crossed = (row(0, ("conv",), 1.0, matmuls=("conv",)), row(1, ("relu", "a"), 1.0))
    assert lost_fusions(crossed, whole) == frozenset(), "it spans two rows of the other: cut differently, not lost"
    merged = (row(0, ("q", "k"), 1.0, matmuls=("q", "k")),)
    apart = (row(0, ("q",), 1.0, matmuls=("q",)), row(1, ("k",), 1.0, matmuls=("k",)))
    assert lost_fusions(apart, merged) == frozenset(), "both multiply"


def test_epilogues_that_a_backend_splits_off_are_lost_against_one_that_fuses_them() -> None:
    half, quantised = built()
    item = breakdown(quantised, half, GROUPS)
    assert [term.key for term in item.terms] == list(LABELS)
    assert [term.rows for term in item.terms] == [(2, 2), (1, 1), (0, 1), (0, 0), (1, 0), (0, 2)]
    check(item, half, quantised)
    gain = item.gain_ns
    assert isinstance(gain, tuple)
    assert gain[0] <= gain[1] <= gain[2]
    assert [group.group for group in item.groups] == [0, 1, 2]


def test_an_unknown_time_makes_its_terms_unknown_and_no_other() -> None:
    half, quantised = built()
    broken = replace(quantised, rows=(replace(quantised.rows[0], time_ns=None), *quantised.rows[1:]))
    item = breakdown(broken, half, GROUPS)
    assert (item.gain_ns, item.groups[0].gain_ns) == (None, None)
    assert item.gain_math_ns is not None
    assert item.groups[1].gain_ns is not None


def test_without_a_latency_on_both_sides_times_stay_as_profiled() -> None:
    one = engine("fp16", (row(0, ("a",), 100.0),), Provenance.MEASURED, 50.0)
    other = engine("int8", (row(0, ("a",), 60.0), row(1, (), None, kind=LayerKind.NOOP)), Provenance.MEASURED)
    item = breakdown(other, one, (NodeGroup(0, ("a",), ()),))
    assert (item.gain_ns, item.provenance) == (40.0, Provenance.MEASURED)
    both = breakdown(replace(other, latency=one.latency), one, ())
    assert (both.gain_ns, both.provenance) == (0.0, Provenance.DERIVED)
