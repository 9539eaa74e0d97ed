"""Kernels from whatever names and times them: an nsys export or report, statistics, ncu, an engine, or a plain list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trtprof.analysis.attribution import attribute
from trtprof.analysis.cuda_graphs import hidden_graphs
from trtprof.analysis.gaps import DeviceTime, device_times
from trtprof.analysis.iterations import Iteration, Spread, inferences, named_iterations, spread
from trtprof.analysis.kernel_time import (
    KernelRow,
    LaunchTotal,
    TensorCoreTime,
    TimeShare,
    by_operation,
    by_type,
    by_unit,
    kernel_rows,
    tensor_core_time,
)
from trtprof.analysis.launches import launch_calls
from trtprof.analysis.layer_time import LayerTimes, layer_times
from trtprof.analysis.nvtx_time import RangeTime, range_times
from trtprof.errors import InputError
from trtprof.model import KernelClass, Notice, Unknown
from trtprof.parsers.registry import FileKind, sniff
from trtprof.pipeline.traces import open_trace

if TYPE_CHECKING:
    from trtprof.parsers.nsys_schema import Trace

_SQLITE_MAGIC: Final = b"SQLite format 3\x00"
_LONGEST_LIST: Final = 50_000_000


@dataclass(frozen=True, slots=True)
class Timeline:
    """What only a trace can tell: layers, ranges, inferences, gaps and copies; :class:`Unknown` where it does not."""

    layers: LayerTimes | Unknown
    ranges: tuple[RangeTime, ...] | Unknown
    inferences: Spread | Unknown
    devices: tuple[DeviceTime, ...] | Unknown
    transfers: tuple[Any, ...] | Unknown


@dataclass(frozen=True, slots=True)
class KernelReport:
    """The kernels of a file with their classes. ``timed`` is false where the file has names and no times."""

    path: str
    source: str
    gpu: str | None
    compute_capability: tuple[int, int] | None
    timed: bool
    rows: tuple[KernelRow, ...]
    units: tuple[TimeShare, ...]
    types: tuple[TimeShare, ...]
    operations: tuple[TimeShare, ...]
    tensor_cores: TensorCoreTime | Unknown
    timeline: Timeline | None
    notices: tuple[Notice, ...]


def read_kernels(  # noqa: PLR0911 - a return for each kind of file
    path: Path, *, learned: Mapping[str, KernelClass] | None = None, iteration: str | None = None
) -> KernelReport:
    """Return the kernels of a file, by unit, type and operation.

    ``learned`` are classes that counters have settled; they overrule names. ``iteration`` names an NVTX range that
    stands for one iteration where the program is not TensorRT.

    Raises:
        InputError: the file is absent, refused, or holds no kernel names.
        MissingDependency: an nsys report needs nsys to export it, which is not here.
    """
    if not path.exists():
        raise InputError("no such file", path=path, hint="give an nsys export or report, a CSV of either, or a list")
    if path.is_dir():
        return _of_engines(path, learned or {})
    head = path.read_bytes()[:16] if path.stat().st_size else b""
    if head == _SQLITE_MAGIC:
        return _of_trace(path, learned or {}, iteration)
    kind = sniff(path)
    if kind is FileKind.NSYS_REPORT:
        return _of_trace(path, learned or {}, iteration)
    if kind is FileKind.NSYS_STATS:
        from trtprof.parsers.nsys_stats_csv import read_nsys_stats

        totals = [
            LaunchTotal(item.name, None, item.launches, item.total_ns, item.min_ns, item.max_ns)
            for item in read_nsys_stats(path).totals
        ]
        return _report(path, "nsys statistics", totals, learned or {})
    if kind is FileKind.NCU_CSV:
        from trtprof.parsers.ncu_csv import read_ncu_csv

        measured = read_ncu_csv(path)
        totals = [
            LaunchTotal(item.name, None, item.launches, round(item.duration_ns or 0), None, None)
            for item in measured.launches
        ]
        capability = next((item.compute_capability for item in measured.launches if item.compute_capability), None)
        timed = any(item.duration_ns for item in measured.launches)
        return _report(path, "ncu", totals, learned or {}, capability=capability, timed=timed, notices=measured.notices)
    if isinstance(kind, Unknown):
        return _of_list(path, learned or {}, kind)
    return _of_engines(path, learned or {})


def read_learned(path: Path | None) -> dict[str, KernelClass]:
    """Return the classes a rules file holds, as ``trtprof verify --learn`` wrote it; none for no file.

    Raises:
        InputError: the file is absent or is none.
    """
    if path is None:
        return {}
    from trtprof.pipeline.verification import load_rules

    return load_rules(path)


def _of_trace(path: Path, learned: Mapping[str, KernelClass], iteration: str | None) -> KernelReport:
    with open_trace(path) as export:
        trace = export.trace()
        if isinstance(trace.kernels, Unknown):
            raise InputError(trace.kernels.reason, path=path, hint="trace CUDA: nsys profile -t cuda,nvtx …")
        totals = export.kernel_totals()
        transfers: tuple[Any, ...] | Unknown
        copies, memsets = export.copy_totals(), export.memset_totals()
        transfers = Unknown(copies.reason) if isinstance(copies, Unknown) else (*copies, *_rows(memsets))
    gpus = () if isinstance(trace.gpus, Unknown) else trace.gpus
    used = next((gpu for gpu in gpus if gpu.device.compute_capability), None)
    report = _report(
        path,
        "nsys trace",
        [LaunchTotal(t.name, t.device, t.launches, t.total_ns, t.min_ns, t.max_ns) for t in _rows(totals)],
        learned,
        capability=used.device.compute_capability if used else None,
        gpu=used.device.name if used else None,
        notices=trace.notices,
    )
    return _with_timeline(report, _timeline(trace, transfers, iteration))


def _timeline(trace: Trace, transfers: tuple[Any, ...] | Unknown, iteration: str | None) -> Timeline:
    kernels, calls, ranges = trace.kernels, trace.calls, trace.ranges
    assert not isinstance(kernels, Unknown)
    if isinstance(calls, Unknown):
        unknown = Unknown(calls.reason)
        return Timeline(unknown, unknown, unknown, unknown, transfers)
    nodes, runs, creations = (_rows(part) for part in (trace.graph_nodes, trace.graph_runs, trace.graph_creations))
    call_of = launch_calls(kernels, calls)
    devices = device_times(kernels, calls, call_of, activities=trace.activities, runs=runs)
    if isinstance(ranges, Unknown):
        unknown = Unknown(ranges.reason)
        return Timeline(unknown, unknown, unknown, devices, transfers)
    attribution = attribute(kernels, calls, ranges, nodes)
    hidden = hidden_graphs(runs, creations, calls)
    return Timeline(
        layers=_layers(kernels, calls, ranges, attribution, hidden),
        ranges=range_times(kernels, calls, ranges, call_of),
        inferences=_spread(
            named_iterations(kernels, calls, ranges, call_of, iteration)
            if iteration
            else attribution
            if isinstance(attribution, Unknown)
            else inferences(kernels, calls, ranges, attribution, hidden=hidden, runs=runs)
        ),
        devices=devices,
        transfers=transfers,
    )


def _layers(kernels: Any, calls: Any, ranges: Any, attribution: Any, hidden: Any) -> LayerTimes | Unknown:
    if isinstance(attribution, Unknown):
        return attribution
    found = layer_times(kernels, calls, ranges, attribution, hidden)
    if found.layers or found.without_kernels:
        return found
    return Unknown("the trace has no NVTX ranges of TensorRT: no layer to attribute a kernel to")


def _spread(found: tuple[Iteration, ...] | Unknown) -> Spread | Unknown:
    if isinstance(found, Unknown):
        return found
    return spread(item.gpu_ns for item in found) or Unknown("no inference in the trace")


def _of_engines(path: Path, learned: Mapping[str, KernelClass]) -> KernelReport:
    """The tactics of an engine's layers: names, and times where a profile is beside them."""
    from trtprof.pipeline.measured import inspect

    built = inspect([path])
    timed = any(item.engine.timings is not None for item in built)
    totals = [
        LaunchTotal(row.layer.tactic, None, 1, round(row.time_ns) if isinstance(row.time_ns, float) else 0, None, None)
        for item in built
        for row in item.rows
        if row.layer.tactic
    ]
    device = next((item.engine.device for item in built if item.engine.device), None)
    return _report(
        path, "tactics of layers", totals, learned, timed=timed,
        capability=device.compute_capability if device else None, gpu=device.name if device else None,
    )  # fmt: skip


