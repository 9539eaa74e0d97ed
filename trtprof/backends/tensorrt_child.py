"""The child process of :mod:`trtprof.backends.tensorrt_api`: builds a plan, or runs one and times it.

Runs as ``python -m trtprof.backends.tensorrt_child build|measure REQUEST ANSWERS``. Stdout is the log, in trtexec's
form, since TensorRT prints there too; progress and the one answer go to ``ANSWERS``, a line of JSON each.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any, Final

from trtprof.backends import artefacts
from trtprof.backends.tensorrt_request import TensorrtRequest
from trtprof.dependencies import require
from trtprof.errors import BuildError, TrtprofError
from trtprof.model import Notice, Unknown

if TYPE_CHECKING:
    from trtprof.backends.tensorrt_calibrator import Batch
    from trtprof.backends.tensorrt_runner import Runner

EXTRA: Final = "tensorrt"
BATCHES: Final = "calibration"
NAMES: Final = "names.json"
NVTX_DOMAIN: Final = "trtprof"


def main(arguments: list[str]) -> int:
    """Do what is asked; return 0 when it was done, 1 when the answer says why it was not."""
    step, request_path, answers_path = arguments
    request = TensorrtRequest.from_json(Path(request_path).read_text(encoding="utf-8"))
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    with Path(answers_path).open("w", encoding="utf-8", buffering=1) as answers:
        try:
            answer = {"done": build(request, answers) if step == "build" else measure(request, answers)}
        except TrtprofError as error:
            answer = {"failed": error.to_dict()}
        except Exception as error:  # TensorRT and pycuda raise RuntimeError, TypeError and classes of their own
            log_line("E", f"{type(error).__name__}: {error}")
            answer = {"failed": BuildError(f"{type(error).__name__}: {error}").to_dict()}
        _say(answers, answer)
    return 0 if "done" in answer else 1


def build(request: TensorrtRequest, answers: IO[str]) -> dict[str, Any]:
    """Build the plan into the folder and return the facts about it."""
    from trtprof.backends.tensorrt_builder import build_plan

    trt = _tensorrt()
    with cuda_context(request.device) as cuda:
        calibrator = None if request.calibrator is None else partial(_calibrator, trt, cuda, request)
        built = build_plan(trt, request, log_line, _progress_to(answers), calibrator)
    path = request.folder / artefacts.PLAN
    with path.open("wb") as file:
        file.write(built.plan)
    return {
        "tool_version": trt.__version__,
        "plan_bytes": built.plan.nbytes,
        "plan_sha256": hashlib.sha256(built.plan).hexdigest(),
        "build_ns": built.build_ns,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "notices": [asdict(notice) for notice in built.notices],
    }


def measure(request: TensorrtRequest, answers: IO[str]) -> dict[str, Any]:
    """Run the plan in the folder, write what is measured beside it, and return the rest."""
    from trtprof.backends.gpu_clocks import open_sampler

    trt, mark = _tensorrt(), nvtx_marker()
    progress = _progress_to(answers)
    with cuda_context(request.device) as cuda, mark(request.precision):
        sampler = open_sampler(cuda.Device(request.device).pci_bus_id())
        runner, kept = load(trt, cuda, request)
        runner.mark = mark
        if not isinstance(sampler, Unknown):
            runner.sample = sampler.sample
        facts = time_engine(trt, runner, request, progress)
        clocks = sampler if isinstance(sampler, Unknown) else sampler.report()
        if runner.graph is not None:
            runner.graph.close()
        del runner, kept
    return {**facts, "clocks": asdict(clocks)}


def load(trt: Any, cuda: Any, request: TensorrtRequest) -> tuple[Runner, tuple[Any, ...]]:
    """Return a runner for the plan in the folder, and what must outlive it; writes the layer information.

    Raises:
        BuildError: TensorRT does not take the plan, or the device has no room for it.
    """
    from trtprof.backends.capture import write_text
    from trtprof.backends.tensorrt_buffers import Buffers
    from trtprof.backends.tensorrt_builder import make_logger
    from trtprof.backends.tensorrt_runner import Runner

    errors: list[str] = []
    logger = make_logger(trt, log_line, errors)
    if hasattr(trt, "init_libnvinfer_plugins"):
        trt.init_libnvinfer_plugins(logger, "")
    runtime = trt.Runtime(logger)
    engine = runtime.deserialize_cuda_engine((request.folder / artefacts.PLAN).read_bytes())
    if engine is None:
        raise BuildError(f"{request.name}: {errors[-1] if errors else 'TensorRT does not take the plan'}")
    context = engine.create_execution_context()
    if context is None:
        raise BuildError(f"{request.name}: {errors[-1] if errors else 'TensorRT makes no execution context'}")
    buffers = Buffers(trt, cuda, engine, context, shapes=dict(request.shapes), feed=request.feed)
    inspector = engine.create_engine_inspector()
    # With a context whose shapes are set, dynamic dimensions are written as they are run.
    inspector.execution_context = context
    text = inspector.get_engine_information(trt.LayerInformationFormat.JSON)
    write_text(request.written(artefacts.LAYERS), text if text.endswith("\n") else text + "\n")
    return Runner(cuda, context, cuda.Stream()), (logger, runtime, engine, context, buffers, inspector)


def time_engine(
    trt: Any, runner: Runner, request: TensorrtRequest, progress: Callable[[str, int, int], None]
) -> dict[str, Any]:
    """Warm up, time inferences and layers, write both, and return how it went."""
    notices: list[Notice] = []
    progress("warming up", 1, 3)
    runner.start()
    if request.graph:
        reason = runner.use_graph()
        if reason is not None:
            message = f"timed without a CUDA graph: {reason.reason}"
            notices.append(Notice("no-cuda-graph", message, request.name))
    warm = runner.warm_up(request.warm_up_s, request.max_warm_up_s)
    if not warm.stable:
        message = f"times were not stable after {request.max_warm_up_s:g} s of warm-up; lock the clocks"
        notices.append(Notice("warm-up-unstable", message, request.name))
    progress("timing inferences", 2, 3)
    with runner.mark("timed"):
        times = runner.iterate(request.duration_s, request.iterations)
    artefacts.write_times(request.written(artefacts.TIMES), times)
    if request.layer_times:
        progress("timing layers", 3, 3)
        layers, count = runner.time_layers(trt, request.duration_s, request.iterations)
        artefacts.write_profile(request.written(artefacts.PROFILE), layers, count)
    return {
        "graph": runner.graph is not None,
        "warm_up": asdict(warm),
        "iterations": len(times),
        "notices": [asdict(notice) for notice in notices],
    }


@contextmanager
def cuda_context(device: int) -> Iterator[Any]:
    """Make the primary context of a device current, and give pycuda's driver module.

    Raises:
        MissingDependency: pycuda is not installed.
        BuildError: there is no such device.
    """
    cuda: Any = require("pycuda.driver", extra=EXTRA, purpose="running an engine")
    try:
        cuda.init()
        context = cuda.Device(device).retain_primary_context()
        context.push()
    except cuda.Error as error:
        raise BuildError(f"GPU {device} cannot be used: {error}", hint="look at nvidia-smi") from error
    try:
        yield cuda
    finally:
        with suppress(cuda.Error):
            context.pop()
            context.detach()


def log_line(letter: str, message: str) -> None:
    """Write a message of TensorRT's the way trtexec does, so that one parser reads both."""
    stamp = time.strftime("%m/%d/%Y-%H:%M:%S")
    sys.stdout.write(f"[{stamp}] [{letter}] [TRT] {message}\n")


