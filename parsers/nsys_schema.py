"""What is in an SQLite export of Nsight Systems, by version, and the records it is read into.

Exports are lazy: a table without rows is not written, so any table may be missing, and columns come and go (nsys 2021
to 2026, schemas 2.x to 3.25). What exists is asked of the file, never concluded from its version.

Columns of numbers are NumPy arrays, one element a row: ten million launches fit where ten million objects would not.
This module imports the model only, and NumPy for type checkers only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from trtprof.model import Device, Notice, Unknown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[Any]

KERNEL: Final = "CUPTI_ACTIVITY_KIND_KERNEL"
RUNTIME: Final = "CUPTI_ACTIVITY_KIND_RUNTIME"
MEMCPY: Final = "CUPTI_ACTIVITY_KIND_MEMCPY"
MEMSET: Final = "CUPTI_ACTIVITY_KIND_MEMSET"
GRAPH_TRACE: Final = "CUPTI_ACTIVITY_KIND_GRAPH_TRACE"
GRAPH_EVENTS: Final = "CUDA_GRAPH_EVENTS"
GRAPH_NODE_EVENTS: Final = "CUDA_GRAPH_NODE_EVENTS"
NVTX: Final = "NVTX_EVENTS"
STRINGS: Final = "StringIds"
EXPORT_META: Final = ("META_DATA_EXPORT", "EXPORT_META_DATA")
"""Facts on the export; renamed between nsys 2023.2.3 and 2023.3.3."""

CAPTURE_META: Final = "META_DATA_CAPTURE"
HARMLESS_EXPORT_KEYS: Final = ("EXPORT_PRODUCT_VERSION", "EXPORT_SCHEMA_VERSION")
HARMLESS_CAPTURE_KEYS: Final = (
    "CUDA_GRAPH_TRACE_OPTIONS:MODE",
    "PROCESS_0:CUDA_GRAPH_TRACE_OPTIONS:MODE",
    "PROCESS_0:COLLECT_CUDA_TRACE",
    "PROCESS_0:COLLECT_NVTX_TRACE",
)
"""The only keys ever asked for. The others of these tables, and all of TARGET_INFO_SYSTEM_ENV, hold the environment of
the traced program with its tokens, command lines, host and user names; nothing of them is read."""

SIGNS: Final = (KERNEL, RUNTIME, MEMCPY, NVTX, GRAPH_TRACE, *EXPORT_META, CAPTURE_META, "TARGET_INFO_SYSTEM_ENV")
"""Tables of which an nsys export holds at least one."""

DOMAIN_CREATE: Final = 75
DURATION: Final = '"end" - start'
VALID: Final = '"end" >= start'
"""SQL of an event's length, and of rows that have one."""

LENGTH: Final = 'COALESCE("end" - start, -1)'
"""SQL of an event's length, -1 where it has no end."""

NO_STRING: Final = "(string "
"""How a name begins that stands for one the export does not hold."""

NO_CUDA: Final = Unknown(
    "the export has no CUDA table and does not say that CUDA was traced: profile with `nsys profile -t cuda,nvtx`"
)

COPY_KINDS: Final = {
    1: "host to device", 2: "device to host", 3: "host to array", 4: "array to host", 5: "array to array",
    6: "array to device", 7: "device to array", 8: "device to device", 9: "host to host", 10: "peer to peer",
    11: "unified, host to device", 12: "unified, device to host", 13: "unified, device to device",
}  # fmt: skip
"""``ENUM_CUDA_MEMCPY_OPER`` of nsys 2023 to 2026."""

MEMORY_KINDS: Final = {
    0: "pageable", 1: "pinned", 2: "device", 3: "array", 4: "managed", 5: "device static", 6: "managed static",
}  # fmt: skip
"""``ENUM_CUDA_MEM_KIND`` of nsys 2023 to 2026."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables and columns of one export and the versions it names, ``None`` where it names none (nsys 2021)."""

    tables: Mapping[str, frozenset[str]]
    product_version: str | None = None
    schema_version: str | None = None
    capture: Mapping[str, str] | None = None

    def has(self, table: str, *columns: str) -> bool:
        """Whether the table exists with all of these columns."""
        return table in self.tables and self.tables[table].issuperset(columns)

    def column(self, table: str, *names: str, absent: int = -1) -> str:
        """Return SQL for the first of the columns that exists, ``absent`` for NULL and where none does."""
        found = next((name for name in names if name in self.tables[table]), None)
        return str(absent) if found is None else f'COALESCE("{found}", {absent})'

    @property
    def cuda_traced(self) -> bool:
        """Whether CUDA was traced for certain: a CUPTI table has rows, or the capture says so.

        ``COLLECT_CUDA_TRACE = false`` proves nothing: nsys 2026 writes it beside a thousand kernels.
        """
        if any(name.startswith("CUPTI_ACTIVITY_KIND_") for name in self.tables):
            return True
        return (self.capture or {}).get("PROCESS_0:COLLECT_CUDA_TRACE") == "true"

    @property
    def nvtx_traced(self) -> bool:
        """Whether NVTX was traced for certain."""
        return NVTX in self.tables or (self.capture or {}).get("PROCESS_0:COLLECT_NVTX_TRACE") == "true"

    @property
    def graph_mode(self) -> str | None:
        """``graph`` or ``node``: what ``--cuda-graph-trace`` was, ``None`` where the capture does not say."""
        for key in HARMLESS_CAPTURE_KEYS[:2]:
            if value := (self.capture or {}).get(key):
                return value.lower()
        return None


