"""TensorRT through its Python API: builds, inspects and times an engine, in child processes.

Building and measuring are processes of their own: each can be ended, a crash in TensorRT does not take ours with it,
and the measurement is a command that Nsight Systems can be put around. Needs the extra ``tensorrt``.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trtprof.backends import artefacts
from trtprof.backends.base import Progress
from trtprof.backends.capture import write_text
from trtprof.backends.gpu_clocks import ClockReport
from trtprof.backends.process import Ending, run_logged
from trtprof.backends.tensorrt_child import BATCHES, EXTRA, NAMES
from trtprof.backends.tensorrt_request import TensorrtRequest
from trtprof.backends.tensorrt_runner import WarmUp
from trtprof.backends.weak_typing import QUANTISED
from trtprof.dependencies import installed, version_of
from trtprof.errors import BuildError, InputError, MissingDependency, TrtprofError, UsageError
from trtprof.model import Notice, Unknown

if TYPE_CHECKING:
    import numpy as np

    Batch = Mapping[str, np.ndarray[Any, Any]]

__all__ = ["TensorrtBuild", "TensorrtMeasurement", "TensorrtRequest", "build", "measure", "measure_command", "version"]

MODULES: Final = ("tensorrt", "pycuda", "nvtx")
DISTRIBUTIONS: Final = ("tensorrt", "tensorrt-cu13", "tensorrt-cu12", "tensorrt-bindings")
"""Where the version of the module ``tensorrt`` may stand; Debian's and JetPack's packages go by the first name."""
TOOL: Final = "TensorRT"
TRACED_ITERATIONS: Final = 50
_ERRORS: Final[dict[str, type[TrtprofError]]] = {
    "usage": UsageError,
    "bad_input": InputError,
    "missing_dependency": MissingDependency,
}
_HINTS: Final = (
    (("out of memory", "OutOfMemory", "cuMemAlloc failed", "insufficient memory"),
     "free memory on the GPU, build a smaller shape, or limit the workspace"),
    (("CUDA initialization failure", "no CUDA-capable device", "driver version is insufficient"),
     "look at nvidia-smi: TensorRT needs a GPU and a driver as new as its CUDA"),
    (("not compatible with this version", "ersion tag does not match"),
     "the engine is of another TensorRT or GPU: build it again"),
    (("Non-zero zero point",), "TensorRT needs symmetric quantisation: zero points of 0, int8"),
    (("type Int32 but must have",), "do not quantise the bias: TensorRT takes float biases"),
    (("must all be positive",), "a quantisation scale is 0 or negative; calibrate again"),
    (("Could not find any implementation",), "allow more workspace, or another type or shape for that node"),
    (("No space left",), "free some space, or choose another directory with --out"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TensorrtBuild:
    """A built plan: the log, the file, its size and hash, the builder's wall time and peak host memory."""

    tool: str
    tool_version: str
    log: Path
    plan: Path
    plan_bytes: int
    plan_sha256: str
    build_ns: int
    peak_memory_bytes: int
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class TensorrtMeasurement:
    """A measured plan: what was written, whether a CUDA graph was launched, the warm-up, and what the clock did.

    ``profile`` is ``None`` where layers were not timed.
    """

    log: Path
    layers: Path
    times: Path
    profile: Path | None
    iterations: int
    graph: bool
    warm_up: WarmUp
    clocks: ClockReport | Unknown
    notices: tuple[Notice, ...]


def version() -> str:
    """Return the version of the installed TensorRT, without importing it.

    Raises:
        MissingDependency: a package of the extra is not installed; names it.
    """
    for module in MODULES:
        if not installed(module):
            raise MissingDependency(
                f"TensorRT's Python API needs the package '{module}', which is not installed",
                hint=f"pip install 'trtprof[{EXTRA}]'",
            )
    return next((found for name in DISTRIBUTIONS if (found := version_of(name))), "of unknown version")


