"""One engine from the files that belong to it: layers joined to times by name, never by position.

Rows without a partner are said, not dropped: a time whose layer is not listed stays among the times, a layer without a
time has none. Imports the model, the readers' records and the pairing.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Final, TypeVar

from trtprof.engine_facts import BuildMemory, EngineFacts, PerformanceSummary
from trtprof.errors import InputError
from trtprof.model import (
    Device,
    DType,
    Engine,
    Inference,
    IoTensor,
    Layer,
    LayerKind,
    LayerTiming,
    Notice,
    Precision,
)
from trtprof.parsers.calibration_cache import CalibrationCache
from trtprof.parsers.engine_inspector import EngineInfo
from trtprof.parsers.engine_log import EngineLog
from trtprof.parsers.engine_plan import EnginePlan
from trtprof.parsers.layer_kind import kind_of
from trtprof.parsers.optimization_profiles import profiles_of
from trtprof.parsers.pairing import EngineFiles, pair
from trtprof.parsers.registry import FileKind
from trtprof.parsers.trex_metadata import TrexMetadata
from trtprof.parsers.trt_log import BuildLog
from trtprof.parsers.trtexec_log import TrtexecLog
from trtprof.parsers.trtexec_profile import LayerProfile
from trtprof.parsers.trtexec_times import DEFAULT_WARM_UP_MS, InferenceTimes, read_times

_SHOWN: Final = 3
_ASKED: Final = (
    ("INT8", Precision.INT8),
    ("FP8", Precision.FP8),
    ("FP4", Precision.FP4),
    ("INT4", Precision.INT4),
    ("BF16", Precision.BF16),
    ("FP16", Precision.FP16),
    ("FP32", Precision.FP32),
)
_WARM_UP: Final = re.compile(r"\+ (\d{1,9})ms warm up")
_SEVERAL: Final = 2
_FLAG: Final = re.compile(r"--(int8|fp8|fp4|int4|bf16|fp16|best)\b")
_REALISED: Final = (
    (DType.INT8, Precision.INT8),
    (DType.FP8, Precision.FP8),
    (DType.FP4, Precision.FP4),
    (DType.INT4, Precision.INT4),
    (DType.BF16, Precision.BF16),
    (DType.FP16, Precision.FP16),
    (DType.FP32, Precision.FP32),
)


def read_engines(paths: Iterable[Path]) -> tuple[Engine, ...]:
    """Return the engines that files and directories tell of, sorted by name.

    Raises:
        InputError: a named file is refused, or no file tells of an engine's layers or times.
    """
    groups = pair(paths)
    engines = [assemble(files) for files in groups if tells_of_engine(files)]
    if not engines:
        found = ", ".join(sorted({artefact.kind.value for files in groups for artefact in files.artefacts}))
        raise InputError(
            f"expected layers or times of an engine, found {found} only",
            path=groups[0].artefacts[0].path,
            hint="add --exportLayerInfo, --exportProfile or --exportTimes files, or a log",
        )
    return tuple(engines)


def tells_of_engine(files: EngineFiles) -> bool:
    """Return whether the files hold layers or times, and not just options, scales or a header."""
    return any(
        isinstance(item.content, (EngineInfo, LayerProfile, InferenceTimes, EngineLog)) for item in files.artefacts
    )


def summary_of(files: EngineFiles) -> PerformanceSummary | None:
    """Return trtexec's own summary of the run, from the log or, failing that, from TREx metadata."""
    for content in _contents(files, TrtexecLog):
        if content.summary is not None:
            return content.summary
    return next((item.summary for item in _contents(files, TrexMetadata) if item.summary is not None), None)


def assemble(files: EngineFiles) -> Engine:
    """Return the engine that the files tell of.

    Raises:
        InputError: they hold neither layers nor times.
    """
    if not tells_of_engine(files):
        kinds = ", ".join(sorted({artefact.kind.value for artefact in files.artefacts}))
        path = files.artefacts[0].path if files.artefacts else None
        hint = "add the layer information, profile, times or log of the same engine"
        raise InputError(
            f"expected layers or times of an engine, found {kinds or 'nothing'} only", path=path, hint=hint
        )
    notices = [*files.notices, *_content_notices(files)]
    timings = _timings(files, notices)
    layers, io = _layers(files, timings, notices)
    layers = _one_profile(layers, timings, notices)
    if timings is not None and layers:
        _remark_unmatched(layers, timings, notices)
    logs, plans = _contents(files, TrtexecLog), _contents(files, EnginePlan)
    log = logs[0] if logs else None
    precision = _precision(files, layers, notices)
    inference = _inference(files, notices)
    return Engine(
        name=files.name,
        precision=precision,
        layers=layers,
        io=io or (log.bindings if log else ()),
        tool="trtexec" if log or files.of_kind(FileKind.PROFILE) or files.of_kind(FileKind.TIMES) else None,
        tool_version=_version(files),
        device=_device(files),
        size_bytes=(log.engine_size_bytes if log else None) or (plans[0].size_bytes if plans else None),
        build_ns=log.build_ns if log else None,
        timings=timings,
        inference=inference,
        facts=_facts(files),
        notices=tuple(dict.fromkeys(notices)),
        traces=tuple(map(str, files.traces)),
    )


