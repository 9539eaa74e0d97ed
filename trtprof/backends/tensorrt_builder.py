"""Building a plan with TensorRT's Python API, 8.6 to 11, and with TensorRT-RTX where the two are the same.

What a version has is found by asking its module, never by its number: enum values moved between versions. The module
comes as an argument; nothing here imports TensorRT.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trtprof.backends.base import Progress
from trtprof.backends.child import make_monitor
from trtprof.backends.tensorrt_request import TensorrtRequest
from trtprof.backends.weak_typing import BEST, STRONG_ONLY_HINT, wants_tf32, weak_types
from trtprof.errors import BuildError, UsageError
from trtprof.files import replacing
from trtprof.model import Notice
from trtprof.units import dims

Log = Callable[[str, str], None]
"""Takes a severity's letter (V, I, W, E, F) and a message."""

_BEST_TYPES: Final = ("fp16", "bf16", "int8")


@dataclass(frozen=True, slots=True)
class BuiltPlan:
    """A serialised engine, the wall time of ``build_serialized_network``, and what the reader must know."""

    plan: memoryview
    build_ns: int
    notices: tuple[Notice, ...]


def make_logger(trt: Any, log: Log, errors: list[str]) -> Any:
    """Return a TensorRT logger that hands every message to ``log`` and keeps errors in ``errors``."""

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            letter = "F" if severity.name == "INTERNAL_ERROR" else severity.name[0]
            log(letter, msg)
            if letter in "EF":
                errors.append(msg)

    return Logger()


def build_plan(
    trt: Any,
    request: TensorrtRequest,
    log: Log,
    progress: Progress | None = None,
    make_calibrator: Callable[[], Any] | None = None,
) -> BuiltPlan:
    """Return the plan of a request.

    Raises:
        UsageError: this TensorRT has no weak typing, or a shape is missing or wrong.
        BuildError: it lacks the precision, the parser refuses a node, or the builder gives no engine; names which.
    """
    errors: list[str] = []
    logger = make_logger(trt, log, errors)
    if hasattr(trt, "init_libnvinfer_plugins"):
        trt.init_libnvinfer_plugins(logger, "")
    builder = trt.Builder(logger)
    network = builder.create_network(_network_flags(trt, request))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(request.onnx)):
        raise _refusal(request, parser, errors)
    config = builder.create_builder_config()
    notices = list(_configure(trt, request, config))
    # Held here: whether the config keeps its monitor and calibrator alive is up to the version of the bindings.
    monitor = _monitored(trt, config, progress)
    _add_profile(request, builder, network, config, calibrates=make_calibrator is not None)
    calibrator = make_calibrator() if make_calibrator is not None else None
    if calibrator is not None:
        config.int8_calibrator = calibrator
    cache, cache_notice = _attach_timing_cache(request, config)
    started = time.perf_counter_ns()
    plan = builder.build_serialized_network(network, config)
    build_ns = time.perf_counter_ns() - started
    del monitor
    if calibrator is not None and calibrator.failure is not None:
        raise calibrator.failure
    if plan is None:
        raise BuildError(f"{request.name}: {errors[-1] if errors else 'the builder gave no engine and no reason'}")
    if cache is not None and cache_notice is None and request.timing_cache is not None:
        _save_timing_cache(request.timing_cache, config)
    notices += [cache_notice] if cache_notice else []
    return BuiltPlan(memoryview(plan), build_ns, tuple(notices))


def _network_flags(trt: Any, request: TensorrtRequest) -> int:
    """Flags of the network, from the values this TensorRT gives them: STRONGLY_TYPED is bit 1 in 10 and 0 in 11."""
    creation = trt.NetworkDefinitionCreationFlag
    flags = 0
    if hasattr(creation, "EXPLICIT_BATCH"):
        flags |= 1 << int(creation.EXPLICIT_BATCH)
    if request.typing == "strong" and hasattr(creation, "STRONGLY_TYPED"):
        flags |= 1 << int(creation.STRONGLY_TYPED)
    return flags


def _refusal(request: TensorrtRequest, parser: Any, errors: list[str]) -> BuildError:
    """The parser's first error with the node it is about; the others follow from it."""
    if parser.num_errors == 0:
        text = errors[-1] if errors else "no reason given"
        return BuildError(f"{request.name}: the ONNX parser refuses the model: {text}")
    error = parser.get_error(0)
    # The node's name and operator are told since 10; 8.6 gives its number alone.
    node = error.node_name() if hasattr(error, "node_name") else ""
    operator = error.node_operator() if hasattr(error, "node_operator") else ""
    named = f"node '{node}' ({operator})" if node or operator else f"node {error.node()}"
    return BuildError(
        f"{request.name}: the ONNX parser refuses {named}: {error.desc().strip()}",
        hint="replace or remove that node, or cut the model before it (polygraphy surgeon extract)",
    )


