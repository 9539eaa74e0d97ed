"""How fast an nsys export is read, against SQLite's own GROUP BY of its kernel table and against pandas.

Makes a synthetic export of 1.07 million kernels, 2.9 million API calls and 1.08 million NVTX ranges. Ratios are of wall
time, in which two reading threads gain nothing where the other core is busy. Memory is the peak of a process that does
nothing else.
"""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from measures import Measure, paired_both

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
KERNELS = 'SELECT demangledName, start, "end" - start AS duration, correlationId FROM CUPTI_ACTIVITY_KIND_KERNEL'
CALLS = 'SELECT start, "end", globalTid, correlationId, nameId FROM CUPTI_ACTIVITY_KIND_RUNTIME'
RANGES = 'SELECT start, "end", globalTid, textId, domainId FROM NVTX_EVENTS'
TIMES = 101  # of the base of 10,600 kernels


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
    "summary": summary, "layers": layers, "everything": everything,
}  # fmt: skip


def read_sql(path: Path, *queries: str) -> list[Any]:
    """The naive road: whole tables into data frames."""
    import pandas as pd

    database = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    with contextlib.closing(database):
        return [pd.read_sql(query, database) for query in queries]


def naive_summary(path: Path) -> None:
    """Kernel totals by name in pandas; no classes, no shares."""
    (kernels,) = read_sql(path, KERNELS)
    assert not kernels.groupby("demangledName").agg({"start": "size", "duration": "sum"}).empty


def naive_layers(path: Path) -> None:
    """The three tables that layers are made of, read and left alone: attribution would come on top."""
    assert all(len(table) for table in read_sql(path, KERNELS, CALLS, RANGES))


def measures() -> Iterator[Measure]:
    """Yield what totals, layers and everything come to."""
    import pandas as pd  # noqa: F401 - so that no pair pays for the import

    with tempfile.TemporaryDirectory() as directory:
        path = base_export().write(Path(directory) / "big.sqlite")
        multiply(path, TIMES)
        for name, task, other, words, promise, rounds in (
            ("trace, totals by kernel", summary, group_by, "SQLite's GROUP BY of the kernel table", 2.0, 7),
            ("trace, layers", layers, group_by, "SQLite's GROUP BY of the kernel table", 5.0, 5),
            ("trace, everything", everything, group_by, "SQLite's GROUP BY of the kernel table", None, 3),
            ("trace, totals by kernel", summary, naive_summary, "pandas.read_sql and groupby", 1.0, 3),
            ("trace, layers", layers, naive_layers, "pandas.read_sql of the three tables alone", 1.0, 3),
        ):
            ratio, spread = paired_both(lambda task=task: task(path), lambda other=other: other(path), rounds)
            memory = f"; peak {peak_mb(path, task.__name__):,.0f} MB" if other is group_by else ""
            yield Measure(name, (task.__doc__ or "").rstrip("."), words, ratio, promise, f"{spread}{memory}")


def peak_mb(path: Path, task: str) -> float:
    """Return the peak memory of a process that does one task."""
    command = [sys.executable, __file__, task, str(path)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)


if __name__ == "__main__":
    TASKS[sys.argv[1]](Path(sys.argv[2]))
    status = Path("/proc/self/status").read_text()  # ru_maxrss would start at what the parent holds
    print(int(status.split("VmHWM:")[1].split()[0]) / 1e3)