def _facts(files: EngineFiles) -> EngineFacts:
    """What the logs, the metadata and a calibration cache say beside layers and times; the last run of a log counts."""
    runs, builds = _contents(files, TrtexecLog), _contents(files, BuildLog)
    metadata, caches = _contents(files, TrexMetadata), _contents(files, CalibrationCache)
    options: dict[str, Mapping[str, str]] = {}
    for listing in (*(item.options for item in metadata), *(run.options for run in runs)):
        options.update({_heading(name): lines for name, lines in listing.items()})
    warnings: Counter[str] = Counter()
    for log in builds:
        warnings.update(dict(log.warnings))
    return EngineFacts(
        command=next((run.command for run in runs if run.command), None),
        options=options,
        summary=summary_of(files),
        warnings=tuple(warnings.items()),
        logged=bool(builds),
        rewrites=tuple(step for log in builds for step in log.rewrites),
        dla_layers=tuple(layer for log in builds for layer in log.dla_layers),
        gpu_layers=tuple(layer for log in builds for layer in log.gpu_layers),
        dla_refusals=tuple(refusal for log in builds for refusal in log.dla_refusals),
        memory=next((log.memory for log in builds if log.memory != BuildMemory()), None),
        calibrated=tuple(item.tensor for cache in caches for item in cache.ranges) if caches else None,
    )


def _heading(name: str) -> str:
    """TREx spells ``build_options`` what trtexec prints as ``Build Options``."""
    return name.replace("_", " ").title()


def times_by_layer(engine: Engine) -> tuple[LayerTiming | None, ...]:
    """Return the time of each layer in the order of ``engine.layers``, ``None`` where none was measured.

    Where several layers share a name, the first of them gets the first time of that name, and so on.
    """
    waiting: defaultdict[str, list[LayerTiming]] = defaultdict(list)
    for timing in reversed(engine.timings or ()):
        waiting[timing.layer].append(timing)
    return tuple(waiting[layer.name].pop() if waiting.get(layer.name) else None for layer in engine.layers)


def unmatched_times(engine: Engine) -> tuple[LayerTiming, ...]:
    """Return the times whose layer the engine does not list."""
    names = Counter(layer.name for layer in engine.layers)
    found = []
    for timing in engine.timings or ():
        if names[timing.layer]:
            names[timing.layer] -= 1
        else:
            found.append(timing)
    return tuple(found)


_Part = TypeVar("_Part")


def _contents(files: EngineFiles, wanted: type[_Part]) -> list[_Part]:
    """What was read of one type, the two parts of a log taken apart."""
    found: list[_Part] = []
    for artefact in files.artefacts:
        content = artefact.content
        parts = (content.trtexec, content.build) if isinstance(content, EngineLog) else (content,)
        found.extend(part for part in parts if isinstance(part, wanted))
    return found


def _content_notices(files: EngineFiles) -> Iterator[Notice]:
    for part in _contents(files, object):
        if not isinstance(part, InferenceTimes):
            yield from getattr(part, "notices", ())


def _timings(files: EngineFiles, notices: list[Notice]) -> tuple[LayerTiming, ...] | None:
    """The times of the most exact source: ``--exportProfile`` has six digits, the log's table four decimals."""
    exported = [
        item.content.timings
        for kind in (FileKind.PROFILE, FileKind.LAYER_LATENCY)
        for item in files.of_kind(kind)
        if isinstance(item.content, LayerProfile)
    ]
    printed = [log.timings for log in _contents(files, TrtexecLog) if log.timings]
    if len(exported) > 1:
        message = f"{len(exported)} files have layer times; the first by name is used"
        notices.append(Notice("several-profiles", message, files.name))
    found = [*exported, *printed]
    return found[0] if found else None


def _layers(
    files: EngineFiles, timings: tuple[LayerTiming, ...] | None, notices: list[Notice]
) -> tuple[tuple[Layer, ...], tuple[IoTensor, ...]]:
    infos = _contents(files, EngineInfo)
    if infos:
        if len(infos) > 1:
            message = f"{len(infos)} files have layer information; the first by name is used"
            notices.append(Notice("several-layer-infos", message, files.name))
        return infos[0].layers, infos[0].io
    names = {timing.layer for timing in timings or ()}
    listings = [listing for log in _contents(files, BuildLog) for listing in log.engines if listing.layers]
    listings.sort(key=lambda listing: listing.detailed)
    if listings:
        listed = {layer.name for layer in listings[-1].layers}
        if not names or len(names & listed) * 2 >= len(names):
            return listings[-1].layers, listings[-1].io
        message = (
            f"the log lists {len(listed)} layers under other names than the {len(names)} that were timed (a Myelin "
            "region is one row when built and many when run); the timed ones are shown"
        )
        notices.append(Notice("listing-differs", message, files.name))
    if timings:
        message = "no layer information: layers are known by the names in the profile only, without types or formats"
        notices.append(Notice("names-only", message, files.name))
        layers = enumerate(timing.layer for timing in timings)
        return tuple(Layer(index, name, kind_of(None, name, None, None)) for index, name in layers), ()
    notices.append(Notice("no-layers", "no file lists the engine's layers", files.name))
    return (), ()


