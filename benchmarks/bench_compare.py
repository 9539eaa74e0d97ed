"""What compare costs beside TensorRT-RTX and onnxruntime, on ResNet-50 at three precisions, and what --help costs.

Each comparison runs in a process of its own. Needs the extra ``cpu`` and the test group.
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measures import Measure, command, paired

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 3
BARE = "import typer\napp = typer.Typer()\n@app.command()\ndef f(x: int = 1): ...\napp(['--help'])"


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


def compare(model: Path) -> dict[str, float]:
    """Compare a model once; return seconds in all and in builds and sessions, and peak bytes of trtprof and of RTX."""
    import onnxruntime

    from trtprof.backends import rtx_aot
    from trtprof.cli.app import app

    spent = Spent()
    rtx_aot.build = spent.wrap(rtx_aot.build)
    session = onnxruntime.InferenceSession
    session.__init__ = spent.wrap(session.__init__)
    session.run = spent.wrap(session.run)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            app(["compare", str(model), "--out", folder + "/out"], standalone_mode=False)
        total = time.perf_counter() - started
        from trtprof.api import load

        largest = max(built.peak_memory_bytes or 0 for built in load(Path(folder) / "out").comparison.engines)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"total": total, "others": spent.seconds, "own_bytes": own, "largest_bytes": largest}


def measures() -> Iterator[Measure]:
    """Yield what --help, compare's own work and its memory come to."""
    ratio, spread = paired(
        command([sys.executable, "-m", "trtprof", "--help"]), command([sys.executable, "-c", BARE]), rounds=20
    )
    yield Measure("start of the program", "trtprof --help", "--help of a bare typer program", ratio, 1.5, spread)
    sys.path.insert(0, str(ROOT))
    from tests.models.materialise import materialise

    with tempfile.TemporaryDirectory() as folder:
        model = materialise("resnet50", Path(folder) / "resnet50.onnx")
        child = [sys.executable, __file__, str(model)]
        runs = [
            json.loads(subprocess.run(child, capture_output=True, text=True, check=True).stdout) for _ in range(ROUNDS)
        ]
    own = statistics.median((run["total"] - run["others"]) / run["total"] for run in runs)
    total = statistics.median(run["total"] for run in runs)
    yield Measure(
        "compare, own work", "compare of ResNet-50, less builds and onnxruntime", "the whole of it", own, 0.15,
        f"median of {ROUNDS}; the whole takes {total:.1f} s",
    )  # fmt: skip
    memory = statistics.median(run["own_bytes"] / run["largest_bytes"] for run in runs)
    yield Measure("compare, memory", "peak of trtprof's process", "peak of the largest build", memory, 1.5)


if __name__ == "__main__":
    print(json.dumps(compare(Path(sys.argv[1]))))