def _configure(trt: Any, request: TensorrtRequest, config: Any) -> tuple[Notice, ...]:
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if request.workspace_bytes is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, request.workspace_bytes)
    if request.optimization_level is not None:
        config.builder_optimization_level = request.optimization_level
    if not wants_tf32(request.precision, request.tf32):
        config.clear_flag(trt.BuilderFlag.TF32)
    return _allow_types(trt, request, config)


def _monitored(trt: Any, config: Any, progress: Progress | None) -> Any:
    """Have the build tell its progress, where this TensorRT can (10 and later)."""
    if progress is None or not (hasattr(trt, "IProgressMonitor") and hasattr(config, "progress_monitor")):
        return None
    monitor = make_monitor(trt, progress)
    config.progress_monitor = monitor
    return monitor


def _allow_types(trt: Any, request: TensorrtRequest, config: Any) -> tuple[Notice, ...]:
    """Set the flags of a weakly typed build; none where the network itself is typed."""
    strong = request.typing == "strong"
    if request.precision == BEST and strong:
        raise UsageError("'best' leaves the types to TensorRT", hint="it needs --typing weak")
    if strong and hasattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED"):
        return ()
    if not hasattr(trt.BuilderFlag, "FP16"):
        raise UsageError(
            f"TensorRT {trt.__version__} is strongly typed only: it has no FP16 and INT8 flags and no calibrators",
            hint=STRONG_ONLY_HINT,
        )
    if request.precision == BEST:
        types = tuple(name for name in _BEST_TYPES if hasattr(trt.BuilderFlag, name.upper()))
    else:
        types = weak_types(request.precision)
    for name in types:
        if not hasattr(trt.BuilderFlag, name.upper()):
            raise BuildError(
                f"TensorRT {trt.__version__} cannot build {request.precision}: it has no {name.upper()}",
                hint="leave that precision out with --precision, or use a newer TensorRT",
            )
        config.set_flag(getattr(trt.BuilderFlag, name.upper()))
    if not strong:
        return ()
    message = (
        f"TensorRT {trt.__version__} has no strongly typed networks: it may keep layers in wider types than the "
        "ONNX file's"
    )
    return (Notice("weakly-typed", message, request.name),)


def _add_profile(request: TensorrtRequest, builder: Any, network: Any, config: Any, *, calibrates: bool) -> None:
    """Give the dynamic inputs the one shape that is measured, as minimum, optimum and maximum."""
    shapes = dict(request.shapes)
    profile, dynamic = builder.create_optimization_profile(), False
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        extents, wanted = tuple(tensor.shape), shapes.pop(tensor.name, None)
        if tensor.is_shape_tensor:
            raise UsageError(
                f"{request.name}: input '{tensor.name}' holds a shape; its value is not known",
                hint="fold it into the model: trtprof does so when it makes the variants",
            )
        if wanted is not None and not _fits(extents, wanted):
            raise UsageError(f"--shapes {tensor.name}:{dims(wanted)} does not fit the input's {dims(extents)}")
        if -1 in extents:
            if wanted is None:
                raise UsageError(
                    f"{request.name}: input '{tensor.name}' is dynamic: {dims(extents)}",
                    hint=f"give its shape: --shapes {tensor.name}:{dims(max(1, extent) for extent in extents)}",
                )
            dynamic = True
            profile.set_shape(tensor.name, wanted, wanted, wanted)
    if shapes:
        raise UsageError(f"--shapes names '{next(iter(shapes))}', which is no input of {request.name}")
    if not dynamic:
        return
    if config.add_optimization_profile(profile) < 0:
        raise BuildError(f"{request.name}: TensorRT does not take the shapes {request.shapes}")
    if calibrates:
        config.set_calibration_profile(profile)


def _fits(extents: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(extents) == len(wanted) and all(a in (-1, b) for a, b in zip(extents, wanted, strict=True))


def _attach_timing_cache(request: TensorrtRequest, config: Any) -> tuple[Any, Notice | None]:
    """Attach the timing cache of the request; one of another device or version is left alone, with a notice."""
    if request.timing_cache is None:
        return None, None
    data = b""
    with suppress(OSError):
        data = request.timing_cache.read_bytes()
    cache = config.create_timing_cache(data)
    if cache is not None and config.set_timing_cache(cache, ignore_mismatch=False):
        return cache, None
    message = "the timing cache is damaged or of another GPU or TensorRT: it is neither used nor changed"
    return None, Notice("timing-cache-unused", message, str(request.timing_cache))


def _save_timing_cache(path: Path, config: Any) -> None:
    data = bytes(memoryview(config.get_timing_cache().serialize()))
    with replacing(path, hint=None) as temporary:
        temporary.write_bytes(data)
