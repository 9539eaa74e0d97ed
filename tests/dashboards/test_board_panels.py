"""The panels of engines that ran on a board."""

from __future__ import annotations

import json
import re
from pathlib import Path

import board_sample
import jsonschema
import sample
from hypothesis import given
from hypothesis import strategies as st

from trtprof.comparison_json import to_json
from trtprof.dashboards.page import page_data, render
from trtprof.dashboards.panels import PANELS, panels_of, placement, power
from trtprof.dashboards.time_series import MOST_POINTS, Series, strips, thinned


def words(html: object) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", str(html))).replace("\u00a0", " ")


def test_only_comparisons_of_boards_have_the_panels() -> None:
    assert [panel.id for panel in panels_of(sample.comparison())] == [make(sample.comparison()).id for make in PANELS]
    ids = [panel.id for panel in panels_of(board_sample.comparison())]
    assert ids[-4:] == ["power", "placement", "provenance", "how-to-read"]


def test_the_text_says_the_numbers_or_why_there_are_none() -> None:
    text = power.panel(board_sample.comparison()).text
    assert "fp32: 19.4 mJ an inference, 12.2 mJ of it above idle" in text
    assert "fp16: 16.1 mJ an inference (derived from" in text
    assert "held down once, from 1020 to 612 MHz at worst" in text
    assert "latency comes back every 60 iterations" in text
    assert "int8: energy: cannot tell, tegrastats was not recorded" in text


def test_energy_is_split_only_where_idle_power_is_known() -> None:
    bars, *runs = power.panel(board_sample.comparison()).figures
    parts = {trace["name"]: list(trace["x"]) for trace in bars["data"]}
    assert parts["above idle"] == [12.2, 0.0]
    assert [round(value, 1) for value in parts["what the idle board takes"]] == [7.2, 0.0]
    assert parts["idle power not known"] == [0.0, 16.1]
    assert len(runs) == 2  # nothing was recorded of the third


def test_iterations_and_samples_share_one_axis() -> None:
    figure = power.panel(board_sample.comparison()).figures[2]
    latency, watts, *_ = figure["data"]
    assert latency["name"] == "fp16: latency of each inference, ms, measured"
    assert {trace["xaxis"] for trace in figure["data"]} == {"x"}
    assert [trace["yaxis"] for trace in figure["data"]] == ["y", "y2", "y3", "y4", "y5"]
    assert len(latency["x"]) <= MOST_POINTS
    assert min(watts["x"]) < 0 < max(watts["x"])


def test_what_was_not_recorded_is_absent_and_never_0() -> None:
    html = words(power.panel(board_sample.comparison()).html)
    assert "int8 – – – – – – – – –" in html
    assert "fp16 16.1 – 10.3 – 612 1020 95.5 7.00 1" in html


def test_where_each_layer_ran_with_the_reason_and_the_hops() -> None:
    panel = placement.panel(board_sample.comparison())
    assert panel.text.startswith("int8: 1 layer on the DLA, 2 on the GPU; it refused 1 layer; 2 hops between them, ")
    assert panel.text.endswith("modelled 0.020 to 0.580 ms.")
    text = words(panel.html)
    assert "– int8 conv1 &lt;b&gt; GPU – DLA only supports FP16 and INT8" in text
    assert "GPU to DLA conv1 &lt;b&gt; {ForeignNode[a...b]} 1 4.00 10.0 to 290" in text
    assert "DLA to GPU {ForeignNode[a...b]} (output) 0 – 10.0 to 290" in text


def test_the_page_with_boards_is_one_file_and_the_same_twice() -> None:
    comparison = board_sample.comparison()
    page = render(comparison)
    assert page == render(comparison)
    assert "conv1 <b>" not in page
    assert (
        len(page_data(panels_of(comparison))["figures"])
        == len(page_data(panels_of(sample.comparison()))["figures"]) + 4
    )


def test_the_json_of_boards_is_of_the_schema() -> None:
    schema = json.loads((Path(__file__).parents[2] / "docs" / "compare.schema.json").read_text())
    answer = to_json(board_sample.comparison())
    jsonschema.validate(answer, schema)
    first, second, third = answer["engines"]
    assert first["board_run"]["energy"]["provenance"] == "derived"
    assert first["board_run"]["period"]["iterations"] == 60
    assert second["board_run"]["throttles"][0]["to_mhz"] == 612
    assert third["board_run"]["energy"] == {"unknown": "tegrastats was not recorded"}
    assert third["dla"]["cost_ns"] == [2e4, 5.8e5]


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), max_size=300), st.integers(2, 50))
def test_thinning_loses_no_spike(points: list[tuple[float, float]], most: int) -> None:
    points.sort()
    kept = thinned(points, most)
    assert len(kept) <= max(most, 2)
    assert set(kept) <= set(points)
    if points:
        assert max(y for _, y in kept) == max(y for _, y in points)
        assert min(y for _, y in kept) == min(y for _, y in points)


def test_a_chart_of_one_strip_is_a_chart() -> None:
    figure = strips([Series("a <b>", ((0, 1), (1, 2)))], "s")
    assert figure["data"][0]["name"] == "a &lt;b&gt;"
    assert figure["layout"]["xaxis"]["title"]["text"] == "s"
