"""``trtprof recipe`` and ``trtprof import`` as a user types them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from trtprof.store.runs import list_runs

TIMES = [
    {"startComputeMs": 200 + index, "endComputeMs": 200.5 + index, "computeMs": 0.5, "latencyMs": 0.5}
    for index in range(5)
]
LAYERS = {"Layers": [{"Name": "conv1", "LayerType": "CaskConvolution", "Inputs": [], "Outputs": []}], "Bindings": []}
PROFILE = [{"count": 5}, {"name": "conv1", "timeMs": 2.5, "averageMs": 0.5, "medianMs": 0.5, "percentage": 100}]
FILES = {
    "capture.txt": "trtprof-capture: 1\nstatus: incomplete\nboard: orin-nano\ntrt: 10.3.0\nmodel: net.onnx\n"
    "engines: fp16 int8\n",
    "fp16/layers.json": json.dumps(LAYERS),
    "fp16/times.json": json.dumps(TIMES),
    "fp16/profile.json": json.dumps(PROFILE),
    "int8/failed.txt": "build ended with status 1: no room\n",
}


def pack(path: Path, files: Mapping[str, str]) -> Path:
    """Write an archive as a capture script packs it, and return it."""
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            item = tarfile.TarInfo(f"capture/{name}")
            item.size = len(text)
            tar.addfile(item, io.BytesIO(text.encode()))
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return pack(tmp_path / "capture.tgz", FILES)


def test_the_script_goes_to_stdout_and_the_next_step_to_stderr(trtprof) -> None:
    result = trtprof("recipe", "net.onnx", "--board", "orin-nano", "--trt", "10.3")
    assert result.exit_code == 0
    assert result.stdout.startswith("#!/bin/sh\n# Measures net.onnx on a Jetson Orin Nano with TensorRT 10.3,")
    assert result.stderr == (
        "next: copy it and net.onnx to the board; there: sh capture.sh; here: trtprof import capture.tgz\n"
    )


def test_the_script_may_be_written_to_a_file(trtprof, tmp_path: Path) -> None:
    arguments = ("--board", "agx-orin", "--trt", "11.4.1", "--variant", "int8=qat.onnx", "-o", "run.sh")
    result = trtprof("recipe", "net.onnx", *arguments)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("wrote run.sh\nnext: copy it and net.onnx, qat.onnx to the board;")
    assert "'fp32 int8'" in (tmp_path / "run.sh").read_text()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--board", "rpi", "--trt", "10.3"), "error: no board 'rpi'\nhint: known are nano, tx1, tx2,"),
        (("--board", "thor", "--trt", "ten"), "error: --trt ten: expected a version like 8.2 or 10.3.0\nhint: "),
        (("--board", "thor", "--trt", "10.16", "--variant", "x"), "error: --variant x: expected P=FILE\nhint: "),
        (("--board", "nano", "--trt", "10.3"), "error: no JetPack for Jetson Nano brings TensorRT 10.3\nhint: it has"),
    ],
)
def test_what_cannot_be_is_refused(trtprof, arguments: tuple[str, ...], error: str) -> None:
    result = trtprof("recipe", "net.onnx", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(error)


def test_an_import_lists_what_was_measured_and_what_comes_next(trtprof, archive: Path) -> None:
    result = trtprof("import", archive, "-o", "there")
    (run,) = list_runs(Path("trtprof.db"))
    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        "net.onnx on Jetson Orin Nano, TensorRT 10.3.0; tegrastats was not recorded; "
        "the script's status is incomplete\n"
        "  fp16: measured\n"
        "  int8: failed: build ended with status 1: no room\n",
        f"wrote there\nwrote trtprof.db (run {run.id})\nnext: trtprof compare there\n"
        "next: trtprof doctor --root there/board\n",
    )
    compared = trtprof("compare", "there", "--format", "json")
    assert compared.exit_code == 0
    assert [engine["name"] for engine in json.loads(compared.stdout)["engines"]] == ["fp16"]
    assert "1 layer" in trtprof("inspect", "there").stdout


def test_an_archive_is_one_run_however_often_it_is_imported(trtprof, archive: Path) -> None:
    first, second = trtprof("import", archive), trtprof("import", archive)
    (run,) = list_runs(Path("trtprof-out/trtprof.db"))
    assert run.engines == ("fp16",)
    assert first.stderr.splitlines()[1] == f"wrote trtprof-out/trtprof.db (run {run.id})"
    folder = first.stderr.splitlines()[0].removeprefix("wrote ")
    assert second.stderr.splitlines()[:2] == [
        f"imported before: {folder}",
        f"wrote trtprof-out/trtprof.db (run {run.id}, imported before)",
    ]
    assert trtprof("compare", folder).exit_code == 0
    assert [item.id for item in list_runs(Path("trtprof-out/trtprof.db"))] == [run.id], "a comparison of it is that run"


def test_a_store_that_refuses_does_not_hinder_the_import(trtprof, archive: Path) -> None:
    Path("no.db").write_text("no database")
    result = trtprof("import", archive, "--db", "no.db")
    assert result.exit_code == 3
    assert "fp16: measured" in result.stdout
    assert result.stderr.splitlines()[-2:] == [
        "error: no.db: expected an SQLite database, found something else",
        "hint: choose another with --db",
    ]


def test_an_import_in_each_format(trtprof, archive: Path) -> None:
    answer = json.loads(trtprof("import", archive, "--format", "json").stdout)
    assert answer["engines"] == [
        {"name": "fp16", "failure": None},
        {"name": "int8", "failure": "build ended with status 1: no room"},
    ]
    assert (answer["complete"], answer["tegrastats_samples"], answer["board"]) == (False, None, "orin-nano")
    again = trtprof("import", archive, "--format", "csv")
    assert again.stdout == "engine,state,failure\nfp16,measured,\nint8,failed,build ended with status 1: no room\n"
    assert again.stderr.startswith("imported before: trtprof-out/net-orin-nano-")
    assert "| fp16 | measured |  |\n" in trtprof("import", archive, "--format", "markdown").stdout


def test_what_is_no_capture_is_one_error_line(trtprof, tmp_path: Path) -> None:
    (tmp_path / "x.tgz").write_text("x")
    result = trtprof("import", "x.tgz")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("error: x.tgz: expected a gzipped tar archive")
    assert trtprof("import", "none.tgz").stderr.startswith("error: none.tgz: no such file\nhint: ")
    assert trtprof("import", tmp_path).exit_code == 3
