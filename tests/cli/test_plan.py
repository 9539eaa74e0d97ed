"""`trtprof plan` as a user runs it: on modelled times, on engines measured on an A100, and refused."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import onnx
import pytest

from tests.variants.support import dequantised_inputs

A100 = "examples__pytorch__resnet__A100__{}__resnet{}.onnx.engine.{}.json"


@pytest.fixture
def micro(trtprof, micro_capture, models, tmp_path):
    """The micro net, its sensitivity in `s`, and its comparison."""
    shutil.copy(models / "residual_micro.onnx", tmp_path)
    np.savez(tmp_path / "s.npz", input=np.random.default_rng(0).standard_normal((2, 3, 56, 56)).astype(np.float32))
    result = trtprof("sensitivity", "residual_micro.onnx", "--calib", "s.npz", "--out", "s")
    assert result.exit_code == 0, result.stderr
    return micro_capture


def test_a_modelled_plan_keeps_its_range_and_writes_its_model(trtprof, micro):
    common = ("plan", "residual_micro.onnx", "--sensitivity", "s", "--times", micro)
    result = trtprof(*common, "-o", "p.onnx", "--calib", "s.npz", "--html", "p.html", "--budget-db", 45)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines() == ["wrote p.onnx", "wrote p.html"]
    assert "(modelled) against fp16" in " ".join(result.stdout.split())
    found = json.loads(trtprof(*common, "--budget-db", 45, "--format", "json").stdout)
    chosen = found["chosen"]
    assert chosen["sqnr_db"] is None or chosen["sqnr_db"] >= 45
    for point in (*found["front"], found["all_layers"]):
        saving = point["saving"]
        assert saving["provenance"] == "modelled"
        assert saving["low_ns"] < saving["mid_ns"] < saving["high_ns"] or not point["layers"]
    model = onnx.load("p.onnx")
    onnx.checker.check_model(model, full_check=True)
    quantised = {
        name
        for operator in ("Conv", "Gemm", "Add")
        for name, inputs in dequantised_inputs(model, operator).items()
        if any(inputs)
    }
    assert quantised == set(chosen["layers"])
    rows = list(csv.DictReader(trtprof(*common, "--format", "csv").stdout.splitlines()))
    assert [row["role"] for row in rows].count("chosen") == 1


@pytest.mark.parametrize(
    ("options", "code", "error"),
    [
        (["--budget-db", 30, "--budget-ms", 1], 2, "--budget-db and --budget-ms are two answers to one question"),
        (["--budget-ms", 1000], 2, "--budget-ms 1000: no plan saves that much"),
        (["--float", "fp64"], 2, "--float fp64: no engine has this name"),
        (["--sensitivity", "none.json"], 3, "none.json: cannot be read: No such file or directory"),
        (["--sensitivity", "s.npz"], 3, "s.npz: expected JSON, found something else"),
        (["--sensitivity", "left.json"], 3, "residual_micro.onnx: expected a sensitivity of layers quantised alone"),
        (["--sensitivity", "bad.json"], 3, "bad.json: expected the fields of a sensitivity file"),
    ],
)
def test_refusals(trtprof, micro, tmp_path, options, code, error):
    found = json.loads((tmp_path / "s" / "sensitivity.json").read_text())
    (tmp_path / "left.json").write_text(json.dumps({**found, "mode": "leave-one-out"}))
    (tmp_path / "bad.json").write_text(json.dumps({**found, "layers": [{"layer": 1}]}))
    result = trtprof("plan", "residual_micro.onnx", "--sensitivity", "s", "--times", micro, *options)
    assert (result.exit_code, result.stdout) == (code, "")
    assert f"error: {error}" in result.stderr


def test_another_model_is_not_written(trtprof, micro, tmp_path):
    (tmp_path / "other.onnx").write_bytes((tmp_path / "residual_micro.onnx").read_bytes() + b"\x12\x00")
    result = trtprof("plan", "other.onnx", "--sensitivity", "s", "--times", micro, "-o", "p.onnx")
    assert result.exit_code == 3
    assert "other.onnx: expected the model the sensitivity was measured on" in result.stderr
    assert not (tmp_path / "p.onnx").exists()


def test_measured_times_give_one_number_not_a_range(trtprof, shared, models, tmp_path):
    """ResNet-18 on an A100: its graph is the fixture's, numbered as PyTorch did; accuracies are made up, all equal."""
    model = onnx.load(models / "resnet18.onnx")
    # PyTorch puts the downsampling behind the branch, as the fixture does, and numbers nodes as they come.
    for index, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{index}"
    onnx.save(model, tmp_path / "resnet.onnx")
    layers = [
        {"layer": node.name, "nodes": [node.name], "operators": [node.op_type], "place_ratio": 0.5, "sqnr_db": 40.0,
         "exact": False, "cosine": 1.0, "top1_agreement": None, "metric": None}
        for node in model.graph.node if node.op_type in ("Conv", "Gemm")
    ]  # fmt: skip
    found = {
        "schema_version": 1, "model": "resnet.onnx", "model_sha256": "", "mode": "alone", "method": "minmax",
        "weights": "per-channel", "calibration": "", "samples": 1, "synthetic": False, "seconds": 1,
        "all_layers": {"sqnr_db": 30.0, "exact": False}, "layers": layers, "ranges": {},
    }  # fmt: skip
    (tmp_path / "s.json").write_text(json.dumps(found))
    names = {"fp16": A100.format("fp16", "", "graph"), "int8": A100.format("qat-residual", "-qat-residual", "graph")}
    options = [item for name, file in names.items() for item in ("--times", f"{name}={shared / 'trex' / file}")]
    result = trtprof("plan", "resnet.onnx", "--sensitivity", "s.json", *options, "--format", "json")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    most = answer["front"][-1]
    saving = most["saving"]
    assert saving["provenance"] == "derived"
    # The engines' own latencies are 0.862 and 0.546 ms.
    assert 250_000 < saving["mid_ns"] < 350_000
    assert (most["regions"], most["conversions"]) == (1, 3)
    assert len(most["layers"]) == 19
    assert "derived from the" in answer["conversion_cost"]
