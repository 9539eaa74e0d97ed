"""`trtprof diff --fail-if` as a CI job sees it: what it prints, and the code it ends with."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import jsonschema
import pytest

from tests.conftest import ROOT
from tests.pipeline.test_measured import write_engine

SCHEMA = json.loads((ROOT / "docs" / "diff.schema.json").read_text())


@pytest.fixture
def engines(tmp_path: Path) -> Path:
    """An engine, the same a little slower, and one in INT8 that is slower for certain."""
    write_engine(tmp_path / "old", "Half", [0.5] * 200)
    write_engine(tmp_path / "near", "Half", [0.517] * 200)
    write_engine(tmp_path / "slow", "Half", [0.6] * 200)
    return tmp_path


def test_gates_that_pass(trtprof, engines: Path) -> None:
    result = trtprof("diff", "old", "old", "--fail-if", "latency:+3%", "--fail-if", "conversions:+1")
    assert (result.exit_code, result.stderr) == (0, "Gates passed: 2 passed.\n")
    assert [line.rstrip() for line in result.stdout.splitlines()[:5]] == [
        "Gates passed: 2 passed.",
        "outcome  gate            engine      base      head  change   noise",
        "passed   latency:+3%     fp16    0.500 ms  0.500 ms   0.0 %  ±4.0 %",
        "passed   conversions:+1  fp16           0         0       0",
        "",
    ]


def test_a_gate_that_fails_ends_with_1_and_says_by_how_much(trtprof, engines: Path) -> None:
    result = trtprof("diff", "old", "slow", "--fail-if", "latency:+3%", "--fail-if", "conversions:+1")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: 1 of 2 gates failed: latency:+3% on fp16 (0.500 ms → 0.600 ms, +20.0 %)\n"
        "hint: what is meant to change is accepted by a new baseline, or by a wider limit\n"
    )
    assert result.stdout.splitlines()[0] == "Gates failed: 1 failed, 1 passed."
    assert result.stdout.splitlines()[2].startswith("FAILED   latency:+3%")
    assert "head is slower than base" in result.stdout


def test_a_change_within_noise_passes_with_a_warning_and_fails_under_strict(trtprof, engines: Path) -> None:
    result = trtprof("diff", "old", "near", "--fail-if", "latency:+3%")
    assert result.exit_code == 0
    assert result.stderr == (
        "warning: latency:+3% on fp16 (0.500 ms → 0.517 ms, +3.4 %) is beyond its limit, but within the noise "
        "(±4.0 %); --strict fails on it\nGates passed: 1 within noise.\n"
    )
    strict = trtprof("diff", "old", "near", "--fail-if", "latency:+3%", "--strict")
    assert strict.exit_code == 1
    assert strict.stdout.splitlines()[0] == "Gates failed: 1 within noise, which --strict fails."


def test_a_gate_that_cannot_be_judged_does_not_pass(trtprof, engines: Path) -> None:
    result = trtprof("diff", "old", "near", "--fail-if", "accuracy.sqnr:-1dB")
    assert result.exit_code == 3
    assert result.stderr == (
        "error: 1 of 1 gate cannot be judged: accuracy.sqnr:-1dB on fp16 (of neither engine: its ONNX model is not at "
        "hand)\nhint: leave the gate out, or give both sides what it needs\n"
    )
    both = trtprof("diff", "old", "slow", "--fail-if", "accuracy.sqnr:-1dB", "--fail-if", "latency:+3%")
    assert both.exit_code == 1
    assert "1 of 2 gates failed" in both.stderr
    assert "1 of 2 gates cannot be judged" in both.stderr


def test_a_bad_gate_is_told_before_anything_is_read(trtprof) -> None:
    result = trtprof("diff", "nowhere", "nowhere", "--fail-if", "latency:3%")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "error: --fail-if latency:3%: '3%' is no change: expected a sign, a number and a unit\n"
        "hint: for example latency:+3% or +0.1ms\n"
    )
    unknown = trtprof("diff", "nowhere", "nowhere", "--fail-if", "speed:+3%")
    assert unknown.stderr.startswith("error: --fail-if speed:+3%: 'speed' is no metric\nhint: metrics: latency, p90, ")


def test_json_has_the_gates_and_an_error_object(trtprof, engines: Path) -> None:
    gates = ("latency:+3%", "accuracy.sqnr:-1dB", "findings:critical", "conversions:+1")
    result = trtprof(
        "diff", "old", "slow", *(part for gate in gates for part in ("--fail-if", gate)), "--format", "json"
    )
    answer = json.loads(result.stdout)
    jsonschema.validate(answer, SCHEMA)
    assert answer["gates"]["outcome"] == "failed"
    judged = {item["gate"]: item for item in answer["gates"]["judgements"]}
    assert {gate: judged[gate]["outcome"] for gate in gates} == dict(
        zip(gates, ("failed", "cannot tell", "passed", "passed"), strict=True)
    )
    assert judged["latency:+3%"]["change"] == pytest.approx(0.2)
    assert judged["latency:+3%"]["base"] == {"value": 500_000.0, "exact": False, "provenance": "measured"}
    assert json.loads(result.stderr)["exit_code"] == 1
    assert answer["groups"]


def test_markdown_begins_with_the_gates(trtprof, engines: Path) -> None:
    result = trtprof("diff", "old", "slow", "--fail-if", "latency:+3%", "--format", "markdown")
    lines = result.stdout.splitlines()
    assert lines[:5] == [
        "## Gates failed: 1 failed.",
        "",
        "| outcome | gate | engine | base | head | change | noise | why |",
        "|---|---|---|---|---|---|---|---|",
        "| ❌ FAILED | latency:+3% | fp16 | 0.500 ms | 0.600 ms | +20.0 % | ±4.0 % |  |",
    ]
    assert "## base → head" in lines


def _baseline(trtprof, *targets: str) -> str:
    result = trtprof("compare", *targets, "--format", "json")
    assert result.exit_code == 0
    return result.stdout


def test_a_committed_baseline_is_a_side(trtprof, engines: Path) -> None:
    Path("baseline.json").write_text(_baseline(trtprof, "fp16=old"))
    assert trtprof("diff", "baseline.json", "old", "--fail-if", "latency:+3%").exit_code == 0
    result = trtprof("diff", "baseline.json", "slow", "--fail-if", "latency:+3%", "--format", "json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    jsonschema.validate(answer, SCHEMA)
    assert "groups" not in answer
    assert answer["engines"][0]["base"]["source"] == "baseline.json"
    rows = list(csv.DictReader(io.StringIO(trtprof("diff", "baseline.json", "slow", "--format", "csv").stdout)))
    assert (rows[0]["metric"], rows[0]["base"], rows[0]["head"], rows[0]["unit"]) == (
        "latency", "500000.0", "600000.0", "ns"
    )  # fmt: skip


def test_a_baseline_that_was_sorted_by_another_tool_is_still_one(trtprof, engines: Path) -> None:
    sorted_keys = json.dumps(json.loads(_baseline(trtprof, "fp16=old")), sort_keys=True)
    Path("baseline.json").write_text(sorted_keys)
    assert trtprof("diff", "baseline.json", "old", "--fail-if", "latency:+3%").exit_code == 0


_NO_TIMES = {"types": "fast", "nan": float("nan"), "infinite": float("inf"), "negative": -1}


@pytest.mark.parametrize("damage", ["cut", "newer", "older", "holes", "types", "nan", "infinite", "negative", "list"])
def test_a_damaged_baseline_is_bad_input(trtprof, engines: Path, damage: str) -> None:
    text = _baseline(trtprof, "fp16=old")
    whole = json.loads(text)
    if damage in ("newer", "older"):
        whole["schema_version"] = 99 if damage == "newer" else 1
    elif damage == "holes":
        del whole["engines"][0]["latency"]
    elif damage == "list":
        whole["engines"] = {"fp16": 1}
    elif damage in _NO_TIMES:
        whole["engines"][0]["latency"]["median_ns"] = _NO_TIMES[damage]
    Path("baseline.json").write_text(text[: len(text) // 2] + '"verdict"' if damage == "cut" else json.dumps(whole))
    result = trtprof("diff", "baseline.json", "old", "--fail-if", "latency:+3%")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("error: baseline.json: ")
    assert result.stderr.count("\n") == 2


def test_runs_of_the_store_are_sides(trtprof, engines: Path) -> None:
    for name, when in (("old", 1_700_000_000), ("slow", 1_700_000_100)):
        _touch(engines / name, when)
        assert trtprof("compare", f"fp16={name}", "--db", "ci.db", "--out", f"out-{name}").exit_code == 0
    gate = ("--fail-if", "latency:+3%", "--fail-if", "findings:critical")
    assert trtprof("diff", "ci.db#@-2", "old", *gate).exit_code == 0
    assert trtprof("diff", "ci.db#@-2", "ci.db#@-1", *gate).exit_code == 1
    assert trtprof("diff", "@-2", "@-1", "--db", "ci.db", *gate).exit_code == 1
    assert trtprof("diff", "ci.db#fp16@-2", "ci.db#fp16@-1", *gate).exit_code == 1
    whole = trtprof("diff", "ci.db", "old", *gate)
    assert whole.stderr == (
        "error: ci.db: expected a run of the store\n"
        "hint: name a run of it: ci.db#@-1 is the last, ci.db#MODEL@-1 the last of a model\n"
    )
    missing = trtprof("diff", "ci.db#@-9", "old", *gate)
    assert (missing.exit_code, missing.stderr) == (
        3, "error: ci.db: expected a run named '@-9', found none\nhint: trtprof runs ci.db lists them\n"
    )  # fmt: skip
    assert trtprof("diff", "@-2", "@-1").stderr.startswith("error: no store is here\n")
    mistyped = trtprof("diff", "runz/old", "old", "--db", "ci.db", *gate)
    assert mistyped.stderr.startswith("error: runz/old: no such file or directory\n")


def _touch(folder: Path, when: int) -> None:
    import os

    for path in (*folder.iterdir(), folder):
        os.utime(path, (when, when))


def test_each_shared_engine_is_gated_and_a_lost_one_cannot_be_told(trtprof, engines: Path) -> None:
    Path("both.json").write_text(_baseline(trtprof, "fp16=old", "int8=near"))
    Path("one.json").write_text(_baseline(trtprof, "fp16=old"))
    Path("other.json").write_text(_baseline(trtprof, "tf32=old"))
    gate = ("--fail-if", "latency:+3%")
    assert trtprof("diff", "both.json", "both.json", *gate).stderr == "Gates passed: 2 passed.\n"
    lost = trtprof("diff", "both.json", "one.json", *gate)
    assert lost.exit_code == 3
    assert "latency:+3% on int8 (head has no engine 'int8', only fp16)" in lost.stderr
    assert trtprof("diff", "both.json", "one.json", *gate, "--engine", "fp16").exit_code == 0
    added = trtprof("diff", "one.json", "both.json", *gate)
    assert added.exit_code == 0, "head's engine alone is no change of anything"
    assert trtprof("diff", "both.json", "other.json", *gate).stderr == (
        "error: expected an engine that both have, found fp16, int8 in both.json and tf32 in other.json\n"
        "hint: name one that both have by precision: --engine int8\n"
    )


def test_the_published_repair_passes_and_its_reverse_fails(trtprof, shared: Path) -> None:
    files = [next((shared / "trex").glob(f"*A100__{part}__*.engine.graph.json")) for part in ("qat", "qat-residual")]
    gates = ("latency:+3%", "tensor-core-share:-2pp", "conversions:+1", "findings:critical", "p99:+5%")
    options = [part for gate in gates for part in ("--fail-if", gate)]
    assert trtprof("diff", *files, *options).stderr == "Gates passed: 5 passed.\n"
    back = trtprof("diff", *reversed(files), *options, "--format", "json")
    assert back.exit_code == 1
    answer = json.loads(back.stdout)
    jsonschema.validate(answer, SCHEMA)
    assert [item["outcome"] for item in answer["gates"]["judgements"]] == ["failed"] * 5


def test_gates_and_the_difference_below_them_name_the_same_findings(trtprof, rtx, models: Path) -> None:
    for name, options in (("with", ()), ("without", ("--no-residual-qdq",))):
        assert trtprof("compare", models / "residual_micro.onnx", "-p", "int8", *options, "--out", name).exit_code == 0
    result = trtprof("diff", "with", "without", "--fail-if", "findings:major", "--format", "json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    (judged,) = answer["gates"]["judgements"]
    assert judged["why"].startswith("new: Q101 ")
    assert "Q101" in {item["code"] for item in answer["findings"]["new"]}


def test_modelled_times_do_not_pass_a_gate_and_structure_does(trtprof, micro_capture: Path) -> None:
    gates = ("--fail-if", "conversions:+1", "--fail-if", "quantised-layers:-1", "--fail-if", "accuracy.sqnr:-1dB")
    chosen = ("--engine", "int8")
    structure = trtprof("diff", micro_capture, micro_capture, *gates[:4], *chosen)
    assert (structure.exit_code, structure.stderr) == (0, "Gates passed: 2 passed.\n")
    accuracy = trtprof("diff", micro_capture, micro_capture, *gates[4:], "--engine", "fp16")
    assert accuracy.exit_code == 0
    time = trtprof("diff", micro_capture, micro_capture, "--fail-if", "latency:+3%", *chosen)
    assert time.exit_code == 3
    assert "times are modelled, and their ranges overlap" in time.stderr
