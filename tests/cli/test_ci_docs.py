"""docs/ci.md: its jobs are YAML that CI would take, and the trtprof commands in them run and gate."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.backends import trtexec_stand_in
from tests.conftest import ROOT
from trtprof.analysis.gates import parse_gate
from trtprof.figures import METRICS

TEXT = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    found = re.search(rf"<!-- run: {name} -->\n```\w+\n(.*?)```", TEXT, re.DOTALL)
    assert found, name
    return found[1]


def scripts(job: dict[str, Any]) -> str:
    """All that a job's shell is given, of either CI."""
    if "steps" in job:
        return "\n".join(step["run"] for step in job["steps"] if "run" in step)
    return "\n".join(job["script"])


def commands(text: str) -> Iterator[str]:
    yield from (line.strip() for line in text.splitlines() if line.strip().startswith("trtprof "))


GITHUB, GITLAB = yaml.safe_load(block("github")), yaml.safe_load(block("gitlab"))


def test_the_workflow_has_what_github_asks_for() -> None:
    assert set(GITHUB[True]) == {"pull_request", "push"}, "YAML reads the key 'on' as true, GitHub does not"
    assert GITHUB["permissions"]["pull-requests"] == "write"
    for job in GITHUB["jobs"].values():
        assert job["runs-on"]
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step), step
            assert "uses" not in step or re.fullmatch(r"[\w/-]+@v\d+", step["uses"])


def test_the_pipeline_has_what_gitlab_asks_for() -> None:
    jobs = {name: job for name, job in GITLAB.items() if name != "stages"}
    for job in jobs.values():
        assert job["stage"] in GITLAB["stages"]
        assert job["script"]
        assert all(isinstance(line, str) for line in job["script"])
        assert all("if" in rule for rule in job["rules"])


def test_every_metric_is_described_and_every_gate_in_the_text_is_one() -> None:
    table = TEXT.partition("## Metrics")[2].partition("## Outcomes")[0]
    described = {name for name in re.findall(r"`([a-z0-9.-]+)`", table.lower()) if name in METRICS}
    assert described == set(METRICS)
    gates = re.findall(r"--fail-if (\S+)", TEXT)
    assert len(gates) > 15
    for gate in (text for text in gates if text != "METRIC:CHANGE`"):
        parse_gate(gate)


@pytest.fixture
def checkout(rtx, models: Path, tmp_path: Path) -> Path:
    """A repository with a model and its baseline, and a runner's directory with the program on its path."""
    shutil.copy(models / "residual_micro.onnx", tmp_path / "model.onnx")
    (tmp_path / "ci").mkdir()
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "trtprof"
    program.write_text(f"#!{sys.executable}\nfrom trtprof.cli import main\nmain()\n")
    program.chmod(0o755)
    trtexec_stand_in.install(tmp_path / "bin", (10, 3))
    return tmp_path


def shell(checkout: Path, line: str, **more: str) -> subprocess.CompletedProcess[str]:
    path = f"{checkout / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-ec", line], check=False, capture_output=True, text=True, cwd=checkout, timeout=300,
        env={**os.environ, "PATH": path, "GITHUB_STEP_SUMMARY": "summary.md", **more},
    )  # fmt: skip


def test_the_job_without_a_gpu_passes_and_fails_where_it_should(checkout: Path) -> None:
    line = next(line for line in commands(TEXT) if line.endswith("> ci/baseline.json"))
    assert shell(checkout, line).returncode == 0
    compare, gate = commands(scripts(GITHUB["jobs"]["structure"]))
    assert [compare, gate] == list(commands(scripts(GITLAB["engine-structure"])))
    assert shell(checkout, compare).returncode == 0
    passed = shell(checkout, gate)
    assert passed.returncode == 0, passed.stderr
    assert (checkout / "comment.md").read_text().startswith("## Gates passed: 12 passed.\n")
    # The same engine against one with a conversion less: what a merge request that adds one looks like.
    baseline = json.loads((checkout / "ci" / "baseline.json").read_text())
    del baseline["engines"][2]["conversions"][0]
    (checkout / "ci" / "baseline.json").write_text(json.dumps(baseline))
    failed = shell(checkout, gate)
    assert failed.returncode == 1, failed.stderr
    assert "| ❌ FAILED | conversions:+1 | int8 |" in (checkout / "comment.md").read_text()


def test_the_job_with_a_gpu_measures_gates_and_keeps_a_history(checkout: Path) -> None:
    job = GITHUB["jobs"]["speed"]
    measure, gate, add, report = commands(scripts(job))
    other = list(commands(scripts(GITLAB["engine-speed"])))
    assert [measure, add, report] == [other[0], other[2], other[3]]
    assert shlex.split(gate.replace("--format markdown ", ""))[:-2] == shlex.split(other[1])
    for line in (measure, add, report):
        done = shell(checkout, line, **job["env"])
        assert done.returncode == 0, (line, done.stderr)
    unsure = shell(checkout, gate, **job["env"])
    assert unsure.returncode == 3, "the stand-in writes ten iterations"
    assert "p99 of 10 iterations is the slowest one" in unsure.stderr
    for line in (gate.replace("--fail-if p99:+5% ", ""), add):
        done = shell(checkout, line, **job["env"])
        assert done.returncode == 0, (line, done.stderr)
    assert "imported before" in done.stderr
    assert (checkout / "history" / "history.html").is_file()
    assert "## Gates passed: 4 passed." in (checkout / "summary.md").read_text()
