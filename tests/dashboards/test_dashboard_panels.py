from __future__ import annotations

import re
from dataclasses import replace

import pytest
import sample
import trace_sample

from trtprof.comparison import Latency
from trtprof.dashboards.categories import CATEGORIES, add_times, category_of
from trtprof.dashboards.panels import (
    accuracy,
    breakdown,
    conversion_map,
    conversions,
    dumbbell,
    fusion,
    icicle,
    iterations,
    limits,
    memory,
    order,
    precision_mix,
    provenance,
    roofline,
    rows,
    time_by_kind,
    verdict,
)
from trtprof.dashboards.table import Cell, Column, Table, TableRow, draw_table, time_cells, time_columns
from trtprof.dashboards.words import number_ranges, shorten, wanted_share
from trtprof.engine_facts import BuildMemory, EngineFacts
from trtprof.kernels import classify
from trtprof.model import DType, Estimate, Inference, LayerKind, Precision, Provenance
from trtprof.units import ABSENT


def words(html: object) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", str(html))).replace("\u00a0", " ")


def test_a_tile_says_what_is_modelled_counted_and_measured() -> None:
    built = sample.engines()[2]
    facts = {fact.what: fact for fact in verdict.built_tile(built, folded=True).facts}
    total = facts["sum of the rows' times"]
    assert (total.value, total.mark) == ("0.020 to 0.100 ms", "modelled")
    folded = next(fact for what, fact in facts.items() if "folded" in what)
    assert (folded.value, folded.mark) == ("0.017 to 0.083 ms", "modelled")
    share = facts["conv/gemm rows that take INT8 operands"]
    assert (share.value, share.mark) == ("2 of 3 (67 %)", "counted")
    assert facts["accuracy against the FP32 original"].value == "cannot tell: no calibration data"
    assert facts["Tensor Cores' share of conv/gemm time"].value == "cannot tell: no row names its kernel"
    assert facts["size of the plan"].value.startswith("cannot tell")
    assert facts["rows that only convert"].more == "4.0 KiB moved, and 1 row of unknown size"


def test_a_missing_precision_has_a_tile_with_its_reason() -> None:
    text = words(verdict.panel(sample.comparison()).html)
    assert "fp8 no engine cannot tell: modelopt is missing" in text
    assert "pip install nvidia-modelopt" in text


def test_a_measured_total_has_no_range_and_says_measured() -> None:
    built = sample.half_measured().engines[0]
    total = verdict.built_tile(built, folded=False).facts[0]
    assert (total.value, total.mark, total.more) == ("0.012 ms", "measured", "")


def test_an_unknown_total_is_never_0() -> None:
    built = sample.half_measured().engines[2]
    assert verdict.built_tile(built, folded=False).facts[0].value.startswith("cannot tell")


def test_notices_are_said_once_each() -> None:
    notices = sample.comparison().notices
    assert len(limits.lines_of(notices + notices)) == len(notices)


def test_wanted_share_reads_tf32_as_fp32() -> None:
    built = replace(sample.engines()[0], precision=Precision.TF32)
    assert wanted_share(built) == (3, 3)
    assert wanted_share(replace(built, precision=None)) is None


def test_the_mix_is_in_the_chart_and_in_the_table() -> None:
    panel = precision_mix.panel(sample.comparison())
    assert "int8: 2 of 3 conv/gemm rows take INT8" in panel.text
    bars = {trace["name"]: trace["x"] for trace in panel.figures[0]["data"]}
    assert bars == {"FP32": [3, 0, 0], "FP16": [0, 3, 1], "INT8": [0, 0, 2]}
    assert "FP16, rows" in words(panel.html)


def test_an_engine_named_like_a_tag_is_text_to_plotly() -> None:
    built = replace(sample.engines()[0], name="<a href='x'>&b</a>")
    comparison = replace(sample.comparison(), engines=(built,))
    for panel in (precision_mix.panel(comparison), time_by_kind.panel(comparison)):
        texts = [note["text"] for note in panel.figures[0]["layout"]["annotations"]]
        assert texts[0].startswith("&lt;a href='x'&gt;&amp;b&lt;/a&gt;")


def test_categories_hold_each_row_once_and_add_up_to_the_total() -> None:
    for built in sample.engines():
        times = time_by_kind.times_by_category(built.rows)
        assert add_times(times.values()) == built.total_ns
        assert {category_of(row) for row in built.rows} == set(times)


@pytest.mark.parametrize("kind", list(LayerKind))
def test_every_kind_of_layer_has_a_category(kind: LayerKind) -> None:
    assert category_of(sample.row(0, kind, (), (None, None), None)) in CATEGORIES


