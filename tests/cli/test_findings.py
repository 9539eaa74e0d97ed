"""``trtprof rules``, and findings as a user meets them: chosen, set aside with a reason, refused with one line."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.conftest import ROOT
from trtprof.analysis.findings.catalogue import CATALOGUE

SETTINGS = """\
[findings]
ignore = ["R404"]

[findings.suppress]
Q105 = ["*Pool*"]   # the head stays in float
"""


def engine(shared: Path, name: str) -> Path:
    return next((shared / "trex").glob(f"examples__pytorch__resnet__A100__{name}__*.engine.graph.json"))


def test_the_list_of_rules_and_one_explained(trtprof) -> None:
    listed = trtprof("rules", "--format", "csv").stdout.splitlines()
    assert listed[0] == "code,name,role,title"
    assert [line.split(",")[0] for line in listed[1:]] == [rule.code for rule in CATALOGUE]
    one = trtprof("rules", "q101").stdout
    assert one == trtprof("rules", "skip-not-quantised").stdout
    assert one.startswith("Q101 skip-not-quantised: Skip input of a residual Add is not quantised\n")
    for heading in ("Why it costs time", "What it looks like", "What cures it", "When it is wrong", "Source"):
        assert f"\n{heading}\n" in one
    entries = json.loads(trtprof("rules", "K", "--format", "json").stdout)["rules"]
    assert entries
    assert all(entry["code"].startswith("K") for entry in entries)


def test_an_unknown_rule_is_a_usage_error(trtprof) -> None:
    for arguments in (("rules", "Z9"), ("compare", "x.onnx", "--select", "Z9")):
        result = trtprof(*arguments)
        assert result.exit_code == 2
        assert "Z9" in result.stderr
        assert "hint: trtprof rules lists them" in result.stderr


def test_findings_end_the_comparison(trtprof, shared: Path, tmp_path: Path) -> None:
    result = trtprof("compare", f"fp16={engine(shared, 'fp16')}", f"int8={engine(shared, 'qat')}", "--out", "out")
    lines = result.stdout.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("Findings:"))
    assert lines[start + 1] == "critical  Q101  int8: Skip input of a residual Add is not quantised"
    assert lines[-2].startswith("int8: 8 residual Adds without Q/DQ on the skip input")
    assert len([line for line in lines[start:] if line[:8].strip() in ("critical", "major", "minor", "note")]) <= 5
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Why, and what would help?" in page
    assert "Q101" in page


def test_json_findings_keep_their_contract(trtprof, shared: Path) -> None:
    schema = json.loads((ROOT / "docs" / "compare.schema.json").read_text())
    result = trtprof("compare", f"int8={engine(shared, 'qat')}", "--out", "out", "--format", "json")
    answer = json.loads(result.stdout)
    jsonschema.validate(answer, schema)
    first = answer["findings"][0]
    assert (first["code"], first["severity"], first["saving"]["provenance"]) == ("Q101", "critical", "derived")
    assert first["saving_ms"][0] < 0.337 < first["saving_ms"][1]
    assert {effect["code"] for effect in first["effects"]} == {"F301", "K201", "R401", "F302", "R403"}
    assert all({"what", "row", "layer", "time_ms"} <= set(item) for item in first["evidence"])


def test_a_project_sets_findings_aside_with_a_reason(trtprof, shared: Path, tmp_path: Path) -> None:
    (tmp_path / "trtprof.toml").write_text(SETTINGS)
    answer = json.loads(
        trtprof("compare", f"int8={engine(shared, 'qat-residual')}", "--out", "out", "--format", "json").stdout
    )
    assert {item["code"] for item in answer["findings"]} == {"M505", "M507"}  # how it was measured, no more than notes
    (aside,) = answer["diagnosis"]["suppressed"]
    assert (aside["finding"]["code"], aside["reason"]) == ("Q105", "the head stays in float")
    assert answer["diagnosis"]["healthy"] == ["int8"]
    shown = trtprof("compare", f"int8={engine(shared, 'qat-residual')}", "--out", "out", "--format", "markdown").stdout
    assert "set aside: Q105 on int8 (the head stays in float)" in shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[findings\n", "expected TOML"),
        ("[finding]\n", "unknown key 'finding'"),
        ("[findings]\nhide = []\n", "unknown key 'hide'"),
        ("[findings]\nignore = 'Q101'\n", "expected a list of texts"),
        ("[findings.suppress]\nQ101 = true\n", "no reason is given"),
        ("[findings.suppress]\nQ101 = 3  # why\n", "expected true or a list of layer patterns, found 3"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(trtprof, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "trtprof.toml").write_text(text)
    result = trtprof("compare", "x.onnx")
    assert result.exit_code == 3
    (error,) = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert said in error
    assert "trtprof.toml" in error
    assert "hint:" in result.stderr


def test_the_modelled_road_names_the_adds_of_the_model(trtprof, models: Path, rtx) -> None:
    result = trtprof(
        "compare", models / "residual_micro.onnx", "-p", "int8", "--no-residual-qdq", "--out", "out", "--format", "json"
    )
    first = json.loads(result.stdout)["findings"][0]
    assert first["code"] == "Q101"
    assert first["saving"]["provenance"] == "modelled"
    assert 0 < first["saving_ms"][0] < first["saving_ms"][1]
    assert all(item["source"] == "onnx" for item in first["evidence"])


def test_findings_and_kernels_as_tables(shared: Path) -> None:
    import trtprof

    report = trtprof.compare(f"fp16={engine(shared, 'fp16')}", f"int8={engine(shared, 'qat')}")
    findings = report.findings()
    assert findings["code"][0] == "Q101"
    assert findings["saving_low_ms"][0] < findings["saving_high_ms"][0]
    kernels = report.kernels()
    stem = kernels[(kernels["engine"] == "int8") & (kernels["unit"] == "cuda_core")]
    assert list(stem["row"]) == [1]
