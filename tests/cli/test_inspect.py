"""`trtprof inspect` and `trtprof explain` as a user sees them, and `compare` on measured engines."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import jsonschema

from tests.conftest import ROOT
from tests.pipeline.test_measured import write_engine


def test_an_engine_of_our_own_making_whole(trtprof, tmp_path: Path) -> None:
    write_engine(tmp_path / "engine", "Half", [0.5, 0.6, 0.7])
    result = trtprof("inspect", "engine")
    assert result.exit_code == 0, result.stderr
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert lines[:6] == [
        "engine",
        "  fp16; trtexec",
        "  2 layers: 2 compute",
        "  conv/gemm operands: 2 FP16; on Tensor Cores by kernel name: unknown; activations 1.53 MiB",
        "  GPU compute: p50 0.600 ms, p90 0.700 ms, p99 0.700 ms, spread 13.6 %, 1,667 a second (3 iterations, "
        "measured)",
        "  layer times: 0.500 ms in sum (measured, profiler's own cost included)",
    ]
    assert "conversions: found none" in result.stdout


def test_json_of_an_engine_is_that_of_a_comparison(trtprof, tmp_path: Path) -> None:
    write_engine(tmp_path / "engine", "Int8", [0.5])
    answer = json.loads(trtprof("inspect", "engine", "--format", "json").stdout)
    schema = json.loads((ROOT / "docs" / "compare.schema.json").read_text())
    for engine in answer["engines"]:
        engine.pop("notices")
        jsonschema.validate(engine, {"$ref": "#/$defs/engine", "$defs": schema["$defs"]})
    assert answer["engines"][0]["layers"][0]["time"] == {"ns": 250000.0, "provenance": "measured"}
    assert answer["engines"][0]["accuracy"] == {"unknown": "its ONNX model is not at hand"}


def test_csv_and_markdown_have_every_column(trtprof, tmp_path: Path) -> None:
    write_engine(tmp_path / "engine", "Half", [0.5], convs=40)
    rows = list(csv.DictReader(io.StringIO(trtprof("inspect", "engine", "--format", "csv").stdout)))
    assert len(rows) == 40
    assert rows[3]["layer"] == "conv3"
    assert rows[3]["onnx_nodes"] == "/conv3/Conv"
    assert rows[3]["ms"] == "0.250000"
    table = trtprof("inspect", "engine").stdout
    assert "the 30 most expensive of 40; --all shows every one" in table
    assert "conv39" in trtprof("inspect", "engine", "--all").stdout
    markdown = trtprof("inspect", "engine", "--format", "markdown").stdout.splitlines()
    assert markdown[0] == "## engine"


def test_files_without_a_time_say_so_and_never_zero(trtprof, tmp_path: Path) -> None:
    folder = write_engine(tmp_path / "engine", "Half", [0.5])
    for name in ("profile.json", "times.json"):
        (folder / name).unlink()
    result = trtprof("inspect", folder / "layers.json")
    assert "layer times: cannot tell, no profile was given" in result.stdout
    assert "0.000" not in result.stdout
    answer = json.loads(trtprof("inspect", folder, "--format", "json").stdout)
    assert answer["engines"][0]["time"] is None
    assert answer["engines"][0]["layers"][0]["time"] is None


def test_what_is_no_engine_is_refused(trtprof, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("shopping list")
    result = trtprof("inspect", "notes.txt")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("error: notes.txt: not a file that trtprof knows")
    assert "\nhint: " in result.stderr
    assert trtprof("inspect", "nowhere").stderr.startswith("error: nowhere: no such file or directory\nhint: ")


def test_measured_engines_compared_end_to_end(trtprof, tmp_path: Path) -> None:
    write_engine(tmp_path / "half", "Half", [0.5, 0.5])
    write_engine(tmp_path / "eight", "Int8", [0.6, 0.6])
    result = trtprof("compare", "fp16=half", "int8=eight", "--format", "json")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    jsonschema.validate(answer, json.loads((ROOT / "docs" / "compare.schema.json").read_text()))
    assert answer["verdict"]["sentence"] == (
        "fp16 is fastest: 0.500 ms against 0.600 ms of int8, 20.0 % apart. int8 is slower than fp16: 0.600 ms against "
        "0.500 ms."
    )
    assert answer["engines"][0]["latency"]["median_ns"] == 500000.0
    assert answer["breakdowns"][0]["gain"] == {"ns": -100000.0, "provenance": "derived"}
    table = trtprof("compare", "fp16=half", "int8=eight", "--out", "out")
    assert "Engines (times measured, ms)" in table.stdout
    assert "modelled" not in table.stdout
    page = (tmp_path / "out" / "report.html").read_text()
    assert "p50 0.500 ms" in page
    markdown = trtprof("compare", "fp16=half", "int8=eight", "--format", "markdown").stdout
    assert "| p50 ms (measured) |" in markdown
    mixed = trtprof("compare", "fp16=half", "model.onnx")
    assert mixed.exit_code == 2


def test_a_kernel_name_taken_apart(trtprof) -> None:
    name = "ampere_fp32_icudnn_int8x4_128x64_relu_medium_nn_v1"
    text = trtprof("explain", name).stdout
    assert text.startswith(f"{name}\n  CUDA cores (reads INT8, sums INT32); convolution, main kernel\n")
    assert "input: INT8" in text
    answer = json.loads(trtprof("explain", name, "--format", "json").stdout)["kernels"][0]
    assert (answer["unit"], answer["operand"], answer["mma"]) == ("cuda_core", "int8", None)
    assert "".join(token["text"] for token in answer["tokens"]) == name
    assert "unknown: the name does not tell" in trtprof("explain", "kernel").stdout
    assert trtprof("explain", name, "--format", "markdown").stdout.startswith("**CUDA cores (reads INT8, sums INT32)**")


def test_a_log_tells_of_memory_and_times_by_itself(trtprof, shared: Path) -> None:
    result = trtprof("inspect", shared / "cookbook/cookbook_nsys_result-01.log")
    lines = " ".join(result.stdout.split())
    assert "layers: cannot tell, no file lists them" in lines
    assert "GPU compute: p50 0.062 ms, p90 0.076 ms, p99 0.090 ms" in lines
    assert "(summary of trtexec, measured)" in lines
    assert "memory, as the builder logged it: weights 12.5 MiB, activations 122.5 KiB, scratch 4.5 KiB" in lines
    assert "conversions:" not in lines


def test_a_roofline_of_an_engine_of_our_own_making_whole(trtprof, tmp_path: Path) -> None:
    folder = write_engine(tmp_path / "engine", "Half", [0.5])
    assert trtprof("inspect", "engine", "--roofline").stdout == (
        "engine\n  roofline: cannot tell, the files name no GPU\n\n"
    )
    device = {"device_information": {
        "Selected Device": "NVIDIA L4", "Compute Capability": "8.9", "SMs": "58", "Compute Clock Rate": "2.04 GHz",
        "Memory Clock Rate": "6.251 GHz", "Memory Bus Width": "192 bits",
    }}  # fmt: skip
    (folder / "layers.profile.metadata.json").write_text(json.dumps(device))
    result = trtprof("inspect", folder, "--roofline")
    assert result.exit_code == 0, result.stderr
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert lines[1] == (
        "  roof of NVIDIA L4: 58 SMs of compute capability 8.9 at 2.04 GHz as the files state, 300 GB/s"
    )


def test_a_roofline_in_every_format(trtprof, shared: Path) -> None:
    path = shared / "trex" / "examples__pytorch__resnet__A100__qat__resnet-qat.onnx.engine.graph.json"
    table = trtprof("inspect", path, "--roofline").stdout.splitlines()
    assert table[1] == (
        "  roof of NVIDIA A100 80GB PCIe: 108 SMs of compute capability 8.0 at 1.41 GHz as the files state, 1,935 GB/s"
    )
    assert table[2].startswith(
        "  bound: 14 by compute, 13 by memory, 8 by launch; 0.480 ms above the roof in sum (derived"
    )
    assert table[5].split() == [
        "1", "conv1.weight", "+", "QuantizeLinear_7", "+", "Conv_9", "INT8", "70.2", "memory", "0.162", "0.056", "34",
        "%", "0.107",
    ]  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(trtprof("inspect", path, "--roofline", "--format", "csv").stdout)))
    assert len(rows) == 35
    assert (rows[1]["math"], rows[1]["bound"], rows[1]["flops"]) == ("int8", "memory", "7552892928")
    assert rows[0]["flops"] == ""
    markdown = trtprof("inspect", path, "--roofline", "--format", "markdown").stdout
    assert (
        "| 1 | conv1.weight + QuantizeLinear_7 + Conv_9 | INT8 | 70.2 | memory | 0.162 | 0.056 | 34 % | 0.107 |"
        in markdown
    )
    answer = json.loads(trtprof("inspect", path, "--roofline", "--format", "json").stdout)
    schema = json.loads((ROOT / "docs" / "compare.schema.json").read_text())
    roofline = answer["engines"][0]["roofline"]
    jsonschema.validate(roofline, {"$ref": "#/$defs/roofline", "$defs": schema["$defs"]})
    assert roofline["rows"][1]["bound"] == "memory"
    assert "roofline" not in json.loads(trtprof("inspect", path, "--format", "json").stdout)["engines"][0]