def read_schema(database: sqlite3.Connection) -> Schema:
    """Return what the file holds. The caller turns ``sqlite3.Error`` into the error that names the file."""
    names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    tables = {
        name: frozenset(row[1] for row in database.execute(f"PRAGMA table_info({quoted(name)})")) for name in names
    }
    export: dict[str, str] = {}
    for table in EXPORT_META:
        if tables.get(table, frozenset()) >= {"name", "value"}:
            export |= _pairs(database, table, HARMLESS_EXPORT_KEYS)
    capture = None
    if tables.get(CAPTURE_META, frozenset()) >= {"name", "value"}:
        capture = _pairs(database, CAPTURE_META, HARMLESS_CAPTURE_KEYS)
    return Schema(tables, export.get("EXPORT_PRODUCT_VERSION"), export.get("EXPORT_SCHEMA_VERSION"), capture)


def _pairs(database: sqlite3.Connection, table: str, keys: tuple[str, ...]) -> dict[str, str]:
    """Return the values of these keys and of no other."""
    places = ", ".join("?" * len(keys))
    rows = database.execute(
        f"SELECT name, value FROM {quoted(table)} WHERE name IN ({places}) AND value IS NOT NULL ORDER BY name, value",
        keys,
    )
    return {str(name): str(value) for name, value in rows}


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class TracedGpu:
    """A GPU of the trace. ``index`` is nsys's own number, ``cuda_devices`` the (process, CUDA device) pairs it was.

    An empty ``cuda_devices`` means that the export does not say, and CUDA device and index are the same.
    """

    index: int
    device: Device
    chip: str | None = None
    memory_bytes: int | None = None
    is_integrated: bool | None = None
    cuda_devices: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class KernelTotal:
    """All launches of one kernel on one device."""

    name: str
    device: int | None
    launches: int
    total_ns: int
    min_ns: int | None
    max_ns: int | None


@dataclass(frozen=True, slots=True)
class TransferTotal:
    """All copies of one kind between the same kinds of memory, or all memsets of one (``source`` is then ``None``)."""

    kind: str
    source: str | None
    target: str | None
    count: int
    size_bytes: int
    total_ns: int
    min_ns: int
    max_ns: int


@dataclass(frozen=True, slots=True)
class KernelColumns:
    """Every kernel, in order of start, ties in the order of the file.

    ``name`` indexes ``names``. ``process`` is nsys's global process id, ``correlation``, ``graph_node`` and ``stream``
    are -1 where the row has none.
    """

    names: tuple[str, ...]
    start_ns: Ints
    end_ns: Ints
    name: Ints
    device: Ints
    process: Ints
    correlation: Ints
    graph_node: Ints
    stream: Ints

    def __len__(self) -> int:
        """Number of kernels."""
        return len(self.start_ns)


@dataclass(frozen=True, slots=True)
class CallColumns:
    """CUDA API calls that launch, wait, copy or capture, in order of start, ties in the order of the file.

    ``thread`` is nsys's global thread id, whose upper bits are the global process id; ``api`` indexes ``apis``, names
    as nsys writes them (``cudaLaunchKernel_v7000``).
    """

    apis: tuple[str, ...]
    start_ns: Ints
    end_ns: Ints
    thread: Ints
    correlation: Ints
    api: Ints

    def __len__(self) -> int:
        """Number of calls."""
        return len(self.start_ns)


@dataclass(frozen=True, slots=True)
class RangeColumns:
    """NVTX ranges that were closed on the thread that opened them, in order of start, ties in the order of the file.

    ``name`` indexes ``names``, ``domain`` indexes ``domains``; the default domain is the empty string. ``nodes``
    indexes ``onnx_nodes``, which Myelin puts into the payload of its ranges (TensorRT 10); -1 where there are none.
    """

    names: tuple[str, ...]
    domains: tuple[str, ...]
    onnx_nodes: tuple[tuple[str, ...], ...]
    start_ns: Ints
    end_ns: Ints
    thread: Ints
    name: Ints
    domain: Ints
    nodes: Ints

    def __len__(self) -> int:
        """Number of ranges."""
        return len(self.start_ns)


@dataclass(frozen=True, slots=True)
class ActivityColumns:
    """Copies and memsets on the GPU, in order of start; ``is_copy`` tells them apart."""

    start_ns: Ints
    end_ns: Ints
    device: Ints
    size_bytes: Ints
    is_copy: Ints

    def __len__(self) -> int:
        """Number of copies and memsets."""
        return len(self.start_ns)


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node of a CUDA graph: when and on which thread it came to be, and the node it is a clone of."""

    process: int
    node: int
    original: int | None
    start_ns: int
    thread: int


@dataclass(frozen=True, slots=True)
class GraphRun:
    """One launch of a CUDA graph that was traced as a whole: the kernels in it are not in the export."""

    graph: int
    start_ns: int
    end_ns: int
    device: int
    process: int
    correlation: int


@dataclass(frozen=True, slots=True)
class GraphCreation:
    """The creation of a CUDA graph as a whole."""

    process: int
    graph: int
    start_ns: int
    thread: int


@dataclass(frozen=True, slots=True)
class Trace:
    """All of an export that the analyses ask for. :class:`Unknown` where nothing says whether there was any."""

    kernels: KernelColumns | Unknown
    calls: CallColumns | Unknown
    ranges: RangeColumns | Unknown
    activities: ActivityColumns | Unknown
    graph_nodes: tuple[GraphNode, ...]
    graph_runs: tuple[GraphRun, ...]
    graph_creations: tuple[GraphCreation, ...]
    gpus: tuple[TracedGpu, ...] | Unknown
    notices: tuple[Notice, ...] = ()
