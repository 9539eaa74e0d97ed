"""`trtprof compare` as a user sees it: output whole, codes, files, and going on after an interruption."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.conftest import ROOT

STAGES = """\
backend rtx-aot: CHOICE
reading residual_micro.onnx
fp32: making the variant
making random calibration data
fp32: building with TensorRT-RTX for sm89
fp16: making the variant
fp16: building with TensorRT-RTX for sm89
int8: making the variant
int8: building with TensorRT-RTX for sm89
fp32: comparing outputs with the original under onnxruntime
fp16: comparing outputs with the original under onnxruntime
analysing
wrote out/report.html
wrote out/trtprof.db (run RUN)
next: trtprof compare out --format json
"""


def test_the_whole_of_a_comparison(trtprof, models: Path, rtx, tmp_path: Path) -> None:
    result = trtprof("compare", models / "residual_micro.onnx", "--out", "out")
    assert result.exit_code == 0, result.output
    # Builds run beside the making of variants, so these lines may change places.
    stages = re.sub(r"run [0-9a-f]{12}", "run RUN", result.stderr)
    stages = re.sub(r"(?<=backend rtx-aot: ).*", "CHOICE", stages)
    assert sorted(stages.splitlines()) == sorted(STAGES.splitlines())
    assert stages.splitlines()[-4:] == STAGES.splitlines()[-4:]
    assert _portable(result.stdout) == (ROOT / "tests" / "cli" / "residual_micro.txt").read_text()
    assert {item.name for item in (tmp_path / "out").iterdir()} == {"capture", "report.html", "trtprof.db"}
    assert "trtprof" in (tmp_path / "out" / "report.html").read_text()[:4000]
    with sqlite3.connect(tmp_path / "out" / "trtprof.db") as connection:
        assert connection.execute("SELECT model FROM run").fetchall() == [("residual_micro",)]
    connection.close()


def _portable(text: str) -> str:
    """Mask what depends on the machine: the builder's version, and the last digits of floating-point accuracy."""
    text = re.sub(r"TensorRT-RTX [\d.]+ ", "TensorRT-RTX VERSION ", text)
    head, mark, tail = text.partition("Accuracy against")
    table, blank, rest = tail.partition("\n\n")
    table = re.sub(r" +(?:[\d.]+(?:e-\d+)?|exact)(?: dB)?(?= |$)", " N", table, flags=re.MULTILINE)
    return head + mark + re.sub(r"(cosine|SQNR|samples|output) +", r"\1 ", table) + blank + rest


def test_json_keeps_its_contract_and_is_the_same_twice(trtprof, models: Path, rtx) -> None:
    schema = json.loads((ROOT / "docs" / "compare.schema.json").read_text())
    answers = []
    for out in ("one", "two"):
        result = trtprof("compare", models / "residual_micro.onnx", "--out", out, "--format", "json")
        assert result.exit_code == 0, result.stderr
        answers.append(json.loads(result.stdout))
        jsonschema.validate(answers[-1], schema)
    for answer in answers:
        for engine in answer["engines"]:
            assert engine.pop("build_ns") > 0
    assert answers[0] == answers[1]
    engines = {engine["name"]: engine for engine in answers[0]["engines"]}
    assert engines["int8"]["accuracy"] == {"unknown": "no calibration data"}
    assert engines["int8"]["conv_gemm_rows_by_operand"][0]["dtype"] == "int8"
    assert engines["fp16"]["conv_gemm_rows_by_operand"][0]["dtype"] == "fp16"
    assert engines["int8"]["time_with_epilogues_folded"]["mid_ns"] < engines["int8"]["time"]["mid_ns"]
    assert answers[0]["verdict"]["winner"] is None


def test_a_finished_comparison_is_shown_again_without_building(trtprof, micro_capture: Path, models: Path) -> None:
    logs = {path: path.stat().st_mtime_ns for path in micro_capture.glob("capture/**/*")}
    for target in (micro_capture, micro_capture / "capture"):
        table, csv = trtprof("compare", target), trtprof("compare", target, "--format", "csv")
        assert table.exit_code == csv.exit_code == 0
        assert "building" not in table.stderr
        assert "No GPU was used" in table.stdout
        lines = csv.stdout.splitlines()
        assert lines[0].startswith("engine,index,name,type,kind,")
        assert {line.split(",")[0] for line in lines[1:]} == {"fp32", "fp16", "int8"}
    assert logs == {path: path.stat().st_mtime_ns for path in micro_capture.glob("capture/**/*")}


