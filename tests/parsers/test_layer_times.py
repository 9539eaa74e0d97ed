"""--exportProfile, layer latencies and --exportTimes."""

from __future__ import annotations

import json

import pytest

from tests.parsers.places import FIXTURES
from trtprof.errors import InputError
from trtprof.parsers.trtexec_profile import parse_layer_latency, parse_profile, read_layer_latency, read_profile
from trtprof.parsers.trtexec_times import parse_times, read_times


def test_profile_with_medians() -> None:
    profile = read_profile(FIXTURES / "tiny_v86.profile.json")
    first, *_ = profile.timings
    assert (first.layer, first.mean_ns, first.median_ns, first.total_ns) == ("anchor_grid", 2000, 1960, 200_000)
    assert profile.count == first.count == 100
    assert sum(timing.ratio or 0 for timing in profile.timings) == pytest.approx(1)
    assert profile.mean_sum_ns == pytest.approx(99_000)
    assert profile.notices == ()


def test_a_layer_of_time_zero_has_a_time() -> None:
    noop = read_profile(FIXTURES / "tiny_v86.profile.json").timings[8]
    assert (noop.layer, noop.mean_ns, noop.ratio) == ("Reformatting CopyNode for Output Tensor 0 to pool", 0, 0)


def test_profile_before_8_4_has_no_medians() -> None:
    profile = read_profile(FIXTURES / "tiny_v82.profile.json")
    assert [(timing.layer, timing.median_ns) for timing in profile.timings] == [("conv1 + relu1", None), ("pool", None)]


def test_names_with_quotes_and_figures_that_are_none() -> None:
    profile = read_profile(FIXTURES / "unescaped.profile.json")
    assert [(timing.layer, timing.mean_ns) for timing in profile.timings] == [
        ('say "hi" \\ {"x"}', 20_000),
        ("plain", 10_000),
    ]
    assert [notice.code for notice in profile.notices] == ["time-unread"]
    assert "'empty'" in profile.notices[0].message
    assert profile.count == 10


def test_count_is_used_only_where_the_times_bear_it_out() -> None:
    row = {"name": "a", "timeMs": 10.0, "averageMs": 0.1}
    assert parse_profile(json.dumps([{"count": 100}, row])).count == 100
    contradicted = parse_profile(json.dumps([{"count": 7}, row]))
    assert (contradicted.count, contradicted.timings[0].count) == (None, None)
    assert contradicted.notices[0].code == "count-differs"
    assert parse_profile(json.dumps([row])).notices[0].code == "no-count"
    assert parse_profile(json.dumps([{"count": "many"}, row])).notices[0].code == "no-count"
    once = parse_profile(json.dumps([{"count": 1}, {"name": "a", "timeMs": 0.1, "averageMs": 0.1}]))
    assert (once.count, once.notices[0].code) == (1, "single-iteration")


def test_times_that_are_none_leave_the_layer_without_one() -> None:
    rows: list[object] = [{"count": 1}]
    rows += [{"name": name, "averageMs": value} for name, value in (("a", "0.1"), ("b", -1), ("c", True), ("d", None))]
    rows += [{"name": "e"}, {"averageMs": 1}, 3, {"name": "f", "averageMs": 0.5}]
    profile = parse_profile(json.dumps(rows))
    assert [timing.layer for timing in profile.timings] == ["f"]
    assert profile.notices[0].message.startswith("7 rows without a usable time: 'a' has averageMs '0.1'")


def test_all_zero_times_have_no_shares() -> None:
    profile = parse_profile('[{"count": 5}, {"name": "a", "timeMs": 0, "averageMs": 0, "percentage": NaN}]')
    assert [(timing.mean_ns, timing.ratio) for timing in profile.timings] == [(0, None)]


def test_repeated_names_are_kept_and_said() -> None:
    row = {"name": "a", "averageMs": 0.1}
    profile = parse_profile(json.dumps([{"count": 1}, row, row]))
    assert len(profile.timings) == 2
    assert profile.notices[-1].code == "layer-name"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "found an empty file"),
        (b"[]", "found an empty list"),
        (b'[{"count": 3}]', "found no row but the count"),
        (b'{"name": "a"}', "found an object"),
        (
            b'[\n{ "count" : 1 }\n, { "name" : "a", "timeMs" : 0.1, "averageMs" : 0.1, "percentage" : 1 }\n',
            "ends in the middle",
        ),
        (b'[{"name": "a", "averageMs": "x"}]', "'a' has averageMs 'x'"),
        (b"[nan]", "expecting value"),
    ],
)
def test_profiles_that_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError) as error:
        parse_profile(data, path="p.json")
    assert error.value.message.startswith("p.json: ")
    assert message in error.value.message
    assert "--exportProfile" in str(error.value.hint)


