"""Running an engine through TensorRT's Python API and timing it, on pycuda.

Inferences are timed as trtexec does it: two in flight, so that the GPU never waits for the host, GPU time by events
around the work, enqueue time by the host's clock, nothing copied in between. Layers are timed apart, without a graph.
The modules come as arguments; nothing here imports TensorRT or pycuda.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

from trtprof.backends.artefacts import IterationTimes, LayerDistribution, distribution
from trtprof.backends.cuda_graph import CudaGraph, capture
from trtprof.errors import BuildError
from trtprof.model import Unknown
from trtprof.units import NS_PER_MS, NS_PER_S

WINDOW_S: Final = 0.1
WINDOW_ITERATIONS: Final = 10
STABLE_RATIO: Final = 0.01
"""Warm-up is over when the medians of two windows in a row are this close."""

_IN_FLIGHT: Final = 2
_SAMPLE_EVERY_S: Final = 0.25

Range = Callable[[str], AbstractContextManager[Any]]
"""Marks a stretch of time for a profiler that watches."""


def no_range(name: str) -> AbstractContextManager[Any]:
    """Mark nothing."""
    del name
    return nullcontext()


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What the warm-up took and whether the times were stable at its end."""

    duration_ns: int
    iterations: int
    stable: bool


@dataclass
class Runner:
    """An execution context with its buffers set, and the stream it runs on.

    ``sample`` is called now and then while the GPU is busy. ``graph`` is set by :meth:`use_graph`.
    """

    cuda: Any
    context: Any
    stream: Any
    mark: Range = no_range
    sample: Callable[[], None] = lambda: None
    clock: Callable[[], int] = time.perf_counter_ns
    graph: CudaGraph | None = field(default=None, init=False)
    _origin: Any = field(default=None, init=False)
    _origin_ns: int = field(default=0, init=False)
    _sampled_ns: int = field(default=0, init=False)

    def start(self) -> None:
        """Run once, for what TensorRT allocates on its first run, and set the zero of all times.

        Raises:
            BuildError: the inference does not run.
        """
        self._enqueue()
        self.stream.synchronize()
        self._origin = self.cuda.Event()
        self._origin.record(self.stream)
        self._origin.synchronize()
        self._origin_ns = self.clock()

    def use_graph(self, driver: Any = None) -> Unknown | None:
        """Launch from a CUDA graph from now on; return why that is not possible where it is not."""
        handle = int(self.stream.handle)
        captured = capture(handle, lambda: bool(self.context.execute_async_v3(handle)), driver)
        if isinstance(captured, Unknown):
            self.stream.synchronize()
            return captured
        self.graph = captured
        return None

    def warm_up(self, least_s: float, most_s: float) -> WarmUp:
        """Run until the median of a window is that of the window before, within bounds of time."""
        started, count, before = self.clock(), 0, 0.0
        with self.mark("warm-up"):
            while True:
                window = self.iterate(WINDOW_S, WINDOW_ITERATIONS)
                count += len(window)
                median = statistics.median(item.compute_ns for item in window)
                stable = abs(median - before) <= STABLE_RATIO * median
                before = median
                elapsed = self.clock() - started
                if (stable and elapsed >= least_s * NS_PER_S) or elapsed >= most_s * NS_PER_S:
                    return WarmUp(elapsed, count, stable)

    def iterate(self, least_s: float, least: int) -> list[IterationTimes]:
        """Return the times of at least so many inferences over at least so many seconds.

        One more goes ahead of them: it finds the GPU idle, so that the time between its events holds its own enqueue.

        Raises:
            BuildError: an inference does not run.
        """
        times: list[IterationTimes] = []
        pending: deque[tuple[Any, Any, int, int]] = deque()
        spare = [(self.cuda.Event(), self.cuda.Event()) for _ in range(_IN_FLIGHT)]
        started = self.clock()
        launched = 0
        while launched <= least or self.clock() - started < least_s * NS_PER_S:
            if len(pending) == _IN_FLIGHT:
                times.append(self._finish(pending, spare))
            pending.append(self._launch(*spare.pop()))
            launched += 1
            self._sample_now_and_then()
        while pending:
            times.append(self._finish(pending, spare))
        return times[1:]

    def _launch(self, begin: Any, end: Any) -> tuple[Any, Any, int, int]:
        with self.mark("iteration"):
            begin.record(self.stream)
            before = self.clock()
            self._enqueue()
            after = self.clock()
            end.record(self.stream)
        return begin, end, before, after

    def _finish(self, pending: deque[tuple[Any, Any, int, int]], spare: list[tuple[Any, Any]]) -> IterationTimes:
        begin, end, before, after = pending.popleft()
        end.synchronize()
        spare.append((begin, end))
        start_ns = begin.time_since(self._origin) * NS_PER_MS
        return IterationTimes(
            start_enqueue_ns=float(before - self._origin_ns),
            end_enqueue_ns=float(after - self._origin_ns),
            start_compute_ns=start_ns,
            # Not the end since the origin: CUDA gives milliseconds as a 32-bit float, a microsecond coarse after 16 s.
            end_compute_ns=start_ns + end.time_since(begin) * NS_PER_MS,
        )

    def _enqueue(self) -> None:
        taken = (
            self.context.execute_async_v3(int(self.stream.handle))
            if self.graph is None
            else self.graph.launch(int(self.stream.handle))
        )
        if not taken:
            raise BuildError("TensorRT does not run the engine", hint="the log has its reason")

    def _sample_now_and_then(self) -> None:
        moment = self.clock()
        if moment - self._sampled_ns >= _SAMPLE_EVERY_S * NS_PER_S:
            self._sampled_ns = moment
            self.sample()

    def time_layers(self, trt: Any, least_s: float, least: int) -> tuple[list[LayerDistribution], int]:
        """Return the times of each layer, in the order TensorRT reports them, and the number of inferences.

        A layer that is reported twice in one inference has two rows. The profiler adds to each layer and to the whole,
        so this is a run of its own, one inference at a time.

        Raises:
            BuildError: an inference does not run, or TensorRT reports no layer.
        """
        profiler = _make_profiler(trt)
        self.context.profiler = profiler
        # Reported when asked, after the inference: by default each enqueue would wait for its end.
        self.context.enqueue_emits_profile = False
        times: dict[tuple[str, int], list[float]] = {}
        started, count = self.clock(), 0
        with self.mark("layers"):
            while count < least or self.clock() - started < least_s * NS_PER_S:
                self._profiled(profiler)
                # The first inference with the profiler attached pays for attaching it.
                if count > 0:
                    _collect(profiler.rows, times)
                profiler.rows.clear()
                count += 1
        if not times:
            raise BuildError(
                "TensorRT reports no layer times", hint="was the engine built with profiling verbosity NONE?"
            )
        return [distribution(name, values) for (name, _), values in times.items()], count - 1

    def _profiled(self, profiler: Any) -> None:
        with self.mark("iteration"):
            if not self.context.execute_async_v3(int(self.stream.handle)):
                raise BuildError("TensorRT does not run the engine", hint="the log has its reason")
            self.stream.synchronize()
            reported = self.context.report_to_profiler()
        if profiler.failure is not None:
            raise profiler.failure
        if not reported:
            raise BuildError("TensorRT does not report its layer times", hint="the log has its reason")


def _make_profiler(trt: Any) -> Any:
    class Profiler(trt.IProfiler):  # type: ignore[misc]
        """Keeps what TensorRT reports; an exception must not leave its callback."""

        def __init__(self) -> None:
            trt.IProfiler.__init__(self)
            self.rows: list[tuple[str, float]] = []
            self.failure: BaseException | None = None

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            try:
                self.rows.append((layer_name, ms * NS_PER_MS))
            except BaseException as error:
                self.failure = error

    return Profiler()


def _collect(rows: list[tuple[str, float]], times: dict[tuple[str, int], list[float]]) -> None:
    """Add one inference's rows, the n-th of a name to the n-th of that name."""
    seen: dict[str, int] = {}
    for name, time_ns in rows:
        occurrence = seen.get(name, 0)
        seen[name] = occurrence + 1
        times.setdefault((name, occurrence), []).append(time_ns)
