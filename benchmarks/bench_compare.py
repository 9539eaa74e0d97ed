"""What compare costs beside TensorRT-RTX and onnxruntime, on ResNet-50 at three precisions; ratios from one run.

Run with ``make bench`` or ``python benchmarks/bench_compare.py``. Needs the extra ``cpu`` and the test group.
"""

from __future__ import annotations

import contextlib
import io
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


class Spent:
    """Wall time in which at least one wrapped function ran, in whatever thread."""

    def __init__(self) -> None:
        self.spans: list[tuple[float, float]] = []

    def wrap(self, function: Any) -> Any:
        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.spans.append((started, time.perf_counter()))

        return timed

    @property
    def seconds(self) -> float:
        """Length of the union of all spans."""
        total, end = 0.0, float("-inf")
        for start, stop in sorted(self.spans):
            total += max(0.0, stop - max(start, end))
            end = max(end, stop)
        return total


def compare() -> None:
    import onnxruntime

    from tests.models.materialise import materialise
    from trtprof.backends import rtx_aot
    from trtprof.cli.app import app

    spent = Spent()
    rtx_aot.build = spent.wrap(rtx_aot.build)
    session = onnxruntime.InferenceSession
    session.__init__ = spent.wrap(session.__init__)
    session.run = spent.wrap(session.run)
    with tempfile.TemporaryDirectory() as folder:
        model = materialise("resnet50", Path(folder) / "resnet50.onnx")
        started = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            app(["compare", str(model), "--out", folder + "/out"], standalone_mode=False)
        total = time.perf_counter() - started
        from trtprof.api import load

        largest = max(built.peak_memory_bytes or 0 for built in load(Path(folder) / "out").comparison.engines)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"compare resnet50: {total:.1f} s, of it RTX builds and onnxruntime {spent.seconds:.1f} s")
    print(f"  own share of the wall time: {(total - spent.seconds) / total:.1%} (aim: 15 % or less)")
    print(f"  peak memory against the largest build: {own / largest:.2f} x (aim: 1.5 or less)")


def help_time() -> None:
    bare = "import typer\napp = typer.Typer()\n@app.command()\ndef f(x: int = 1): ...\napp(['--help'])"
    commands = {"bare": [sys.executable, "-c", bare], "trtprof": [sys.executable, "-m", "trtprof", "--help"]}
    best = {name: min(timed(command) for _ in range(15)) for name, command in commands.items()}
    print(f"--help: {best['trtprof'] / best['bare']:.2f} x a bare typer program (aim: 1.5 or less)")


def timed(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, check=False)
    return time.perf_counter() - started


if __name__ == "__main__":
    help_time()
    compare()
