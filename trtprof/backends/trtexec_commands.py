"""The commands that measure an engine with trtexec, written for the trtexec there is. Nothing is run here.

Three steps, each a process of its own on the saved engine: ``build`` stops after the layer information; ``latency``
runs as fast as TensorRT goes (CUDA graph, no transfers, spin wait); ``profile`` times the layers, with graphs off.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trtprof.backends import artefacts
from trtprof.backends.trtexec_flags import Version, flag_name, has_effect, knows, lookup
from trtprof.backends.weak_typing import (
    BEST,
    QUANTISED,
    STRONG_ONLY_HINT,
    Typing,
    wants_tf32,
    weak_types,
)
from trtprof.errors import BuildError, UsageError
from trtprof.model import Notice
from trtprof.units import dims

OLDEST: Final = Version(8, 2)
"""The first trtexec with ``--exportLayerInfo`` and ``--profilingVerbosity``."""

_OURS: Final = frozenset(
    {
        "--onnx",
        "--saveEngine",
        "--loadEngine",
        "--exportLayerInfo",
        "--exportTimes",
        "--exportProfile",
        "--skipInference",
        "--buildOnly",
        "--help",
    }
)
_MIN_WEAK_BUILD: Final = {"bf16": (9, 0), "fp8": (9, 0), "int4": (10, 1)}
"""First series whose weakly typed build is of use for a type; 8.6 parses ``--fp8`` and can build nothing with it."""


@dataclass(frozen=True, slots=True)
class TrtexecRequest:
    """One engine to build and measure with trtexec, and the folder for what it leaves.

    ``shapes`` are for dynamic inputs only. ``typing="weak"`` is the flag road of TensorRT up to 10: ``precision`` is
    then asked for by flags, ``best`` included, with ``calib`` a calibration table for INT8. ``extra`` goes to each
    step and wins over ours. ``timeout_s`` is for each step. ``graph`` is about the latency run.
    """

    name: str
    onnx: Path
    folder: Path
    precision: str
    typing: Typing = "strong"
    tf32: bool = False
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    calib: Path | None = None
    timing_cache: Path | None = None
    device: int | None = None
    graph: bool = True
    warm_up_ms: int | None = None
    duration_s: int | None = None
    extra: tuple[str, ...] = ()
    timeout_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class Command:
    """One step: its arguments without the executable, its log, and the files it must leave."""

    step: str
    arguments: tuple[str, ...]
    log: Path
    makes: tuple[Path, ...] = ()


def plan_commands(version: Version, request: TrtexecRequest) -> tuple[Command, ...]:
    """Return the build, the latency run and the layer profile run, in this order.

    Raises:
        UsageError: this trtexec is too old, has no weak typing, lacks a flag of ``extra``, or ``extra`` contradicts us.
        BuildError: this version lacks the type that the precision needs; others may be built.
    """
    _check(version, request)
    folder = request.folder
    plan, layers = folder / artefacts.PLAN, folder / artefacts.LAYERS
    times, profile = folder / artefacts.TIMES, folder / artefacts.PROFILE
    return (
        Command(
            "build",
            _build(version, request, plan, layers),
            folder / artefacts.BUILD_LOG,
            # That --buildOnly comes after the layer information was read in the source of one version only.
            (plan, layers) if knows(version, "--skipInference") else (plan,),
        ),
        Command(
            "latency",
            _merge(
                [*_load(request, plan), *_fast(version, graph=request.graph), f"--exportTimes={times}"], request.extra
            ),
            folder / artefacts.LATENCY_LOG,
            (times,),
        ),
        Command(
            "profile",
            _merge(
                [
                    *_load(request, plan),
                    *_fast(version, graph=False),
                    # At load time trtexec lowers NVTX and layer verbosity to names unless told again.
                    "--profilingVerbosity=detailed",
                    # Again: a context with its shapes set gives the dimensions that are dynamic in the build.
                    f"--exportLayerInfo={layers}",
                    # No --separateProfileRun: without it up to 10 the one run is the profiled one; 11 always does two.
                    "--dumpProfile",
                    f"--exportProfile={profile}",
                ],
                request.extra,
            ),
            folder / artefacts.PROFILE_LOG,
            (profile, layers),
        ),
    )


def trace_command(version: Version, request: TrtexecRequest, *, iterations: int = 50) -> Command:
    """Return a short run of the saved engine to put under Nsight Systems.

    Graphs are off, since the kernels of a graph launch lie in no layer's NVTX range, and so is the profiler, which
    synchronises. Layer ranges need no more than the default verbosity; ``detailed`` would slow each enqueue.

    Raises:
        UsageError: as :func:`plan_commands` has it.
    """
    _check(version, request)
    arguments = [
        *_load(request, request.folder / artefacts.PLAN, timing=False),
        *_fast(version, graph=False),
        "--duration=0",
        f"--iterations={iterations}",
    ]
    return Command("trace", _merge(arguments, request.extra), request.folder / "trace.log")


def typing_notices(version: Version, request: TrtexecRequest) -> tuple[Notice, ...]:
    """Return what the reader must know of how the engine is typed and its times are written by this version."""
    notices = []
    if request.typing == "strong" and not knows(version, "--stronglyTyped"):
        message = (
            f"TensorRT {version} has no strongly typed networks: it may keep layers in wider types than the ONNX file's"
        )
        notices.append(Notice("weakly-typed", message, request.name))
    if request.typing == "weak" and request.precision in QUANTISED and request.calib is None:
        message = (
            "no calibration table: unless the model has Q/DQ, trtexec makes up the INT8 ranges, so times count and "
            "outputs do not"
        )
        notices.append(Notice("calibration-made-up", message, request.name))
    if version.series < (8, 5):
        notices.append(
            Notice("warm-up-in-times", f"trtexec {version} writes its warm-up iterations into times.json", request.name)
        )
    return tuple(notices)


def _check(version: Version, request: TrtexecRequest) -> None:
    if version < OLDEST:
        raise UsageError(
            f"trtexec {version} is too old: it cannot write layer information",
            hint=f"TensorRT {OLDEST} or newer can; give its trtexec with --trtexec",
        )
    if request.typing == "weak" and not knows(version, "--int8"):
        raise UsageError(
            f"TensorRT {version} is strongly typed only: it has no --fp16, --int8, --best or --calib",
            hint=STRONG_ONLY_HINT,
        )
    if request.calib is not None and (request.typing != "weak" or request.precision not in QUANTISED):
        raise UsageError(
            f"a calibration table has no use for a {request.typing}ly typed {request.precision} build",
            hint="it is for --typing weak with int8, int8-fp32 or best",
        )
    for argument in request.extra:
        _check_extra(version, argument)


def _check_extra(version: Version, argument: str) -> None:
    name = flag_name(argument)
    if not name.startswith("--") or len(name) < 3:
        raise UsageError(f"'{argument}' is no trtexec flag", hint="trtexec takes --flag or --flag=value in one word")
    if name in _OURS:
        raise UsageError(f"{name} is set by trtprof and cannot be given", hint="leave it out")
    flag = lookup(name)
    if flag is not None and not flag.known_to(version):
        raise UsageError(
            f"trtexec {version} does not know {name}",
            hint=f"instead: {flag.instead}" if flag.instead else "leave it out",
        )


def _build(version: Version, request: TrtexecRequest, plan: Path, layers: Path) -> tuple[str, ...]:
    arguments = [
        f"--onnx={request.onnx}",
        f"--saveEngine={plan}",
        "--verbose",
        "--profilingVerbosity=detailed",
        f"--exportLayerInfo={layers}",
        "--skipInference" if knows(version, "--skipInference") else "--buildOnly",
        *_typing_flags(version, request),
        *_common(request),
    ]
    if not wants_tf32(request.precision, request.tf32):
        arguments.append("--noTF32")
    if request.timing_cache is not None:
        arguments.append(f"--timingCacheFile={request.timing_cache}")
    return _merge(arguments, request.extra)


def _typing_flags(version: Version, request: TrtexecRequest) -> list[str]:
    """The flags that say which types the builder may use, for a typed ONNX file or instead of one."""
    if request.precision == BEST and request.typing == "strong":
        raise UsageError("'best' leaves the types to TensorRT", hint="it needs --typing weak")
    if request.typing == "strong" and knows(version, "--stronglyTyped"):
        return ["--stronglyTyped"] if has_effect(version, "--stronglyTyped") else []
    if request.precision == BEST:
        flags = ["--best"]
    else:
        # Also for a typed ONNX file in TensorRT 8, which ignores the file's types unless they are allowed.
        flags = [f"--{name}" for name in weak_types(request.precision)]
        _check_types(version, request.precision, flags)
    if request.calib is not None:
        flags.append(f"--calib={request.calib}")
    return flags


def _check_types(version: Version, precision: str, flags: Iterable[str]) -> None:
    for flag in flags:
        first = _MIN_WEAK_BUILD.get(flag.removeprefix("--"), (0, 0))
        if version.series < first or not knows(version, flag):
            raise BuildError(
                f"TensorRT {version} cannot build {precision}: it has no {flag.removeprefix('--').upper()}",
                hint="leave that precision out with --precision, or use a newer TensorRT",
            )


def _load(request: TrtexecRequest, plan: Path, *, timing: bool = True) -> list[str]:
    arguments = [f"--loadEngine={plan}", *_common(request)]
    if timing and request.warm_up_ms is not None:
        arguments.append(f"--warmUp={request.warm_up_ms}")
    if timing and request.duration_s is not None:
        arguments.append(f"--duration={request.duration_s}")
    return arguments


def _common(request: TrtexecRequest) -> list[str]:
    arguments = [f"--device={request.device}"] if request.device is not None else []
    shapes = [_shape(name, extents) for name, extents in request.shapes if extents]
    return [*arguments, f"--shapes={','.join(shapes)}"] if shapes else arguments


def _shape(name: str, extents: tuple[int, ...]) -> str:
    """One ``name:1x3x224x224``; trtexec takes what is behind the last colon for the shape, so colons are fine."""
    if "," in name or "'" in name or not name:
        raise UsageError(
            f"input '{name}': trtexec cannot be told the shape of an input whose name holds a comma or a quote",
            hint="rename the input, or fix its shape in the ONNX file",
        )
    return f"{name}:{dims(extents)}"


def _fast(version: Version, *, graph: bool) -> list[str]:
    """What makes a run of every version the same: since 11 these are the defaults, and their opposites are flags."""
    if knows(version, "--noCudaGraph"):
        return [] if graph else ["--noCudaGraph"]
    return [*(["--useCudaGraph"] if graph else []), "--noDataTransfers", "--useSpinWait"]


def _merge(ours: Iterable[str], extra: Iterable[str]) -> tuple[str, ...]:
    """Ours without what the user gives too: trtexec takes one of two equal flags and refuses the other as unknown."""
    given = tuple(extra)
    names = {flag_name(argument) for argument in given}
    return (*(argument for argument in ours if flag_name(argument) not in names), *given)
