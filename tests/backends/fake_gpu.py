"""A GPU in virtual time, as pycuda and the CUDA driver show it: streams run what they are given, one after another.

The host's clock moves only when the host does something (an enqueue takes ``enqueue_ns``) or waits for the device.
"""

# ruff: noqa: ARG002, N802 - names and parameters are pycuda's and CUDA's
from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

US = 1_000


class Gpu:
    """The device and the host's clock, in nanoseconds. ``work_ns`` gives the duration of the n-th piece of work."""

    def __init__(self, work_ns: Callable[[int], float] = lambda index: 100 * US, enqueue_ns: int = 20 * US) -> None:
        self.now_ns = 0
        self.work_ns, self.enqueue_ns = work_ns, enqueue_ns
        self.done = 0
        self.streams: dict[int, Stream] = {}
        self.in_flight_most = 0
        self.memory: dict[int, np.ndarray[Any, Any]] = {}
        self.free_bytes = 2**30

    def clock(self) -> int:
        """Return the host's time; looking at it takes a microsecond."""
        self.now_ns += US
        return self.now_ns

    def run(self, handle: int, *, host_ns: int | None = None) -> None:
        """Enqueue a piece of work on a stream."""
        stream = self.streams[handle]
        self.now_ns += self.enqueue_ns if host_ns is None else host_ns
        if stream.capturing is not None:
            stream.capturing.append("work")
            return
        stream.ends = [end for end in stream.ends if end > self.now_ns]
        stream.busy_until = max(stream.busy_until, float(self.now_ns)) + self.work_ns(self.done)
        stream.ends.append(stream.busy_until)
        self.in_flight_most = max(self.in_flight_most, len(stream.ends))
        self.done += 1

    def wait(self, until_ns: float) -> None:
        """Have the host wait for a moment on the device."""
        self.now_ns = max(self.now_ns, round(until_ns))


class Stream:
    """A queue of the device."""

    def __init__(self, gpu: Gpu) -> None:
        self.handle = 0x1000 + len(gpu.streams)
        self.gpu, self.busy_until = gpu, 0.0
        self.capturing: list[str] | None = None
        self.ends: list[float] = []
        gpu.streams[self.handle] = self

    def synchronize(self) -> None:
        """Wait until the queue is empty."""
        self.gpu.wait(self.busy_until)


class Event:
    """A mark in a queue."""

    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu
        self.at_ns: float | None = None

    def record(self, stream: Stream) -> Event:
        """Take the time at which the queue will have got here."""
        self.at_ns = max(stream.busy_until, float(self.gpu.now_ns))
        return self

    def synchronize(self) -> None:
        """Wait for it."""
        assert self.at_ns is not None
        self.gpu.wait(self.at_ns)

    def time_since(self, other: Event) -> float:
        """Return milliseconds, in 32 bits as CUDA does; both events must have come to pass."""
        assert self.at_ns is not None and other.at_ns is not None
        if max(self.at_ns, other.at_ns) > self.gpu.now_ns + 1:
            raise RuntimeError("cuEventElapsedTime failed: device not ready")
        (value,) = struct.unpack("f", struct.pack("f", (self.at_ns - other.at_ns) / 1e6))
        return float(value)


class Allocation:
    """Device memory; ``int()`` of it is its address, as with pycuda."""

    def __init__(self, gpu: Gpu, size: int) -> None:
        self.address = 0x7F0000000000 + 2**20 * len(gpu.memory)
        gpu.memory[self.address] = np.zeros(size, np.uint8)
        gpu.free_bytes -= size

    def __int__(self) -> int:
        return self.address


class Driver:
    """``pycuda.driver``, the part of it that trtprof uses, as pycuda 2026.1 has it."""

    class Error(Exception):
        """Base of pycuda's errors."""

    class MemoryError(Error):
        """No memory left."""

    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu
        self.contexts: list[str] = []

    def init(self) -> None:
        """Start CUDA."""

    def Device(self, index: int) -> Device:
        """Return a device; there is one."""
        if index != 0:
            raise self.Error("cuDeviceGet failed: invalid device ordinal")
        return Device(self)

    def Stream(self) -> Stream:
        """Return a new stream."""
        return Stream(self.gpu)

    def Event(self) -> Event:
        """Return a new event."""
        return Event(self.gpu)

    def mem_alloc(self, size: int) -> Allocation:
        """Take memory."""
        if size <= 0:
            raise self.Error("cuMemAlloc failed: invalid argument")
        if size > self.gpu.free_bytes:
            raise self.MemoryError("cuMemAlloc failed: out of memory")
        return Allocation(self.gpu, size)

    def memcpy_htod(self, destination: Allocation, source: np.ndarray[Any, Any]) -> None:
        """Copy to the device."""
        data = np.frombuffer(source.tobytes(), np.uint8)
        self.gpu.memory[int(destination)][: data.size] = data


class Device:
    """``pycuda.driver.Device``."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver

    def pci_bus_id(self) -> str:
        """Return its address on the bus."""
        return "0000:01:00.0"

    def retain_primary_context(self) -> Context:
        """Return the context that the CUDA runtime uses too."""
        return Context(self.driver)


class Context:
    """``pycuda.driver.Context``."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver

    def push(self) -> None:
        """Make it current."""
        self.driver.contexts.append("pushed")

    def pop(self) -> None:
        """Make the one before current."""
        self.driver.contexts.append("popped")

    def detach(self) -> None:
        """Let go of it."""
        self.driver.contexts.append("detached")


class CudaLibrary:
    """``libcuda.so.1``'s calls for graphs. ``fails`` maps a call to the status it returns."""

    def __init__(self, gpu: Gpu, fails: dict[str, int] | None = None) -> None:
        self.gpu, self.fails = gpu, fails or {}
        self.graphs: dict[int, list[str]] = {}
        self.calls: list[str] = []

    def _status(self, name: str) -> int:
        self.calls.append(name)
        return self.fails.get(name, 0)

    def cuStreamBeginCapture_v2(self, stream: ctypes.c_void_p, mode: int) -> int:
        """Begin to capture."""
        status = self._status("begin")
        assert mode == 1  # thread local
        assert stream.value is not None
        if status == 0:
            self.gpu.streams[stream.value].capturing = []
        return status

    def cuStreamEndCapture(self, stream: ctypes.c_void_p, graph: Any) -> int:
        """End the capture; an invalidated one gives no graph."""
        status = self._status("end")
        assert stream.value is not None
        queue = self.gpu.streams[stream.value]
        if status == 0 and queue.capturing is not None:
            graph._obj.value = 0x50 + len(self.graphs)
            self.graphs[graph._obj.value] = queue.capturing
        queue.capturing = None
        return status

    def cuGraphInstantiateWithFlags(self, executable: Any, graph: ctypes.c_void_p, flags: Any) -> int:
        """Make a graph ready to launch."""
        executable._obj.value = 0x90 + (graph.value or 0)
        return self._status("instantiate")

    def cuGraphLaunch(self, executable: ctypes.c_void_p, stream: ctypes.c_void_p) -> int:
        """Launch: one cheap call for all the work in it."""
        assert stream.value is not None
        assert executable.value is not None
        for _ in self.graphs[executable.value - 0x90]:
            self.gpu.run(stream.value, host_ns=2 * US)
        return self._status("launch")

    def cuGraphExecDestroy(self, executable: ctypes.c_void_p) -> int:
        """Free it."""
        return self._status("destroy executable")

    def cuGraphDestroy(self, graph: ctypes.c_void_p) -> int:
        """Free it."""
        return self._status("destroy graph")
