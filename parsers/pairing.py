"""Which files belong to one engine, of any mix of files and directories.

Two things tell: a shared beginning of the names (``resnet.graph.json``, ``resnet.profile.json``) and the names of the
layers inside. Where the two disagree, the layers decide. Reads the files through the registry; to assemble an engine
from them is the task of :mod:`trtprof.parsers.engine_assembly`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from trtprof.errors import InputError
from trtprof.model import LayerKind, Notice, Unknown
from trtprof.parsers.engine_inspector import EngineInfo
from trtprof.parsers.engine_log import EngineLog
from trtprof.parsers.registry import READERS, Artefact, FileKind, read_any, sniff
from trtprof.parsers.trtexec_profile import LayerProfile

_EXTENSION: Final = re.compile(
    r"\.(?:json|log|txt|out|cache|calib|engine|plan|trt|bin|onnx|md|sqlite|nsys-rep|csv)$", re.IGNORECASE
)
_WORD: Final = re.compile(r"[^._\-\s]+")
# Words that say what a file is, not which engine it is of, as trtexec users and TREx name their files.
_KIND_WORDS: Final = frozenset(
    {
        *("layer", "layers", "layerinfo", "info", "graph", "engine", "plan", "onnx", "model", "exportlayerinfo"),
        *("profile", "profiles", "exportprofile", "latency", "timing", "timings", "times", "time", "exporttimes"),
        *("trace", "metadata", "build", "log", "verbose", "stdout", "stderr", "output", "result", "results"),
        *("trtexec", "trt", "calib", "calibration", "cache", "replay", "tactics", "tactic", "inference", "perf"),
    }
)
_PRECISION_WORDS: Final = frozenset(
    {"fp32", "tf32", "fp16", "bf16", "fp8", "int8", "int4", "fp4", "best", "ptq", "qat"}
)
_TRACES: Final = frozenset({FileKind.NSYS_SQLITE, FileKind.NSYS_REPORT})
_EXPORT: Final = ".sqlite"
"""How nsys names its exports; other SQLite files of a directory are no traces."""
_MATCH: Final = 0.9
_MOST_FILES: Final = 10_000
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class EngineFiles:
    """The files of one engine, sorted by path. ``others`` are known files that other parts of trtprof read.

    ``traces`` are those of them that are Nsight Systems traces of this engine: its export where there is one, else its
    report.
    """

    name: str
    artefacts: tuple[Artefact, ...]
    others: tuple[tuple[Path, FileKind], ...] = ()
    traces: tuple[Path, ...] = ()
    notices: tuple[Notice, ...] = ()

    def of_kind(self, kind: FileKind) -> tuple[Artefact, ...]:
        """Return the files of one kind."""
        return tuple(artefact for artefact in self.artefacts if artefact.kind is kind)


def pair(paths: Iterable[Path]) -> tuple[EngineFiles, ...]:
    """Return the engines that the files are of, sorted by name.

    A directory stands for all files below it; what in it is not known is left out and said. A file that is named must
    be known, and a trace of Nsight Systems needs files of its engine beside it.

    Raises:
        InputError: a named file cannot be read or is refused, or nothing at all was found.
    """
    artefacts: list[Artefact] = []
    others: list[tuple[Path, FileKind]] = []
    skipped: list[str] = []
    traces: list[Path] = []
    given = list(paths)
    for path in given:
        if path.is_dir():
            _read_directory(path, artefacts, others, skipped)
        elif (kind := sniff(path)) in _TRACES and isinstance(kind, FileKind):
            traces.append(path)
            others.append((path, kind))
        else:
            artefacts.append(read_any(path))
    unique = {artefact.path.resolve(): artefact for artefact in sorted(artefacts, key=lambda item: str(item.path))}
    if traces and not unique:
        read_any(traces[0])  # refuses it, and says which command reads a trace alone
    if not unique:
        raise InputError(
            "expected files that trtexec or TensorRT wrote of an engine, found none",
            path=str(given[0]) if len(given) == 1 else None,
            where="; ".join(skipped[:_SHOWN]) or None,
            hint="name layer information, profiles, times or logs, or a directory that holds them",
        )
    groups = _by_stem(list(unique.values()))
    groups = _by_layers(groups)
    groups = _adopt(groups)
    return _named(groups, others, skipped)


def _read_directory(
    root: Path, artefacts: list[Artefact], others: list[tuple[Path, FileKind]], skipped: list[str]
) -> None:
    for path in _files_below(root):
        try:
            kind = sniff(path)
            if isinstance(kind, Unknown):
                skipped.append(f"{path}: {kind.reason}")
            elif kind in READERS:
                artefacts.append(read_any(path))
            else:
                others.append((path, kind))
        except InputError as error:
            skipped.append(error.message)


def _files_below(root: Path) -> Iterator[Path]:
    """Every regular file, hidden ones and links to directories left out, in the order of their names."""
    seen = 0
    for place, directories, names in os.walk(root, followlinks=False):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        for name in sorted(names):
            path = Path(place) / name
            if name.startswith(".") or not path.is_file():
                continue
            seen += 1
            if seen > _MOST_FILES:
                hint = "name the directory of one engine or of one comparison"
                raise InputError(f"expected at most {_MOST_FILES} files, found more", path=root, hint=hint)
            yield path


@dataclass(eq=False, slots=True)
class _Group:
    """Files that belong together so far."""

    directory: Path
    stem: str
    artefacts: list[Artefact]

    def layers(self, kinds: Sequence[FileKind]) -> frozenset[str]:
        """The layer names in its files of these kinds."""
        return frozenset().union(*(layer_names(item) for item in self.artefacts if item.kind in kinds))


def layer_names(artefact: Artefact) -> frozenset[str]:
    """Return the names of the layers that a file tells of, empty for files that tell of none."""
    content = artefact.content
    if isinstance(content, EngineInfo):
        return frozenset(layer.name for layer in content.layers)
    if isinstance(content, LayerProfile):
        return frozenset(timing.layer for timing in content.timings)
    if isinstance(content, EngineLog):
        timed = {timing.layer for timing in content.trtexec.timings} if content.trtexec else set()
        engines = content.build.engines if content.build else ()
        return frozenset(timed or {layer.name for engine in engines[-1:] for layer in engine.layers})
    return frozenset()


def stem_of(name: str) -> str:
    """Return a file's name without what only says its kind: ``fp16`` for ``fp16.build.metadata.json``."""
    while (shorter := _EXTENSION.sub("", name)) != name:
        name = shorter
    words = list(_WORD.finditer(name))
    while words and words[-1][0].lower() in _KIND_WORDS:
        words.pop()
    while words and words[0][0].lower() in _KIND_WORDS:
        words.pop(0)
    return name[words[0].start() : words[-1].end()] if words else ""