def test_markdown_is_one_table_a_question_with_nothing_left_open(trtprof, micro_capture: Path) -> None:
    text = trtprof("compare", micro_capture, "--format", "markdown").stdout
    assert text.startswith("## residual_micro: TensorRT-RTX ")
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1, block
    assert "time ms (modelled)" in text


def test_real_data_gives_accuracy(trtprof, models: Path, rtx, tmp_path: Path) -> None:
    # FP32 scales: onnxruntime before 1.30 errs on FP16 ones, and Python 3.10 has no later one.
    shape = _input_shape(models / "residual_micro.onnx")
    np.savez(tmp_path / "data.npz", np.random.default_rng(0).standard_normal((4, *shape[1:])).astype("f"))
    result = trtprof(
        "compare",
        models / "residual_micro.onnx",
        "--calib",
        "data.npz",
        "-p",
        "fp32",
        "-p",
        "int8-fp32",
        "--format",
        "json",
    )
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    (output,) = next(engine for engine in answer["engines"] if engine["name"] == "int8-fp32")["accuracy"]["outputs"]
    assert output["samples"] == 4
    assert 15 < output["sqnr_db"] < 80
    assert not any(notice["code"] == "random-calibration" for notice in answer["notices"])


def _input_shape(path: Path) -> tuple[int, ...]:
    import onnx

    dims = onnx.load(path).graph.input[0].type.tensor_type.shape.dim
    return tuple(dim.dim_value for dim in dims)


def test_a_variant_of_ones_own_is_taken_as_it_is(trtprof, models: Path, rtx) -> None:
    given = models / "residual_onesided_qdq.onnx"
    result = trtprof("compare", models / "residual_micro.onnx", "--variant", f"int8={given}", "--format", "json")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    assert [engine["name"] for engine in answer["engines"]] == ["fp32", "fp16", "int8"]
    int8 = answer["engines"][2]
    assert int8["conv_gemm_rows_by_operand"][0]["dtype"] == "int8"
    # The float shortcut: what follows the Add's convolution reads a float residual beside the product.
    tails = [layer for layer in int8["layers"] if any("Add" in node for node in layer["onnx_nodes"])]
    assert any(len([t for t in tail["inputs"] if t["dtype"] in ("fp32", "fp16")]) == 2 for tail in tails)
    ours = trtprof("compare", models / "residual_micro.onnx", "--format", "json", "--out", "ours")
    tails = [
        layer
        for layer in json.loads(ours.stdout)["engines"][2]["layers"]
        if any("Add" in node for node in layer["onnx_nodes"])
    ]
    assert all(len([t for t in tail["inputs"] if t["dtype"] in ("fp32", "fp16")]) < 2 for tail in tails)


def test_a_precision_the_target_lacks_is_an_error_and_the_others_are_kept(trtprof, models: Path, rtx) -> None:
    model = models / "residual_micro.onnx"
    result = trtprof("compare", model, "-p", "fp32", "-p", "fp8", "--target", "sm80", "--out", "out")
    assert result.exit_code == 5
    assert result.stderr.endswith(
        "error: fp8 needs compute capability 8.9 or newer, sm80 lacks the type\n"
        "hint: choose a newer --target, or leave that precision out\n"
    )
    assert "fp8        " in result.stdout
    assert "no engine, see below" in result.stdout
    assert Path("out/report.html").is_file()