def test_measured_and_modelled_never_share_a_chart_or_a_column() -> None:
    panel = time_by_kind.panel(sample.half_measured())
    titles = [figure["layout"]["xaxis"]["title"]["text"] for figure in panel.figures]
    assert titles == ["measured, ms", "modelled mid, ms"]
    assert [figure["layout"]["annotations"][0]["text"][:4] for figure in panel.figures] == ["fp32", "fp16"]
    text = words(panel.html)
    assert "measured, ms" in text
    assert "modelled mid, ms" in text
    assert "modelled range, ms" in text


def test_a_modelled_chart_shows_the_range_of_each_total() -> None:
    figure = time_by_kind.panel(sample.comparison()).figures[0]
    whiskers = figure["data"][-1]
    total = sample.engines()[0].total_ns
    assert isinstance(total, Estimate)
    assert whiskers["x"][0] == pytest.approx(total.mid / 1e6)
    assert whiskers["error_x"]["array"][0] == pytest.approx((total.high - total.mid) / 1e6)
    assert "modelled" in figure["layout"]["annotations"][0]["text"]


def test_a_waterfall_leads_from_one_engine_to_the_other() -> None:
    comparison = sample.comparison()
    totals = {built.name: built.total_ns for built in comparison.engines}
    panel = breakdown.panel(comparison)
    for item, figure in zip(comparison.breakdowns, panel.figures, strict=True):
        bars = [trace for trace in figure["data"] if trace["type"] == "bar"]
        reference, engine = (totals[name] for name in (item.reference, item.engine))
        assert isinstance(reference, Estimate)
        assert isinstance(engine, Estimate)
        assert [bar["base"] for bar in (bars[0], bars[-1])] == [[0.0], [0.0]]
        assert bars[0]["x"][0] == pytest.approx(reference.mid / 1e6)
        assert bars[-1]["x"][0] == pytest.approx(engine.mid / 1e6)
        at = reference.mid / 1e6
        for bar in bars[1:-1]:
            low, high = bar["base"][0], bar["base"][0] + bar["x"][0]
            assert at == pytest.approx(low) or at == pytest.approx(high), "each bar starts where the last one ended"
            at = low if at == pytest.approx(high) else high
        assert at == pytest.approx(engine.mid / 1e6)
        assert figure["data"][-1]["error_x"]["array"][1] == pytest.approx((engine.high - engine.mid) / 1e6)
        assert f"{item.engine} against {item.reference}: modelled mid" in panel.text, (
            "a screen reader hears the numbers"
        )


def test_a_gain_whose_range_has_both_signs_is_called_neither() -> None:
    panel = breakdown.panel(sample.comparison())
    assert "gain or loss cannot be told" in panel.text
    text = words(panel.html)
    assert "gain, modelled mid, ms" in text
    assert "gain, modelled range, ms" in text
    assert "gain of each node group, all (modelled, below 0 a loss)" in text


def test_a_breakdown_with_an_unknown_term_has_no_gain_and_no_picture() -> None:
    item = sample.comparison().breakdowns[0]
    broken = replace(item, terms=(*item.terms[:-1], replace(item.terms[-1], times_ns=(None, None))))
    assert broken.gain_ns is None
    assert "cannot tell" in breakdown.gain_words(broken)
    assert breakdown.panel(replace(sample.comparison(), breakdowns=(broken,))).figures == ()


def test_a_measured_breakdown_has_plain_numbers() -> None:
    item = sample.comparison().breakdowns[0]
    terms = tuple(replace(term, times_ns=(5e6, 6e6)) for term in item.terms)
    group = replace(item.groups[0], group=None, nodes=(), terms=terms[:1])
    measured = replace(item, terms=terms, provenance=Provenance.MEASURED, groups=(group,))
    assert breakdown.gain_words(measured) == (
        "fp16 against fp32: 2.000 ms lost, measured (conv and gemm kernels 1.000 ms lost, the rest 1.000 ms lost)"
    )
    html = words(breakdown.panel(replace(sample.comparison(), breakdowns=(measured,))).html)
    assert "modelled" not in html
    assert "rows outside any group -1.000 -1.000 0" in html


