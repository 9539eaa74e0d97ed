"""Nothing that is handed on says who worked where: real commands in a place, a home and an environment with marks."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.cli.test_recipe import FILES, pack
from tests.conftest import ROOT
from trtprof import privacy
from trtprof.cli.app import app

MARKS = re.compile(rb"mark(?:home|user|host|place|secret)")


@dataclass(frozen=True)
class Done:
    """What a command printed, and its exit code."""

    returncode: int
    stdout: bytes
    stderr: bytes


def run(folder: Path, *arguments: object) -> Done:
    """Run the program in ``folder/work`` as a user whose every trace has a mark."""
    home = folder / "markhome" / "markuser"
    for path in (home, folder / "work"):
        path.mkdir(parents=True, exist_ok=True)
    env = {
        "PATH": os.defpath, "HOME": str(home), "USER": "markuser", "LOGNAME": "markuser", "HOSTNAME": "markhost",
        "API_TOKEN": "marksecret", "COLUMNS": "200", "PWD": str(folder / "work"),
    }  # fmt: skip
    words = [str(argument) for argument in arguments]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / "work")
        for name in os.environ:
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["trtprof", *words])
        done = CliRunner().invoke(app, words, prog_name="trtprof")
    return Done(done.exit_code, done.stdout_bytes, done.stderr_bytes)


def said_of_the_host(data: bytes) -> list[bytes]:
    return [data[max(0, found.start() - 60) : found.end() + 20] for found in MARKS.finditer(data)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Path:
    folder = tmp_path_factory.mktemp("markplace")
    for name in ("residual_micro", "residual_onesided_qdq"):
        shutil.copy(models / f"{name}.onnx", folder)
    for name in ("one", "two"):
        (folder / name).mkdir()
        for kind in ("layers", "profile", "times"):
            shutil.copy(ROOT / "fixtures" / "trtexec" / f"tiny_v86.{kind}.json", folder / name / f"{kind}.json")
    for name in ("h100_eager.sqlite", "h100_ncu_raw.csv"):
        shutil.copy(ROOT / "fixtures" / "nsys" / name, folder)
    marked = shutil.copy(folder / "h100_eager.sqlite", folder / "marked.sqlite")
    with sqlite3.connect(marked) as database:
        database.execute(
            "CREATE TABLE TARGET_INFO_SYSTEM_ENV (globalVid INT, devStateName TEXT, name TEXT, value TEXT)"
        )
        facts = {"Hostname": "markhost", "User": "markuser", "DeviceEnvironment": "API_TOKEN=marksecret"}
        database.executemany("INSERT INTO TARGET_INFO_SYSTEM_ENV VALUES (0, '', ?, ?)", facts.items())
        database.execute("CREATE TABLE PROCESSES (globalPid INT, pid INT, name TEXT)")
        database.execute("INSERT INTO PROCESSES VALUES (0, 1, '/markplace/markhome/markuser/infer.py')")
    database.close()
    shutil.copytree(folder / "one", folder / "traced")
    shutil.copy(marked, folder / "traced" / "trace.sqlite")
    return folder


def answers(place: Path) -> dict[str, Sequence[object]]:
    """Every command whose answer may be handed on, each path of it absolute."""
    quantised = place / "residual_onesided_qdq.onnx"
    return {
        "inspect": ["inspect", place / "one"],
        "kernels": ["kernels", place / "h100_eager.sqlite"],
        "kernels of an engine": ["kernels", place / "one"],
        "lint": ["lint", quantised, "--no-parser"],
        "fix": ["fix", quantised, "-o", place / "fixed.onnx", "--no-check"],
        "quantize": ["quantize", place / "residual_micro.onnx", "-o", place / "int8.onnx"],
        "diff": ["diff", place / "one", place / "two"],
        "compare": ["compare", f"fp16={place / 'one'}", f"int8={place / 'two'}", "--out", place / "files"],
        "doctor": ["doctor"],
        "extract": ["extract", quantised, "-o", place / "part.onnx", "--node", "/block/Add", "--force"],
        "verify": ["verify", place / "h100_ncu_raw.csv"],
        "a trace that names its host": ["kernels", place / "marked.sqlite"],
        "engines with such a trace": ["compare", f"fp16={place / 'traced'}", "--out", place / "files"],
        "refused": ["inspect", place / "residual_micro.onnx"],
    }


@pytest.mark.parametrize("output", ["json", "csv", "markdown"])
@pytest.mark.parametrize("what", list(answers(Path("/place"))))
def test_an_answer_says_nothing_of_the_host(place: Path, what: str, output: str) -> None:
    if what == "quantize":
        pytest.importorskip("onnxruntime")
    done = run(place, *answers(place)[what], "--format", output)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    assert bool(done.stdout) is (what != "refused"), done.stderr.decode()
    assert said_of_the_host(done.stdout) == []
    host = socket.gethostname().encode()
    assert len(host) < 8 or host not in done.stdout


def test_sarif_names_a_file_from_here(place: Path) -> None:
    model = place / "work" / "sub" / "net.onnx"
    model.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(place / "residual_onesided_qdq.onnx", model)
    done = run(place, "lint", model, "--no-parser", "--format", "sarif")
    assert b'"uri": "sub/net.onnx"' in done.stdout
    assert said_of_the_host(done.stdout) == []


def test_a_comparison_is_handed_on_without_the_host(place: Path, rtx: None) -> None:
    """Its page, summary, picture, store and answers; the capture itself is for the own machine and keeps its paths."""
    out, page, summary = place / "out", place / "page.html", place / "summary.md"
    model = place / "residual_micro.onnx"
    made = ("compare", model, "--precision", "fp32", "--precision", "int8", "--out", out)
    done = run(place, *made, "--html", page, "--summary", summary, "--format", "json")
    assert done.returncode == 0, done.stderr.decode()
    shared = [page, summary, *place.glob("*.svg"), *out.glob("*.html"), *out.glob("*.db")]
    assert len(shared) >= 4
    for path in shared:
        assert said_of_the_host(path.read_bytes()) == [], path.name
    assert said_of_the_host(done.stdout) == []
    assert b"<code>residual_micro.onnx</code>" in page.read_bytes()
    assert str(place).encode() in (out / "capture" / "manifest.json").read_bytes()
    store = next(out.glob("*.db"))
    with sqlite3.connect(store) as connection:
        assert connection.execute("SELECT capture FROM run").fetchall() == [("capture",)]
    connection.close()
    listed = run(place, "runs", "--db", store)
    assert str(out / "capture").encode() in listed.stdout.replace(b"\n", b"")
    history = place / "history.html"
    told = run(place, "report", "--history", model, "--db", store, "--html", history)
    assert told.returncode == 0, told.stderr.decode()
    table = run(place, "report", "--history", model, "--db", store, "--format", "json")
    assert said_of_the_host(history.read_bytes()) == said_of_the_host(table.stdout) == []
    again = run(place, "compare", out, "--html", page, "--keep-host")
    assert again.returncode == 0
    assert said_of_the_host(page.read_bytes())


def test_a_sensitivity_is_handed_on_without_the_host(place: Path) -> None:
    pytest.importorskip("onnxruntime")
    done = run(place, "sensitivity", place / "residual_micro.onnx", "--out", place / "sens", "--format", "json")
    assert done.returncode == 0, done.stderr.decode()
    assert said_of_the_host(done.stdout) == []
    for path in (place / "sens").iterdir():
        assert said_of_the_host(path.read_bytes()) == [], path.name

    planned = ("plan", place / "residual_micro.onnx", "--sensitivity", place / "sens", "--times", place / "timed")
    ends = ("compare", place / "residual_micro.onnx", "-p", "fp16", "-p", "int8", "--out", place / "timed")
    pytest.importorskip("tensorrt_rtx")
    assert run(place, *ends).returncode == 0
    page, mixed = place / "plan.html", place / "mixed.onnx"
    done = run(place, *planned, "--html", page, "-o", mixed, "--format", "json")
    assert done.returncode == 0, done.stderr.decode()
    for data in (done.stdout, page.read_bytes(), mixed.read_bytes()):
        assert said_of_the_host(data) == []


def test_a_board_s_archive_is_imported_without_this_host(place: Path) -> None:
    archive = pack(place / "capture.tgz", FILES)
    done = run(place, "import", archive, "--out", place / "board", "--db", place / "board.db", "--format", "json")
    assert done.returncode == 0, done.stderr.decode()
    assert said_of_the_host(done.stdout) == said_of_the_host((place / "board.db").read_bytes()) == []


def test_a_recipe_says_nothing_of_the_host(place: Path) -> None:
    script = place / "measure.sh"
    done = run(place, "recipe", place / "residual_micro.onnx", "--board", "orin-nano", "--trt", "10.3", "-o", script)
    assert done.returncode == 0, done.stderr.decode()
    assert b"trtprof recipe residual_micro.onnx" in script.read_bytes()
    assert said_of_the_host(script.read_bytes()) == []


def test_paths_are_kept_where_that_is_asked(place: Path) -> None:
    asked = ("lint", place / "residual_onesided_qdq.onnx", "--no-parser", "--format", "json")
    for words in ((*asked, "--keep-host"), ("--keep-host", *asked)):
        assert str(place).encode() in run(place, *words).stdout
    assert str(place).encode() not in run(place, *asked).stdout


def test_a_layer_that_is_called_like_a_path_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "net.onnx").touch()
    places = privacy.Places([f"{tmp_path}/net.onnx", f"out={tmp_path}/a/out", "/block/conv2/Conv", "/Conv", "/tmp"])
    for name in ("/block/conv2/Conv", "/Conv", "/tmp/Conv", f"x{tmp_path}", f"{tmp_path}s", "/layer/a/out"):
        assert places.left_out(name) == name
    said = f"in {tmp_path}/net.onnx: {tmp_path}/a/out/d and {tmp_path}/a/e and {tmp_path}/b"
    assert places.left_out(said) == "in net.onnx: out/d and e and b"


@pytest.mark.parametrize(
    ("given", "shown"),
    [("a/b", "a/b"), ("../a", "../a"), ("/q/w/net.onnx", "net.onnx"), ("~/x/net.onnx", "net.onnx"), ("", ""),
     ("/", "/"), ("HERE/a/b", "a/b")],
)  # fmt: skip
def test_a_path_is_shown_from_here_or_by_its_name(given: str, shown: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert privacy.shown_path(given.replace("HERE", str(tmp_path))) == shown
    line = privacy.shown_command_line(f"trtprof compare --out={given.replace('HERE', str(tmp_path))}")
    assert line == f"trtprof compare --out={shown}"
