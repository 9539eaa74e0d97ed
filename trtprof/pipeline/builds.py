"""Builds in the background: while one engine is built, the next variant is made.

One build at a time, since a builder takes a core and some hundred MB. Builds run in their own processes; the thread
here only waits for them. The manifest is written by the caller's thread alone.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from types import TracebackType
from typing import Any, Protocol

from trtprof.backends import rtx_aot
from trtprof.backends.base import BuildRecord, BuildRequest
from trtprof.backends.capture import Capture
from trtprof.errors import BuildError


class _Stages(Protocol):
    def stage(self, text: str) -> None: ...

    def progress(self, phase: str, step: int, steps: int) -> None: ...


class Builds:
    """The builds of one capture, in order. Left by an exception, it ends what is running and starts nothing more."""

    def __init__(self, capture: Capture, stages: _Stages) -> None:
        self.capture, self.stages = capture, stages
        self.failed: dict[str, dict[str, Any]] = {}
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._waiting: list[tuple[BuildRequest, dict[str, Any], Future[BuildRecord]]] = []

    def __enter__(self) -> Builds:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            rtx_aot.end_all()
            self.collect()
        self._pool.shutdown(wait=True)

    def start(self, request: BuildRequest) -> None:
        """Start a build, or take it from the capture when it was done before."""
        depends = {
            "onnx": self.capture.manifest["steps"][f"variant:{request.name}"]["files"],
            "target": request.target,
            "tf32": request.tf32,
            "builder": rtx_aot.version(),
        }
        if self.capture.known(f"build:{request.name}", depends) is None:
            self._waiting.append((request, depends, self._pool.submit(self._build, request)))

    def collect(self) -> None:
        """Note the builds that have ended; do not wait for the others."""
        for item in [item for item in self._waiting if item[2].done()]:
            self._waiting.remove(item)
            self._note(*item)

    def finish(self) -> None:
        """Wait for every build and note it."""
        while self._waiting:
            request, depends, future = self._waiting[0]
            wait([future])
            self._waiting.pop(0)
            self._note(request, depends, future)

    def _build(self, request: BuildRequest) -> BuildRecord:
        self.stages.stage(f"{request.name}: building with TensorRT-RTX for {request.target}")
        return rtx_aot.build(request, self.stages.progress)

    def _note(self, request: BuildRequest, depends: dict[str, Any], future: Future[BuildRecord]) -> None:
        if future.cancelled():
            return
        try:
            record = asdict(future.result())
        except BuildError as error:
            self.failed[request.name] = {"reason": error.message, "hint": error.hint}
            return
        record["log"] = str(request.log.relative_to(self.capture.root))
        self.capture.keep(f"build:{request.name}", depends, record, (request.log,))