def test_layer_latencies() -> None:
    profile = read_layer_latency(FIXTURES / "tiny.layer_latency.json")
    conv, pool = profile.timings
    assert (conv.layer, conv.mean_ns, conv.median_ns, conv.count) == ("conv1 + relu1", 27_500, 20_000, 4)
    assert pool.total_ns == pytest.approx(42_000)
    assert profile.count == 4


def test_layer_latencies_with_holes() -> None:
    profile = parse_layer_latency('{"a": [0.1, "x", 0.3], "b": 4, "c": [0.2], "d": []}')
    assert [(timing.layer, timing.count) for timing in profile.timings] == [("a", None), ("c", None)]
    assert [notice.code for notice in profile.notices] == ["time-unread", "count-differs"]
    with pytest.raises(InputError, match="'a' has a number"):
        parse_layer_latency('{"a": 1}')


def test_times_of_tensorrt_8_6() -> None:
    times = read_times(FIXTURES / "tiny_v86.times.json")
    assert len(times.inference.compute_ns) == 6
    assert times.inference.compute_ns[:2] == pytest.approx((1e6, 1.001e6))
    assert times.inference.latency_ns[0] == pytest.approx(1.15e6)
    assert times.inference.enqueue_ns == pytest.approx((20_000,) * 6)
    assert times.inference.h2d_ns == pytest.approx((100_000,) * 6)
    assert times.end_to_end_ns == ()
    assert (times.warm_up_iterations, times.notices) == (0, ())


def test_warm_up_that_is_in_the_file_is_left_out() -> None:
    """Up to TensorRT 8.4; trtexec's own rule is that compute starts after the warm-up."""
    times = read_times(FIXTURES / "tiny_v82.times.json")
    assert (len(times.inference.compute_ns), times.warm_up_iterations) == (5, 4)
    assert len(times.end_to_end_ns) == 5
    assert times.notices[0].code == "warm-up"
    longer = read_times(FIXTURES / "tiny_v82.times.json", warm_up_ms=340)
    assert (len(longer.inference.compute_ns), longer.warm_up_iterations) == (2, 7)
    shorter = read_times(FIXTURES / "tiny_v82.times.json", warm_up_ms=0)
    assert (len(shorter.inference.compute_ns), shorter.warm_up_iterations) == (9, 0)


def test_documents_one_after_another_and_swapped_columns_of_tensorrt_7() -> None:
    times = read_times(FIXTURES / "trt7.times.json")
    assert [run.compute_ns[0] for run in times.runs] == [2e6, 1.5e6]
    assert times.inference is times.runs[-1]
    assert times.inference.enqueue_ns == pytest.approx((20_000,) * 4)
    assert times.inference.h2d_ns == pytest.approx((100_000,) * 4)
    assert times.notices[0].code == "several-runs"
    assert "2.000, 1.500 ms" in times.notices[0].message


def test_first_times_of_tensorrt_7_have_no_enqueue() -> None:
    times = read_times(FIXTURES / "trt70.times.json")
    assert times.inference.enqueue_ns == ()
    assert times.inference.h2d_ns == pytest.approx((100_000,) * 4)


def test_transfers_that_are_off_are_not_measured() -> None:
    rows = [{"computeMs": 1.0, "latencyMs": 1.0, "h2dMs": 0, "d2hMs": 0}] * 3
    inference = parse_times(json.dumps(rows)).inference
    assert (inference.h2d_ns, inference.d2h_ns) == ((), ())
    assert len(inference.latency_ns) == 3


def test_a_column_with_holes_is_no_column() -> None:
    rows = [{"computeMs": 1.0, "latencyMs": 1.0}, {"computeMs": 2.0}, {"computeMs": "x"}]
    times = parse_times(json.dumps(rows))
    assert times.inference.compute_ns == (1e6, 2e6)
    assert times.inference.latency_ns == ()
    assert times.notices[0].code == "iteration-unread"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"  ", "found an empty file"),
        (b"[]", "found an empty list"),
        (b"{}", "found an object"),
        (b'[{"computeMs": 1}', "ends in the middle"),
        (b'[{"computeMs": 1}] [{"computeMs"', "ends in the middle"),
        (b"[1]", "found a number"),
        (b'[{"computeMs": 1}] trash', "expecting value, found 'trash'"),
    ],
)
def test_times_that_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError) as error:
        parse_times(data, path="t.json")
    assert message in error.value.message
    assert error.value.hint
