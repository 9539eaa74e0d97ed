"""The command itself: what it says alone, how errors end, what it loads, and the docs that describe it."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from trtprof import __version__
from trtprof.cli.app import ENTRIES, START
from trtprof.errors import EXIT_BUG, EXIT_INTERRUPTED

HEAVY = {"pandas", "plotly", "onnx", "tensorrt", "tensorrt_rtx", "numpy", "onnxruntime", "jinja2", "sqlite_utils"}


@pytest.mark.parametrize(
    "code",
    [
        "import trtprof",
        "import sys; sys.argv[1:] = ['--help']; from trtprof.cli import main; main()",
        "import sys; sys.argv[1:] = ['--version']; from trtprof.cli import main; main()",
    ],
)
def test_nothing_heavy_is_loaded_at_start(code: str) -> None:
    probe = f"import atexit, sys\natexit.register(lambda: sys.stderr.write(' '.join(sys.modules)))\n{code}"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert not HEAVY & set(result.stderr.split())


def test_alone_it_tells_what_to_type(trtprof) -> None:
    result = trtprof()
    assert (result.exit_code, result.stdout) == (0, START)
    version = trtprof("--version").stdout.splitlines()
    assert version[:2] == [f"trtprof {__version__}", f"python {platform.python_version()}"]
    assert {line.split()[0] for line in version} >= {"onnx", "plotly"}
    assert all(re.fullmatch(r"[a-z-]+ \S+", line) for line in version)
    assert trtprof("compare").exit_code == 2
    assert trtprof("frobnicate").exit_code == 2


def test_a_bug_keeps_its_traceback_and_an_interruption_its_code(trtprof, monkeypatch, tmp_path: Path) -> None:
    import trtprof.store.runs as module

    (tmp_path / "trtprof.db").touch()
    for error, code, words in (
        (RuntimeError("broken inside"), EXIT_BUG, "error: this is a bug in trtprof"),
        (KeyboardInterrupt(), EXIT_INTERRUPTED, "error: interrupted"),
    ):

        def fail(path: Path, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr(module, "list_runs", fail)
        result = trtprof("runs")
        assert result.exit_code == code
        assert words in result.stderr
        assert ("Traceback" in result.stderr) is (code == EXIT_BUG)


def test_a_reader_that_goes_away_is_no_error(micro_capture: Path) -> None:
    command = f"{sys.executable} -m trtprof compare {micro_capture} --format json | head -c 1"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert result.stdout == "{"
    assert "Traceback" not in result.stderr
    assert "error:" not in result.stderr


def test_runs_are_listed_in_each_format(trtprof, micro_capture: Path) -> None:
    assert trtprof("compare", micro_capture).exit_code == 0  # the command keeps a record, the Python API does not
    table = trtprof("runs", micro_capture)
    assert table.exit_code == 0
    assert "residual_micro" in table.stdout
    runs = json.loads(trtprof("runs", micro_capture, "--format", "json").stdout)
    assert runs["schema_version"] == 1
    assert runs["runs"][0]["engines"] == ["fp32", "fp16", "int8"]
    csv = trtprof("runs", micro_capture, "--format", "csv").stdout.splitlines()
    assert csv[0] == "run,created,model,target,engines,tool,capture"
    assert len(csv) == 1 + len(runs["runs"])
    markdown = trtprof("runs", micro_capture, "--format", "markdown").stdout.splitlines()
    assert markdown[1] == "|---|---|---|---|---|---|---|"


def test_runs_without_a_store_says_what_to_do(trtprof, tmp_path: Path) -> None:
    result = trtprof("runs")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "no store found here\nnext: trtprof compare MODEL.onnx\n"
    (tmp_path / "empty").mkdir()
    refused = trtprof("runs", "empty")
    assert refused.exit_code == 3
    assert refused.stderr.startswith("error: empty: expected a trtprof.db in it, found none\nhint: ")


def test_the_store_may_be_named_by_the_environment(trtprof, micro_capture: Path, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRTPROF_DB", str(tmp_path / "mine.db"))
    assert trtprof("compare", micro_capture, "--format", "csv").exit_code == 0
    assert "residual_micro" in trtprof("runs").stdout


@pytest.fixture
def man_page() -> str:
    namespace: dict[str, object] = {"__name__": "man"}
    exec(compile((ROOT / "docs" / "man.py").read_text(), "man.py", "exec"), namespace)
    return str(namespace["man_page"]())  # type: ignore[operator]


def test_the_manual_page_is_what_the_program_says(man_page: str) -> None:
    assert (ROOT / "docs" / "trtprof.1").read_text(encoding="utf-8") == man_page


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_manual_page_is_set_without_a_warning(man_page: str) -> None:
    command = ["groff", "-man", "-Tutf8", "-ww", "-Kutf8", "-P-cbou"]
    done = subprocess.run(command, input=man_page, capture_output=True, text=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for entry in ENTRIES:
        assert f"trtprof {entry.name}\n" in done.stdout
    for words in ("--build-timeout SECONDS", "EXIT STATUS", "129, 130, 143", "'trtprof verify"):
        assert words in done.stdout.replace("`", "'")


def test_several_runs_become_one_page(trtprof, micro_capture: Path, tmp_path: Path) -> None:
    store = tmp_path / "trtprof.db"
    trtprof("compare", micro_capture, "--db", store)
    result = trtprof("report", "@-1", "--db", store)
    assert (result.exit_code, result.stdout.count("\n")) == (0, 1)
    assert "residual_micro" in result.stdout
    assert result.stderr.splitlines()[-1] == f"wrote {tmp_path / 'history.html'}"
    assert "How did the latency go?" in (tmp_path / "history.html").read_text(encoding="utf-8")
    assert trtprof("report", "@-1", "--history", "x", "--db", store).exit_code == 2
    refused = trtprof("report", "nosuch", "--db", store)
    assert refused.exit_code == 3
    assert "expected a run named 'nosuch', found none" in refused.stderr
    assert "trtprof runs" in refused.stderr


def test_a_report_without_a_store_says_what_to_do(trtprof) -> None:
    result = trtprof("report")
    assert result.exit_code == 2
    assert "hint: name one with --db FILE" in result.stderr


def test_the_help_lists_what_each_command_says_of_itself() -> None:
    for entry in ENTRIES:
        command = entry.load()
        assert " ".join((command.help or "").split("\n\n")[0].split()) == entry.help, entry.name
        assert command.name == entry.name
        assert command.params, entry.name


def test_the_help_imports_no_command() -> None:
    code = (
        "import sys; from trtprof.cli.app import app; app(['--help'], standalone_mode=False); "
        "print(sorted(name for name in sys.modules if name.startswith('trtprof.cli.')), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = [f"trtprof.cli.{name}" for name in ("app", "group", "safe_text", "signals")]
    assert done.stderr.strip() == str(names)