def test_a_roofline_says_what_bounds_the_rows_and_what_has_no_roof() -> None:
    panel = roofline.panel(sample.comparison())
    assert panel.text == (
        "Roofs: 58 SMs of an L4; fp32: 1 row bound by compute, 1 row bound by memory, 1 row bound by "
        "launch, 0.052 ms above the roof, most of it in row 1 (0.033 ms), no roof for 1 row: no roof "
        f"{sample.HOSTILE}; int8: cannot tell: the files name no GPU; fp16 against fp32: rank correlation +0.50."
    )
    text = words(panel.html)
    assert "fp32: the 3 rows with most time above the roof (derived)" in text
    assert "FP32 0.100 memory 66.0 33.0 50 33.0" in text
    assert "speed-up expected by the roofs and got, furthest below first (derived)" in text
    assert "0.500 2.00 1.75 1.50" in text
    unknown = tuple(replace(sample.rooflines()[1], engine=name) for name in ("fp16", "int8"))
    only = roofline.panel(replace(sample.comparison(), rooflines=unknown, speedups=()))
    assert only.text == "fp16, int8: cannot tell: the files name no GPU."
    assert (only.how_to_read, only.caveat, only.figures) == ("", "", ())
    nothing = roofline.panel(sample.nothing_built())
    assert (nothing.text, nothing.figures) == ("Found nothing: no engine was held against a roof.", ())


def test_a_roofline_chart_has_a_knee_and_a_point_for_each_row_with_operations() -> None:
    (figure,) = roofline.panel(sample.comparison()).figures
    roof, *points = figure["data"]
    assert roof["name"] == "roof of FP32"
    assert roof["x"][1] == pytest.approx(100), "30 T operations over 300 GB a second"
    assert (roof["y"][0], roof["y"][1:]) == (pytest.approx(0.3 * roof["x"][0], rel=1e-3), [30.0, 30.0])
    assert [(trace["name"], trace["x"]) for trace in points] == [
        ("bound by compute", [1000.0]), ("bound by memory", [0.1])
    ]  # fmt: skip
    assert points[0]["y"] == [20.0]
    assert "&lt;/script&gt;" in points[0]["hovertext"][0], "names are data"
    assert figure["layout"]["xaxis"]["type"] == figure["layout"]["yaxis"]["type"] == "log"


def test_the_fusion_diff_hides_what_is_the_same_and_numbers_the_nodes() -> None:
    panel = fusion.panel(sample.comparison())
    html = str(panel.html)
    assert "only groups that differ (2 of 3)" in html
    assert html.count("class=minor") == 1
    text = words(html)
    assert "÷ split 1 Conv INT8 → FP16 2 Relu FP16 → INT8" in text
    assert "∪ merged no kernel of its own" in text
    assert "both in one FP32 → FP32" in text
    assert panel.caveat == "limit 1: RTX splits it."
    assert panel.text == "3 groups of nodes, against fp32; fp16: 2 same, 1 merged; int8: 2 same, 1 split."


def test_a_long_node_list_is_short_with_the_full_text_to_open() -> None:
    nodes = tuple(f"/layer/{place}" for place in range(9))
    html = str(fusion._nodes(nodes, dict.fromkeys(nodes, "Conv")))
    assert "<details><summary>9 nodes, Conv ×9" in html
    assert all(f"<code>{name}</code>" in html for name in nodes)


def test_conversions_carry_every_field_and_absent_is_not_0() -> None:
    panel = conversions.panel(sample.comparison())
    text = words(panel.html)
    for part in ("quantize, pad", "FP32, linear", f"INT8, {ABSENT}", "cannot tell", "yes", "linear &amp; unpadded"):
        assert part in text
    assert "fp32: found nothing, no row only converts" in panel.text
    second = str(panel.html).split("<tr>")[-1]
    assert f"<td data-s=none>{ABSENT}</td>" in second


def test_no_conversions_at_all_is_said_in_words() -> None:
    comparison = sample.comparison()
    bare = replace(comparison, engines=comparison.engines[:1])
    panel = conversions.panel(bare)
    assert panel.text == "fp32: found nothing, no row only converts."
    assert "<table" not in str(panel.html)


def test_rows_are_costliest_first_and_bounded() -> None:
    built = sample.large(400).engines[0]
    costliest = rows.costliest(built)
    assert len(costliest) == rows.PAGE_ROWS
    assert [row.layer.index for row in costliest[:2]] == [399, 398]
    assert "fp32 has 400" in rows.panel(sample.large(400)).caveat


def test_a_row_without_a_time_is_last_and_absent() -> None:
    built = sample.half_measured().engines[2]
    assert rows.costliest(built)[-1].time_ns is None


