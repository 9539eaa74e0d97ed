"""``trtprof extract``: the part around a node, its recorded inputs, and that it runs alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.graph.qdq import Net
from trtprof.errors import InputError
from trtprof.graph.extract import Region
from trtprof.pipeline.extract import extract_model, worst_layers
from trtprof.variants.session import open_session

pytest.importorskip("onnxruntime", reason="pip install 'trtprof[quant]'")


def test_a_region_takes_the_pairs_and_weights_that_belong_to_it() -> None:
    net = Net()
    first = net.node("Relu", net.conv(net.qdq("x"), "a"), name="relu")
    second = net.conv(net.qdq(first), "b")
    model = net.model(net.conv(net.qdq(net.node("Relu", second, name="relu2")), "c"))
    alone = Region(model, ["b"], 0)
    assert (alone.inputs, alone.outputs) == (("relu:0",), ("b:0",))
    assert {node for node in alone.nodes if "Linear" not in node} == {"b"}
    around = Region(model, ["b:0"], 1)
    assert (around.inputs[0], around.outputs[0].startswith("DequantizeLinear")) == ("a:0", True)
    everything = Region(model, ["x"], 9)
    assert (everything.inputs, everything.outputs) == (("x",), ("c:0",))


def test_the_part_around_a_residual_add(trtprof, models: Path, tmp_path: Path) -> None:
    result = trtprof("extract", models / "residual_onesided_qdq.onnx", "-o", "sub.onnx", "--node", "/block/Add")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "12 nodes around /block/Add"
    assert lines[1] == "reads /stem/Conv_output_0, /block/relu/Relu_output_0"
    assert lines[3].startswith("run alone on the recorded inputs (1 batch of seeded random numbers (seed 0))")
    assert result.stderr == "wrote sub.onnx, sub.inputs.npz, sub.outputs.npz\n"
    session = open_session(tmp_path / "sub.onnx")
    inputs, outputs = (dict(np.load(tmp_path / f"sub.{what}.npz")) for what in ("inputs", "outputs"))
    for name, value in zip(outputs, session.run(list(outputs), inputs), strict=True):
        np.testing.assert_allclose(value, outputs[name], atol=1e-5)
    onnx.checker.check_model(onnx.load(tmp_path / "sub.onnx"), full_check=True)


def test_recorded_inputs_calibrate_the_part_alone(models: Path, tmp_path: Path) -> None:
    out = tmp_path / "sub.onnx"
    found = extract_model(models / "residual_micro.onnx", out, ["/block/conv1/Conv"], calib="random:3")
    assert found.batches == 3
    assert found.largest_difference < 1e-3
    again = extract_model(out, tmp_path / "again.onnx", ["/block/conv1/Conv"], around=0, calib=str(found.inputs_file))
    assert again.batches == 3


@pytest.mark.parametrize("form", ["csv", "list", "object"])
def test_the_worst_layers_of_a_file(trtprof, models: Path, tmp_path: Path, form: str) -> None:
    rows = [("/fc/Gemm", "inf"), ("/block/conv2/Conv", "12.5"), ("/stem/Conv", "9"), ("/block/conv1/Conv", "30")]
    path = tmp_path / "sensitivity.txt"
    dicts = [{"layer": layer, "sqnr_db": value} for layer, value in rows]
    if form == "csv":
        path.write_text("layer,sqnr_db\n" + "".join(f"{layer},{value}\n" for layer, value in rows))
    else:
        path.write_text(json.dumps(dicts if form == "list" else {"schema_version": 1, "layers": dicts}))
    assert worst_layers(path, 2) == ("/stem/Conv", "/block/conv2/Conv")
    answer = trtprof(
        "extract", models / "residual_micro.onnx", "-o", "sub.onnx", "--worst", 2, "--sensitivity", path,
        "--around", 0, "--format", "json",
    )  # fmt: skip
    answer = json.loads(answer.stdout)
    assert answer["nodes"] == ["/block/conv2/Conv", "/stem/Conv"]
    assert answer["largest_difference"]["value"] < 1e-3


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "[]", "{", '{"layers": 3}', "layer,sqnr_db\nx,nan\n"])
def test_a_file_without_sensitivities(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(InputError, match="expected"):
        worst_layers(tmp_path / "s.csv", 1)


def test_what_is_refused(trtprof, models: Path, tmp_path: Path) -> None:
    model = models / "residual_micro.onnx"
    result = trtprof("extract", model, "-o", "sub.onnx", "--node", "/block/conv1")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: the model has no node or tensor '/block/conv1'\nhint: did you mean '/block/conv1/Conv'?\n"
    )
    assert trtprof("extract", model, "-o", "sub.onnx").exit_code == 2
    assert trtprof("extract", model, "-o", "sub.onnx", "--worst", 1).exit_code == 2
    (tmp_path / "sub.outputs.npz").write_text("kept")
    result = trtprof("extract", model, "-o", "sub.onnx", "--node", "/stem/Conv")
    assert (result.exit_code, (tmp_path / "sub.outputs.npz").read_text()) == (2, "kept")
    assert trtprof("extract", model, "-o", model, "--node", "/stem/Conv", "--force").exit_code == 2