def _by_stem(artefacts: Sequence[Artefact]) -> list[_Group]:
    groups: dict[tuple[Path, str], _Group] = {}
    for artefact in artefacts:
        key = (artefact.path.parent, stem_of(artefact.path.name))
        groups.setdefault(key, _Group(*key, [])).artefacts.append(artefact)
    return list(groups.values())


_LAYERED: Final = (FileKind.LAYER_INFO,)
_TIMED: Final = (FileKind.PROFILE, FileKind.LAYER_LATENCY, FileKind.LOG)


def _by_layers(groups: list[_Group]) -> list[_Group]:
    """Move times and logs to the layers they are of, where the file names say otherwise or nothing."""
    strays: list[tuple[_Group, Artefact]] = []
    for group in groups:
        own = group.layers(_LAYERED)
        for artefact in [item for item in group.artefacts if item.kind in _TIMED]:
            names = layer_names(artefact)
            if names and len(names & own) < _MATCH * len(names):
                strays.append((group, artefact))
    anchors = [(group, names) for group in groups if (names := group.layers(_LAYERED))]
    for group, artefact in strays:
        names = layer_names(artefact)
        home = _home(group, artefact, names, [anchor for anchor in anchors if anchor[0] is not group])
        foreign = bool(group.layers(_LAYERED)) and not names & group.layers(_LAYERED) and _is_comparable(artefact)
        if home is not None or foreign:
            group.artefacts.remove(artefact)
        if home is not None:
            home.artefacts.append(artefact)
        elif foreign:
            stem = _EXTENSION.sub("", artefact.path.name)
            groups.append(_Group(group.directory, stem, [artefact]))
    return [group for group in groups if group.artefacts]


