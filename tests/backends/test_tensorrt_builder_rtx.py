"""The builder of the TensorRT backend with TensorRT-RTX as its module: the same bindings, a real parser and builder.

TensorRT-RTX builds without a GPU. It is strongly typed only, as TensorRT 11 is; it has no calibrators and keeps no
timing cache. The inspector and the runner need a GPU that it supports, and are not run here. Each build is a process of
its own, as in the backend: the bindings raise deprecation warnings where no exception may be raised.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trtprof.backends.tensorrt_request import TensorrtRequest

BUILD = """
import json, sys
from types import SimpleNamespace
import tensorrt_rtx
from trtprof.backends.tensorrt_builder import build_plan
from trtprof.backends.tensorrt_request import TensorrtRequest
from trtprof.errors import TrtprofError

configs = []

class Builder(tensorrt_rtx.Builder):
    def create_builder_config(self):  # the target, which a machine without a GPU cannot find out
        config = super().create_builder_config()
        config.num_compute_capabilities = 1
        config.set_compute_capability(tensorrt_rtx.ComputeCapability.SM89, 0)
        configs.append(config)
        return config

trt = SimpleNamespace(**{**vars(tensorrt_rtx), "Builder": Builder})
answer = {"log": [], "told": []}
try:
    built = build_plan(
        trt, TensorrtRequest.from_json(sys.argv[1]),
        lambda *line: answer["log"].append(line), lambda *step: answer["told"].append(step),
    )
    answer |= {"bytes": built.plan.nbytes, "ns": built.build_ns, "notices": [notice.code for notice in built.notices]}
    answer["tf32"] = configs[0].get_flag(trt.BuilderFlag.TF32)
except TrtprofError as error:
    answer["error"] = error.to_dict()
print("\\n" + json.dumps(answer))
"""


def build(onnx: Path, **changes: Any) -> dict[str, Any]:
    settings = {"name": "net", "onnx": onnx, "folder": onnx.parent, "precision": "fp32"} | changes
    request = TensorrtRequest(**settings)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, request.to_json()], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def write_model(path: Path, batch: int | str = 1, operator: str = "Relu") -> Path:
    from onnx import TensorProto, helper, save

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 8])
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"], name="only")], "g", [x], [y])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_a_model_is_built_with_its_progress_and_its_log(rtx: None, tmp_path: Path) -> None:
    built = build(write_model(tmp_path / "m.onnx"), workspace_bytes=2**28, optimization_level=2)
    assert built["bytes"] > 1000
    assert built["ns"] > 0
    assert built["notices"] == []
    assert built["tf32"] is False
    # Layers are in the log with the verbosity that is set, and only with it.
    assert any(message.startswith("Layers:") and "Name: " in message for _, message in built["log"])
    assert built["told"]
    assert all(step > 0 for _, step, _ in built["told"])


def test_tf32_is_left_on_when_wanted(rtx: None, tmp_path: Path) -> None:
    assert build(write_model(tmp_path / "m.onnx"), precision="tf32")["tf32"] is True


def test_a_dynamic_input_gets_its_shape_alone(rtx: None, tmp_path: Path) -> None:
    onnx = write_model(tmp_path / "m.onnx", batch="n")
    refused = build(onnx)["error"]
    assert refused["code"] == "usage"
    assert refused["error"] == "net: input 'x' is dynamic: -1x8"
    assert refused["hint"] == "give its shape: --shapes x:1x8"
    log = build(onnx, shapes=(("x", (4, 8)),))["log"]
    [tensors] = [message for _, message in log if "I/O Tensors:" in message]
    assert "MinShape: [4,8], OptShape: [4,8], MaxShape: [4,8]" in tensors


@pytest.mark.parametrize("text", [None, "no model"])
def test_a_refused_model_is_told(rtx: None, tmp_path: Path, text: str | None) -> None:
    onnx = write_model(tmp_path / "m.onnx", operator="NonExistent")
    if text is not None:
        onnx.write_text(text)
    refused = build(onnx)["error"]
    assert refused["code"] == "build_failed"
    named = "node 'only' (NonExistent): " if text is None else ""
    assert refused["error"].startswith(f"net: the ONNX parser refuses {named}")


def test_there_is_no_flag_road(rtx: None, tmp_path: Path) -> None:
    refused = build(write_model(tmp_path / "m.onnx"), precision="int8", typing="weak")["error"]
    assert refused["code"] == "usage"
    assert "is strongly typed only: it has no FP16 and INT8 flags" in refused["error"]


@pytest.mark.parametrize("before", [None, b"", b"damaged"])
def test_a_timing_cache_goes_through_the_bindings(rtx: None, tmp_path: Path, before: bytes | None) -> None:
    """TensorRT-RTX serialises one, whatever it does with it; what it takes for one is up to it."""
    cache = tmp_path / "made" / "cache"
    if before is not None:
        cache.parent.mkdir()
        cache.write_bytes(before)
    built = build(write_model(tmp_path / "m.onnx"), timing_cache=cache)
    assert built["bytes"] > 1000
    if built["notices"]:
        assert (built["notices"], cache.read_bytes()) == (["timing-cache-unused"], before)
    else:
        assert cache.stat().st_size > 0
        assert build(write_model(tmp_path / "m.onnx"), timing_cache=cache)["notices"] == []