def build(
    request: TensorrtRequest, progress: Progress | None = None, batches: Iterable[Batch] | None = None
) -> TensorrtBuild:
    """Build the plan of a request into its folder; the log is whole also when that fails.

    ``batches`` calibrate INT8 where the request names a calibrator; they are read once and kept beside the plan until
    the build is over.

    Raises:
        MissingDependency: a package is missing, or a library of one.
        UsageError: this TensorRT has no weak typing, a shape is missing or wrong, or calibration data has no use.
        InputError: the calibration data lacks an input.
        BuildError: the precision is lacking, the parser refuses a node, the builder fails, takes too long or dies; the
            message names which.
    """
    version()
    asked = _with_cache(request, batches)
    spool = asked.folder / BATCHES
    _forget(asked.folder / artefacts.PLAN)
    try:
        if batches is not None and asked.calibrator is not None:
            _spool(batches, spool)
        done = _child("build", asked, asked.folder / artefacts.BUILD_LOG, progress)
    finally:
        shutil.rmtree(spool, ignore_errors=True)
    return TensorrtBuild(
        tool=TOOL,
        tool_version=done["tool_version"],
        log=asked.folder / artefacts.BUILD_LOG,
        plan=asked.folder / artefacts.PLAN,
        plan_bytes=done["plan_bytes"],
        plan_sha256=done["plan_sha256"],
        build_ns=done["build_ns"],
        peak_memory_bytes=done["peak_memory_bytes"],
        notices=_notices(done),
    )


def measure(request: TensorrtRequest, progress: Progress | None = None) -> TensorrtMeasurement:
    """Run the plan in the request's folder and write its layers, its times and its layers' times there.

    Raises:
        MissingDependency: a package is missing, or a library of one.
        UsageError: a shape is missing or outside of what the plan was built for.
        InputError: the feed has no such input, or it in another shape.
        BuildError: the plan does not load or run, takes too long, or the process dies; the message names which.
    """
    version()
    log = request.folder / artefacts.LATENCY_LOG
    for name in (artefacts.LAYERS, artefacts.TIMES, artefacts.PROFILE, artefacts.LAYER_TIMES):
        _forget(request.written(name))
    done = _child("measure", request, log, progress)
    clocks = done["clocks"]
    return TensorrtMeasurement(
        log=log,
        layers=request.written(artefacts.LAYERS),
        times=request.written(artefacts.TIMES),
        profile=request.written(artefacts.PROFILE) if request.layer_times else None,
        iterations=done["iterations"],
        graph=done["graph"],
        warm_up=WarmUp(**done["warm_up"]),
        clocks=Unknown(**clocks)
        if set(clocks) == {"reason"}
        else ClockReport(**{**clocks, "reasons": tuple(clocks["reasons"])}),
        notices=_notices(done),
    )


def measure_command(request: TensorrtRequest) -> tuple[str, ...]:
    """Return the command that measures a request, to put under Nsight Systems; writes the request for it to read.

    Few inferences, without a graph, so that kernels lie in their layers' NVTX ranges, and without the layer profiler.
    What it writes has names of its own: times under a profiler are not the engine's. Its exit status is 0 when it ran.

    Raises:
        BuildError: the request cannot be written.
    """
    traced = replace(
        request,
        graph=False,
        layer_times=False,
        duration_s=0.0,
        iterations=max(request.iterations, TRACED_ITERATIONS),
        max_warm_up_s=1.0,
        prefix="trace.",
    )
    return _command("measure", traced, request.folder / "trace")


def _command(step: str, request: TensorrtRequest, stem: Path) -> tuple[str, ...]:
    asked = stem.with_name(f"{stem.name}.request.json")
    write_text(asked, request.to_json() + "\n")
    child = (sys.executable, "-m", "trtprof.backends.tensorrt_child")
    return (*child, step, str(asked), str(stem.with_name(f"{stem.name}.answers.jsonl")))