def _tensorrt() -> ModuleType:
    return require("tensorrt", extra=EXTRA, purpose="building with TensorRT's Python API")


def nvtx_marker() -> Callable[[str], AbstractContextManager[Any]]:
    """Return a marker of ranges in our NVTX domain; with no profiler attached, nvtx makes it do next to nothing.

    Raises:
        MissingDependency: nvtx is not installed.
    """
    nvtx: Any = require("nvtx", extra=EXTRA, purpose="marking ranges for Nsight Systems")
    domain = nvtx.get_domain(NVTX_DOMAIN)
    attributes: dict[str, Any] = {}

    @contextmanager
    def mark(name: str) -> Iterator[None]:
        if name not in attributes:
            attributes[name] = domain.get_event_attributes(message=name)
        domain.push_range(attributes[name])
        try:
            yield
        finally:
            domain.pop_range()

    return mark


def _calibrator(trt: Any, cuda: Any, request: TensorrtRequest) -> Any:
    from trtprof.backends.tensorrt_calibrator import make_calibrator

    assert request.calibrator is not None and request.calibration_cache is not None
    memory: dict[str, Any] = {}

    def upload(name: str, array: Any) -> int:
        import numpy as np

        array = np.ascontiguousarray(array)
        if name not in memory:
            memory[name] = cuda.mem_alloc(max(1, array.nbytes))
        cuda.memcpy_htod(memory[name], array)
        return int(memory[name])

    batches = read_batches(request.folder / BATCHES)
    return make_calibrator(trt, request.calibrator, batches, request.calibration_cache, upload)


def read_batches(folder: Path) -> Iterator[Batch]:
    """Yield the calibration batches that the parent left in a folder, one file each; none without the folder."""
    import numpy as np

    if not folder.is_dir():
        return
    names = json.loads((folder / NAMES).read_text(encoding="utf-8"))
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as file:
            yield {name: file[f"arr_{index}"] for index, name in enumerate(names)}


def _progress_to(answers: IO[str]) -> Callable[[str, int, int], None]:
    return lambda phase, step, steps: _say(answers, {"phase": phase, "step": step, "steps": steps})


def _say(answers: IO[str], message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
