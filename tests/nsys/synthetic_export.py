"""SQLite exports as six generations of nsys write them, with rows chosen by the caller.

Column lists were read off real exports (nsys 2022.1.3 to 2026.2.1); only tables that hold a row are made, as nsys does
by default. Rows are written in the order they were added, or shuffled: nsys promises no order.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

KERNEL: Final = "CUPTI_ACTIVITY_KIND_KERNEL"
RUNTIME: Final = "CUPTI_ACTIVITY_KIND_RUNTIME"
MEMCPY: Final = "CUPTI_ACTIVITY_KIND_MEMCPY"
MEMSET: Final = "CUPTI_ACTIVITY_KIND_MEMSET"
SYNC: Final = "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION"
GRAPH_TRACE: Final = "CUPTI_ACTIVITY_KIND_GRAPH_TRACE"
NVTX: Final = "NVTX_EVENTS"

_GRID = "gridX gridY gridZ blockX blockY blockZ"
_MEMORY = "staticSharedMemory dynamicSharedMemory localMemoryPerThread localMemoryTotal gridId sharedMemoryExecuted"
_CLUSTER = (
    "qmdBulkReleaseDone qmdPreexitDone qmdLastCtaDone graphId clusterX clusterY clusterZ clusterSchedulingPolicy "
    "maxPotentialClusterSize maxActiveClusters"
)
_GPU = (
    "vmId id name busLocation isDiscrete l2CacheSize totalMemory memoryBandwidth clockRate smCount pwGpuId uuid "
    "luid chipName cuDevice computeMajor computeMinor smMajor smMinor"
)
_TEXT_COLUMNS: Final = frozenset({"text", "jsonText", "binaryData", "name", "value", "uuid", "chipName", "busLocation"})


@dataclass(frozen=True)
class Generation:
    """What one generation of nsys writes."""

    product: str
    schema: str
    meta: tuple[str, ...]
    kernel_extra: str = ""
    green: bool = False
    graph_node: bool = True
    node_table: str = "CUDA_GRAPH_EVENTS"
    graph_table: str | None = None
    gpu_table: str = "TARGET_INFO_GPU"
    deprecated_sync: bool = False
    cuda_device: bool = False
    shared_limit: bool = True

    def columns(self) -> dict[str, str]:
        """Return the columns of each table, in the order of the real ones."""
        green = "greenContextId" if self.green else ""
        node = "graphNodeId" if self.graph_node else ""
        where = f"start end deviceId contextId {green} streamId correlationId globalPid"
        names = "demangledName shortName mangledName" if self.graph_node else "demangledName shortName"
        tables = {
            "StringIds": "id value",
            KERNEL: f"{where} {names} launchType cacheConfig registersPerThread {_GRID} {_MEMORY} {node} "
            f"{'sharedMemoryLimitConfig' if self.shared_limit else ''} {self.kernel_extra}",
            RUNTIME: "start end eventClass globalTid correlationId nameId returnValue callchainId",
            MEMCPY: f"{where} bytes copyKind deprecatedSrcId srcKind dstKind srcDeviceId srcContextId dstDeviceId "
            f"dstContextId migrationCause {node} virtualAddress",
            MEMSET: f"{where} value bytes {node} memKind",
            SYNC: f"{where} {'deprecatedSyncType' if self.deprecated_sync else ''} syncType eventId",
            NVTX: "start end eventType rangeId category color text globalTid endGlobalTid textId domainId uint64Value "
            "int64Value doubleValue uint32Value int32Value floatValue jsonTextId jsonText",
            self.node_table: "start end eventClass globalTid nameId graphNodeId originalGraphNodeId",
            "PROCESSES": "globalPid pid name",
            self.gpu_table: _GPU
            if self.gpu_table == "TARGET_INFO_GPU"
            else "deviceId name computeCapabilityMajor computeCapabilityMinor coreClockRate numMultiprocessors",
            "TARGET_INFO_SYSTEM_ENV": "globalVid devStateName name nameEnum value",
            **dict.fromkeys(self.meta, "name value"),
        }
        if self.graph_table:
            tables[self.graph_table] = "start end eventClass globalTid nameId graphId originalGraphId graphExecId"
            tables[GRAPH_TRACE] = (
                f"start end deviceId contextId {green} streamId correlationId globalPid graphId graphExecId"
            )
        if self.cuda_device:
            tables["TARGET_INFO_CUDA_DEVICE"] = "gpuId cudaId pid"
        return {table: " ".join(columns.split()) for table, columns in tables.items()}


GENERATIONS: Final[Mapping[str, Generation]] = {
    "2021.1": Generation(
        "2021.1.3", "", (), graph_node=False, gpu_table="TARGET_INFO_CUDA_GPU", shared_limit=False
    ),
    "2022.1": Generation("2022.1.3.3", "2.9.1", ("EXPORT_META_DATA",), shared_limit=False),
    "2022.4": Generation("2022.4.2.1", "3.0.0", ("EXPORT_META_DATA",)),
    "2023.4": Generation("2023.4.4.54", "3.7.2", ("META_DATA_EXPORT", "META_DATA_CAPTURE"), green=True),
    "2025.5": Generation(
        "2025.5.2.266", "3.24.0", ("META_DATA_EXPORT", "META_DATA_CAPTURE"), _CLUSTER, green=True,
        node_table="CUDA_GRAPH_NODE_EVENTS", graph_table="CUDA_GRAPH_EVENTS", deprecated_sync=True, cuda_device=True,
    ),
    "2026.2": Generation(
        "2026.2.1.210", "3.25.0", ("META_DATA_EXPORT", "META_DATA_CAPTURE"),
        f"{_CLUSTER} sharedMemoryRequestedPercentage tensorSizeMinusOneElements", green=True,
        node_table="CUDA_GRAPH_NODE_EVENTS", graph_table="CUDA_GRAPH_EVENTS", deprecated_sync=True, cuda_device=True,
    ),
}  # fmt: skip


@dataclass
class SyntheticExport:
    """An export in the making. Times are nanoseconds; a thread is a ``globalTid``."""

    generation: str = "2025.5"
    rows: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    strings: dict[str, int] = field(default_factory=dict)
    correlation: int = 100

    @property
    def shape(self) -> Generation:
        return GENERATIONS[self.generation]

    def add(self, table: str, **values: object) -> dict[str, object]:
        """Add a row; columns that are not named become NULL, or 0 where nsys declares them NOT NULL."""
        unknown = set(values) - set(self.shape.columns()[table].split())
        assert not unknown, f"{table} of nsys {self.generation} has no {unknown}"
        self.rows.setdefault(table, []).append(values)
        return values

    def string(self, value: str) -> int:
        """Return the id of a string."""
        return self.strings.setdefault(value, len(self.strings) + 1)

    @staticmethod
    def thread(pid: int = 1000, tid: int | None = None) -> int:
        """Return a globalTid: machine, process, thread."""
        return (1 << 48) | (pid << 24) | (pid if tid is None else tid)

    @staticmethod
    def process(thread: int) -> int:
        """Return the globalPid of a thread."""
        return thread & ~0xFFFFFF

    def domain(self, name: str, number: int, at: int, thread: int | None = None) -> None:
        """Create an NVTX domain."""
        self.add(NVTX, start=at, eventType=75, text=name, domainId=number, globalTid=thread or self.thread())

    def domain_destroy(self, number: int, at: int, thread: int | None = None) -> None:
        """Destroy an NVTX domain; its number is free again."""
        self.add(NVTX, start=at, eventType=76, domainId=number, globalTid=thread or self.thread())

    def range(
        self, text: str, start: int, end: int | None, *, domain: int = 0, thread: int | None = None,
        style: int = 59, registered: bool = True, payload: str | None = None,
    ) -> None:  # fmt: skip
        """Add a push/pop (59) or start/end (60) range."""
        name: dict[str, object] = {"textId": self.string(text)} if registered else {"text": text}
        if payload is not None:
            name["jsonTextId"] = self.string(payload)
        self.add(
            NVTX, start=start, end=end, eventType=style, domainId=domain, globalTid=thread or self.thread(), **name
        )

    def call(self, api: str, start: int, end: int, *, thread: int | None = None) -> int:
        """Add a CUDA API call; return its correlation id."""
        self.correlation += 1
        self.add(
            RUNTIME, start=start, end=end, eventClass=int(not api.startswith("cuda")), nameId=self.string(api),
            globalTid=thread or self.thread(), correlationId=self.correlation, returnValue=0,
        )  # fmt: skip
        return self.correlation

    def kernel(
        self, name: str, start: int, end: int, *, correlation: int | None, thread: int | None = None, device: int = 0,
        stream: int = 7, node: int | None = None,
    ) -> None:  # fmt: skip
        """Add a kernel that ran on the GPU."""
        values: dict[str, object] = {
            "start": start, "end": end, "deviceId": device, "contextId": 1, "streamId": stream,
            "correlationId": correlation, "globalPid": self.process(thread or self.thread()),
            "demangledName": self.string(name), "shortName": self.string(name.partition("(")[0]),
            "registersPerThread": 32, "gridX": 4, "gridY": 2, "gridZ": 1, "blockX": 128, "blockY": 1, "blockZ": 1,
        }  # fmt: skip
        if node is not None:
            values["graphNodeId"] = node
        self.add(KERNEL, **values)

    def launch(
        self, name: str, host: int, gpu: int, duration: int, *, api: str = "cudaLaunchKernel_v7000", call: int = 10,
        thread: int | None = None, device: int = 0, stream: int = 7,
    ) -> int:  # fmt: skip
        """Add a launch call at ``host`` that takes ``call`` ns and its kernel at ``gpu``."""
        correlation = self.call(api, host, host + call, thread=thread)
        self.kernel(name, gpu, gpu + duration, correlation=correlation, thread=thread, device=device, stream=stream)
        return correlation

    def copy(
        self, kind: int, start: int, end: int, size: int, *, host: int | None = None, source: int = 1, target: int = 2,
        thread: int | None = None, device: int = 0, stream: int = 7,
    ) -> None:  # fmt: skip
        """Add a memcpy of ``size`` bytes; 1 is host to device, 2 device to host, 8 device to device."""
        correlation = self.call("cudaMemcpyAsync_v3020", host, host + 5, thread=thread) if host is not None else None
        self.add(
            MEMCPY, start=start, end=end, deviceId=device, contextId=1, streamId=stream, correlationId=correlation,
            globalPid=self.process(thread or self.thread()), bytes=size, copyKind=kind, srcKind=source, dstKind=target,
        )  # fmt: skip

    def memset(self, start: int, end: int, size: int, *, memory: int = 2) -> None:
        """Add a memset of ``size`` bytes."""
        self.add(
            MEMSET, start=start, end=end, deviceId=0, contextId=1, streamId=7, bytes=size, value=0, memKind=memory,
            globalPid=self.process(self.thread()),
        )  # fmt: skip

    def graph_node(self, node: int, at: int, *, original: int | None = None, thread: int | None = None) -> None:
        """Record that a CUDA graph node came to be, as a clone of ``original`` where that is given."""
        self.add(
            self.shape.node_table, start=at, end=at, eventClass=77, globalTid=thread or self.thread(),
            nameId=self.string("Graph Node Creation"), graphNodeId=node, originalGraphNodeId=original,
        )  # fmt: skip

    def graph_run(self, graph: int, executable: int, start: int, end: int, *, correlation: int | None) -> None:
        """Add one launch of a CUDA graph as graph-level tracing shows it."""
        self.add(
            GRAPH_TRACE, start=start, end=end, deviceId=0, contextId=1, streamId=7, correlationId=correlation,
            globalPid=self.process(self.thread()), graphId=graph, graphExecId=executable,
        )  # fmt: skip

    def graph_created(self, graph: int, at: int) -> None:
        """Record the creation of a graph, as graph-level tracing does."""
        assert self.shape.graph_table
        self.add(
            self.shape.graph_table, start=at, end=at, eventClass=95, globalTid=self.thread(),
            nameId=self.string("Graph Creation"), graphId=graph,
        )  # fmt: skip

    def gpu(self, name: str = "NVIDIA H100 80GB HBM3") -> None:
        """Describe the GPU the way this generation does."""
        if self.shape.gpu_table == "TARGET_INFO_GPU":
            self.add(
                "TARGET_INFO_GPU", vmId=1, id=0, name=name, busLocation="0000:01:00.0", isDiscrete=1,
                l2CacheSize=52428800, totalMemory=85017493504, memoryBandwidth=3352320000000, clockRate=1980000000,
                smCount=132, uuid="u-u-i-d", chipName="GH100", cuDevice=0, computeMajor=9, computeMinor=0,
            )  # fmt: skip
        else:
            self.add(
                self.shape.gpu_table, deviceId=0, name=name, computeCapabilityMajor=9, computeCapabilityMinor=0,
                coreClockRate=1980000, numMultiprocessors=132,
            )  # fmt: skip
        if self.shape.cuda_device:
            self.add("TARGET_INFO_CUDA_DEVICE", gpuId=0, cudaId=0, pid=1000)

    def meta(self, **capture: str) -> None:
        """Add versions, and whatever the capture is said to have recorded."""
        if self.shape.meta:
            pairs = {
                "EXPORT_PRODUCT_NAME": "NVIDIA Nsight Systems", "EXPORT_PRODUCT_VERSION": self.shape.product,
                "EXPORT_SCHEMA_VERSION": self.shape.schema,
            }  # fmt: skip
            for name, value in pairs.items():
                self.add(self.shape.meta[0], name=name, value=value)
        for name, value in capture.items():
            self.add(self.shape.meta[-1], name=name.replace("__", ":"), value=value)

    def write(self, path: Path, *, seed: int | None = None) -> Path:
        """Write the file; with a ``seed`` the rows of every table are shuffled."""
        columns = self.shape.columns()
        for value, number in self.strings.items():
            self.rows.setdefault("StringIds", []).append({"id": number, "value": value})
        with sqlite3.connect(path) as database:
            for table, rows in self.rows.items():
                names = columns[table].split()
                database.execute(f"CREATE TABLE {table} ({', '.join(_declare(table, name) for name in names)})")
                listed = list(rows)
                if seed is not None:
                    random.Random(seed).shuffle(listed)
                database.executemany(
                    f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})",
                    [[row.get(name, _absent(table, name)) for name in names] for row in listed],
                )
        database.close()
        self.rows.pop("StringIds", None)
        return path


_NULLABLE: Final = frozenset(
    {"end", "correlationId", "globalPid", "globalTid", "endGlobalTid", "textId", "text", "domainId", "jsonTextId",
     "jsonText", "graphNodeId", "originalGraphNodeId", "greenContextId", "mangledName", "rangeId", "category", "color",
     "graphId", "originalGraphId", "graphExecId"}
)  # fmt: skip


def _declare(table: str, column: str) -> str:
    kind = "TEXT" if column in _TEXT_COLUMNS and (table, column) != (MEMSET, "value") else "INTEGER"
    key = " PRIMARY KEY" if (table, column) == ("StringIds", "id") else ""
    return f'"{column}" {kind}{key}'


def _absent(table: str, column: str) -> object:
    if column in _NULLABLE or column in _TEXT_COLUMNS or column.endswith("Value"):
        return None
    return 0 if table in {KERNEL, RUNTIME, MEMCPY, MEMSET, SYNC} else None


def inference(
    export: SyntheticExport, layers: Iterable[tuple[str, str, int]], at: int, *, thread: int | None = None
) -> int:
    """Add one TensorRT inference at ``at``: (layer, kernel, duration) each, the GPU running 5 us behind the host.

    Returns the time at which the host is done.
    """
    host, gpu = at + 100, at + 5_000
    for layer, kernel, duration in layers:
        if kernel:
            export.launch(kernel, host + 20, gpu, duration, thread=thread)
            gpu += duration + 10
        export.range(layer, host, host + 60, domain=1, thread=thread)
        host += 100
    export.range("ExecutionContext::enqueue", at, host + 50, domain=1, thread=thread)
    return host + 50
