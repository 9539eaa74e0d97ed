"""The timeline of the page, and the table of kernels."""

from __future__ import annotations

import sample
import trace_sample

from trtprof.dashboards import timeline_chart
from trtprof.dashboards.panels import icicle, timeline
from trtprof.gpu_timeline import EngineTimeline


def test_the_timeline_says_what_is_shown_and_what_it_could_not_tell() -> None:
    panel = timeline.panel(trace_sample.comparison())
    assert f"fp16: cannot tell, because damaged {sample.HOSTILE}" in panel.text
    assert "inference 3 of 40 in trace.sqlite is shown" not in panel.caveat, "12 is, of 40"
    assert "inference 12 of 40 in trace.sqlite is shown" in panel.caveat
    assert "3 more are whole CUDA graphs or of other engines" in panel.caveat
    assert "the run of 50,000 launches is binned" in panel.caveat
    assert "launch: the launch call was under way" in panel.how_to_read
    assert len(panel.figures) == 4
    none = timeline.panel(sample.comparison())
    assert none.text.startswith("Cannot tell, because no trace of Nsight Systems lies beside its files.")
    assert (none.figures, str(none.html), none.how_to_read, none.caveat) == ((), "", "", "")
    assert timeline.panel(sample.nothing_built()).text == "Found nothing: there is no engine."


def test_kernels_stand_in_lanes_by_stream_and_unit_and_carry_their_row() -> None:
    built = trace_sample.comparison().engines[0]
    figure, run = timeline.panel(trace_sample.comparison()).figures[:2]
    lanes = {annotation["text"].partition(":")[0] for annotation in figure["layout"]["annotations"]}
    assert {"stream 7, Tensor Cores", "stream 8, Tensor Cores", "stream 7, CUDA cores", "no kernel"} <= lanes
    assert isinstance(built.timeline, EngineTimeline)
    bars = [trace for trace in figure["data"] if "pattern" not in trace["marker"]]
    assert sum(len(trace["x"]) for trace in bars) == len(built.timeline.kernels)
    rows = {f"e0r{kernel.row}" if kernel.row is not None else "" for kernel in built.timeline.kernels}
    assert {mark for trace in bars for mark in trace["customdata"]} == rows
    patterns = [trace["marker"]["pattern"]["shape"] for trace in figure["data"] if trace not in bars]
    assert len(set(patterns)) == len(patterns) > 1, "causes are told apart without colour"
    assert {trace["stackgroup"] for trace in run["data"]} == {"time"}


def test_short_neighbours_of_a_long_inference_are_drawn_as_one_and_none_is_lost() -> None:
    built = trace_sample.large(300).engines[0]
    long = trace_sample.timeline(built, kernels=5_000)
    least = timeline_chart.smallest_ns(long)
    bars = [bar for kernels in timeline_chart.lanes_of(long).values() for bar in timeline_chart.merged(kernels, least)]
    assert least > 0
    assert sum(len(bar.kernels) for bar in bars) == 5_000
    assert sum(bar.busy_ns for bar in bars) == sum(kernel.duration_ns for kernel in long.kernels)


def test_the_kernels_of_an_engine_are_a_table_with_their_rows() -> None:
    panel = icicle.panel(trace_sample.large(300))
    text = str(panel.html)
    assert "fp32: kernels" in text
    assert '<a href="#e0r' in text
    assert icicle.panel(sample.comparison()).html == ""
