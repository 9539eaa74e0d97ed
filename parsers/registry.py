"""What a file is, told by its content and never by its name, and the reader for it.

A file that is known but read elsewhere (an ONNX model, an Nsight Systems export) is told apart from one that is not
known. Imports the parsers, none of which knows this module.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from trtprof.errors import InputError
from trtprof.model import Unknown
from trtprof.parsers import (
    calibration_cache,
    engine_inspector,
    engine_plan,
    polygraphy_replay,
    timing_cache,
    trex_metadata,
    trtexec_profile,
    trtexec_times,
)
from trtprof.parsers.document import as_text, read_bytes, unreadable
from trtprof.parsers.engine_log import EngineLog, read_engine_log

Content = (
    engine_inspector.EngineInfo
    | trtexec_profile.LayerProfile
    | trtexec_times.InferenceTimes
    | EngineLog
    | calibration_cache.CalibrationCache
    | trex_metadata.TrexMetadata
    | polygraphy_replay.TacticReplay
    | timing_cache.TimingCache
    | engine_plan.EnginePlan
)


class FileKind(str, Enum):
    """What a file can be. The last six are recognised here and read by other parts of trtprof."""

    LAYER_INFO = "layer information"
    PROFILE = "layer profile"
    LAYER_LATENCY = "layer latencies"
    TIMES = "iteration times"
    LOG = "log of trtexec or TensorRT"
    CALIBRATION_CACHE = "calibration cache"
    TREX_METADATA = "TREx metadata"
    TACTIC_REPLAY = "tactic replay"
    TIMING_CACHE = "timing cache"
    ENGINE_PLAN = "serialized engine"
    ONNX_MODEL = "ONNX model"
    NSYS_SQLITE = "SQLite file (Nsight Systems exports are)"
    NSYS_REPORT = "Nsight Systems report"
    NSYS_STATS = "Nsight Systems statistics table"
    NCU_CSV = "Nsight Compute CSV"
    TEGRASTATS = "output of tegrastats"


READERS: Final[dict[FileKind, Callable[[Path], Content]]] = {
    FileKind.LAYER_INFO: engine_inspector.read_engine_info,
    FileKind.PROFILE: trtexec_profile.read_profile,
    FileKind.LAYER_LATENCY: trtexec_profile.read_layer_latency,
    FileKind.TIMES: trtexec_times.read_times,
    FileKind.LOG: read_engine_log,
    FileKind.CALIBRATION_CACHE: calibration_cache.read_calibration_cache,
    FileKind.TREX_METADATA: trex_metadata.read_trex_metadata,
    FileKind.TACTIC_REPLAY: polygraphy_replay.read_tactic_replay,
    FileKind.TIMING_CACHE: timing_cache.read_timing_cache,
    FileKind.ENGINE_PLAN: engine_plan.read_engine_plan,
}

_ELSEWHERE: Final = {
    FileKind.ONNX_MODEL: "trtprof compare MODEL builds it",
    FileKind.NSYS_SQLITE: "trtprof kernels FILE reads Nsight Systems exports",
    FileKind.NSYS_REPORT: "trtprof kernels FILE reads it",
    FileKind.NSYS_STATS: "trtprof kernels FILE reads it",
    FileKind.NCU_CSV: "trtprof verify FILE reads hardware counters",
    FileKind.TEGRASTATS: "trtprof compare reads it as part of what a board's script brought (trtprof import)",
}
_KINDS_HINT: Final = (
    "known are --exportLayerInfo, --exportProfile and --exportTimes files, logs, calibration caches, TREx files"
)
_HEAD_BYTES: Final = 1 << 16
_TEXT_BYTES: Final = 1 << 20
_WHOLE_BYTES: Final = 1 << 26
_SHOWN: Final = 3
_TAGS: Final = (
    (b"ftrt", FileKind.ENGINE_PLAN),
    (b"vtrt", FileKind.ENGINE_PLAN),
    (timing_cache.TAG, FileKind.TIMING_CACHE),
    (b"SQLite format 3\x00", FileKind.NSYS_SQLITE),
    (b"NVIDIA Tegra Profiler", FileKind.NSYS_REPORT),
)
_FOREIGN_TAGS: Final = (
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"PK\x03\x04", "a zip archive: unpack it first"),
    (b"(\xb5/\xfd", "a Zstandard archive: unpack it first"),
)
# An ONNX model is a protobuf: field 1 (the IR version, a small number), then producer, graph or opset.
_ONNX: Final = re.compile(rb"\x08[\x03-\x20](?:\x12|\x1a|\x22|\x28|\x30|\x32|\x3a|\x42)")
_LOG: Final = re.compile(
    r"^&&&& |\[TRT\]|\[TensorRT\]|^Name: .*, LayerType: "
    r"|^(?:\[[^\]\n]*\] )*(?:Engine Layer Information:|=== (?:Performance summary|Profile \(.*|\w+ Options) ===)",
    re.MULTILINE,
)
_NCU: Final = re.compile(r'^(?:"?ID"?,)?"?Process ID"?,"?Process Name"?', re.MULTILINE)
_NSYS_STATS: Final = re.compile(r"^Time \(%\),Total Time \(ns\),", re.MULTILINE)
_TEGRASTATS: Final = re.compile(r"^(?:\d+\.\d+ )?(?:\d\d-\d\d-\d{4} [\d:]{8} )?RAM \d+/\d+MB", re.MULTILINE)
_FIRST_KEY: Final = re.compile(r'(\[?)\s*\{\s*"((?:[^"\\]|\\.)*)"\s*:\s*(\[?\s*[^\s])')
_NAMES: Final = re.compile(r'\[\s*"')
_INFO_KEYS: Final = frozenset(
    {"Layers", "layers", "LayerInfo", "layerInfo", "Bindings", "I/O Tensors", "Engine Metadata", "ProfilingVerbosity"}
)


@dataclass(frozen=True, slots=True)
class Artefact:
    """A file that was read: where it is, what it is and what it says."""

    path: Path
    kind: FileKind
    content: Content


def sniff(path: Path) -> FileKind | Unknown:
    """Return what a file is, or :class:`~trtprof.model.Unknown` with the reason why that cannot be told.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
            kind = _by_tag(head) or _by_json(head)
            if kind is None:
                kind = _by_text(head + file.read(_TEXT_BYTES))
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    return _by_whole_json(path, kind) if isinstance(kind, _OtherJson) else kind


