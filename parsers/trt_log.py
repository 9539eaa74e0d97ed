"""What TensorRT itself logs while it builds: tactics, conversions, fusions, DLA placement, memory, the engine's layers.

Read off verbose logs of TensorRT 8.2 and 10.16 and of TensorRT-RTX 1.7, and public excerpts for Q/DQ fusion and DLA.
What trtexec prints around it is read by :mod:`trtprof.parsers.trtexec_log`; both may take a file's lines in one pass.
Lines in, records out; imports the model and the readers of words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from trtprof.engine_facts import BuildMemory, DlaRefusal, GraphRewrite, LayerMemory
from trtprof.errors import InputError
from trtprof.model import DType, IoTensor, Layer, Notice
from trtprof.parsers import layer_listing
from trtprof.parsers.document import parse_number
from trtprof.parsers.formats import read_dtype
from trtprof.parsers.graph_rewrites import RewriteReader
from trtprof.parsers.layer_kind import kind_of
from trtprof.parsers.layer_text import read_engine_text
from trtprof.parsers.log_lines import LogLevel, LogLine, log_lines, open_lines
from trtprof.parsers.tactic_timings import Autotuning, AutotuningReader

_LAYERS_HEADING: Final = "Layers:"
_FORMAT: Final = re.compile(r"(\w+)\((.*)\)$")
_SIDE: Final = re.compile(r"Reformatted (Input|Output) Tensor \d+ to (.*)$")
_LAYER_MEMORY: Final = re.compile(
    r"Layer: (.*) Host Persistent: (\d+)(?: bytes)? Device Persistent: (\d+)(?: bytes)? Scratch Memory: (\d+)"
)
_TOTAL: Final = re.compile(r"(?:Total|Max) ([\w ]+? Memory): (\d+)")
_PEAK: Final = re.compile(r"\[MemUsageStats\] Peak memory usage .*: CPU (\d+) MiB, GPU (\d+) MiB")
_UNSUPPORTED: Final = re.compile(r"Layer '(.*)' \((\w+)\): Unsupported on DLA\.")
_FALL_BACKS: Final = (
    (re.compile(r"Default DLA is enabled but layer (.*) is not (?:supported|running) on DLA"), None),
    (
        re.compile(r"DLA supports only \d+ subgraphs per DLA core\. Switching to GPU for layer (.*)$"),
        "too many DLA subgraphs",
    ),
    (re.compile(r"DLA only supports [^.]*\. Switching (.*) device type to GPU"), "no precision the DLA has"),
)
_DLA_REASON: Final = re.compile(r"(.+?): (DLA (?:cores? do(?:es)? not|only) .*)$")
_PLACED: Final = re.compile(r"\[(Dla|Gpu)Layer\] (.*)$")
_GENERATED: Final = re.compile(r"Engine generation completed in ([\d.]+) seconds")
_BUILDER: Final = re.compile(r"libnvinfer_builder_resource\w*\.so\.(\d+(?:\.\d+)+)")
_MIB: Final = 1 << 20
_KEPT: Final = 1000
_HINT: Final = "log at verbose level: trtexec --verbose, or trt.Logger(trt.Logger.VERBOSE)"


@dataclass(frozen=True, slots=True)
class ReformatInsertion:
    """A conversion that the builder adds: on which side of which layer, for which tensor, from what to what.

    ``from_strides`` and ``to_strides`` are TensorRT's own, with ``:8`` where channels are packed by 8.
    """

    name: str
    layer: str
    side: str | None
    tensor: str
    from_dtype: DType | None
    to_dtype: DType | None
    from_strides: str
    to_strides: str


@dataclass(frozen=True, slots=True)
class EngineListing:
    """The layers of one engine that a log lists. ``detailed`` tells tensors with formats from names and types only."""

    layers: tuple[Layer, ...]
    io: tuple[IoTensor, ...]
    detailed: bool


@dataclass(frozen=True, slots=True)
class BuildLog:
    """What TensorRT logs of a build.

    ``engines`` holds each listing in the order of the log: one build may print two, a log may hold several builds.
    ``warnings`` and ``errors`` are distinct messages with their count.
    """

    version: str | None
    autotunings: tuple[Autotuning, ...]
    reformats: tuple[ReformatInsertion, ...]
    rewrites: tuple[GraphRewrite, ...]
    dla_layers: tuple[str, ...]
    gpu_layers: tuple[str, ...]
    dla_refusals: tuple[DlaRefusal, ...]
    memory: BuildMemory
    engines: tuple[EngineListing, ...]
    generation_ns: int | None
    warnings: tuple[tuple[str, int], ...]
    errors: tuple[tuple[str, int], ...]
    notices: tuple[Notice, ...]


def read_build_log(path: Path) -> BuildLog:
    """Return what TensorRT logged into a file, which is read line by line.

    Raises:
        InputError: the file cannot be read, or :func:`parse_build_log` refuses it.
    """
    return parse_build_log(open_lines(path), path=str(path))


def parse_build_log(source: str | Iterable[str], *, path: str = "build log") -> BuildLog:
    """Return what TensorRT logged.

    Raises:
        InputError: no line of the log is one of TensorRT's.
    """
    reader = BuildLogReader(path)
    for line in log_lines(source):
        reader.feed(line)
    return reader.result()


class BuildLogReader:
    """Takes a log line by line; several readers may share one pass over a file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lines = self._prefixed = 0
        self._version: str | None = None
        self._autotuning = AutotuningReader()
        self._rewrites = RewriteReader()
        self._reformats: list[ReformatInsertion] = []
        self._placed: dict[str, dict[str, None]] = {"Dla": {}, "Gpu": {}}
        self._refusals: dict[str, DlaRefusal] = {}
        self._reasons: dict[str, str] = {}
        self._totals: dict[str, int | None] = {}
        self._peaks: tuple[int | None, int | None] = (None, None)
        self._layer_memory: dict[str, LayerMemory] = {}
        self._engines: list[EngineListing] = []
        self._rows: list[str] | None = None
        self._listed: list[Layer] | None = None
        self._generation_ns: int | None = None
        self._messages: dict[LogLevel, dict[str, int]] = {LogLevel.WARNING: {}, LogLevel.ERROR: {}}
        self._notices: list[Notice] = []
        self._handlers: dict[str, Callable[[str], object]] = {
            "Adding": self._reformat,
            "Layer:": self._layer_bytes,
            "Total": self._total,
            "Max": self._total,
            "[MemUsageStats]": self._peak,
            "[DlaLayer]": self._place,
            "[GpuLayer]": self._place,
            "Engine": self._generated,
            "Loaded": self._library,
            "Trying": self._library,
        }

    def feed(self, line: LogLine) -> None:
        """Take the next line."""
        self._lines += 1
        if line.level is None:
            self._unprefixed(line.message)
            return
        self._prefixed += 1
        self._end_listing()
        message = line.message
        if line.level not in _QUIET:
            self._severe(line.level, message)
        elif message == layer_listing.HEADING:
            self._listed = []
        elif message == _LAYERS_HEADING:
            self._rows = []
        else:
            handler = self._handlers.get(message.partition(" ")[0])
            if handler is None or not handler(message):
                _ = self._autotuning.feed(message) or self._rewrites.feed(message)

    def result(self) -> BuildLog:
        """Return what was read.

        Raises:
            InputError: no line was one of TensorRT's.
        """
        self._end_listing()
        if not self._prefixed and not self._engines:
            raise InputError("expected TensorRT's log messages, found none", path=self._path, hint=_HINT)
        if self._prefixed * 2 < self._lines and self._prefixed:
            message = (
                f"{self._prefixed} of {self._lines} lines are log messages: an excerpt, or output of another program"
            )
            self._notices.append(Notice("excerpt", message, self._path))
        if len(self._engines) > 1:
            counts = ", ".join(str(len(engine.layers)) for engine in self._engines)
            message = f"{len(self._engines)} listings of engine layers ({counts} rows); the last detailed one is used"
            self._notices.append(Notice("several-engines", message, self._path))
        return BuildLog(
            version=self._version,
            autotunings=self._autotuning.result(),
            reformats=tuple(self._reformats),
            rewrites=self._rewrites.result(),
            dla_layers=tuple(self._placed["Dla"]),
            gpu_layers=tuple(self._placed["Gpu"]),
            dla_refusals=tuple(
                replace(refusal, reason=refusal.reason or self._reasons.get(name))
                for name, refusal in self._refusals.items()
            ),
            memory=self._memory(),
            engines=tuple(self._engines),
            generation_ns=self._generation_ns,
            warnings=tuple(self._messages[LogLevel.WARNING].items()),
            errors=tuple(self._messages[LogLevel.ERROR].items()),
            notices=tuple(self._notices),
        )

    def _unprefixed(self, message: str) -> None:
        """A line of a multi-line message: a row of a listing, or another program's output."""
        if self._listed is not None:
            row = layer_listing.read_listing_row(message, len(self._listed))
            if row is not None:
                self._listed.append(row)
                return
            self._end_listing()
        if self._rows is not None:
            self._rows.append(message)
        elif message == _LAYERS_HEADING:  # the inspector's text, printed by a script
            self._rows = []

    def _end_listing(self) -> None:
        if self._listed:
            self._engines.append(EngineListing(tuple(self._listed), (), detailed=False))
        self._listed = None
        rows, self._rows = self._rows, None
        if rows and any(rows):
            self._engines.append(self._engine_text(rows))

    def _engine_text(self, rows: list[str]) -> EngineListing:
        """The inspector's text; without detailed verbosity it is a bare list of names."""
        if any(row.startswith("Name: ") for row in rows):
            try:
                text = read_engine_text("\n".join([_LAYERS_HEADING, *rows, ""]), path=self._path)
            except (InputError, ValueError) as error:  # one listing that cannot be read costs no other part of the log
                self._notices.append(Notice("rows-unread", str(error), self._path))
                return EngineListing((), (), detailed=True)
            self._notices.extend(text.notices)
            return EngineListing(tuple(map(_without_value, text.layers)), text.io, detailed=True)
        end = next((place for place, row in enumerate(rows) if not row.strip() or row in _AFTER_LAYERS), len(rows))
        layers = tuple(Layer(place, row, kind_of(None, row, None, None)) for place, row in enumerate(rows[:end]))
        return EngineListing(layers, (), detailed=False)

    def _severe(self, level: LogLevel, message: str) -> None:
        kept = self._messages[LogLevel.WARNING if level is LogLevel.WARNING else LogLevel.ERROR]
        text = message.strip()
        if text and (text in kept or len(kept) < _KEPT):
            kept[text] = kept.get(text, 0) + 1
        if "DLA" not in message:
            return
        if found := _UNSUPPORTED.match(text):
            self._refusals.setdefault(found[1], DlaRefusal(found[1], found[2], None))
            return
        for pattern, reason in _FALL_BACKS:
            if found := pattern.match(text):
                self._refusals.setdefault(found[1], DlaRefusal(found[1], None, reason))
                return
        if found := _DLA_REASON.match(text):
            self._reasons.setdefault(found[1], found[2])

    def _reformat(self, message: str) -> bool:
        head, to, after = message.removeprefix("Adding reformat layer: ").rpartition(" to ")
        named, _, before = head.rpartition(" from ")
        source, target = _FORMAT.match(before), _FORMAT.match(after)
        name, tensor = _last_parenthesis(named)
        if not to or source is None or target is None or not name:
            return False
        side = _SIDE.match(name)
        self._reformats.append(
            ReformatInsertion(
                name=name,
                layer=side[2] if side else name,
                side=side[1].lower() if side else None,
                tensor=tensor,
                from_dtype=read_dtype(source[1]),
                to_dtype=read_dtype(target[1]),
                from_strides=source[2],
                to_strides=target[2],
            )
        )
        return True

    def _layer_bytes(self, message: str) -> bool:
        found = _LAYER_MEMORY.match(message)
        if found is not None:
            self._layer_memory[found[1]] = LayerMemory(found[1], *(_bytes(text) or 0 for text in found.groups()[1:]))
        return found is not None

    def _total(self, message: str) -> bool:
        found = _TOTAL.match(message)
        if found is not None:
            self._totals[found[1]] = _bytes(found[2])
        return found is not None

    def _peak(self, message: str) -> bool:
        found = _PEAK.match(message)
        if found is not None:
            cpu, gpu = _bytes(found[1]), _bytes(found[2])
            self._peaks = (None if cpu is None else cpu * _MIB, None if gpu is None else gpu * _MIB)
        return found is not None

    def _memory(self) -> BuildMemory:
        total = self._totals.get
        return BuildMemory(
            weights_bytes=total("Weights Memory"),
            activation_bytes=total("Activation Memory"),
            scratch_bytes=total("Scratch Memory"),
            host_persistent_bytes=total("Host Persistent Memory"),
            device_persistent_bytes=total("Device Persistent Memory"),
            peak_cpu_bytes=self._peaks[0],
            peak_gpu_bytes=self._peaks[1],
            layers=tuple(self._layer_memory.values()),
        )

    def _place(self, message: str) -> bool:
        found = _PLACED.match(message)
        if found is not None:
            self._placed[found[1]][found[2]] = None
        return found is not None

    def _generated(self, message: str) -> bool:
        found = _GENERATED.match(message)
        seconds = parse_number(found[1]) if found else None
        if seconds is not None:
            self._generation_ns = round(seconds * 1e9)
        return found is not None

    def _library(self, message: str) -> bool:
        found = _BUILDER.search(message)
        if found is not None:
            self._version = found[1]
        return found is not None


def _without_value(layer: Layer) -> Layer:
    """Rows of TensorRT 8 have ``TacticValue`` right behind the name, where later ones have the stream."""
    tactic, separator, _ = (layer.tactic or "").partition(", TacticValue: ")
    return replace(layer, tactic=tactic) if separator else layer


def _last_parenthesis(text: str) -> tuple[str, str]:
    """What stands before and in the last parenthesis: ``X (y) z (t (u))`` gives ``X (y) z`` and ``t (u)``."""
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += (text[place] == ")") - (text[place] == "(")
        if depth == 0:
            return (text[:place].rstrip(), text[place + 1 : -1]) if text.endswith(")") else ("", "")
    return "", ""


def _bytes(text: str) -> int | None:
    return int(text) if len(text) < _LONGEST else None


_QUIET: Final = frozenset({LogLevel.VERBOSE, LogLevel.INFO})
_AFTER_LAYERS: Final = frozenset({"Bindings:", "I/O Tensors:"})
_LONGEST: Final = 19
