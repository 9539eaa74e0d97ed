"""`trtprof diff` as a user sees it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import jsonschema
import pytest

from tests.conftest import ROOT
from tests.pipeline.test_measured import write_engine


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """Two engines of our own making, the second one in INT8 and slower."""
    write_engine(tmp_path / "old", "Half", [0.5] * 200)
    write_engine(tmp_path / "new", "Int8", [0.6] * 200)
    return tmp_path


def test_a_difference_whole(trtprof, pair: Path) -> None:
    result = trtprof("diff", "v8=old", "v10=new")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.rstrip() for line in result.stdout.splitlines()] == [
        "v10 is slower than v8: 0.600 ms against 0.500 ms of GPU compute, 20.0 % more. "
        "The largest part is /conv0/Conv, 0.250 to",
        "0.300 ms as profiled.",
        "Layer times change by +0.100 ms in sum: +0.100 ms where kernels, types or conversions differ, 0.000 ms where "
        "they are",
        "the same (clock, memory, profiler).",
        "",
        "Engines (times measured, ms)",
        "engine  precision  layers  on Tensor Cores    p50    p99  spread  layer sum",
        "v8      fp16            2  unknown          0.500  0.500   0.0 %      0.500",
        "v10     int8            2  unknown          0.600  0.600   0.0 %      0.600",
        "",
        "What differs around them",
        "           v8    v10",
        "precision  fp16  int8",
        "  cannot tell: TensorRT version, typing, GPU, GPU clock, driver (neither one's files)",
        "",
        "The node groups that changed most, 2 of 2 (layer times as profiled, ms)",
        "   v8    v10  change  ONNX nodes, and the kernels gone (-), come (+) or kept (=)",
        "0.250  0.300  +0.050  /conv0/Conv",
        "                      1 layer",
        "                      - FP16 sm80_xmma_fprop",
        "                      + INT8 sm80_xmma_fprop",
        "0.250  0.300  +0.050  /conv1/Conv",
        "                      1 layer",
        "                      - FP16 sm80_xmma_fprop",
        "                      + INT8 sm80_xmma_fprop",
        "",
        "Conversions added: none",
        "",
        "Conversions gone: none",
        "",
        "Findings, each engine by itself",
        "  found nothing in either engine",
        "",
    ]


def test_json_keeps_its_schema(trtprof, pair: Path) -> None:
    answer = json.loads(trtprof("diff", "old", "new", "--format", "json").stdout)
    jsonschema.validate(answer, json.loads((ROOT / "docs" / "diff.schema.json").read_text()))
    assert answer["time"]["change_ratio"] == pytest.approx(0.2)
    assert answer["groups"][0]["delta_ns"] == pytest.approx(50e3)
    assert answer["differs"] == [{"what": "precision", "base": "fp16", "head": "int8"}]


def test_a_finding_is_the_same_in_both_schemas() -> None:
    compare, diff = (json.loads((ROOT / "docs" / f"{name}.schema.json").read_text()) for name in ("compare", "diff"))
    assert compare["$defs"]["finding"] == diff["$defs"]["finding"]


def test_json_of_a_real_pair_keeps_its_schema(trtprof, shared: Path) -> None:
    files = [next((shared / "trex").glob(f"*A100__{part}__*.engine.graph.json")) for part in ("qat", "qat-residual")]
    answer = json.loads(trtprof("diff", *files, "--format", "json").stdout)
    jsonschema.validate(answer, json.loads((ROOT / "docs" / "diff.schema.json").read_text()))
    assert "Q101" in [item["code"] for item in answer["findings"]["gone"]]
    table = trtprof("diff", *files).stdout
    assert "12 of 19" in table
    assert "- INT8→FP32 CUDA core ampere_fp32_icudnn_int8x4_128x64_relu_medium_nn_v1" in table
    assert "= INT8 Tensor Core, same kernel" in table
    assert "19 of 19" in trtprof("diff", *files, "--all").stdout


def test_csv_has_a_line_a_group_and_markdown_a_table(trtprof, pair: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(trtprof("diff", "old", "new", "--format", "csv").stdout)))
    assert [(row["onnx_nodes"], row["delta_ms"], row["head_types"]) for row in rows] == [
        ("/conv0/Conv", "0.050000", "INT8"),
        ("/conv1/Conv", "0.050000", "INT8"),
    ]
    lines = trtprof("diff", "old", "new", "--format", "markdown").stdout.splitlines()
    assert lines[0] == "## base → head"
    assert (
        "| /conv0/Conv | 0.250 | 0.300 | +0.050 | 1 layer | - FP16 sm80_xmma_fprop <br> + INT8 sm80_xmma_fprop |"
    ) in lines


def test_the_same_engine_twice_is_no_change(trtprof, pair: Path) -> None:
    lines = trtprof("diff", "old", "old").stdout.splitlines()
    assert lines[:2] == [
        "head is as fast as base: 0.500 ms against 0.500 ms of GPU compute.",
        "No layer's time changed.",
    ]
    assert "Node groups: none changed" in lines


@pytest.mark.parametrize(
    ("arguments", "code", "stderr"),
    [
        (
            ("old", "nowhere"),
            3,
            "error: nowhere: no such file or directory\nhint: give an ONNX model, a capture or trtexec's files\n",
        ),
        (
            ("a=old", "a=new"),
            2,
            "error: both engines are called 'a'\nhint: name them apart: old=PATH new=PATH\n",
        ),
        (
            ("old", "new", "--engine", "fp8"),
            3,
            "error: old: expected an engine 'fp8', found old\nhint: --engine takes one of old\n",
        ),
        (
            ("old", "new", "--strict"),
            2,
            "error: --strict is for gates, and there is none\nhint: add one: --fail-if latency:+3%\n",
        ),
    ],
)
def test_what_a_user_can_get_wrong(trtprof, pair: Path, arguments: tuple[str, ...], code: int, stderr: str) -> None:
    result = trtprof("diff", *arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", stderr)


def test_captures_of_several_precisions_are_compared_by_figures_and_of_one_by_structure(
    trtprof, micro_capture: Path, models: Path, tmp_path: Path
) -> None:
    whole = json.loads(trtprof("diff", micro_capture, micro_capture, "--format", "json").stdout)
    jsonschema.validate(whole, json.loads((ROOT / "docs" / "diff.schema.json").read_text()))
    assert [item["engine"] for item in whole["engines"]] == ["fp32", "fp16", "int8"]
    assert "sentence" not in whole
    assert all(not part["change"] for item in whole["engines"] for part in item["figures"])
    assert "head is" not in trtprof("diff", micro_capture, micro_capture).stdout
    chosen = json.loads(trtprof("diff", micro_capture, micro_capture, "--engine", "int8", "--format", "json").stdout)
    jsonschema.validate(chosen, json.loads((ROOT / "docs" / "diff.schema.json").read_text()))
    assert chosen["groups"]
    assert not any(part["same_kernels"] is False for part in chosen["groups"])
    model = models / "residual_micro.onnx"
    assert trtprof("compare", model, "-p", "int8", "--out", "residual").exit_code == 0
    assert trtprof("compare", model, "-p", "int8", "--no-residual-qdq", "--out", "plain").exit_code == 0
    result = trtprof("diff", "plain", "residual", "--format", "json")
    answer = json.loads(result.stdout)
    jsonschema.validate(answer, json.loads((ROOT / "docs" / "diff.schema.json").read_text()))
    assert "unknown" in answer["time"]
    assert [item["onnx_nodes"][0] for item in answer["groups"] if not item["same_kernels"]] == ["/block/conv1/Conv"]
