"""`trtprof report`: the runs of a model over time, as a page and as data."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
from pathlib import Path

import jsonschema
import pytest

from tests.conftest import ROOT
from tests.pipeline.test_measured import write_engine
from tests.store.test_store import write_old_store

SCHEMA = json.loads((ROOT / "docs" / "history.schema.json").read_text())


@pytest.fixture
def store(trtprof, tmp_path: Path) -> Path:
    """Two runs of two engines, the second one faster, and one run of an engine alone."""
    # A run of files is as old as they are.
    for number, times in enumerate(((0.5, 0.6), (0.5, 0.4))):
        folder = tmp_path / f"run{number}"
        for name, time in zip(("fp16", "int8"), times, strict=True):
            write_engine(folder / name, "Half" if name == "fp16" else "Int8", [time] * 200)
            os.utime(folder / name, (1_700_000_000 + number, 1_700_000_000 + number))
        targets = [f"{name}={folder / name}" for name in ("fp16", "int8")]
        assert trtprof("compare", *targets, "--db", "s.db", "--out", "out").exit_code == 0
    assert trtprof("compare", f"alone={tmp_path / 'run0' / 'fp16'}", "--db", "s.db", "--out", "out").exit_code == 0
    return tmp_path / "s.db"


def test_the_history_of_a_model_as_json(trtprof, store: Path) -> None:
    result = trtprof("report", "--history", "fp16 vs int8", "--db", "s.db", "--format", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    answer = json.loads(result.stdout)
    jsonschema.validate(answer, SCHEMA)
    times = [[engine["time"]["ns"] for engine in run["engines"]] for run in answer["runs"]]
    assert times == [[500_000.0, 600_000.0], [500_000.0, 400_000.0]]
    assert answer["runs"][0]["engines"][0]["time"]["provenance"] == "measured"
    assert not store.with_name("history.html").exists(), "data is asked for, no page"


def test_the_same_as_csv_and_markdown(trtprof, store: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(trtprof("report", "--db", "s.db", "--format", "csv").stdout)))
    assert [(row["engine"], row["time_ms"], row["time_provenance"], row["tensor_core_ratio"]) for row in rows[-2:]] == [
        ("fp16", "0.500000", "measured", ""),
        ("int8", "0.400000", "measured", ""),
    ]
    lines = trtprof("report", "--history", "alone", "--db", "s.db", "--format", "markdown").stdout.splitlines()
    assert (
        lines[0]
        == "| run | created | model | device | tool | engine | time, ms | p99, ms | on Tensor Cores | findings |"
    )
    assert len(lines) == 3
    assert "| alone | 0.500 measured | 0.500 |" in lines[2]


def test_a_page_of_one_model(trtprof, store: Path) -> None:
    result = trtprof("report", "--history", "alone", "--db", "s.db")
    assert (result.exit_code, result.stdout.count("\n")) == (0, 1)
    assert result.stderr == "wrote history.html\n"
    assert "fp16 vs int8" not in Path("history.html").read_text(encoding="utf-8")
    both = trtprof("report", "--db", "s.db", "--format", "json", "--html", "mine.html")
    assert both.stderr == "wrote mine.html\n"
    assert len(json.loads(both.stdout)["runs"]) == 3


def test_a_model_is_known_by_its_file_its_content_and_its_hash(trtprof, micro_capture: Path, models: Path) -> None:
    assert trtprof("compare", micro_capture, "--db", "s.db").exit_code == 0
    model = models / "residual_micro.onnx"
    shutil.copy(model, "renamed.onnx")
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    for name in ("residual_micro", "residual_micro.onnx", model, "renamed.onnx", digest, digest[:8]):
        answer = json.loads(trtprof("report", "--history", name, "--db", "s.db", "--format", "json").stdout)
        jsonschema.validate(answer, SCHEMA)
        assert [run["model"] for run in answer["runs"]] == ["residual_micro"]
    assert answer["runs"][0]["engines"][2]["time"]["provenance"] == "modelled"
    refused = trtprof("report", "--history", "nosuch", "--db", "s.db")
    assert (refused.exit_code, refused.stderr) == (
        3,
        "error: s.db: expected a run of the model 'nosuch', found none\nhint: its models: residual_micro\n",
    )


def test_what_an_older_run_did_not_keep_is_not_called_nothing(trtprof, tmp_path: Path) -> None:
    write_old_store(tmp_path / "old.db", 1)
    (run,) = json.loads(trtprof("report", "--db", "old.db", "--format", "json").stdout)["runs"]
    assert run["engines"][0]["findings"] is None
    assert "not kept" in trtprof("report", "--db", "old.db", "--format", "markdown").stdout


def test_charts_as_pictures(trtprof, store: Path) -> None:
    pytest.importorskip("kaleido", reason="kaleido is not installed: pip install 'trtprof[png]'")
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))):
        pytest.skip("no browser for kaleido")
    result = trtprof("report", "--db", "s.db", "--png", "charts", "--format", "csv")
    assert result.stderr == "wrote 2 files in charts\n"
    assert sorted(path.name for path in Path("charts").iterdir()) == ["latency-0.png", "latency-0.svg"]
    assert Path("charts/latency-0.png").read_bytes().startswith(b"\x89PNG")


def test_pictures_without_kaleido_say_what_to_install(trtprof, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "kaleido", None)
    result = trtprof("report", "--db", "s.db", "--png", "charts")
    assert result.exit_code == 4
    assert "hint: pip install 'trtprof[png]'" in result.stderr