def _one_profile(
    layers: tuple[Layer, ...], timings: tuple[LayerTiming, ...] | None, notices: list[Notice]
) -> tuple[Layer, ...]:
    """The layers of the optimisation profile that was timed, else of profile 0: only one of them runs."""
    profiles = profiles_of(layers)
    if len(set(profiles)) < _SEVERAL:
        return layers
    timed = {timing.layer for timing in timings or ()}
    hits = Counter(profile for layer, profile in zip(layers, profiles, strict=True) if layer.name in timed)
    chosen = max(sorted(set(profiles)), key=lambda profile: hits[profile])
    kept = [layer for layer, profile in zip(layers, profiles, strict=True) if profile == chosen]
    message = f"{len(kept)} of {len(layers)} layers are of optimisation profile {chosen} and shown, the others left out"
    notices.append(Notice("profile-chosen", message))
    return tuple(replace(layer, index=index) for index, layer in enumerate(kept))


def _remark_unmatched(layers: tuple[Layer, ...], timings: tuple[LayerTiming, ...], notices: list[Notice]) -> None:
    counts = Counter(layer.name for layer in layers)
    strangers, without = [], Counter(counts)
    for timing in timings:
        if without[timing.layer] > 0:
            without[timing.layer] -= 1
        else:
            strangers.append(f"{timing.layer!r} ({timing.mean_ns / 1e6:.4g} ms)")
    if strangers:
        message = f"{len(strangers)} of {len(timings)} times are of layers that are not listed: {_shown(strangers)}"
        notices.append(Notice("unmatched-time", message))
    untimed = [repr(name) for name in without.elements()]
    if untimed:
        message = f"{len(untimed)} of {len(layers)} layers have no time: {_shown(untimed)}"
        notices.append(Notice("unmatched-layer", message))


def _shown(items: Sequence[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


def _precision(files: EngineFiles, layers: tuple[Layer, ...], notices: list[Notice]) -> Precision | None:
    """What was asked for: trtexec's own line, else its flags. Where neither is known, what the layers run in."""
    logs = _contents(files, TrtexecLog)
    lines = [log.options.get("Build Options", {}).get("Precision", "") for log in logs]
    lines += [item.options.get("build_options", {}).get("Precision", "") for item in _contents(files, TrexMetadata)]
    asked = " ".join(lines).upper()
    commands = " ".join(log.command or "" for log in logs)
    flags = " ".join(_FLAG.findall(commands)).upper().replace("BEST", "INT8")
    if "--stronglyTyped" not in commands:
        for word, precision in _ASKED:
            if word in asked or word in flags:
                return precision
    read = {tensor.dtype for layer in layers if layer.kind is LayerKind.COMPUTE for tensor in layer.inputs or ()}
    realised = next((precision for dtype, precision in _REALISED if dtype in read), None)
    if realised is not None:
        message = f"what was asked for is not said; layers that compute read {realised.value} at the lowest"
        notices.append(Notice("precision-inferred", message, files.name))
    return realised


def _version(files: EngineFiles) -> str | None:
    versions = [log.version for log in _contents(files, TrtexecLog)]
    versions += [plan.version for plan in _contents(files, EnginePlan)]
    versions += [log.version for log in _contents(files, BuildLog)]
    return next((version for version in versions if version), None)


def _device(files: EngineFiles) -> Device | None:
    """The device that most is known of: logs give clocks, TREx's driver attributes the cache."""
    devices = [log.device for log in _contents(files, TrtexecLog)]
    devices += [item.device for item in _contents(files, TrexMetadata)]
    known = [device for device in devices if device is not None]
    return max(known, key=lambda device: sum(value is not None for value in astuple(device)), default=None)


def _inference(files: EngineFiles, notices: list[Notice]) -> Inference | None:
    """The iterations of the times file; it is read again where the run's own warm-up is known and not the default."""
    found = [item for item in files.of_kind(FileKind.TIMES) if isinstance(item.content, InferenceTimes)]
    if not found:
        return None
    if len(found) > 1:
        message = f"{len(found)} files have iteration times; the first by name is used"
        notices.append(Notice("several-times", message, files.name))
    times = found[0].content
    warm_up = _warm_up_ms(files)
    if warm_up is not None and warm_up != DEFAULT_WARM_UP_MS:
        times = read_times(found[0].path, warm_up_ms=warm_up)
    if not isinstance(times, InferenceTimes):
        return None
    notices.extend(times.notices)
    return times.inference


def _warm_up_ms(files: EngineFiles) -> float | None:
    for log in _contents(files, TrtexecLog):
        if log.warm_up_ns is not None:
            return log.warm_up_ns / 1e6
    options = [log.options.get("Inference Options", {}) for log in _contents(files, TrtexecLog)]
    options += [item.options.get("inference_options", {}) for item in _contents(files, TrexMetadata)]
    for lines in options:
        if found := _WARM_UP.search(lines.get("Duration", "")):
            return float(found[1])
    return None