def _child(step: str, request: TensorrtRequest, log: Path, progress: Progress | None) -> dict[str, Any]:
    """Run a step in a child and return its answer's facts."""
    command = _command(step, request, request.folder / step)
    asked, answers = Path(command[-2]), Path(command[-1])
    _forget(answers)
    listener = _Listener(progress)
    try:
        ending = run_logged(command, log, timeout_s=request.timeout_s, on_line=listener.line, watch=answers)
    finally:
        for path in (asked, answers):
            _forget(path)
    if ending.expired:
        raise BuildError(
            f"{request.name}: the TensorRT {step} took longer than {request.timeout_s:g} s and was ended",
            hint="allow it more with --build-timeout, or compare a smaller input shape",
        )
    if listener.failed is not None:
        raise _failure(request, listener.failed, log)
    if listener.done is None:
        raise _died(request, step, ending, log)
    return listener.done


def _forget(path: Path) -> None:
    """Delete a file, so that what is there afterwards is of this run."""
    with suppress(OSError):
        path.unlink()


class _Listener:
    """Takes the lines of the child's answers."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self.done: dict[str, Any] | None = None
        self.failed: dict[str, Any] | None = None

    def line(self, line: str) -> None:
        """Take one; a line cut off by the end of the child is none."""
        try:
            message = json.loads(line)
        except ValueError:
            return
        if "phase" not in message:
            self.done, self.failed = message.get("done"), message.get("failed")
        elif self._progress is not None:
            self._progress(message["phase"], message["step"], message["steps"])


def _failure(request: TensorrtRequest, failed: dict[str, Any], log: Path) -> TrtprofError:
    text = failed["error"]
    hint = failed["hint"] or next((hint for signs, hint in _HINTS if any(sign in text for sign in signs)), None)
    message = text if request.name in text else f"{request.name}: {text}"
    return _ERRORS.get(failed["code"], BuildError)(message, hint=hint or f"the whole log is {log}")


def _died(request: TensorrtRequest, step: str, ending: Ending, log: Path) -> BuildError:
    hint = f"the log up to there is {log}"
    if ending.signal_name == "SIGKILL":
        what, hint = "was killed, most often because memory ran out", "close other programs, or use a smaller shape"
    elif ending.signal_name:
        what = f"crashed with {ending.signal_name}"
    else:
        what = f"ended with status {ending.code} and no answer"
    last = _last_line(log)
    return BuildError(f"{request.name}: the TensorRT {step} {what}{': ' + last if last else ''}", hint=hint)


def _last_line(log: Path) -> str:
    with suppress(OSError):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")
    return ""


def _with_cache(request: TensorrtRequest, batches: Iterable[Batch] | None) -> TensorrtRequest:
    """The request with a calibration table to read or write, where one has a use."""
    if request.calibrator is None:
        if batches is not None:
            raise UsageError(f"{request.name}: calibration batches need a calibrator", hint="for example entropy2")
        return request
    if request.typing != "weak" or request.precision not in QUANTISED:
        raise UsageError(
            f"a calibrator has no use for a {request.typing}ly typed {request.precision} build",
            hint="it is for --typing weak with int8, int8-fp32 or best",
        )
    cache = request.calibration_cache or request.folder / "calibration.cache"
    if batches is None and not cache.is_file():
        raise UsageError(f"{request.name}: nothing to calibrate with", hint="give data with --calib, or a table")
    return replace(request, calibration_cache=cache)


def _spool(batches: Iterable[Batch], folder: Path) -> None:
    """Write the batches where the child finds them, an .npz each, so that no more than one is in memory."""
    import numpy as np

    shutil.rmtree(folder, ignore_errors=True)
    names: list[str] = []
    try:
        folder.mkdir(parents=True)
        for number, batch in enumerate(batches):
            names = names or list(batch)
            # By position: a name may hold anything, slashes and numpy's own parameter names among it.
            np.savez(folder / f"{number:06d}.npz", *[batch[name] for name in names])
        (folder / NAMES).write_text(json.dumps(names), encoding="utf-8")
    except OSError as error:
        raise BuildError(
            f"{folder}: calibration data cannot be written: {error.strerror or error}", hint="free some space"
        ) from error
    if not names:
        raise UsageError("no calibration batches were given", hint="give some with --calib")


def _notices(done: Mapping[str, Any]) -> tuple[Notice, ...]:
    return tuple(Notice(**notice) for notice in done["notices"])
