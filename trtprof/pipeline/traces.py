"""Traces of Nsight Systems beside an engine's files: opened, exported where need be, and read as a timeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trtprof.analysis.timeline import TraceParts, engine_timeline
from trtprof.comparison import Built
from trtprof.errors import TrtprofError
from trtprof.gpu_timeline import EngineTimeline
from trtprof.model import Unknown
from trtprof.parsers.registry import FileKind, sniff
from trtprof.scratch import Scratch

if TYPE_CHECKING:
    from trtprof.parsers.nsys_schema import Trace
    from trtprof.parsers.nsys_sqlite import NsysExport


@contextmanager
def open_trace(path: Path) -> Iterator[NsysExport]:
    """Open an export of nsys, or a report through the export beside it or one that nsys makes for the purpose.

    Raises:
        InputError: it is neither, or is damaged.
        MissingDependency: nsys alone reads its own report, and is not here.
        BuildError: nsys cannot read it.
    """
    from trtprof.backends.nsys import export_sqlite, find_nsys, open_nsys
    from trtprof.parsers.nsys_sqlite import NsysExport

    beside = path.with_suffix(".sqlite")
    if sniff(path) is not FileKind.NSYS_REPORT:
        with NsysExport(path) as export:
            yield export
    elif beside.is_file() and beside.stat().st_mtime >= path.stat().st_mtime:
        with NsysExport(beside) as export:
            yield export
    else:
        nsys = open_nsys(find_nsys())
        with Scratch() as folder:
            out = export_sqlite(nsys, path, folder / "trace.sqlite", log=folder / "nsys.log")
            with NsysExport(out) as export:
                yield export


def with_timelines(engines: Sequence[Built]) -> tuple[Built, ...]:
    """Return the engines with what the traces beside their files say of their kernels."""
    return tuple(replace(built, timeline=_timeline(built)) if built.engine.traces else built for built in engines)


def _timeline(built: Built) -> EngineTimeline | Unknown:
    """A trace that cannot be read costs the timeline and nothing else; of several, the first that tells is taken."""
    rows = {row.layer.name: row.layer.index for row in reversed(built.rows)}
    answers = [_read(Path(path), rows) for path in built.engine.traces]
    return next((answer for answer in answers if isinstance(answer, EngineTimeline)), answers[0])


def _read(path: Path, rows: Mapping[str, int]) -> EngineTimeline | Unknown:
    try:
        with open_trace(path) as export:
            trace = export.trace()
    except TrtprofError as error:
        return Unknown(f"{path.name}: {error.message}")
    if isinstance(trace.kernels, Unknown):
        return Unknown(f"{path.name}: {trace.kernels.reason}")
    answer = engine_timeline(_parts(path.name, trace), rows)
    return Unknown(f"{path.name}: {answer.reason}") if isinstance(answer, Unknown) else answer


def _parts(name: str, trace: Trace) -> TraceParts:
    assert not isinstance(trace.kernels, Unknown)
    gpus: tuple[Any, ...] = () if isinstance(trace.gpus, Unknown) else trace.gpus
    return TraceParts(
        name=name,
        kernels=trace.kernels,
        calls=trace.calls,
        ranges=trace.ranges,
        activities=trace.activities,
        graph_nodes=trace.graph_nodes,
        graph_runs=trace.graph_runs,
        graph_creations=trace.graph_creations,
        gpus={gpu.index: gpu.device.name for gpu in gpus},
    )