def _of_list(path: Path, learned: Mapping[str, KernelClass], kind: Unknown) -> KernelReport:
    """A plain list, one name a line; a JSON array of strings too."""
    if path.stat().st_size > _LONGEST_LIST:
        raise InputError(kind.reason, path=path, hint="a list of names is read up to 50 MB")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(kind.reason, path=path, hint="give a file of nsys or ncu, or one name a line") from error
    names: Any = None
    with suppress(ValueError, RecursionError):
        names = json.loads(text)
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        names = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not names:
        raise InputError("expected kernel names, found none", path=path, hint="give one name a line")
    totals = [LaunchTotal(name, None, 1, 0, None, None) for name in names]
    return _report(path, "list of names", totals, learned, timed=False)


def _report(
    path: Path,
    source: str,
    totals: list[LaunchTotal],
    learned: Mapping[str, KernelClass],
    *,
    capability: tuple[int, int] | None = None,
    gpu: str | None = None,
    timed: bool = True,
    notices: tuple[Notice, ...] = (),
) -> KernelReport:
    from trtprof.pipeline.verification import classes_of

    classes = classes_of((total.name for total in totals), learned)
    rows = kernel_rows(totals, classes)
    return KernelReport(
        path=str(path),
        source=source,
        gpu=gpu,
        compute_capability=capability,
        timed=timed,
        rows=rows,
        units=by_unit(rows),
        types=by_type(rows),
        operations=by_operation(rows),
        tensor_cores=tensor_core_time(rows, capability) if timed else Unknown("the file has names and no times"),
        timeline=None,
        notices=notices,
    )


def _with_timeline(report: KernelReport, timeline: Timeline) -> KernelReport:
    from dataclasses import replace

    return replace(report, timeline=timeline)


def _rows(part: Any) -> tuple[Any, ...]:
    """Rows, or none where it is not known whether there are any."""
    return () if isinstance(part, Unknown) else tuple(part)
