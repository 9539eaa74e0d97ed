"""`trtprof quantize` as a user runs it: the model, the table, the cache, the page, the advice, the refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.conftest import ROOT
from tests.variants.support import dequantised_inputs, load_script


@pytest.fixture
def micro(tmp_path):
    make = load_script(ROOT / "fixtures/models/make_models.py")
    return make.write_model("residual_micro", tmp_path)


@pytest.fixture
def samples(tmp_path):
    path = tmp_path / "samples.npz"
    np.savez(path, input=np.random.default_rng(0).standard_normal((4, 3, 56, 56)).astype(np.float32))
    return path


def test_a_model_its_table_and_its_cache(trtprof, micro, samples):
    result = trtprof("quantize", micro, "--calib", samples, "-o", "q.onnx", "--cache", "q.cache", "--html", "q.html")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines() == [
        "running the model on calibration data",
        *(f"wrote {name}" for name in ("q.onnx", "q.onnx.calibration.json", "q.cache", "q.html")),
    ]
    lines = result.stdout.splitlines()
    assert lines[0] == ("residual_micro.onnx: 5 layers in INT8; ranges by entropy from 4 samples of samples.npz.")
    assert lines[1].startswith("  output 'output' against float on 4 samples: SQNR ")
    model = onnx.load("q.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert all(all(found[:2]) for found in dequantised_inputs(model, "Conv").values())
    assert list(dequantised_inputs(model, "Add").values()) == [[True, True]]
    page = Path("q.html").read_text(encoding="utf-8")
    assert "Where is each activation clipped?" in page
    # The three say the same, and each can be read back.
    table = json.loads(Path("q.onnx.calibration.json").read_text(encoding="utf-8"))["tensors"]
    for given in ("q.onnx.calibration.json", "q.cache"):
        again = trtprof("quantize", micro, "--table", given, "-o", "again.onnx", "--format", "json")
        assert again.exit_code == 0, again.stderr
        tensors = json.loads(again.stdout)["tensors"]
        assert {name: entry["amax"] for name, entry in tensors.items()} == pytest.approx(
            {name: entry["amax"] for name, entry in table.items()}, rel=1e-6
        )


def test_layers_are_chosen_by_name_and_by_place(trtprof, micro, samples):
    def kept(*options):
        result = trtprof("quantize", micro, "--calib", samples, "-o", "q.onnx", "--format", "json", *options)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)["kept_in_float"]

    assert kept("--keep-stem", 1) == ["/stem/Conv"]
    assert kept("--keep-head", 1) == ["/fc/Gemm"]
    # The Add's shortcut comes from the stem, its main branch from conv2: without both nothing takes it in.
    assert kept("--exclude", "/block/conv2/Conv") == ["/block/conv2/Conv"]
    assert kept("--include", "/block/conv1/*") == ["/stem/Conv", "/block/conv2/Conv", "/block/Add", "/fc/Gemm"]


def test_weights_of_one_scale_are_advised_against_where_channels_differ(trtprof, micro, samples):
    model = onnx.load(micro)
    (weight,) = (tensor for tensor in model.graph.initializer if tensor.name == "stem.weight")
    values = onnx.numpy_helper.to_array(weight) * np.logspace(-2, 0, 32)[:, None, None, None]
    weight.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float32), weight.name))
    onnx.save(model, micro)
    text = trtprof("quantize", micro, "--calib", samples, "-o", "q.onnx", "--weights", "per-tensor").stdout
    assert "'/stem/Conv'" in text
    assert "use --weights per-channel" in " ".join(text.split())
    scales = {len(tensor.dims) for tensor in onnx.load("q.onnx").graph.initializer if tensor.name.endswith("_scale")}
    assert scales == {0}


def test_outliers_bring_the_advice_to_clip(trtprof, micro, tmp_path):
    values = np.random.default_rng(0).standard_normal((4, 3, 56, 56)).astype(np.float32)
    values[0, 0, 0, 0] = 300
    np.savez(tmp_path / "outlier.npz", input=values)
    arguments = ("quantize", micro, "--calib", "outlier.npz", "-o", "q.onnx")
    text = " ".join(trtprof(*arguments, "--method", "minmax").stdout.split())
    assert "1 activation of 5 have a long tail" in text
    assert "try --method entropy or percentile" in text
    assert "long tail" not in trtprof(*arguments, "--method", "percentile").stdout


@pytest.mark.parametrize(
    ("options", "code", "error", "hint"),
    [
        (["--exclude", "nothing*"], 2, "--exclude nothing*: no quantisable layer has this name", "names may have"),
        (["--keep-stem", "9"], 2, "no layer is left to quantise", "exclude less"),
        (["--table", "none.json"], 3, "none.json: cannot be read: No such file or directory", "give a table"),
        (["--table", "t.json", "--method", "mse"], 2, "--table has its ranges already", "leave one of the two"),
        (["--table", "other.json"], 3, "other.json: expected ranges for tensors such as 'input'", "the table is"),
        (["--table", "bad.json"], 3, "bad.json: tensor 'input': expected a range from 0, found -1", "give a table"),
        (["--cache", "c", "--cache-version", "ten"], 2, "--cache-version ten: expected a version", "trtexec --help"),
    ],
)  # fmt: skip
def test_refusals(trtprof, micro, tmp_path, options, code, error, hint):
    table = {"schema_version": 1, "method": "minmax", "data": "", "synthetic": False}
    (tmp_path / "other.json").write_text(json.dumps({**table, "tensors": {"y": {"amax": 1.0}}}))
    (tmp_path / "bad.json").write_text(json.dumps({**table, "tensors": {"input": {"amax": -1}}}))
    result = trtprof("quantize", micro, "-o", "q.onnx", *options)
    assert (result.exit_code, result.stdout) == (code, "")
    assert f"error: {error}" in result.stderr
    assert f"hint: {hint}" in result.stderr


def test_a_quantised_model_is_not_quantised_again(trtprof, tmp_path):
    make = load_script(ROOT / "fixtures/models/make_models.py")
    path = make.write_model("residual_onesided_qdq", tmp_path)
    result = trtprof("quantize", path, "-o", "q.onnx")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "expected a float model, found Q/DQ nodes" in result.stderr
    assert not (tmp_path / "q.onnx").exists()


def test_the_detector_lints_clean(trtprof, tmp_path: Path) -> None:
    package = pytest.importorskip("rapidocr_onnxruntime")
    model = next((Path(package.__file__).parent / "models").glob("*det*.onnx"))
    result = trtprof(
        "quantize", model, "--elementwise", "--calib", "random:1", "--shapes", "x:1x3x160x160", "-o", "det.onnx"
    )
    assert result.exit_code == 0, result.stderr
    lint = trtprof("lint", "det.onnx", "--fail-on", "warning")
    assert lint.exit_code == 0, lint.stdout
    assert "warning" not in lint.stdout.splitlines()[-1]
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(tmp_path / "det.onnx", providers=["CPUExecutionProvider"])
    (out,) = session.run(None, {"x": np.zeros((1, 3, 160, 160), np.float32)})
    assert np.isfinite(out).all()
