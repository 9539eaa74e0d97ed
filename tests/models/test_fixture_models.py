from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "fixtures" / "models" / "make_models.py"
NAMES = ("resnet18", "mobilenet", "transformer", "residual_micro", "residual_onesided_qdq")


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


make_models = load(SCRIPT)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    make_models.main(["--out", str(root)])
    return root


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def outputs_of(path: Path, seed: int = 0) -> list[np.ndarray]:
    ort = pytest.importorskip("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 2, 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(seed)
    feeds = {value.name: rng.standard_normal(value.shape).astype(np.float32) for value in session.get_inputs()}
    return session.run(None, feeds)


def test_the_script_writes_all(models, capsys):
    assert {path.stem for path in models.iterdir()} == set(NAMES) == set(make_models.MODELS)


@pytest.mark.parametrize("name", NAMES)
def test_same_bytes_on_every_run(models, tmp_path, name):
    subprocess.run([sys.executable, str(SCRIPT), name, "--out", str(tmp_path)], check=True, stdout=subprocess.DEVNULL)
    assert digest(tmp_path / f"{name}.onnx") == digest(models / f"{name}.onnx")


@pytest.mark.parametrize("name", NAMES)
def test_valid_and_sane(models, name):
    path = models / f"{name}.onnx"
    onnx.checker.check_model(str(path), full_check=True)
    model = onnx.load(path)
    assert model.opset_import[0].version == 17
    names = [node.name for node in model.graph.node]
    assert all(names)
    assert len(set(names)) == len(names)
    (value,) = outputs_of(path)
    assert np.isfinite(value).all()
    assert 0.1 < value.std() < 5


def test_structure(models):
    def count(name, op_type):
        return sum(node.op_type == op_type for node in onnx.load(models / f"{name}.onnx").graph.node)

    assert [count("resnet18", op) for op in ("Conv", "Add", "BatchNormalization", "Gemm")] == [20, 8, 0, 1]
    assert [count("mobilenet", op) for op in ("Conv", "Add", "BatchNormalization", "Clip")] == [52, 10, 52, 35]
    assert [count("transformer", op) for op in ("MatMul", "Softmax", "Erf", "LayerNormalization")] == [12, 2, 2, 5]
    resnet = onnx.load(models / "resnet18.onnx").graph
    assert "/layer1/layer1.0/conv1/Conv" in {node.name for node in resnet.node}
    assert "layer4.0.downsample.0.weight" in {tensor.name for tensor in resnet.initializer}


def test_one_side_of_the_add_has_no_qdq(models):
    graph = onnx.load(models / "residual_onesided_qdq.onnx").graph
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    (add,) = [node for node in graph.node if node.op_type == "Add"]
    assert [made_by[name] for name in add.input] == ["DequantizeLinear", "Relu"]
    plain = outputs_of(models / "residual_micro.onnx")[0]
    assert np.abs(outputs_of(models / "residual_onesided_qdq.onnx")[0] - plain).max() < 0.1


def test_unknown_name(capsys):
    with pytest.raises(SystemExit):
        make_models.main(["vgg"])
    assert "no model is called vgg; there are resnet18," in capsys.readouterr().err


@pytest.mark.parametrize("name", ["resnet50", "squeezenet"])
def test_materialised_light_models(tmp_path, name):
    materialise = load(ROOT / "tests" / "models" / "materialise.py").materialise
    path = materialise(name, tmp_path / "a.onnx")
    assert digest(path) == digest(materialise(name, tmp_path / "b.onnx"))
    model = onnx.load(path)
    assert "ConstantOfShape" not in {node.op_type for node in model.graph.node}
    assert len(model.graph.input) == 1
    (value,) = outputs_of(path)
    assert np.isfinite(value).all()
    assert value.max() < 0.999  # a softmax that saturates says nothing about accuracy