def test_an_operator_that_is_refused_is_named(trtprof, rtx, tmp_path: Path) -> None:
    path = tmp_path / "custom.onnx"
    graph = helper.make_graph(
        [helper.make_node("Frobnicate", ["x"], ["y"], name="deep/inside", domain="mine")],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])],
    )
    opsets = [helper.make_opsetid("", 19), helper.make_opsetid("mine", 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())
    result = trtprof("compare", path, "-p", "fp32")
    assert result.exit_code == 5
    error, hint = result.stderr.splitlines()[-2:]
    assert error.startswith("error: fp32: the ONNX parser refuses node 'deep/inside' (Frobnicate):")
    assert hint.startswith("hint: replace or remove that node")
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "error", "hint"),
    [
        (["none.onnx"], 3, "none.onnx: no such file", "give the path of an .onnx file, or of a finished comparison"),
        (["text.onnx"], 3, "text.onnx: expected an ONNX model, found 4 bytes that are none, or the file is cut off",
         "copy or export the model again; it must be ONNX, not a PyTorch checkpoint or an engine"),
        (["text.onnx", "-p", "fp42"], 2, "unknown precision 'fp42'",
         "known are fp32, tf32, fp16, bf16, int8, int8-fp32, fp8"),
        (["text.onnx", "-p", "fp16", "-p", "fp16"], 2, "precision fp16 is asked for twice", "name each precision once"),
        (["text.onnx", "--target", "sm90"], 2,
         "--target sm90 (Hopper): TensorRT-RTX compiles for sm75, sm80, sm86, sm89, sm120 only",
         "structure is the same on sm80, sm86, sm89 and sm120, so sm89 is a fair stand-in for a newer GPU"),
        (["text.onnx", "--variant", "int8"], 2, "--variant int8: expected P=FILE",
         "for example --variant int8=qat.onnx"),
        (["text.onnx", "--variant", "int8=no.onnx"], 3, "no.onnx: --variant int8: no such file", "give an .onnx file"),
        (["text.onnx", "--shapes", "x"], 2, "--shapes x: expected NAME:DIMS", "for example --shapes x:1x3x224x224"),
        (["folder"], 3,
         "folder: expected files that trtexec or TensorRT wrote of an engine, found none",
         "name layer information, profiles, times or logs, or a directory that holds them"),
        (["text.onnx", "folder"], 2, "a model is compared alone, not beside others", "compare models one at a time"),
    ],
)  # fmt: skip
def test_what_a_user_can_get_wrong(trtprof, rtx, tmp_path: Path, arguments, code, error, hint) -> None:
    (tmp_path / "text.onnx").write_text("text")
    (tmp_path / "folder").mkdir()
    result = trtprof("compare", *arguments)
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if not line.startswith(("reading ", "backend "))]
    assert lines == [f"error: {error}", f"hint: {hint}"]
    assert result.exit_code == code
    as_json = trtprof("compare", *arguments, "--format", "json")
    line = as_json.stderr.splitlines()[-1]
    assert json.loads(line) == {"error": error, "hint": hint, "code": json.loads(line)["code"], "exit_code": code}


def test_another_comparison_in_the_same_directory_is_refused(trtprof, models: Path, rtx) -> None:
    model = models / "residual_micro.onnx"
    assert trtprof("compare", model, "-p", "fp32", "--out", "out").exit_code == 0
    refused = trtprof("compare", model, "-p", "fp32", "--out", "out", "--target", "sm80")
    assert refused.exit_code == 2
    assert refused.stderr.splitlines() == [
        "error: out/capture: holds the capture of another comparison (it differs in target)",
        "hint: choose another directory with --out, or replace it with --force",
    ]
    assert trtprof("compare", model, "-p", "fp32", "--out", "out", "--target", "sm80", "--force").exit_code == 0
    more = trtprof("compare", model, "-p", "fp32", "-p", "fp16", "--out", "out", "--target", "sm80")
    assert more.exit_code == 0
    assert "fp32: building" not in more.stderr, "a precision added to a comparison leaves the others as they are"
    assert "fp16: building" in more.stderr


