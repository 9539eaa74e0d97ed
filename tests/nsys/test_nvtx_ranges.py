"""Names, domains and payloads of NVTX ranges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trtprof.parsers.nsys_schema import RangeColumns
from trtprof.parsers.nsys_sqlite import NsysExport

from .synthetic_export import NVTX, SyntheticExport


def read(export: SyntheticExport, tmp_path: Path, *, seed: int | None = None) -> RangeColumns:
    with NsysExport(export.write(tmp_path / "e.sqlite", seed=seed)) as opened:
        ranges = opened.ranges()
    assert isinstance(ranges, RangeColumns)
    return ranges


def spelled(ranges: RangeColumns) -> list[tuple[str, str | None, int, int]]:
    names = [ranges.names[place] if place >= 0 else None for place in ranges.name]
    domains = [ranges.domains[place] for place in ranges.domain]
    return list(zip(domains, names, ranges.start_ns.tolist(), ranges.end_ns.tolist(), strict=True))


@pytest.mark.parametrize("seed", [None, 4])
def test_a_domain_number_that_is_used_again(tmp_path: Path, seed: int | None) -> None:
    """Myelin destroys and creates its domain for every graph, and another library may get the number in between."""
    export = SyntheticExport()
    export.domain("TensorRT", 1, -1_878_291_120)
    export.domain("myelin-exec", 2, 0)
    export.range("a", 5, 10, domain=2)
    export.domain_destroy(2, 20)
    export.domain("cuBLAS", 2, 30)
    export.range("b", 30, 35, domain=2)
    export.range("layer", 31, 33, domain=1)
    export.domain_destroy(2, 40)
    export.domain("myelin-exec", 2, 50)
    export.range("c", 60, 70, domain=2, style=60)
    export.range("early", -5, -1, domain=2)
    export.range("plain", 61, 62)
    assert spelled(read(export, tmp_path, seed=seed)) == [
        ("(domain 2)", "early", -5, -1),
        ("myelin-exec", "a", 5, 10),
        ("cuBLAS", "b", 30, 35),
        ("TensorRT", "layer", 31, 33),
        ("myelin-exec", "c", 60, 70),
        ("", "plain", 61, 62),
    ]


def test_domain_numbers_belong_to_a_process(tmp_path: Path) -> None:
    export = SyntheticExport()
    one, other = export.thread(1000, 1), export.thread(2000, 1)
    export.domain("TensorRT", 1, 0, thread=one)
    export.domain("NCCL", 1, 0, thread=other)
    export.range("a", 5, 10, domain=1, thread=export.thread(1000, 77))
    export.range("b", 6, 10, domain=1, thread=other)
    assert [row[:2] for row in spelled(read(export, tmp_path))] == [("TensorRT", "a"), ("NCCL", "b")]


def test_texts_in_the_row_and_by_id(tmp_path: Path) -> None:
    export = SyntheticExport()
    export.range("by id", 0, 5)
    export.range("inline", 10, 15, registered=False)
    export.range("by id", 20, 25, registered=False)
    export.range("a, 'b' \"c\"\n\x1f ü", 30, 35, registered=False)
    export.add(NVTX, start=40, end=45, eventType=59, globalTid=export.thread())
    ranges = read(export, tmp_path)
    assert [row[1] for row in spelled(ranges)] == ["by id", "inline", "by id", "a, 'b' \"c\"\n\x1f ü", None]
    assert len(ranges.names) == 3


def test_only_ranges_closed_by_their_own_thread(tmp_path: Path) -> None:
    export = SyntheticExport()
    export.range("open", 0, None)
    export.range("empty", 3, 3)
    export.range("kept", 5, 9, style=60)
    export.add(NVTX, start=1, end=8, eventType=60, textId=export.string("handed over"), globalTid=export.thread(),
               endGlobalTid=export.thread(1000, 5))  # fmt: skip
    export.add(NVTX, start=1, end=8, eventType=60, textId=export.string("same"), globalTid=export.thread(),
               endGlobalTid=export.thread())  # fmt: skip
    export.add(NVTX, start=4, end=None, eventType=34, textId=export.string("mark"), globalTid=export.thread())
    export.add(NVTX, start=4, end=9, eventType=33, text="category", globalTid=export.thread())
    with NsysExport(export.write(tmp_path / "e.sqlite")) as opened:
        trace = opened.trace()
    assert [row[1] for row in spelled(trace.ranges)] == ["same", "kept"]
    assert [notice.message for notice in trace.notices] == [
        "3 of 5 NVTX ranges enclose nothing: left open, closed by another thread, or empty"
    ]


@pytest.mark.parametrize("style", [59, 60, 70, 71])
def test_every_style_of_range(tmp_path: Path, style: int) -> None:
    export = SyntheticExport()
    export.range("r", 0, 5, style=style)
    assert spelled(read(export, tmp_path)) == [("", "r", 0, 5)]


def test_onnx_nodes_in_myelins_payload(tmp_path: Path) -> None:
    export = SyntheticExport()
    export.domain("TensorRT", 1, -10)
    export.domain("myelin-exec", 2, -10)
    payload = json.dumps({"Name": "__myl_FcAdd", "Layers": "[ONNX Layer: /a/Gemm]\x1f[ONNX Layer: /a/Add]"})
    export.range("layer", 0, 100, domain=1)
    export.range("__myl_FcAdd", 10, 20, domain=2, payload=payload)
    export.range("__myl_FcAdd", 30, 40, domain=2, payload=payload.replace("/a/", "/b/"))
    export.range("__mye_1", 50, 60, domain=2, payload='{"Name": "__mye_1", "Layers": ""}')
    export.range("__mye_2", 70, 80, domain=2, payload="{not json")
    ranges = read(export, tmp_path)
    nodes = [ranges.onnx_nodes[place] if place >= 0 else () for place in ranges.nodes]
    assert nodes == [(), ("/a/Gemm", "/a/Add"), ("/b/Gemm", "/b/Add"), (), ()]
