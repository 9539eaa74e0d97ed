"""Builds in the background: while one engine is built, the next variant is made. Engines that are measured are not.

One build at a time, since a builder takes a core and some hundred MB. Builds run in their own processes; the thread
here only waits for them. The manifest is written by the caller's thread alone.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, Final, Protocol

from trtprof.backends import rtx_aot
from trtprof.backends.capture import Capture
from trtprof.errors import BuildError
from trtprof.pipeline.makers import Calibrated, Made, Maker
from trtprof.variants.spec import VariantSpec

_LOOK_EVERY_S: Final = 0.05


class _Stages(Protocol):
    def stage(self, text: str) -> None: ...

    def progress(self, phase: str, step: int, steps: int) -> None: ...


class Builds:
    """The builds of one capture, in order. Left by an exception, it ends what is running and starts nothing more."""

    def __init__(self, capture: Capture, maker: Maker, stages: _Stages) -> None:
        self.capture, self.maker, self.stages = capture, maker, stages
        self.failed: dict[str, dict[str, Any]] = {}
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._waiting: list[tuple[str, dict[str, Any], Future[Made]]] = []

    def __enter__(self) -> Builds:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            while running := [future for _, _, future in self._waiting if not future.done()]:
                rtx_aot.end_all()  # again, where one was just about to start
                wait(running, timeout=_LOOK_EVERY_S)
            self.collect()
        self._pool.shutdown(wait=True)

    def start(self, spec: VariantSpec, data: Calibrated) -> None:
        """Start a build, or take it from the capture when it was done before."""
        files = self.capture.manifest["steps"][f"variant:{spec.name}"]["files"]
        depends = {"onnx": files, "maker": self.maker.tool, **self.maker.depends()}
        if self.capture.known(f"build:{spec.name}", depends) is not None:
            return
        if self.maker.measures:
            done: Future[Made] = Future()
            try:
                done.set_result(self._make(spec, data))
            except BuildError as error:
                done.set_exception(error)
            self._note(spec.name, depends, done)
        else:
            self._waiting.append((spec.name, depends, self._pool.submit(self._make, spec, data)))

    def collect(self) -> None:
        """Note the builds that have ended; do not wait for the others."""
        for item in [item for item in self._waiting if item[2].done()]:
            self._note(*item)
            self._waiting.remove(item)  # only now: an interruption in between must not lose what was built

    def finish(self) -> None:
        """Wait for every build and note it."""
        while self._waiting:
            name, depends, future = self._waiting[0]
            wait([future])
            self._note(name, depends, future)
            self._waiting.pop(0)

    def _make(self, spec: VariantSpec, data: Calibrated) -> Made:
        target = "" if self.maker.measures else f" for {self.maker.depends()['target']}"
        doing = "building and measuring" if self.maker.measures else "building"
        self.stages.stage(f"{spec.name}: {doing} with {self.maker.tool}{target}")
        return self.maker.make(spec, self.capture.root / spec.name, self.stages.progress, data)

    def _note(self, name: str, depends: dict[str, Any], future: Future[Made]) -> None:
        if future.cancelled():
            return
        try:
            record, files = future.result()
        except BuildError as error:
            self.failed[name] = {"reason": error.message, "hint": error.hint}
            return
        self.capture.keep(f"build:{name}", depends, record, files)
