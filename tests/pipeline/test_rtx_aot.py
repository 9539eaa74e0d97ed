"""Builds in a child process: what comes back, and what happens when one cannot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from onnx import TensorProto, helper

from trtprof.backends import rtx_aot
from trtprof.backends.base import BuildRequest
from trtprof.errors import BuildError, MissingDependency, UsageError


def request_for(onnx: Path, tmp_path: Path, **changes) -> BuildRequest:
    return BuildRequest(**{"name": "fp32", "onnx": onnx, "log": tmp_path / "build.log", "target": "sm89", **changes})


def onnx_with(tmp_path: Path, op: str, **attributes) -> Path:
    node = helper.make_node(op, ["x"], ["y"], name="the/node", **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 19), helper.make_opsetid("mine", 1)], ir_version=8
    )
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_a_build_leaves_its_log_and_says_what_it_took(rtx: None, models: Path, tmp_path: Path) -> None:
    phases: list[str] = []
    onnx = models / "residual_micro.onnx"
    record = rtx_aot.build(request_for(onnx, tmp_path), lambda phase, step, steps: phases.append(phase))
    assert record.tool == "TensorRT-RTX"
    assert record.plan_bytes > 1000
    assert record.build_ns > 10**6
    assert record.peak_memory_bytes > 50 * 2**20
    assert "Layers:" in record.log.read_text()
    assert phases
    assert not list(tmp_path.glob("*.part"))
    again = rtx_aot.build(request_for(onnx, tmp_path))
    assert again.plan_sha256 == record.plan_sha256, "builds are deterministic"


def test_a_refused_operator_is_named_with_its_node(rtx: None, tmp_path: Path) -> None:
    with pytest.raises(BuildError) as caught:
        rtx_aot.build(request_for(onnx_with(tmp_path, "Frobnicate", domain="mine"), tmp_path))
    assert caught.value.message.startswith("fp32: the ONNX parser refuses node 'the/node' (Frobnicate):")
    assert caught.value.hint is not None
    assert "replace or remove that node" in caught.value.hint
    assert (tmp_path / "build.log").is_file(), "the log of a failed build is kept"


def test_a_build_that_takes_too_long_is_ended(rtx: None, models: Path, tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(BuildError, match=r"took longer than 0\.01 s and was ended"):
        rtx_aot.build(request_for(models / "resnet18.onnx", tmp_path, timeout_s=0.01))
    assert time.monotonic() - started < 20
    assert not builders_of_ours()


def test_a_killed_builder_is_told_as_such(rtx: None, models: Path, tmp_path: Path) -> None:
    def kill() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for child in builders_of_ours():
                os.kill(child, signal.SIGKILL)
                return
            time.sleep(0.005)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(BuildError) as caught:
        rtx_aot.build(request_for(models / "resnet18.onnx", tmp_path))
    killer.join()
    assert caught.value.message == "fp32: the TensorRT-RTX builder was killed, most often because memory ran out"


def test_the_child_ends_with_its_parent(rtx: None, models: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom trtprof.backends import rtx_aot\n"
        "from trtprof.backends.base import BuildRequest\n"
        f"rtx_aot.build(BuildRequest('fp32', Path({str(models / 'resnet18.onnx')!r}), "
        f"Path({str(tmp_path / 'b.log')!r}), 'sm89'))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 30
    grandchildren: list[int] = []
    while not grandchildren and time.monotonic() < deadline and parent.poll() is None:
        grandchildren = children_of(parent.pid)
        time.sleep(0.005)
    assert grandchildren
    time.sleep(0.3)  # until the child has asked the kernel for it
    parent.kill()
    parent.wait()
    while any(alive(pid) for pid in grandchildren) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(alive(pid) for pid in grandchildren)


def children_of(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    every = [
        int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in (task / "children").read_text().split()
    ]
    return every if path.exists() else []


def builders_of_ours() -> list[int]:
    """Our children, less what other tests of this worker run: a browser."""
    every = children_of(os.getpid())
    return [pid for pid in every if b"supervisor.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("target", "words"), [("sm90", "(Hopper)"), ("sm87", "(Jetson Orin)"), ("sm42", "--target sm42: TensorRT-RTX")]
)
def test_targets_it_does_not_compile_for_are_refused(target: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        rtx_aot.check_target(target)
    assert words in caught.value.message
    assert "sm75, sm80, sm86, sm89, sm120" in caught.value.message


@pytest.mark.parametrize(
    ("precision", "target", "lacks"),
    [("fp8", "sm80", True), ("fp8", "sm89", False), ("bf16", "sm75", True), ("bf16", "sm80", False),
     ("int8", "sm75", False)],
)  # fmt: skip
def test_types_a_target_lacks(precision: str, target: str, lacks: bool) -> None:
    reason = rtx_aot.lacking_type(precision, target)
    assert (reason is not None) is lacks
    if reason is not None:
        assert precision in reason
        assert target in reason


def test_without_the_package_the_command_to_install_it_is_the_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtx_aot, "installed", lambda module: False)
    with pytest.raises(MissingDependency) as caught:
        rtx_aot.version()
    assert caught.value.hint == "pip install 'trtprof[cpu]' (Linux x86-64, glibc)"
