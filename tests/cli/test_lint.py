"""``trtprof lint`` as its users meet it: lines, formats, gates, and a project's own settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.graph.qdq import Net
from trtprof.analysis.findings.catalogue import CATALOGUE
from trtprof.analysis.lint import RULE_OF
from trtprof.graph_facts import Fact
from trtprof.pipeline import lint as module
from trtprof.pipeline.lint import lint_model

MESSAGE = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "tool": {
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "required": ["name"],
                                "properties": {
                                    "rules": {
                                        "items": {
                                            "required": ["id"],
                                            "additionalProperties": False,
                                            "properties": {
                                                "id": {"type": "string"},
                                                "name": {"type": "string"},
                                                "shortDescription": MESSAGE,
                                                "help": MESSAGE,
                                            },
                                        }
                                    }
                                },
                            }
                        },
                    },
                    "invocations": {"items": {"required": ["executionSuccessful"]}},
                    "results": {
                        "items": {
                            "required": ["message"],
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": MESSAGE,
                                "suppressions": {"items": {"required": ["kind"]}},
                            },
                        }
                    },
                },
            },
        },
    },
}
"""What the OASIS schema asks of the parts used here."""


@pytest.fixture
def onesided(models: Path, tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes((models / "residual_onesided_qdq.onnx").read_bytes())
    return path


def save(net: Net, path: Path, *outputs: str) -> Path:
    onnx.save(net.model(*outputs), path)
    return path


def test_every_fact_has_a_rule_that_explains_it() -> None:
    assert set(RULE_OF) == set(Fact)
    assert {code for code, _ in RULE_OF.values()} <= {rule.code for rule in CATALOGUE}
    assert len({rule.code for rule in CATALOGUE}) == len(CATALOGUE)


def test_the_lines_of_a_linter(trtprof, onesided: Path) -> None:
    result = trtprof("lint", "net.onnx", "--no-parser")
    assert result.exit_code == 0
    assert result.stdout == (
        "net.onnx: Q109 scales are FP32, so what is not quantised runs in FP32 where types come from the model "
        "(TensorRT 11)\n"
        "net.onnx:/block/conv2/Conv: L812 '/block/Add/0/QuantizeLinear' stands between it and Add '/block/Add'\n"
        "net.onnx:/block/Add: Q101 its skip input '/relu/Relu_output_0' has no Q/DQ\n"
        "net.onnx:/avgpool/GlobalAveragePool: Q105 GlobalAveragePool reads the float output of '/stem/Conv'\n"
        "found 2 warnings, 2 notes; 4 of 4 convolutions and matrix products quantised\n"
        "cannot tell (L801): TensorRT's parser was not asked (--no-parser)\n"
        "1 may be repaired: trtprof fix net.onnx -o OUT.onnx\n"
    )
    assert result.stderr == ""


def test_a_float_model_has_nothing_and_says_why(trtprof, models: Path) -> None:
    result = trtprof("lint", models / "resnet18.onnx", "--no-parser", "--ignore", "L801")
    assert result.stdout == "found nothing; the model has no Q/DQ nodes\n"


@pytest.mark.parametrize(
    ("gate", "code"),
    [("any", 1), ("warning", 1), ("error", 0), ("Q101", 1), ("q1", 1), ("Q103", 0), ("L8,error", 1), ("note", 1)],
)
def test_gates(trtprof, onesided: Path, gate: str, code: int) -> None:
    assert trtprof("lint", onesided, "--no-parser", "--fail-on", gate).exit_code == code


def test_an_unknown_gate_and_a_file_that_is_none(trtprof, onesided: Path) -> None:
    result = trtprof("lint", onesided, "--fail-on", "fatal")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: --fail-on: no rule is called FATAL\n"
        "hint: --fail-on takes any, warning, error, or a code of trtprof rules\n"
    )
    assert trtprof("lint", "absent.onnx").exit_code == 3


def test_json_csv_and_markdown(trtprof, onesided: Path) -> None:
    answer = json.loads(trtprof("lint", "net.onnx", "--no-parser", "--format", "json").stdout)
    assert (answer["schema_version"], answer["model"], answer["quantised_weighted_nodes"]) == (1, "net.onnx", 4)
    finding = next(item for item in answer["findings"] if item["code"] == "Q101")
    assert (finding["node"], finding["level"], finding["repairable"]) == ("/block/Add", "warning", True)
    assert finding["cure"]
    assert finding["source"]
    assert answer["cannot_tell"][0]["codes"] == ["L801"]
    csv = trtprof("lint", "net.onnx", "--no-parser", "--select", "Q101", "--format", "csv").stdout
    assert csv == (
        "model,node,code,level,message\n"
        "net.onnx,/block/Add,Q101,warning,its skip input '/relu/Relu_output_0' has no Q/DQ\n"
    )
    markdown = trtprof("lint", "net.onnx", "--no-parser", "--select", "Q101", "--format", "markdown").stdout
    assert "| /block/Add | Q101 | warning | its skip input" in markdown


def test_github_escapes_what_it_must(trtprof, tmp_path: Path) -> None:
    net = Net()
    save(net, tmp_path / "a,b:c.onnx", net.conv(net.qdq("x", zero=3), "50%\nof"))
    lines = trtprof("lint", "a,b:c.onnx", "--no-parser", "--format", "github", "--select", "L814,Q112").stdout
    assert lines == (
        "::error file=a%2Cb%3Ac.onnx,title=Q112 zero-point::QuantizeLinear_0: its zero point is 3, TensorRT needs 0\n"
        "::notice file=a%2Cb%3Ac.onnx,title=L814 weight-per-tensor::50%25%0Aof: its weights have one scale for all "
        "channels\n"
    )


def test_sarif_with_what_was_set_aside(trtprof, onesided: Path, tmp_path: Path) -> None:
    (tmp_path / "trtprof.toml").write_text('[findings.suppress]\nQ105 = ["*avgpool*"]  # the head stays in float\n')
    log = json.loads(trtprof("lint", "net.onnx", "--no-parser", "--format", "sarif").stdout)
    jsonschema.validate(log, SARIF)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [rules[item["ruleIndex"]] for item in run["results"]] == [item["ruleId"] for item in run["results"]]
    aside = [item for item in run["results"] if "suppressions" in item]
    assert [item["ruleId"] for item in aside] == ["Q105"]
    assert aside[0]["suppressions"] == [{"kind": "external", "justification": "the head stays in float"}]
    (place,) = run["results"][1]["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "net.onnx"
    assert place["logicalLocations"][0]["fullyQualifiedName"] == "/block/conv2/Conv"
    shown = trtprof("lint", "net.onnx", "--no-parser").stdout
    assert "set aside: Q105 at /avgpool/GlobalAveragePool (the head stays in float)" in shown


def test_a_model_whose_quantisation_takes_no_effect(tmp_path: Path) -> None:
    net = Net()
    w = net.constant("w", np.ones((8, 8, 1, 1), np.float32))
    path = save(net, tmp_path / "net.onnx", net.node("Conv", net.qdq("x"), w, name="a"))
    codes = [(item.code, item.node) for item in lint_model(path, parser=False).findings]
    assert codes == [("Q110", None), ("L811", "a")]


def test_shapes_that_cannot_be_inferred_leave_a_rule_untold(tmp_path: Path) -> None:
    net = Net()
    y = net.conv(net.qdq(net.node("Mine", "x", domain="com.me")), "a")
    x, out = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8, 16, 16]) for name in ("x", y))
    graph = helper.make_graph(net.nodes, "net", [x], [out], list(net.constants.values()))
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    untold = lint_model(path, parser=False).not_looked[0]
    assert untold.codes == ("Q101",)
    assert "com.me" in untold.reason.reason


def test_nodes_without_names_are_named_by_their_outputs(tmp_path: Path) -> None:
    net = Net()
    model = net.model(net.conv(net.qdq("x", zero=3), "a"))
    for node in model.graph.node:
        node.ClearField("name")
    onnx.save(model, tmp_path / "net.onnx")
    assert "QuantizeLinear_0:0" in [item.node for item in lint_model(tmp_path / "net.onnx", parser=False).findings]


def test_the_limits_of_the_dla(trtprof, onesided: Path, tmp_path: Path) -> None:
    shown = trtprof("lint", onesided, "--dla", "--select", "D702", "--no-parser").stdout
    assert shown.splitlines()[0].endswith(
        ": D702 TensorRT 10.7.0 takes no Q/DQ on the DLA, here 18 nodes: before 11.4.1 it takes a calibration table"
    )
    # Quantised weights are constants: with a TensorRT that takes Q/DQ only the 28x28 pooling is left.
    newer = trtprof("lint", onesided, "--dla", "--trt", "11.4.1", "--select", "D702", "--no-parser").stdout
    assert newer.splitlines()[0].endswith(
        ":/avgpool/GlobalAveragePool: D702 GlobalAveragePool, window: 28x28; the DLA takes 1 to 8"
    )
    assert newer.splitlines()[1].startswith("found 1 warning;")
    assert trtprof("lint", onesided, "--trt", "10.7").exit_code == 2
    assert trtprof("lint", onesided, "--dla", "--trt", "new").exit_code == 2


def test_what_follows_a_matrix_product_in_float_is_a_note(tmp_path: Path) -> None:
    net = Net(1)
    product = net.node("MatMul", net.qdq("x"), net.qdq("x"), name="qk")
    soft = net.node("Softmax", product, name="soft")
    path = save(net, tmp_path / "net.onnx", net.node("MatMul", net.qdq(soft), net.qdq("x"), name="av"))
    assert [(item.code, item.node, item.level.value) for item in lint_model(path, parser=False).findings] == [
        ("Q109", None, "note"), ("Q105", "soft", "note"),
    ]  # fmt: skip


def test_what_the_parser_refuses(rtx, tmp_path: Path) -> None:
    net = Net()
    y = net.node("Det", net.conv(net.qdq("x"), "a", int32_bias=True), name="det")
    path = save(net, tmp_path / "net.onnx", y)
    found = {(item.code, item.node): item.what for item in lint_model(path).findings if item.level.value == "error"}
    # The bias is explained by its own rule; the parser's word for it is not repeated.
    assert set(found) in ({("Q111", "a")}, {("Q111", "a"), ("L801", "det")})
    net = Net()
    path = save(net, tmp_path / "det.onnx", net.node("Det", net.conv(net.qdq("x"), "a"), name="det"))
    (refused,) = [item for item in lint_model(path).findings if item.code == "L801"]
    assert (refused.node, refused.what) == ("det", "Det is refused: the parser has no importer for this operator")


def test_a_parser_that_is_not_there(onesided: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trtprof.backends.rtx_parser.installed", lambda _: False)
    (untold,) = module.lint_model(onesided).not_looked
    assert "pip install 'trtprof[rtx]'" in untold.reason.reason


def test_real_models_lint_without_an_error(rtx) -> None:
    package = pytest.importorskip("rapidocr_onnxruntime", reason="it is there for Python up to 3.12")
    for path in sorted((Path(package.__file__).parent / "models").glob("*.onnx")):
        assert lint_model(path).findings == ()