def _is_comparable(artefact: Artefact) -> bool:
    """Whether a file names layers as layer information does: while building, a Myelin region is one opaque row."""
    content = artefact.content
    if not isinstance(content, EngineLog) or content.build is None or (content.trtexec and content.trtexec.timings):
        return True
    return not any(layer.kind is LayerKind.FOREIGN for engine in content.build.engines for layer in engine.layers)


def _home(
    group: _Group, artefact: Artefact, names: frozenset[str], anchors: Sequence[tuple[_Group, frozenset[str]]]
) -> _Group | None:
    """The one group whose layers these are, ``None`` for none or several: fp32 and fp16 may name layers alike."""
    fitting = [
        anchor
        for anchor, layers in anchors
        if len(names & layers) >= _MATCH * max(len(names), len(layers))
        and not any(item.kind is artefact.kind for item in anchor.artefacts)
        and not _contradict(anchor.stem, group.stem)
    ]
    near = [anchor for anchor in fitting if anchor.directory == group.directory]
    candidates = near or fitting
    return candidates[0] if len(candidates) == 1 else None


def _contradict(first: str, second: str) -> bool:
    """Whether two file names speak of different precisions, which equal layer names do not outweigh."""
    precisions = [_PRECISION_WORDS.intersection(_WORD.findall(stem.lower())) for stem in (first, second)]
    return precisions[0] != precisions[1]


def _adopt(groups: list[_Group]) -> list[_Group]:
    """Give files without layers (times, metadata, caches) to the only engine of their directory, if there is one."""
    layered = [group for group in groups if group.layers((*_LAYERED, *_TIMED))]
    orphans = [group for group in groups if group not in layered]
    kept = list(layered)
    for group in orphans:
        homes = [home for home in layered if home.directory == group.directory]
        alone = sum(other.directory == group.directory for other in orphans) == 1
        if len(homes) == 1 and (alone or not group.stem) and not _contradict(homes[0].stem, group.stem):
            homes[0].artefacts.extend(group.artefacts)
        else:
            kept.append(group)
    return kept


def _named(
    groups: Sequence[_Group], others: Sequence[tuple[Path, FileKind]], skipped: Sequence[str]
) -> tuple[EngineFiles, ...]:
    found = []
    directories = [group.directory for group in groups if group.layers((*_LAYERED, *_TIMED))]
    for group in groups:
        name = group.stem or group.directory.resolve().name or "engine"
        artefacts = tuple(sorted(group.artefacts, key=lambda item: str(item.path)))
        own = tuple(item for item in others if item[0].parent == group.directory)
        traces = _traces(group, own, alone=directories.count(group.directory) <= 1)
        found.append(EngineFiles(name, artefacts, own, traces))
    found.sort(key=lambda files: (files.name, str(files.artefacts[0].path)))
    if skipped:
        shown = "; ".join(skipped[:_SHOWN]) + (f"; and {len(skipped) - _SHOWN} more" if len(skipped) > _SHOWN else "")
        notice = Notice("file-skipped", f"{len(skipped)} files are not read: {shown}")
        found[0] = replace(found[0], notices=(notice,))
    return tuple(found)


def _traces(group: _Group, others: Sequence[tuple[Path, FileKind]], *, alone: bool) -> tuple[Path, ...]:
    """The traces of an engine: all of a directory it is alone in, else those named like it."""
    paths = [path for path, kind in others if kind is FileKind.NSYS_REPORT or path.suffix == _EXPORT]
    own = [path for path in paths if alone or stem_of(path.name) == group.stem]
    kinds = dict(others)
    return tuple(
        path
        for path in sorted(own, key=lambda item: (stem_of(item.name) != group.stem, str(item)))
        if kinds[path] in _TRACES and not (kinds[path] is FileKind.NSYS_REPORT and path.with_suffix(_EXPORT) in own)
    )