def test_accuracy_prints_exact_absent_and_cannot_tell() -> None:
    panel = accuracy.panel(sample.comparison())
    text = words(panel.html)
    assert "exact" in text
    assert f"aux 8 {ABSENT} {ABSENT} {ABSENT} {ABSENT}" in text
    assert "cannot tell: no calibration data" in text
    assert "fp8: cannot tell: modelopt is missing" in panel.text
    assert "measured" in text


def test_provenance_has_all_it_takes_to_make_it_again() -> None:
    facts = {what: value for what, value, _ in provenance.facts(sample.comparison())}
    assert facts["weights"] == ABSENT
    assert facts["input"] == "x: 1x3x224x224 FP32"
    assert facts["output"] == f"prob: {ABSENT} unknown"
    assert facts["GPU the times are modelled for"].startswith("L4, compute capability 8.9, 58 SMs, 300 GB/s")
    assert facts["calibration"] == "8 batches of seeded random numbers (seed 0)"
    assert facts["versions"] == "onnx 1.20.0, numpy 2.3.0"


def test_time_columns_and_cells_always_pair_up() -> None:
    both = [Provenance.MEASURED, Provenance.MODELLED]
    for kinds, time, kind in (
        (both, 1000.0, Provenance.MEASURED),
        (both, sample.estimate(1), Provenance.MODELLED),
        (both, None, Provenance.MODELLED),
        ([Provenance.DERIVED], 1000.0, Provenance.DERIVED),
    ):
        cells = time_cells(time, kind, kinds, "µs")
        assert len(cells) == len(time_columns(kinds, "µs"))
        assert all(cell.text == ABSENT for cell in cells) == (time is None)


def test_a_table_cell_escapes_what_it_is_given() -> None:
    table = Table("t", "<b>", (Column("<i>"),), (TableRow((Cell(names=(sample.HOSTILE,)),)),))
    html = str(draw_table(table))
    assert "&lt;b&gt;" in html
    assert "<img" not in html


@pytest.mark.parametrize(("numbers", "expected"), [([1], "1"), ([1, 2, 3, 5], "1–3, 5"), ([2, 4], "2, 4"), ([], "")])
def test_number_ranges(numbers: list[int], expected: str) -> None:
    assert number_ranges(numbers) == expected


def test_shorten_keeps_both_ends() -> None:
    assert shorten("abcdefghij", 5) == "ab…ij"
    assert shorten("abc", 5) == "abc"


def test_an_unknown_operand_type_is_named() -> None:
    built = replace(sample.engines()[0], precision_mix=((None, 2), (DType.FP32, 1)))
    assert "unknown, rows" in words(precision_mix.panel(replace(sample.comparison(), engines=(built,))).html)


def test_the_order_has_every_row_end_to_end_with_conversions_taller() -> None:
    panel = order.panel(sample.comparison())
    assert "int8: 7 rows in 0.020 to 0.100 ms modelled, 2 of them only to convert" in panel.text
    traces = {trace["name"]: trace for trace in panel.figures[0]["data"]}
    assert traces["Q/DQ"]["width"] > traces["conv/gemm"]["width"]
    bars = sorted(
        (start, length)
        for trace in traces.values()
        for start, length, mark in zip(trace["base"], trace["x"], trace["customdata"], strict=True)
        if mark.startswith("e2")
    )
    ends = [start + length for start, length in bars]
    assert [start for start, _ in bars] == pytest.approx([0.0, *ends[:-1]])


def test_an_engine_with_a_row_of_unknown_time_has_no_strip_and_no_icicle() -> None:
    comparison = sample.half_measured()
    assert "int8: cannot tell, the time of a row is unknown" in order.panel(comparison).text
    assert len(order.panel(comparison).figures) == 2, "measured and modelled never share an axis"
    assert len(icicle.panel(comparison).figures) == 2


def test_many_small_neighbours_are_one_bar_and_nothing_is_lost() -> None:
    engine = sample.large(3000).engines[0]
    bars = order.strip(engine)
    assert len(bars) <= order.MOST_BARS
    assert [row for bar in bars for row in bar.rows] == list(engine.rows)
    assert "3,000 rows in" in order.panel(replace(sample.large(3000), engines=(engine,))).caveat


def test_the_same_nodes_are_held_against_the_first_engine() -> None:
    panel = dumbbell.panel(sample.comparison())
    at = f"(at {sample.NODES[0]})"
    assert panel.text == (
        f"fp16 against fp32: 1 group, from ×1.0 {at} to ×1.0, 0 slower than fp32; "
        f"int8 against fp32: 1 group, from ×1.4 {at} to ×1.4, 0 slower than fp32."
    )
    assert panel.figures[0]["data"][3]["customdata"] == ["e2r3"], "the costliest row of the group"
    assert dumbbell.panel(sample.half_measured()).text.startswith("Cannot tell: measured and modelled")


