"""How fast an nsys export is read, against SQLite's own GROUP BY of its kernel table in the same run.

Makes a synthetic export of 1.07 million kernels, 2.9 million API calls and 1.08 million NVTX ranges in a temporary
directory (``--times 1010`` makes ten million kernels, 2.6 GB). Ratios are of the best of several rounds, since the two
sides share a machine with whatever else runs on it; those of processor time hold on a busy machine too, where two
reading threads gain nothing. Memory is the peak of a process that does nothing else.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.nsys.multiply_export import base_export, multiply  # noqa: E402
from trtprof.analysis.attribution import attribute  # noqa: E402
from trtprof.analysis.gaps import device_times  # noqa: E402
from trtprof.analysis.iterations import inferences  # noqa: E402
from trtprof.analysis.kernel_time import by_unit, kernel_rows, tensor_core_time  # noqa: E402
from trtprof.analysis.launches import launch_calls  # noqa: E402
from trtprof.analysis.layer_time import layer_times  # noqa: E402
from trtprof.analysis.nvtx_time import range_times  # noqa: E402
from trtprof.kernels import classify_all  # noqa: E402
from trtprof.parsers.nsys_sqlite import NsysExport  # noqa: E402

GROUP_BY = 'SELECT demangledName, COUNT(*), SUM("end" - start) FROM CUPTI_ACTIVITY_KIND_KERNEL GROUP BY demangledName'
TARGETS = {"summary": 2.0, "layers": 5.0}


def group_by(path: Path) -> None:
    """What SQLite itself takes to add up the kernel table."""
    database = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    assert database.execute(GROUP_BY).fetchall()
    database.close()


def summary(path: Path) -> None:
    """Kernel totals with classes, time by unit, Tensor Core share."""
    with NsysExport(path) as export:
        totals = export.kernel_totals()
    rows = kernel_rows(totals, classify_all(total.name for total in totals))
    assert by_unit(rows)
    assert tensor_core_time(rows)


def layers(path: Path) -> None:
    """Every kernel to its layer, layers with their kernels and classes."""
    with NsysExport(path) as export:
        trace = export.trace()
    attribution = attribute(trace.kernels, trace.calls, trace.ranges, trace.graph_nodes)
    times = layer_times(trace.kernels, trace.calls, trace.ranges, attribution)
    assert times.attributed_ratio == 1.0
    classify_all(kernel.name for layer in times.layers for kernel in layer.kernels)


def everything(path: Path) -> None:
    """The same with gaps, NVTX ranges and inferences."""
    with NsysExport(path) as export:
        trace = export.trace()
    calls = launch_calls(trace.kernels, trace.calls)
    attribution = attribute(trace.kernels, trace.calls, trace.ranges, trace.graph_nodes)
    assert layer_times(trace.kernels, trace.calls, trace.ranges, attribution).layers
    assert device_times(trace.kernels, trace.calls, calls, activities=trace.activities)
    assert range_times(trace.kernels, trace.calls, trace.ranges, calls)
    assert inferences(trace.kernels, trace.calls, trace.ranges, attribution)


TASKS: dict[str, Callable[[Path], None]] = {
    "group_by": group_by, "summary": summary, "layers": layers, "everything": everything,
}  # fmt: skip


def measure(path: Path, rounds: int) -> dict[str, tuple[float, float]]:
    """Return the best wall and processor seconds of each task; rounds go around all tasks, so noise hits all alike."""
    best = dict.fromkeys(TASKS, (float("inf"), float("inf")))
    for _ in range(rounds):
        for name, task in TASKS.items():
            wall, processor = time.perf_counter(), time.process_time()
            task(path)
            spent = time.perf_counter() - wall, time.process_time() - processor
            best[name] = min(best[name][0], spent[0]), min(best[name][1], spent[1])
    return best


def peak_mb(path: Path, task: str) -> float:
    """Return the peak memory of a process that does one task."""
    command = [sys.executable, __file__, "--only", task, "--export", str(path)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ}).stdout
    return float(output)


def main() -> None:
    """Print ratios and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=101, help="how often the base of 10,600 kernels is repeated")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--export", type=Path, help="measure this export instead of a synthetic one")
    parser.add_argument("--only", choices=sorted(TASKS), help="do one task and print the peak memory in MB")
    options = parser.parse_args()
    if options.only:
        TASKS[options.only](options.export)
        status = Path("/proc/self/status").read_text()  # ru_maxrss would start at what the parent holds
        print(int(status.split("VmHWM:")[1].split()[0]) / 1e3)
        return
    with tempfile.TemporaryDirectory() as directory:
        path = options.export
        if path is None:
            path = base_export().write(Path(directory) / "big.sqlite")
            multiply(path, options.times)
        report(path, options.rounds)


def report(path: Path, rounds: int) -> None:
    """Measure one export and print the table."""
    with NsysExport(path) as export:
        count = sum(total.launches for total in export.kernel_totals())
    print(f"{count:,} kernels, {path.stat().st_size / 1e6:.0f} MB, {os.cpu_count()} cores, best of {rounds}")
    best = measure(path, rounds)
    print(f"{'task':12} {'seconds':>8} {'x GROUP BY':>11} {'x in CPU':>9} {'target':>7} {'peak MB':>8}")
    for name, (wall, processor) in best.items():
        ratios = f"{wall / best['group_by'][0]:11.2f} {processor / best['group_by'][1]:9.2f}"
        memory = "" if name == "group_by" else f"{peak_mb(path, name):8.0f}"
        print(f"{name:12} {wall:8.3f} {ratios} {TARGETS.get(name, ''):>7} {memory}")


if __name__ == "__main__":
    main()
