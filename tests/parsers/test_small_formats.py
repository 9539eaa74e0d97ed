"""Calibration caches, TREx metadata, tactic replays, and the headers of timing caches and engines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.parsers.places import FIXTURES
from trtprof.errors import InputError
from trtprof.model import DType, Layout
from trtprof.parsers.calibration_cache import Calibrator, parse_calibration_cache, read_calibration_cache
from trtprof.parsers.engine_plan import parse_engine_plan, read_engine_plan
from trtprof.parsers.polygraphy_replay import parse_tactic_replay, read_tactic_replay
from trtprof.parsers.timing_cache import parse_timing_cache, read_timing_cache
from trtprof.parsers.trex_metadata import parse_trex_metadata, read_trex_metadata

PAYLOAD = b"\x13\x80file_format_version=1\nCASK"
TIMING_CACHE = b"ptrt" + (100).to_bytes(4, "little") + len(PAYLOAD).to_bytes(8, "little") + bytes(4) + PAYLOAD
PLAN = b"ftrt" + bytes(20) + bytes([10, 16, 1, 11]) + b"rest"


def test_entropy_cache() -> None:
    cache = read_calibration_cache(FIXTURES / "entropy.cache")
    assert (cache.version, cache.calibrator) == ("8.6.1", Calibrator.ENTROPY_2)
    ranges = {item.tensor: item.dynamic_range for item in cache.ranges}
    assert ranges == {
        "x": pytest.approx(1.0),
        "(Unnamed Layer* 4) [Shuffle]_output": 0,
        "backbone::conv1: out": pytest.approx(6.35),
    }
    assert [notice.code for notice in cache.notices] == ["zero-scale"]


def test_min_max_cache() -> None:
    cache = read_calibration_cache(FIXTURES / "minmax.cache")
    assert (cache.version, cache.calibrator, cache.ranges[0].scale) == ("10.14.1", Calibrator.MIN_MAX, 0.5)


def test_caches_with_faults() -> None:
    cache = parse_calibration_cache(
        "TRT-8400-MyCalibrator\r\na: 3c010a14\r\nb: 7fc00000\nc\n: 1\na: 80000001\na: 3c010a14\n"
    )
    assert (cache.algorithm, cache.calibrator) == ("MyCalibrator", None)
    assert [item.tensor for item in cache.ranges] == ["a", "a"]
    assert [notice.code for notice in cache.notices] == ["scale-unread", "tensor-name"]
    assert cache.notices[0].message.startswith("4 lines without a usable scale: line 3 is 'b: 7fc00000'")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a header such as 'TRT-8601-EntropyCalibration2', found ''"),
        ("x: 3c010a14", "found 'x: 3c010a14'"),
        ("TRT-8601-EntropyCalibration2\n", "found no line below the header"),
        ("TRT-8601-EntropyCalibration2\nx: zz\n", "found line 2 is 'x: zz'"),
    ],
)
def test_caches_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        parse_calibration_cache(text, path="c.cache")
    assert message in error.value.message
    assert error.value.hint


def test_trex_metadata() -> None:
    metadata = read_trex_metadata(FIXTURES / "tiny.profile.metadata.json")
    assert metadata.device is not None
    assert (metadata.device.compute_capability, metadata.device.sm_count) == ((8, 6), 30)
    summary = metadata.summary
    assert summary is not None
    assert summary.throughput_per_s == 900.5
    assert summary.latency is not None
    assert dict(summary.latency.percentiles) == pytest.approx({90: 1.3e6, 95: 1.35e6, 99: 1.38e6})
    assert summary.compute is not None
    assert summary.compute.percentiles == ((99, 1.25e6),)
    assert summary.d2h is None  # two figures are of no known version
    assert summary.walltime_ns == pytest.approx(3e9)
    build = read_trex_metadata(FIXTURES / "tiny.build.metadata.json")
    assert build.options["build_options"] == {"Precision": "FP32+FP16+INT8", "avgTiming": "8"}
    assert (build.device, build.summary) == (None, None)


def test_trex_device_list() -> None:
    device = read_trex_metadata(FIXTURES / "device.metadata.json").device
    assert device is not None
    assert (device.clock_hz, device.memory_bytes_per_s, device.l2_bytes) == (1.425e9, 336.048e9, 3145728)
    text = json.dumps([{"Name": "a", "ComputeCapability": [8]}, {"Name": "b", "ComputeCapability": [9, 0]}])
    two = parse_trex_metadata(text)
    assert two.device is not None
    assert (two.device.name, two.device.compute_capability) == ("a", None)
    assert [notice.code for notice in two.notices] == ["several-devices"]


@pytest.mark.parametrize("text", ["[]", "{}", '{"performance_summary": 3}', '"x"', "[{}]", '{"build_options": {}'])
def test_metadata_that_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="TREx metadata") as error:
        parse_trex_metadata(text)
    assert error.value.hint


def test_tactic_replay() -> None:
    (tactic,) = read_tactic_replay(FIXTURES / "replay.json").tactics
    assert (tactic.layer, tactic.implementation, tactic.tactic) == ("conv1 + relu1", 0x80000009, "0x9dece0dc37e90462")
    assert (tactic.inputs[0].dtype, tactic.inputs[0].strides) == (DType.FP16, (192, 64, 8, 1))


def test_tactic_replay_of_old_polygraphy() -> None:
    (tactic,) = read_tactic_replay(FIXTURES / "replay_old.json").tactics
    assert (tactic.inputs[0].dtype, tactic.outputs[0].dtype) == (DType.FP32, DType.INT8)
    assert tactic.inputs[0].format is not None
    assert tactic.inputs[0].format.layout is Layout.LINEAR


def test_replays_with_faults() -> None:
    text = json.dumps({"replay": {"a": {"implementation": 1, "tactic": 2, "inputs": 3}, "b": {"tactic": "x"}, "c": 4}})
    replay = parse_tactic_replay(text)
    assert [tactic.layer for tactic in replay.tactics] == ["a"]
    assert "2 layers could not be read: 'b' is an object" in replay.notices[0].message
    for refused in ("{}", "[]", '{"replay": {}}', '{"replay": []}', '{"replay": {"a": 1}}'):
        with pytest.raises(InputError) as error:
            parse_tactic_replay(refused)
        assert error.value.hint


def test_timing_cache_header(tmp_path: Path) -> None:
    path = tmp_path / "timing.cache"
    path.write_bytes(TIMING_CACHE)
    cache = read_timing_cache(path)
    assert (cache.format_version, cache.payload_bytes, cache.size_bytes) == (100, len(PAYLOAD), len(TIMING_CACHE))
    assert cache.notices == ()
    assert [notice.code for notice in parse_timing_cache(TIMING_CACHE[:-1]).notices] == ["size-differs"]
    assert parse_timing_cache(TIMING_CACHE.replace(b"file", b"    ")).notices[0].code == "maybe-an-engine"
    for data in (b"", b"ftrt", TIMING_CACHE[:19]):
        with pytest.raises(InputError) as error:
            parse_timing_cache(data)
        assert error.value.where is not None


def test_engine_plan_header(tmp_path: Path) -> None:
    path = tmp_path / "tiny.engine"
    path.write_bytes(PLAN)
    plan = read_engine_plan(path)
    assert (plan.tool, plan.version, plan.size_bytes) == ("TensorRT", "10.16.1.11", 32)
    assert parse_engine_plan(b"vtrt" + PLAN[4:]).tool == "TensorRT-RTX"
    assert parse_engine_plan(PLAN[:4] + b"\x01" + PLAN[5:]).version is None
    for data in (b"", b"abcd", PLAN[:27]):
        with pytest.raises(InputError) as error:
            parse_engine_plan(data)
        assert error.value.hint
    with pytest.raises(InputError, match="no such file"):
        read_engine_plan(tmp_path / "absent")


def test_headers_of_real_archives(rtx: None) -> None:
    """What TensorRT-RTX writes here: an engine of one ReLU for SM89, and its timing cache."""
    trt = pytest.importorskip("tensorrt_rtx")
    builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(trt.ComputeCapability.SM89, 0)
    network = builder.create_network(0)
    relu = network.add_activation(network.add_input("x", trt.float32, (1, 8, 4, 4)), trt.ActivationType.RELU)
    network.mark_output(relu.get_output(0))
    plan = parse_engine_plan(bytes(builder.build_serialized_network(network, config)))
    assert plan.tool == "TensorRT-RTX"
    assert plan.version is not None
    assert plan.version.startswith(trt.__version__.removesuffix(".post1"))
