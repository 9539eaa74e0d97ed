"""Damaged, forged and absurd inputs give a result or exactly one InputError: never a traceback, a hang or a zero."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.parsers.places import FIXTURES
from tests.parsers.test_small_formats import PLAN, TIMING_CACHE
from trtprof.errors import InputError
from trtprof.model import Unknown
from trtprof.parsers.calibration_cache import parse_calibration_cache
from trtprof.parsers.engine_assembly import read_engines
from trtprof.parsers.engine_inspector import parse_engine_info
from trtprof.parsers.engine_log import parse_engine_log
from trtprof.parsers.engine_plan import parse_engine_plan
from trtprof.parsers.polygraphy_replay import parse_tactic_replay
from trtprof.parsers.registry import read_any, sniff
from trtprof.parsers.timing_cache import parse_timing_cache
from trtprof.parsers.trex_metadata import parse_trex_metadata
from trtprof.parsers.trtexec_profile import parse_layer_latency, parse_profile
from trtprof.parsers.trtexec_times import parse_times

Parser = Callable[..., Any]
PATH = "dir/some file.json"
SETTINGS = settings(
    max_examples=60,
    deadline=3000,  # ms: a hang, not a slow machine
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def parse_log(data: bytes, *, path: str) -> object:
    return parse_engine_log(data.decode("utf-8", errors="replace"), path=path)


JSON_FORMATS: dict[str, Parser] = {
    "tiny_v86.layers.json": parse_engine_info,
    "tiny_v10.layers.json": parse_engine_info,
    "tiny_v11.layers.json": parse_engine_info,
    "names_only.layers.json": parse_engine_info,
    "tiny_v86.profile.json": parse_profile,
    "tiny.layer_latency.json": parse_layer_latency,
    "tiny_v82.times.json": parse_times,
    "tiny.profile.metadata.json": parse_trex_metadata,
    "device.metadata.json": parse_trex_metadata,
    "replay.json": parse_tactic_replay,
    "replay_old.json": parse_tactic_replay,
}
FORMATS: dict[str, Parser] = JSON_FORMATS | {
    "unescaped.profile.json": parse_profile,
    "trt7.times.json": parse_times,
    "entropy.cache": parse_calibration_cache,
    "trt7.log": parse_log,
    "v82_verbose.log": parse_log,
    "v10_verbose.log": parse_log,
    "v10_profile.log": parse_log,
    "python_dla.log": parse_log,
}


def outcome(parser: Parser, data: bytes) -> Any:
    """The result, or ``None`` for one well-formed error."""
    try:
        return parser(data, path=PATH)
    except InputError as error:
        assert error.message.startswith(f"{PATH}: ")
        assert error.hint
        assert "\n" not in error.message
        return None


def original(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


@pytest.mark.parametrize("name", FORMATS)
@given(cut=st.floats(0, 1))
@SETTINGS
def test_truncated(name: str, cut: float) -> None:
    data = original(name)
    outcome(FORMATS[name], data[: int(cut * len(data))])


@pytest.mark.parametrize("name", FORMATS)
@given(places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8))
@SETTINGS
def test_bits_flipped(name: str, places: list[tuple[float, int]]) -> None:
    data = bytearray(original(name))
    for place, mask in places:
        data[int(place * len(data))] ^= mask
    outcome(FORMATS[name], bytes(data))


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
@SETTINGS
def test_lines_dropped_doubled_and_moved(name: str, data: st.DataObject) -> None:
    lines = original(name).split(b"\n")
    order = data.draw(st.lists(st.integers(0, len(lines) - 1), max_size=2 * len(lines)))
    outcome(FORMATS[name], b"\n".join(lines[index] for index in order))


ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True),
    st.text(max_size=20),
    st.just([]),
    st.just({}),
    st.lists(st.integers() | st.none() | st.text(max_size=3), max_size=4),
    st.dictionaries(
        st.sampled_from(["Name", "name", "Dimensions", "Type", "Count"]), st.integers() | st.none(), max_size=3
    ),
)


def places_in(value: Any) -> list[tuple[Any, Any]]:
    """Every container of a document with each of its keys."""
    found: list[tuple[Any, Any]] = []
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for key in keys:
        found.append((value, key))
        found.extend(places_in(value[key]))
    return found


@pytest.mark.parametrize("name", JSON_FORMATS)
@given(data=st.data())
@SETTINGS
def test_values_of_a_wrong_type(name: str, data: st.DataObject) -> None:
    document = json.loads(original(name))
    for _ in range(data.draw(st.integers(1, 4))):
        places = places_in(document)
        if places:
            container, key = places[data.draw(st.integers(0, len(places) - 1))]
            container[key] = data.draw(ODD_VALUES)
    outcome(JSON_FORMATS[name], json.dumps(document).encode())


@pytest.mark.parametrize("name", JSON_FORMATS)
@given(data=st.data())
@SETTINGS
def test_keys_missing_and_foreign(name: str, data: st.DataObject) -> None:
    document = json.loads(original(name))
    places = [(container, key) for container, key in places_in(document) if isinstance(container, dict)]
    assume(places)
    for container, key in data.draw(st.lists(st.sampled_from(places), max_size=6)):
        value = container.pop(key, None)
        if data.draw(st.booleans()):
            container[data.draw(st.text(max_size=8))] = value
    outcome(JSON_FORMATS[name], json.dumps(document).encode())


@pytest.mark.parametrize("name", JSON_FORMATS)
@pytest.mark.parametrize("depth", [900, 50_000])
def test_deeply_nested(name: str, depth: int) -> None:
    parser = JSON_FORMATS[name]
    for opening, closing in (("[", "]"), ('{"Layers":', "}"), ('[{"a":', "}]")):
        outcome(parser, (opening * depth + "1" + closing * depth).encode())
        outcome(parser, (opening * depth).encode())
    document = original(name).decode()
    deep = "[" * depth + "]" * depth
    outcome(parser, (document.rstrip()[:-1] + f', "deep": {deep}' + document.rstrip()[-1]).encode())
    outcome(parser, document.replace("8", deep, 1).encode())


@given(st.binary(max_size=400))
@SETTINGS
def test_any_bytes(data: bytes) -> None:
    for parser in {*FORMATS.values(), parse_timing_cache, parse_engine_plan}:
        outcome(parser, data)


@given(st.text(max_size=200))
@SETTINGS
def test_any_text_in_any_encoding(text: str) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        data = text.encode(encoding, errors="surrogatepass")
        for parser in {*FORMATS.values()}:
            outcome(parser, data)


@pytest.mark.parametrize(("parser", "whole"), [(parse_timing_cache, TIMING_CACHE), (parse_engine_plan, PLAN)])
@given(data=st.data())
@SETTINGS
def test_headers_cut_and_flipped(parser: Parser, whole: bytes, data: st.DataObject) -> None:
    place, mask = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(1, 255))
    outcome(
        parser,
        whole[:place] + bytes([whole[place] ^ mask]) + whole[place + 1 : data.draw(st.integers(place, len(whole)))],
    )


HOSTILE_NAMES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "",
            " ",
            "\0",
            '", "timeMs" : 9, "x": "',
            "a, LayerType: gemm, Inputs: []",
            "x -> y, Tactic: 0x1, z",
            "{ForeignNode[" * 50,
            "[ONNX Layer: " * 50,
            "__myl_" + "MulMinMax" * 200 + "_myl0_0",
            " [profile 99999999999999999999]",
            "a [profile 1]",
            "</script><img onerror=alert(1)>",
            "=== Profile (9 iterations) ===",
            "../../etc/passwd",
            "\u202e\ufeff\ud7ff",
            "Total",
            "n" * 100_000,
        ]
    ),
)


@given(names=st.lists(HOSTILE_NAMES, min_size=1, max_size=6), data=st.data())
@SETTINGS
def test_hostile_names_come_back_as_they_are(names: list[str], data: st.DataObject) -> None:
    metadata = data.draw(HOSTILE_NAMES)
    tensor = {"Name": names[0], "Dimensions": [1], "Format/Datatype": data.draw(HOSTILE_NAMES)}
    kind = data.draw(st.sampled_from(["kgen", "Reformat", "Scale", "PluginV2"]) | HOSTILE_NAMES)
    rows = [
        {"Name": name, "LayerType": kind, "Inputs": [tensor], "Outputs": [tensor], "Metadata": metadata}
        for name in names
    ]
    info = parse_engine_info(json.dumps({"Layers": rows, "Bindings": names}))
    assert [layer.name for layer in info.layers] == names
    times = [{"name": name, "averageMs": 1.5} for name in names]
    assert [timing.layer for timing in parse_profile(json.dumps(times)).timings] == names


@given(names=st.lists(HOSTILE_NAMES, min_size=1, max_size=4))
@SETTINGS
def test_hostile_names_that_trtexec_does_not_escape(names: list[str]) -> None:
    rows = "\n".join(f', {{ "name" : "{name}", "timeMs" : 3, "averageMs" : 1.5, "percentage" : 50 }}' for name in names)
    profile = outcome(parse_profile, f'[\n  {{ "count" : 2 }}\n{rows}\n]\n'.encode(errors="surrogatepass"))
    assert profile is None or all(timing.mean_ns for timing in profile.timings)


@given(name=HOSTILE_NAMES, other=HOSTILE_NAMES)
@SETTINGS
def test_hostile_names_in_logs(name: str, other: str) -> None:
    for log in ("v82_verbose.log", "v10_verbose.log", "v10_profile.log"):
        text = original(log).decode()
        for known in ("conv1 + relu1", "conv1", "x -> <out>"):
            text = text.replace(known, f"{name} + {other}")
        outcome(parse_log, text.encode(errors="surrogatepass"))


@given(data=st.data())
@SETTINGS
def test_a_time_that_is_no_number_is_never_zero(data: st.DataObject) -> None:
    rows: list[dict[str, Any]] = [{"name": f"layer {index}", "averageMs": data.draw(ODD_VALUES)} for index in range(5)]
    rows.append({"name": "sound", "averageMs": 2})
    profile = parse_profile(json.dumps(rows))
    values = {row["name"]: row["averageMs"] for row in rows}
    for timing in profile.timings:
        value = values[timing.layer]
        assert isinstance(value, (int, float))
        assert not isinstance(value, bool)
        assert timing.mean_ns == pytest.approx(value * 1e6)


@given(seed=st.integers(0, 2**32))
@SETTINGS
def test_order_of_rows_changes_no_figure(seed: int) -> None:
    rows = json.loads(original("tiny_v86.profile.json"))
    shuffled = rows[1:]
    random.Random(seed).shuffle(shuffled)
    expected = {timing.layer: timing for timing in parse_profile(original("tiny_v86.profile.json")).timings}
    found = {timing.layer: timing for timing in parse_profile(json.dumps([*shuffled, rows[0]])).timings}
    assert found.keys() == expected.keys()
    assert all(found[name].mean_ns == expected[name].mean_ns for name in expected)
    layers = json.loads(original("tiny_v86.layers.json"))
    random.Random(seed).shuffle(layers["Layers"])
    info = parse_engine_info(json.dumps(dict(reversed(layers.items()))))
    assert [layer.index for layer in info.layers] == list(range(11))
    kinds = {layer.name: layer.kind for layer in parse_engine_info(original("tiny_v86.layers.json")).layers}
    assert {layer.name: layer.kind for layer in info.layers} == kinds


@given(name=st.sampled_from(sorted(FORMATS)), data=st.data())
@SETTINGS
def test_damaged_files_through_the_front_door(name: str, data: st.DataObject, tmp_path: Path) -> None:
    content = bytearray(original(name))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    kind = sniff(path)
    for function in (read_any, lambda place: read_engines([place])):
        try:
            function(path)
        except InputError as error:
            assert str(path) in error.message
            assert error.hint
        else:
            assert not isinstance(kind, Unknown)


@pytest.mark.parametrize(
    ("what", "data", "parser"),
    [
        (
            "rows",
            b'{"Layers": [' + b",".join([b'{"Name": "a", "LayerType": "gemm"}'] * 20_000) + b"]}",
            parse_engine_info,
        ),
        ("names", b'["' + b'", "'.join([b"a"] * 100_000) + b'"]', parse_engine_info),
        ("documents", b'[{"computeMs": 1}]' * 30_000, parse_times),
        ("name heads", b'[ "name" : "' * 60_000 + b"]", parse_profile),
        ("quoted rows", b'[{ "name" : ""x", "timeMs" : 1, "averageMs" : 1 }' * 20_000 + b"]", parse_profile),
        (
            "entries",
            b'{"Layers": [{"Name": "a", "Metadata": "' + b"[ONNX Layer: " * 50_000 + b'"}]}',
            parse_engine_info,
        ),
        ("options", b"[I] === Build Options ===\n" + b"[I] a: b\n" * 50_000, parse_log),
        ("one option", b"[I] === Build Options ===\n[I] " + b"a" * 500_000 + b"\n", parse_log),
        ("tactics", b"[V] [TRT] Tactic: 1 Time: 0.1\n" * 50_000, parse_log),
        ("a row of colons", b"[I] === Profile (1 iterations ) ===\n" + b"x " * 300_000 + b"\n", parse_log),
        (
            "listing",
            b"[V] [TRT] Engine Layer Information:\nLayer(A): " + b", Tactic: 0, x " * 20_000 + b"\n",
            parse_log,
        ),
        (
            "tensors",
            b"[V] [TRT] Engine Layer Information:\nLayer(A): n, Tactic: 0, " + b"a (" * 20_000 + b"\n",
            parse_log,
        ),
        ("fusions", b"[V] [TRT] a: Fusing " + b" with " * 50_000 + b"\n", parse_log),
        ("reformats", b"[V] [TRT] Adding reformat layer: " + b" (a) from b" * 20_000 + b"\n", parse_log),
        ("warnings", b"".join(b"[W] [TRT] message %d\n" % number for number in range(50_000)), parse_log),
        ("scales", b"TRT-8601-EntropyCalibration2\n" + b"a: 3c010a14\n" * 50_000, parse_calibration_cache),
        ("digits", b"TRT-8601-EntropyCalibration2\na: " + b"1" * 500_000, parse_calibration_cache),
        ("spaces", b" " * 2_000_000, parse_engine_info),
        ("open objects", b"{" * 500_000, parse_trex_metadata),
    ],
)
def test_huge_inputs_take_seconds_at_most(what: str, data: bytes, parser: Parser) -> None:
    start = time.process_time()
    outcome(parser, data)
    assert time.process_time() - start < 5, what
