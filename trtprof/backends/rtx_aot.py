"""TensorRT-RTX ahead of time: a real TensorRT build on a machine without a GPU.

The build runs in a child process, for three reasons: it can be ended (time-out, Ctrl-C), its memory can be told from
ours, and Myelin prints some errors straight to stdout. The engine cannot be run or inspected without a GPU, so the
verbose log is the artefact; see ``docs/rtx-aot.md`` for what such an engine does not show.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from trtprof.backends.base import BuildRecord, BuildRequest, Progress
from trtprof.backends.process import Child
from trtprof.dependencies import installed, version_of
from trtprof.errors import BuildError, MissingDependency, UsageError

MODULE: Final = "tensorrt_rtx"
DISTRIBUTION: Final = "tensorrt_rtx_cu13"
TARGETS: Final = {
    "sm75": (7, 5),
    "sm80": (8, 0),
    "sm86": (8, 6),
    "sm89": (8, 9),
    "sm120": (12, 0),
}
"""Targets TensorRT-RTX 1.7 compiles for here; it knows no SM87 (Orin) and no SM90 (Hopper)."""

_NOT_TARGETS: Final = {
    "sm87": "Jetson Orin",
    "sm90": "Hopper",
    "sm100": "Blackwell data centre",
    "sm110": "Jetson Thor",
}
_TYPE_FLOOR: Final = {"bf16": (8, 0), "tf32": (8, 0), "fp8": (8, 9)}


def check_target(target: str) -> tuple[int, int]:
    """Return the compute capability of a target such as ``sm89``.

    Raises:
        UsageError: TensorRT-RTX does not compile for it.
    """
    if target in TARGETS:
        return TARGETS[target]
    why = f" ({_NOT_TARGETS[target]})" if target in _NOT_TARGETS else ""
    raise UsageError(
        f"--target {target}{why}: TensorRT-RTX compiles for {', '.join(TARGETS)} only",
        hint="structure is the same on sm80, sm86, sm89 and sm120, so sm89 is a fair stand-in for a newer GPU",
    )


def lacking_type(precision: str, target: str) -> str | None:
    """Return why a target cannot hold a precision, or ``None`` when it can."""
    floor = _TYPE_FLOOR.get(precision)
    if floor is None or check_target(target) >= floor:
        return None
    return f"{precision} needs compute capability {floor[0]}.{floor[1]} or newer, {target} lacks the type"


def version() -> str:
    """Return the version of TensorRT-RTX.

    Raises:
        MissingDependency: it is not installed, or there is none for this platform.
    """
    if not installed(MODULE):
        raise MissingDependency(
            "no GPU build of TensorRT was found, and TensorRT-RTX, which builds without one, is not installed",
            hint="pip install 'trtprof[cpu]' (Linux x86-64, glibc)",
        )
    return version_of(DISTRIBUTION) or "unknown"


_running: set[Child] = set()
_lock: Final = threading.Lock()


def end_all() -> None:
    """End every build under way, from whatever thread it was started; each then raises :class:`BuildError`."""
    with _lock:
        for child in _running:
            child.kill()


def build(request: BuildRequest, progress: Progress | None = None) -> BuildRecord:
    """Build one engine and return what it left; the log is complete also when the build fails.

    Raises:
        MissingDependency: TensorRT-RTX is not installed.
        BuildError: the parser refuses a node, the builder fails, it takes too long or dies; the message names which.
    """
    tool_version = version()
    partial = request.log.with_suffix(".log.part")
    command = [sys.executable, "-m", "trtprof.backends.rtx_child"]
    payload = json.dumps({**asdict(request), "onnx": str(request.onnx), "log": str(partial)})
    child = Child(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    expired = threading.Event()
    timer = threading.Timer(request.timeout_s, _expire, args=(child, expired))
    try:
        with _lock:
            _running.add(child)
        timer.start()
        answer, noise = _converse(child, payload, progress)
        code = child.code
    finally:
        timer.cancel()
        with _lock:
            _running.discard(child)
        child.end()
        with suppress(OSError):
            partial.replace(request.log)
    if expired.is_set():
        raise BuildError(
            f"{request.name}: the TensorRT-RTX build took longer than {request.timeout_s:g} s and was ended",
            hint="allow it more with --build-timeout, or compare a smaller input shape",
        )
    if answer is None:
        raise _died(request, code, noise)
    if "error" in answer:
        raise BuildError(f"{request.name}: {answer['error']}", hint=_hint_for(answer, request))
    return BuildRecord(log=request.log, tool="TensorRT-RTX", tool_version=tool_version, **answer["built"])


def _converse(child: Child, payload: str, progress: Progress | None) -> tuple[dict[str, Any] | None, list[str]]:
    """Feed the request, follow progress lines and return the final answer and whatever else was printed."""
    assert child.stdin is not None and child.stdout is not None
    with suppress(BrokenPipeError):
        child.stdin.write(payload)
        child.stdin.close()
    answer: dict[str, Any] | None = None
    noise: list[str] = []
    for line in child.stdout:
        message = _message(line)
        if message is None:
            noise.append(line.rstrip())
        elif "phase" in message:
            if progress is not None:
                progress(message["phase"], message["step"], message["steps"])
        else:
            answer = message
    return answer, noise


def _message(line: str) -> dict[str, Any] | None:
    from trtprof.backends.rtx_child import MARK

    if not line.startswith(MARK):
        return None
    with suppress(json.JSONDecodeError):
        message = json.loads(line[len(MARK) :])
        if isinstance(message, dict):
            return message
    return None


def _expire(child: Child, expired: threading.Event) -> None:
    expired.set()
    child.kill()


def _died(request: BuildRequest, code: int, noise: list[str]) -> BuildError:
    last = next((line for line in reversed(noise) if line.strip()), "")
    if code == -signal.SIGKILL:
        what, hint = "was killed, most often because memory ran out", "close other programs, or use a smaller shape"
    elif code < 0:
        what, hint = f"crashed with {signal.Signals(-code).name}", f"the log up to there is in {request.log}"
    else:
        what, hint = f"ended with status {code} and no answer", f"the log up to there is in {request.log}"
    return BuildError(f"{request.name}: the TensorRT-RTX builder {what}{': ' + last if last else ''}", hint=hint)


def _hint_for(answer: dict[str, Any], request: BuildRequest) -> str:
    text = answer["error"]
    for sign, hint in (
        ("hardware support", "choose a newer --target"),
        ("HW-specific datatypes", "choose a newer --target, sm89 has FP8"),
        ("Non-zero zero point", "TensorRT needs symmetric quantisation: zero points of 0, int8"),
        ("type Int32 but must have", "do not quantise the bias: TensorRT takes float biases"),
        ("must all be positive", "a quantisation scale is 0 or negative; calibrate again"),
        ("FP32 GEMM is not supported", "TensorRT-RTX has no FP32 GEMM for sm75; compare fp16, or another target"),
        ("No space left", "free some space, or choose another directory with --out"),
    ):
        if sign in text:
            return hint
    if answer.get("node"):
        return "replace or remove that node, or cut the model before it (polygraphy surgeon extract)"
    return f"the whole log is in {_short(request.log)}"


def _short(path: Path) -> str:
    with suppress(ValueError):
        return str(path.resolve().relative_to(Path.cwd()))
    return str(path)
