from __future__ import annotations

import gzip
import json
import re
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.parsers.places import FIXTURES
from tests.parsers.test_small_formats import PLAN, TIMING_CACHE
from trtprof.errors import InputError
from trtprof.model import Unknown
from trtprof.parsers.registry import READERS, FileKind, read_any, sniff

KINDS = {
    "deepstream.log": FileKind.LOG,
    "device.metadata.json": FileKind.TREX_METADATA,
    "entropy.cache": FileKind.CALIBRATION_CACHE,
    "minmax.cache": FileKind.CALIBRATION_CACHE,
    "names_only.layers.json": FileKind.LAYER_INFO,
    "python_dla.log": FileKind.LOG,
    "replay.json": FileKind.TACTIC_REPLAY,
    "replay_old.json": FileKind.TACTIC_REPLAY,
    "tiny.build.metadata.json": FileKind.TREX_METADATA,
    "tiny.layer_latency.json": FileKind.LAYER_LATENCY,
    "tiny.profile.metadata.json": FileKind.TREX_METADATA,
    "tiny_v10.layers.json": FileKind.LAYER_INFO,
    "tiny_v10.profile.json": FileKind.PROFILE,
    "tiny_v11.layers.json": FileKind.LAYER_INFO,
    "tiny_v82.profile.json": FileKind.PROFILE,
    "tiny_v82.times.json": FileKind.TIMES,
    "tiny_v86.layers.json": FileKind.LAYER_INFO,
    "tiny_v86.profile.json": FileKind.PROFILE,
    "tiny_v86.times.json": FileKind.TIMES,
    "trt7.log": FileKind.LOG,
    "trt7.times.json": FileKind.TIMES,
    "trt70.times.json": FileKind.TIMES,
    "unescaped.profile.json": FileKind.PROFILE,
    "v10_profile.log": FileKind.LOG,
    "v10_verbose.log": FileKind.LOG,
    "v11_failed.log": FileKind.LOG,
    "v82_verbose.log": FileKind.LOG,
}


@pytest.mark.parametrize("name", KINDS)
def test_content_tells_and_not_the_name(name: str, tmp_path: Path) -> None:
    disguised = tmp_path / "file.dat"
    shutil.copy(FIXTURES / name, disguised)
    assert sniff(disguised) is KINDS[name]
    assert read_any(disguised).kind is KINDS[name]


def test_every_fixture_is_told() -> None:
    assert {path.name for path in FIXTURES.iterdir()} - {"README.md"} == set(KINDS)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"Bindings": ["x"], "Layers": ["a"]}', FileKind.LAYER_INFO),
        ('{"schema": 1, "Layers": ["a"]}', FileKind.LAYER_INFO),
        ('["a", "b"]', FileKind.LAYER_INFO),
        ('[{"Name": "a", "LayerType": "gemm"}]', FileKind.LAYER_INFO),
        ('{"note": "x", "build_options": {}}', FileKind.TREX_METADATA),
        ('{"polygraphy_class": "TacticReplayData", "replay": {}}', FileKind.TACTIC_REPLAY),
        ('[{"name": "a", "averageMs": 1}]', FileKind.PROFILE),
        ('[{"inMs": 1, "computeMs": 1}]', FileKind.TIMES),
        ('{"a": [-0.5]}', FileKind.LAYER_LATENCY),
        ('\ufeff[\n  { "count" : 1 }\n', FileKind.PROFILE),
        ("Name: a, LayerType: gemm, Inputs: []", FileKind.LOG),
        ("Time (%),Total Time (ns),Instances", FileKind.NSYS_STATS),
        ('"ID","Process ID","Process Name"', FileKind.NCU_CSV),
    ],
)
def test_beginnings(text: str, kind: FileKind, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(text)
    assert sniff(path) is kind


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b" \n\t", "nothing but white space"),
        (b"hello\nworld", "it begins with 'hello'"),
        (gzip.compress(b"x", mtime=0), "a gzip archive"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x7fELF\x02\x00\x00\x00", "a binary file that begins with b'\\x7fELF"),
        (b'{"a": {"b": 1}, "c": 2}', "its keys: 'a', 'c'"),
        (b"{}", "its keys: none"),
        (b"[]", "neither layers nor times"),
        (b"[1, 2]", "neither layers nor times"),
        (b'{"a": ' * 60_000, "begins like JSON"),
    ],
)
def test_reasons_for_not_knowing(data: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    kind = sniff(path)
    assert isinstance(kind, Unknown)
    assert reason in kind.reason
    with pytest.raises(InputError) as error:
        read_any(path)
    assert str(path) in error.value.message
    assert error.value.hint


def test_files_that_are_read_elsewhere(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "trace.sqlite")
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    (tmp_path / "model.onnx").write_bytes(b"\x08\x08\x12\x07pytorch")
    kinds = {path.name: sniff(path) for path in tmp_path.iterdir()}
    assert kinds == {"trace.sqlite": FileKind.NSYS_SQLITE, "model.onnx": FileKind.ONNX_MODEL}
    assert not set(kinds.values()) & set(READERS)
    with pytest.raises(InputError, match="found an ONNX model") as error:
        read_any(tmp_path / "model.onnx")
    assert error.value.hint == "trtprof compare MODEL builds it"


def test_archives(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(PLAN)
    (tmp_path / "b").write_bytes(TIMING_CACHE)
    assert sniff(tmp_path / "a") is FileKind.ENGINE_PLAN
    assert read_any(tmp_path / "b").kind is FileKind.TIMING_CACHE


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, message in ((tmp_path / "absent", "no such file"), (tmp_path, "found a directory")):
        for function in (sniff, read_any):
            with pytest.raises(InputError, match=message):
                function(path)
    with pytest.raises(InputError):
        sniff(Path("a\0b"))


def test_a_late_key_in_a_long_document(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"filler": {"x": "y" * 100_000}, "Layers": ["a"]}))
    assert sniff(path) is FileKind.LAYER_INFO


def test_the_table_of_formats_lists_every_kind() -> None:
    table = (FIXTURES.parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
    for kind in FileKind:
        assert f"| {kind.value} |" in table if kind in READERS else kind.value in " ".join(table.split()), kind


def test_every_notice_is_explained() -> None:
    root = FIXTURES.parents[1]
    text = (root / "docs" / "formats.md").read_text(encoding="utf-8")
    for module in (root / "parsers").glob("*.py"):
        if not module.name.startswith("nsys_"):
            for code in re.findall(r'Notice\(\s*"([a-z-]+)"', module.read_text(encoding="utf-8")):
                assert f"`{code}`" in text, f"{code} of {module.name} is not in docs/formats.md"