def read_any(path: Path) -> Artefact:
    """Return a file's content, read by whatever parser it is for.

    Raises:
        InputError: the file cannot be read, is of no known kind, is read elsewhere, or its parser refuses it.
    """
    kind = sniff(path)
    if isinstance(kind, Unknown):
        raise InputError(f"not a file that trtprof knows: {kind.reason}", path=path, hint=_KINDS_HINT)
    reader = READERS.get(kind)
    if reader is None:
        message = f"expected what trtexec or TensorRT writes of an engine, found an {kind.value}"
        raise InputError(message, path=path, hint=_ELSEWHERE[kind])
    return Artefact(path, kind, reader(path))


@dataclass(frozen=True, slots=True)
class _OtherJson:
    """JSON whose beginning does not tell what it is."""

    shown: str


def _by_tag(head: bytes) -> FileKind | Unknown | None:
    if not head:
        return Unknown("the file is empty")
    for tag, kind in _TAGS:
        if head.startswith(tag):
            return kind
    for tag, reason in _FOREIGN_TAGS:
        if head.startswith(tag):
            return Unknown(reason)
    if _ONNX.match(head):
        return FileKind.ONNX_MODEL
    if b"\x00" in head[:1024] and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Unknown(f"a binary file that begins with {head[:8]!r}")
    return None


def _by_json(head: bytes) -> FileKind | Unknown | _OtherJson | None:
    """What a JSON document is by its first key and value; other text is left to :func:`_by_text`."""
    text = as_text(head).lstrip()
    if _NAMES.match(text):
        return FileKind.LAYER_INFO
    found = _FIRST_KEY.match(text)
    if found is None:
        is_json = text.startswith(("{", "[]", "[ ]", "[[")) or re.match(r"\[\s*[-\d{]", text)
        return _OtherJson(text[:40].split("\n", 1)[0]) if is_json and not _LOG.search(text) else None
    in_list, key, value = bool(found[1]), found[2], found[3]
    kind = _list_kind(key, text) if in_list else _object_kind(key, value, text)
    return kind or _OtherJson(text[: found.end()][:60])


def _list_kind(key: str, text: str) -> FileKind | None:
    if key == "count" or '"averageMs"' in text:
        return FileKind.PROFILE
    if '"computeMs"' in text:
        return FileKind.TIMES
    if '"LayerType"' in text or ('"Name"' in text and '"Inputs"' in text):
        return FileKind.LAYER_INFO
    return FileKind.TREX_METADATA if '"ComputeCapability"' in text else None


def _object_kind(key: str, value: str, text: str) -> FileKind | None:
    if key in _INFO_KEYS:
        return FileKind.LAYER_INFO
    if key in trex_metadata.SECTIONS:
        return FileKind.TREX_METADATA
    if key == "replay" or ("polygraphy" in key and '"replay"' in text):
        return FileKind.TACTIC_REPLAY
    is_number_list = value.startswith("[") and (value[-1].isdigit() or value[-1] == "-")
    return FileKind.LAYER_LATENCY if is_number_list else None


def _by_text(head: bytes) -> FileKind | Unknown:
    text = as_text(head)
    if calibration_cache.HEADER.match(text.lstrip("\ufeff").split("\n", 1)[0]):
        return FileKind.CALIBRATION_CACHE
    if _LOG.search(text):
        return FileKind.LOG
    for pattern, kind in (
        (_NCU, FileKind.NCU_CSV),
        (_NSYS_STATS, FileKind.NSYS_STATS),
        (_TEGRASTATS, FileKind.TEGRASTATS),
    ):
        if pattern.search(text):
            return kind
    first = next((line.strip() for line in text.split("\n") if line.strip()), "")
    if not first:
        return Unknown("the file holds nothing but white space")
    return Unknown(f"text without a line of trtexec or TensorRT in it; it begins with {first[:60]!r}")


def _by_whole_json(path: Path, other: _OtherJson) -> FileKind | Unknown:
    """What a document is whose telling key comes late: any order of keys is fair in JSON."""
    try:
        document = json.loads(as_text(read_bytes(path, limit=_WHOLE_BYTES)), strict=False)
    except (InputError, ValueError, RecursionError):
        return Unknown(f"it begins like JSON ({other.shown!r}) and is none, or nothing that trtprof knows")
    if not isinstance(document, dict):
        return Unknown(f"JSON, but neither layers nor times: it begins with {other.shown!r}")
    keys = set(document)
    if keys & _INFO_KEYS:
        return FileKind.LAYER_INFO
    if keys & set(trex_metadata.SECTIONS):
        return FileKind.TREX_METADATA
    if isinstance(document.get("replay"), dict):
        return FileKind.TACTIC_REPLAY
    shown = ", ".join(repr(key) for key in list(document)[:_SHOWN]) or "none"
    return Unknown(f"JSON, but neither layers nor times; its keys: {shown}")