def test_the_parts_of_an_icicle_are_its_rows() -> None:
    built = sample.engines()[2]
    trace = icicle.panel(sample.comparison()).figures[2]["data"][0]
    assert sum(trace["values"]) == pytest.approx(sum(row.time_ns.mid for row in built.rows) / 1e3)  # type: ignore[union-attr]
    assert {parent for parent in trace["parents"] if parent} <= set(trace["ids"])
    assert [mark for mark in trace["customdata"] if mark] and len(set(trace["ids"])) == len(trace["ids"])


def test_conversions_are_summed_by_what_they_read_and_write() -> None:
    panel = conversion_map.panel(sample.comparison())
    assert "fp32: found nothing" in panel.text
    assert "int8: most from FP32 linear to INT8, 2 rows, 4.00 µs modelled" in panel.text
    assert panel.figures == (), "one way to convert is a line of the table, not a map"


def test_single_inferences_have_their_percentiles_and_drift() -> None:
    times = tuple(1e6 + place * 1e3 for place in range(100))
    first, *rest = sample.engines()
    timed = replace(first, engine=replace(first.engine, inference=Inference(compute_ns=times)))
    panel = iterations.panel(replace(sample.comparison(), engines=(timed, *rest)))
    assert panel.text == (
        "fp32: 100 inferences, median 1.050 ms, the last quarter 7.4 % slower than the first; fp16, int8: cannot tell, "
        "no single inference was timed."
    )
    assert "1.098" in words(panel.html), "p99 of 100 is the 99th"
    assert len(panel.figures) == 1
    assert iterations.panel(sample.comparison()).text.startswith("Cannot tell")


@pytest.mark.parametrize("count", [2, 599, 600, 601, 5000])
def test_many_inferences_are_thinned_and_each_is_counted(count: int) -> None:
    times = [float(place % 7) for place in range(count)]
    assert len(iterations.thinned(times)) <= iterations.MOST_POINTS
    assert sum(number for _, _, number in iterations.binned(times)) == count


def test_memory_is_the_builders_word_where_it_left_one() -> None:
    first, *rest = sample.engines()
    logged = EngineFacts(memory=BuildMemory(activation_bytes=2**20, peak_gpu_bytes=2**30))
    built = replace(first, engine=replace(first.engine, facts=logged))
    panel = memory.panel(replace(sample.comparison(), engines=(built, *rest)))
    assert panel.text.startswith("fp32: weights 400 B, activations 1.0 MiB, build peak on the GPU 1.0 GiB; fp16:")
    assert "cannot be told" in panel.caveat
    assert "activations" not in memory.panel(sample.comparison()).text


def test_a_long_engine_carries_what_matters_and_says_what_it_left_out() -> None:
    comparison = sample.large(4000)
    panel = fusion.panel(comparison)
    assert f"{fusion.PAGE_GROUPS} of 2,000 groups" in panel.caveat
    assert all(fusion.differs(row) for row in fusion.carried(comparison.fusions))
    assert len(conversions.carried(comparison.engines[2])) == conversions.PAGE_ROWS
    assert "int8 has 400" in conversions.panel(comparison).caveat


def test_a_tile_says_how_fast_against_the_first_and_how_much_runs_on_tensor_cores() -> None:
    first, second, third = sample.engines()
    latency = Latency("GPU compute", 100, 1e6, 2e6, None, None, 3e6, 2e6, None)
    conv = replace(third.rows[1], kernel=classify(trace_sample.kernel_name(0)), time_ns=3_000.0)
    fc = replace(third.rows[6], kernel=classify("ampere_scudnn_128x64_relu_small_nn_v1"), time_ns=1_000.0)
    slow = replace(first, latency=latency)
    fast = replace(third, rows=(conv, fc), provenance=Provenance.MEASURED, latency=replace(latency, median_ns=1e6))
    facts = {fact.what: fact for fact in verdict.built_tile(fast, folded=False, first=slow).facts}
    assert (facts["speed against fp32"].value, facts["speed against fp32"].mark) == ("×2.00", "derived")
    assert facts["Tensor Cores' share of conv/gemm time"].value == "75 %"
    assert verdict.built_tile(slow, folded=False, first=slow).facts[2].value == "×1, it is the measure"
    assert "speed" not in "".join(fact.what for fact in verdict.built_tile(second, folded=False, first=slow).facts)
