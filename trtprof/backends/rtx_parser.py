"""What TensorRT's own ONNX parser says of a model, by the parser of TensorRT-RTX, which needs no GPU.

It runs in a child process, since the parser may crash on a model and prints to stdout.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

from trtprof.backends.process import Child
from trtprof.backends.rtx_aot import MODULE
from trtprof.backends.rtx_child import MARK
from trtprof.dependencies import installed
from trtprof.model import Unknown

_TIMEOUT_S: Final = 300.0

Refusal = tuple[str, str, str]
"""Node, operator and what the parser says of it."""


def parser_refusals(model: Path) -> tuple[Refusal, ...] | Unknown:
    """Return every node that the parser refuses, an empty tuple where it takes the model.

    Unknown where TensorRT-RTX is not installed, and where the parser dies or takes minutes.
    """
    if not installed(MODULE):
        return Unknown("TensorRT-RTX, whose parser would be asked, is not installed: pip install 'trtprof[rtx]'")
    command = [sys.executable, "-m", "trtprof.backends.rtx_parse_child", str(model.resolve())]
    child = Child(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    timer, started = threading.Timer(_TIMEOUT_S, child.kill), time.monotonic()
    try:
        timer.start()
        assert child.stdout is not None
        said, code = child.stdout.read(), child.code
    finally:
        timer.cancel()
        child.end()
    if code == -signal.SIGKILL and time.monotonic() - started >= _TIMEOUT_S:
        return Unknown(f"TensorRT-RTX's parser took longer than {_TIMEOUT_S:g} s")
    # Not splitlines: the mark itself begins with what that takes for a line's end.
    lines = [line[len(MARK) :] for line in said.split("\n") if line.startswith(MARK)]
    if not lines:
        last = (said.strip().splitlines() or ["no message"])[-1]
        return Unknown(f"TensorRT-RTX's parser ended with status {code}: {last}")
    answer = json.loads(lines[-1])
    return tuple((item["node"], item["operator"], item["message"]) for item in answer["refused"])
