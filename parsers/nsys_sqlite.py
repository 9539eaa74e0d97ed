"""SQLite exports of Nsight Systems (nsys 2021 to 2026): kernels, API calls, NVTX ranges, copies, CUDA graphs, GPUs.

The file is opened read-only, and every order is total: by start, then by row. An answer is rows, nothing found
(empty), or :class:`Unknown` where the export does not say whether there was anything.

The environment, command lines and host names that nsys stores beside the trace are never read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, TypeVar

from trtprof.model import KernelLaunch, Notice, Unknown
from trtprof.parsers.nsys_database import NsysDatabase, in_order, interned
from trtprof.parsers.nsys_gpus import gpu_index, read_gpus
from trtprof.parsers.nsys_graphs import has_nodes, read_creations, read_nodes, read_runs, whole_graph_notices
from trtprof.parsers.nsys_nvtx import read_ranges
from trtprof.parsers.nsys_schema import (
    DURATION,
    GRAPH_TRACE,
    KERNEL,
    LENGTH,
    MEMCPY,
    MEMSET,
    NO_CUDA,
    NO_STRING,
    RUNTIME,
    STRINGS,
    VALID,
    ActivityColumns,
    CallColumns,
    KernelColumns,
    KernelTotal,
    RangeColumns,
    Schema,
    Trace,
    TracedGpu,
    TransferTotal,
)
from trtprof.parsers.nsys_transfers import read_activities, read_totals

if TYPE_CHECKING:
    from trtprof.parsers.nsys_schema import Ints

APIS: Final = ("cu*Launch*", "cu*Memcpy*", "cu*Memset*", "cu*Synchronize*", "cu*BeginCapture*", "cu*EndCapture*")
LONG_CALL_NS: Final = 20_000
"""Calls at least this long are read whatever their name: they can be why a GPU waited (allocation, module load)."""

NO_CALLS: Final = Unknown(
    "the export has no CUDA API calls (table CUPTI_ACTIVITY_KIND_RUNTIME): nothing ties a kernel to the host"
)
_Empty = TypeVar("_Empty")
_GRID: Final = ("gridX", "gridY", "gridZ", "blockX", "blockY", "blockZ")


class NsysExport:
    """An open export. Use it as a context manager, or close it."""

    def __init__(self, path: Path | str) -> None:
        """Open an export read-only.

        Raises:
            InputError: no such file, not SQLite, cut off, or SQLite but no export of nsys.
        """
        self._database = NsysDatabase(Path(path))

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    @property
    def schema(self) -> Schema:
        """The tables, columns and versions of the export."""
        return self._database.schema

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> NsysExport:
        """Return the open export."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the file."""
        self.close()

    def trace(self) -> Trace:
        """Return everything the analyses of time and attribution ask for, in columns.

        Raises:
            InputError: a table is damaged.
        """
        with ThreadPoolExecutor(max_workers=2) as pool:
            # SQLite works without Python's lock, so two readers of the same file keep two cores busy.
            ranges = pool.submit(self._apart, lambda export: read_ranges(export._database))
            calls = pool.submit(self._apart, NsysExport.calls)
            kernels = self.kernels()
            return self._trace(kernels, calls.result(), *ranges.result())

    def _apart(self, read: Callable[[NsysExport], _Empty]) -> _Empty:
        """Return what is read over a connection of its own."""
        with NsysExport(self.path) as export:
            return read(export)

    def _trace(
        self,
        kernels: KernelColumns | Unknown,
        calls: CallColumns | Unknown,
        ranges: RangeColumns | Unknown,
        notices: tuple[Notice, ...],
    ) -> Trace:
        if isinstance(kernels, KernelColumns) and isinstance(calls, CallColumns):
            calls = self._with_other_launches(kernels, calls)
        return Trace(
            kernels,
            calls,
            ranges,
            self.activities(),
            read_nodes(self._database),
            read_runs(self._database),
            read_creations(self._database),
            self.gpus(),
            (*self.graph_notices(), *self._kernel_notices(kernels), *notices),
        )

    def graph_notices(self) -> tuple[Notice, ...]:
        """Return what the kernels of this export leave out because CUDA graphs were traced as a whole.

        Raises:
            InputError: the table is damaged.
        """
        return whole_graph_notices(read_runs(self._database))

    def gpus(self) -> tuple[TracedGpu, ...] | Unknown:
        """Return the GPUs of the machine in order of nsys's index.

        Raises:
            InputError: a table is damaged.
        """
        return read_gpus(self._database)

    def ranges(self) -> RangeColumns | Unknown:
        """Return the NVTX ranges that were closed on the thread that opened them.

        Raises:
            InputError: the table is damaged.
        """
        return read_ranges(self._database)[0]

    def activities(self) -> ActivityColumns | Unknown:
        """Return copies and memsets on the GPU, in columns.

        Raises:
            InputError: a table is damaged.
        """
        return read_activities(self._database)

    def copy_totals(self) -> tuple[TransferTotal, ...] | Unknown:
        """Return count, bytes and time of copies by kind and by the memory at both ends, longest first.

        Raises:
            InputError: the table is damaged.
        """
        return read_totals(self._database, MEMCPY)

    def memset_totals(self) -> tuple[TransferTotal, ...] | Unknown:
        """Return count, bytes and time of memsets by the memory they fill, longest first.

        Raises:
            InputError: the table is damaged.
        """
        return read_totals(self._database, MEMSET)

    def kernel_totals(self) -> tuple[KernelTotal, ...] | Unknown:
        """Return count and time of every kernel on every device, longest first, in memory of the distinct names.

        Raises:
            InputError: the table is damaged.
        """
        if not self.schema.has(KERNEL, "start", "end"):
            return self._no_kernels(())
        name, device = self._kernel_name(), self.schema.column(KERNEL, "deviceId")
        figures = f"COUNT(*), SUM({DURATION}), MIN({DURATION}), MAX({DURATION})"
        # One key groups faster than two, and most traces have one device and no damaged row.
        rows = self._database.integers(
            KERNEL,
            f"SELECT {name}, MIN({device}), {figures}, MAX({device}) FROM {KERNEL} GROUP BY 1 ORDER BY 4 DESC, 1",
        )
        if any(low != high or shortest is None or shortest < 0 for _, low, _, _, shortest, _, high in rows):
            rows = self._database.integers(
                KERNEL,
                f"SELECT {name}, {device}, {figures}, 0 FROM {KERNEL} WHERE {VALID} GROUP BY 1, 2 "
                "ORDER BY 4 DESC, 1, 2",
            )
        texts = self._texts({row[0] for row in rows})
        return tuple(
            KernelTotal(texts[number], None if which < 0 else which, *rest) for number, which, *rest, _ in rows
        )

    def launches(self) -> Iterator[KernelLaunch]:
        """Yield every kernel launch in order of start, equal starts in the order of the file.

        Raises:
            InputError: the table is damaged.
        """
        if not self.schema.has(KERNEL, "start", "end"):
            return
        wanted = ("deviceId", "streamId", "registersPerThread", "correlationId", "graphNodeId", *_GRID)
        columns = ", ".join(self.schema.column(KERNEL, name) for name in wanted)
        sql = f"SELECT start, {DURATION}, {self._kernel_name()}, {columns} FROM {KERNEL}"
        texts: dict[int, str] = {}
        for row in self._database.stream(KERNEL, f"{sql} ORDER BY start, rowid"):
            if set(map(type, row)) != {int}:
                raise self._database.no_integer(KERNEL)
            start, duration, number, *rest = row
            if duration < 0:
                continue
            if number not in texts:
                texts |= self._texts({number})
            device, stream, registers, correlation, node, *grid = (None if value < 0 else value for value in rest)
            yield KernelLaunch(
                texts[number], start, duration, device, stream, _three(grid[:3]), _three(grid[3:]), registers,
                correlation, node,
            )  # fmt: skip

    def kernels(self) -> KernelColumns | Unknown:
        """Return every kernel, in columns; ``device`` is the GPU's index where the export maps CUDA devices to GPUs.

        Raises:
            InputError: the table is damaged.
        """
        schema = self.schema
        if not schema.has(KERNEL, "start", "end"):
            return self._no_kernels(KernelColumns((), *_empty(8)))
        columns = self._database.columns(
            KERNEL,
            {
                "start": "start",
                "length": LENGTH,
                "name": self._kernel_name(),
                "device": schema.column(KERNEL, "deviceId"),
                "process": schema.column(KERNEL, "globalPid"),
                "correlation": schema.column(KERNEL, "correlationId"),
                "node": schema.column(KERNEL, "graphNodeId") if has_nodes(self._database) else "-1",
                "stream": schema.column(KERNEL, "streamId"),
            },
            steady=("device", "process", "node", "stream"),
        )
        columns = in_order(_valid(columns), "start")
        texts, name = self._named(columns["name"])
        device = gpu_index(self._database, columns["process"], columns["device"])
        return KernelColumns(
            texts, columns["start"], columns["start"] + columns["length"], name, device,
            columns["process"], columns["correlation"], columns["node"], columns["stream"],
        )  # fmt: skip

    def calls(self) -> CallColumns | Unknown:
        """Return the API calls that launch, copy, wait or capture, and every long one, in columns.

        Raises:
            InputError: the table is damaged.
        """
        ids = ", ".join(map(str, self._database.string_ids(*APIS)))
        return self._calls(f'nameId IN ({ids}) OR "end" >= start + {LONG_CALL_NS}')

    def _calls(self, condition: str) -> CallColumns | Unknown:
        schema = self.schema
        if not schema.has(RUNTIME, "start", "end", "globalTid", "nameId"):
            return NO_CALLS
        columns = self._database.columns(
            RUNTIME,
            {
                "start": "start",
                "length": LENGTH,
                "thread": schema.column(RUNTIME, "globalTid"),
                "correlation": schema.column(RUNTIME, "correlationId"),
                "api": "nameId",
            },
            condition,
            steady=("thread",),
        )
        columns = in_order(_valid(columns), "start")
        texts, api = self._named(columns["api"])
        return CallColumns(
            texts, columns["start"], columns["start"] + columns["length"], columns["thread"], columns["correlation"],
            api,
        )  # fmt: skip

    def _with_other_launches(self, kernels: KernelColumns, calls: CallColumns) -> CallColumns:
        """Return all calls of the trace where a kernel's own has a name that is not among the known ones."""
        alone = kernels.correlation[_are_missing(kernels.correlation, calls.correlation)]
        if len(alone) == 0:
            return calls
        everything = self._calls("1")
        assert isinstance(everything, CallColumns)
        return calls if _are_missing(alone, everything.correlation).all() else everything

    def _no_kernels(self, empty: _Empty) -> _Empty | Unknown:
        """Return ``empty`` where no kernel ran, or why that cannot be told."""
        if not self.schema.cuda_traced:
            return NO_CUDA
        if self.schema.has(GRAPH_TRACE) or not self.schema.has(RUNTIME, "nameId"):
            return empty
        ids = ", ".join(map(str, self._database.string_ids("cu*Launch*")))
        sql = f"SELECT COUNT(*) FROM {RUNTIME} WHERE nameId IN ({ids})"
        (count,) = self._database.rows(RUNTIME, sql)[0]
        if count == 0:
            return empty
        return Unknown(
            f"the export holds {count} launch calls and no kernel: the GPU's side was not recorded, "
            "because the profiler lacked access to the GPU or stopped before its buffers were flushed"
        )

    def _kernel_notices(self, kernels: KernelColumns | Unknown) -> tuple[Notice, ...]:
        """Return notices on rows that were left out and names that are missing."""
        if isinstance(kernels, Unknown) or not self.schema.has(KERNEL):
            return ()
        found = []
        (count,) = self._database.rows(KERNEL, f"SELECT COUNT(*) FROM {KERNEL}")[0]
        if count != len(kernels):
            found.append(
                Notice("nsys-kernels-left-out", f"{count - len(kernels)} kernels end before they start", KERNEL)
            )
        if any(name.startswith(NO_STRING) for name in kernels.names):
            found.append(Notice("nsys-names-missing", "some kernels have names that the export lacks", STRINGS))
        return tuple(found)

    def _kernel_name(self) -> str:
        """Return SQL for the string id of a kernel's fullest name."""
        return self.schema.column(KERNEL, "demangledName", "mangledName", "shortName")

    def _texts(self, ids: set[int]) -> dict[int, str]:
        """Return the text of every id, a placeholder for those the export lacks."""
        known = self._database.strings(sorted(ids))
        return {number: known.get(number, f"{NO_STRING}{number})") for number in sorted(ids)}

    def _named(self, ids: Ints) -> tuple[tuple[str, ...], Ints]:
        """Return the distinct texts of a column of string ids and the place of each row's among them."""
        index, distinct = interned(ids)
        return tuple(self._texts({int(number) for number in distinct}).values()), index


def _are_missing(wanted: Ints, ids: Ints) -> Ints:
    """Which of the wanted ids are not among the others; absent ids (-1) are not missed."""
    import numpy as np

    if len(ids) == 0:
        return wanted >= 0
    ordered = np.sort(ids, kind="stable")  # nearly sorted as it is, which no hash makes use of
    place = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    missing: Ints = (ordered[place] != wanted) & (wanted >= 0)
    return missing


def _valid(columns: dict[str, Ints]) -> dict[str, Ints]:
    """Return the rows that do not end before they start."""
    lasting = columns["length"] >= 0
    return columns if lasting.all() else {name: column[lasting] for name, column in columns.items()}


def _three(values: list[int | None]) -> tuple[int, int, int] | None:
    """Return a size in three dimensions, ``None`` where one is absent."""
    x, y, z = values
    return None if x is None or y is None or z is None else (x, y, z)


def _empty(count: int) -> list[Ints]:
    """Return so many columns without rows."""
    import numpy as np

    return [np.zeros(0, np.int64)] * count
