"""Capturing an enqueue into a CUDA graph and launching it, through the driver: pycuda has no call for it.

Signatures from ``cuda.h`` of CUDA 11 to 13. Only a launch is timed, so ctypes' own cost (about a microsecond) is small
beside it. Imports no CUDA package.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final

from trtprof.model import Unknown

DRIVER: Final = "libcuda.so.1"
# Other threads may call CUDA while we capture.
_CAPTURE_THREAD_LOCAL: Final = 1


class CudaGraph:
    """A captured enqueue, ready to launch on the stream it was captured from."""

    def __init__(self, driver: Any, graph: ctypes.c_void_p, executable: ctypes.c_void_p) -> None:
        self._driver, self._graph, self._executable = driver, graph, executable

    def launch(self, stream: int) -> bool:
        """Launch it; return whether the driver took it."""
        return bool(self._driver.cuGraphLaunch(self._executable, ctypes.c_void_p(stream)) == 0)

    def close(self) -> None:
        """Free it."""
        self._driver.cuGraphExecDestroy(self._executable)
        self._driver.cuGraphDestroy(self._graph)


def capture(stream: int, enqueue: Callable[[], bool], driver: Any = None) -> CudaGraph | Unknown:
    """Return what ``enqueue`` does on a stream as a graph, or why it cannot be captured.

    ``enqueue`` must have run before, outside of a capture: TensorRT allocates on its first run.
    """
    try:
        cuda = ctypes.CDLL(DRIVER) if driver is None else driver
    except OSError as error:
        return Unknown(f"the CUDA driver cannot be loaded: {error}")
    handle = ctypes.c_void_p(stream)
    status = cuda.cuStreamBeginCapture_v2(handle, _CAPTURE_THREAD_LOCAL)
    if status != 0:
        return Unknown(f"the driver does not begin a capture (CUDA error {status})")
    graph = ctypes.c_void_p()
    taken = False
    try:
        taken = enqueue()
    finally:
        # Also when the enqueue failed: the stream stays in capture mode until told otherwise.
        status = cuda.cuStreamEndCapture(handle, ctypes.byref(graph))
    if not taken or status != 0 or not graph.value:
        return Unknown(f"TensorRT's work cannot be captured (CUDA error {status})")
    executable = ctypes.c_void_p()
    status = _instantiate(cuda, graph, executable)
    if status != 0:
        cuda.cuGraphDestroy(graph)
        return Unknown(f"the graph cannot be instantiated (CUDA error {status})")
    return CudaGraph(cuda, graph, executable)


def _instantiate(cuda: Any, graph: ctypes.c_void_p, executable: ctypes.c_void_p) -> int:
    if hasattr(cuda, "cuGraphInstantiateWithFlags"):  # since CUDA 11.4
        return int(cuda.cuGraphInstantiateWithFlags(ctypes.byref(executable), graph, ctypes.c_ulonglong(0)))
    return int(cuda.cuGraphInstantiate_v2(ctypes.byref(executable), graph, None, None, ctypes.c_size_t(0)))
