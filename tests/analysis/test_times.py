"""Modelled times, and a verdict that says no more than they carry."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.engines import GRAPH, fused, split
from trtprof.analysis.align import align
from trtprof.analysis.devices import TARGET_DEVICES
from trtprof.analysis.fusion import mark_epilogues
from trtprof.analysis.roofline import kernel_time, projected_total, row_time, total, with_times
from trtprof.analysis.rows import precision_mix, read_rows
from trtprof.analysis.speedup import references
from trtprof.analysis.verdict import verdict
from trtprof.comparison import Built, NotBuilt
from trtprof.model import DType, Estimate, LayerKind, Precision, Provenance, Unknown

L4 = TARGET_DEVICES["sm89"]


def built() -> tuple[Built, Built]:
    marked = mark_epilogues([read_rows(fused(), GRAPH), read_rows(split(), GRAPH)])
    _, tables = align(marked, GRAPH)
    result = []
    for engine, rows in zip((fused(), split()), tables, strict=True):
        timed = with_times(rows, L4, tf32=False)
        result.append(
            Built(
                name=engine.name,
                precision=engine.precision,
                remainder=Precision.FP16 if engine.name == "int8" else None,
                engine=engine,
                rows=timed,
                conversions=(),
                precision_mix=precision_mix(timed),
                activation_bytes=None,
                total_ns=total(timed),
                projected_ns=projected_total(timed, L4, tf32=False) if engine.name == "int8" else None,
                provenance=Provenance.MODELLED,
                accuracy=Unknown("not asked"),
            )
        )
    return result[0], result[1]


def at(item: Built, low: float, mid: float, high: float) -> Built:
    return replace(item, total_ns=Estimate(low, mid, high), projected_ns=None)


@given(st.integers(0, 10**13), st.integers(0, 10**11), st.sampled_from(list(DType)), st.sampled_from([*TARGET_DEVICES]))
def test_a_modelled_time_is_a_range_that_grows_with_the_work(flops, size, dtype, target) -> None:
    peaks = TARGET_DEVICES[target]
    time = kernel_time(flops, size, dtype, peaks, tf32=False)
    assert 0 < time.low < time.mid < time.high
    more = kernel_time(flops * 2, size * 2, dtype, peaks, tf32=False)
    assert more.low >= time.low
    assert more.high >= time.high
    # Nothing is faster than the peaks allow, cache aside.
    assert time.low >= flops / max(peaks.rates.values()) * 1e9


def test_types_change_the_peak_and_tf32_only_helps_fp32() -> None:
    work = 10**11
    fp32, tf32, fp16, int8 = (
        kernel_time(work, 0, dtype, L4, tf32=flag).mid
        for dtype, flag in (
            (DType.FP32, False), (DType.FP32, True), (DType.FP16, True), (DType.INT8, False)
        )
    )  # fmt: skip
    assert fp32 > tf32 > fp16 > int8


def test_rows_without_a_kernel_take_no_time_and_unknown_bytes_no_guess() -> None:
    row = built()[0].rows[1]
    assert row_time(replace(row, kind=LayerKind.NOOP), L4, tf32=False) == Estimate(0, 0, 0)
    assert row_time(replace(row, read_bytes=None), L4, tf32=False) is None
    assert total([row, replace(row, time_ns=None)]) is None


def test_folding_epilogues_drops_their_kernels_and_the_float_tensor_between() -> None:
    half, quantised = built()
    assert quantised.projected_ns is not None
    assert isinstance(quantised.total_ns, Estimate)
    assert quantised.projected_ns.mid < quantised.total_ns.mid
    # Two launches and two FP32 tensors of 64x56x56, each written and read once, are gone.
    saved = quantised.total_ns.mid - quantised.projected_ns.mid
    assert saved > 2 * 2_000
    assert projected_total(half.rows, L4, tf32=False) == half.total_ns


def test_quantised_engines_are_held_against_16_bit_ones() -> None:
    half, quantised = built()
    single = replace(half, name="fp32", precision=Precision.FP32)
    assert [(a.name, b.name) for a, b in references((single, half, quantised))] == [("fp16", "fp32"), ("int8", "fp16")]
    assert [(a.name, b.name) for a, b in references((single, quantised))] == [("int8", "fp32")]
    assert references(()) == []


def test_no_winner_below_two() -> None:
    half, quantised = built()
    close = verdict((at(half, 50, 100, 200), at(quantised, 30, 51, 90)), ())
    assert close.winner is None
    assert close.sentence.startswith(
        "No winner can be called between int8 and fp16: their modelled times are 2.0 times"
    )
    clear = verdict((at(half, 50, 100, 200), at(quantised, 30, 49, 90)), ())
    assert clear.winner == "int8"
    assert "its modelled time is 2.0 times below that of fp16" in clear.sentence


def test_what_rtx_leaves_unfused_does_not_decide() -> None:
    half, quantised = built()
    slow = replace(quantised, total_ns=Estimate(900, 1000, 2000), projected_ns=Estimate(40, 90, 150))
    answer = verdict((at(half, 50, 100, 200), slow), ())
    assert answer.winner is None
    assert "(int8 taken with epilogues folded, as TensorRT builds them)" in answer.sentence
    assert "behind" not in answer.sentence


def test_one_engine_or_none_is_no_comparison() -> None:
    half, _ = built()
    missing = NotBuilt("int8", Precision.INT8, Unknown("no node to quantise"))
    answer = verdict((half,), (missing,))
    assert answer.sentence == "One engine only: there is nothing to compare it with."
    assert answer.because == ("int8: cannot tell, no node to quantise",)
    assert verdict((), (missing,)).sentence == "No engine was built."