def test_an_interrupted_comparison_keeps_what_is_done_and_goes_on(models: Path, rtx, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "trtprof", "compare", str(models / "resnet18.onnx"), "--out", "out"]
    mark = f"TRTPROF_TEST_MARK={tmp_path}"
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "TRTPROF_TEST_MARK": str(tmp_path)},
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("fp16: building"):
            break
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    process.communicate()
    assert process.returncode == 130
    lines = rest.splitlines()
    assert re.fullmatch(r"error: interrupted; \d+ finished steps are kept in out/capture", lines[-2]), rest
    assert lines[-1] == "hint: run the same command again: it goes on where it stopped"
    assert not _marked(mark), "no child is left behind"
    manifest = json.loads((tmp_path / "out" / "capture" / "manifest.json").read_text())
    assert manifest["status"] == "incomplete"
    assert "build:fp32" in manifest["steps"]
    incomplete = subprocess.run([*command[:4], "out"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert incomplete.returncode == 3
    assert "the capture is incomplete" in incomplete.stderr
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "fp32: building" not in again.stderr
    assert "int8: building" in again.stderr


def _marked(mark: str) -> list[str]:
    """The processes that were started with this in their environment, once what is ending has ended."""
    deadline = time.monotonic() + 5
    while True:
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if mark.encode() in (path / "environ").read_bytes().split(b"\0"):
                    found.append((path / "cmdline").read_text())
            except OSError:
                continue
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def test_two_runs_into_one_directory(models: Path, rtx, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "trtprof", "compare", str(models / "resnet18.onnx"), "-p", "fp32", "--out", "out"]
    first = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert first.stderr is not None
    for line in first.stderr:
        if line.startswith("reading"):
            break
    second = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    first.communicate()
    assert first.returncode == 0
    assert second.returncode == 2
    assert second.stderr.splitlines() == [
        "error: out/capture: another trtprof is writing to this capture",
        "hint: wait for it, or choose another directory with --out",
    ]


def test_a_full_disk_is_said_and_nothing_half_written_stays(trtprof, models: Path, rtx, monkeypatch, tmp_path) -> None:
    import onnx

    real = onnx.save

    def full(model, path, **options):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(onnx, "save", full)
    result = trtprof("compare", models / "residual_micro.onnx", "--out", "out")
    assert result.exit_code == 5
    assert result.stderr.splitlines()[-2:] == [
        "error: out/capture/base.onnx: cannot be written: No space left on device",
        "hint: free some space, or choose another directory with --out",
    ]
    assert not [path for path in Path("out").rglob("*") if "part" in path.name or path.suffix == ".onnx"]
    monkeypatch.setattr(onnx, "save", real)
    assert trtprof("compare", models / "residual_micro.onnx", "--out", "out", "-p", "fp32").exit_code == 0


def test_names_from_a_file_are_no_markup_anywhere(trtprof, rtx, tmp_path: Path) -> None:
    hostile = "[red]</script><img src=x onerror=alert(1)>|`*"
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((8, 3, 3, 3)).astype("f")
    from onnx import numpy_helper

    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["c"], name=hostile, pads=[1] * 4),
            helper.make_node("Relu", ["c"], ["y"], name=hostile + "2"),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 16, 16])],
        [numpy_helper.from_array(weight, "w")],
    )
    path = tmp_path / "we|ird<b>.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    table = trtprof("compare", path, "--out", "out")
    assert table.exit_code == 0, table.stderr
    assert "[red]" in table.stdout
    page = Path("out/report.html").read_text()
    assert "<img" not in page
    text = trtprof("compare", "out", "--format", "markdown").stdout
    assert "<img" not in text
    assert text.startswith("## we\\|ird&lt;b>: TensorRT-RTX ")


def test_a_summary_for_a_pull_request_has_its_picture_beside_it(trtprof, micro_capture: Path, tmp_path: Path) -> None:
    result = trtprof("compare", micro_capture, "--summary", tmp_path / "pr.md", "--html", tmp_path / "page.html")
    assert f"wrote {tmp_path / 'pr.md'} and pr.svg" in result.stderr
    text, picture = ((tmp_path / name).read_text(encoding="utf-8") for name in ("pr.md", "pr.svg"))
    assert "![time of each engine](pr.svg)" in text
    assert "| precision | conv/gemm take | conversions | time ms (modelled) |" in text
    assert picture.startswith("<svg ")
    assert "<script" not in picture
    assert len(picture) < 4000


def test_pictures_without_kaleido_say_what_to_install(
    trtprof, micro_capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kaleido", None)
    result = trtprof("compare", micro_capture, "--png", tmp_path / "png", "--html", tmp_path / "page.html")
    assert result.exit_code == 4
    assert "error: --png needs the Python package 'kaleido', which is not installed" in result.stderr
    assert "hint: pip install 'trtprof[png]'" in result.stderr
    assert not (tmp_path / "png").exists()
