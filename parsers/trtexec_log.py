"""What trtexec itself prints: command, version, options, device, results, warnings and whether it passed.

Read off logs of TensorRT 7, 8.2, 8.4, 8.6, 10.x and, for 11, from ``trtexec.cpp`` in NVIDIA/TensorRT, which prints no
``FAILED`` line for an unknown option. What the library says while it builds is read by :mod:`trtprof.parsers.trt_log`.
Lines in, records out; imports the model only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trtprof.engine_facts import PerformanceSummary
from trtprof.errors import InputError
from trtprof.model import Device, IoMode, IoTensor, LayerTiming, Notice, Tensor
from trtprof.parsers import profile_table
from trtprof.parsers.device_options import device_of
from trtprof.parsers.document import parse_number
from trtprof.parsers.formats import read_dtype
from trtprof.parsers.log_lines import LogLevel, LogLine, log_lines, open_lines
from trtprof.parsers.performance_summary import HEADING, SummaryReader
from trtprof.parsers.version_number import version_text

_BANNER: Final = re.compile(
    r"&&&& (RUNNING|PASSED|FAILED|WAIVED) (\S+)(?: \[TensorRT v(\d+)\])?(?: \[b(\d+)\])?(?: # (.*))?$"
)
_SECTION: Final = re.compile(r"=== (\w+ Options|Device Information) ===$")
_OPTION: Final = re.compile(r"([^:=]{1,80}?) ?:(.*)$")
_VERSION: Final = re.compile(r"TensorRT version: (\d[\w.]*)")
_ENGINE_SIZE: Final = re.compile(r"Created engine with size: ([\d.]+) MiB")
_BUILT: Final = re.compile(r"Engine built in ([\d.]+) sec")
_DESERIALIZED: Final = re.compile(r"Engine (?:deserialized|loaded) in ([\d.]+) sec")
_WARM_UP: Final = re.compile(r"Warmup completed (\d+) queries over ([\d.]+) ms")
_TRACE: Final = re.compile(r"Timing trace has (\d+) queries over ([\d.]+) s")
_BINDING: Final = re.compile(
    r"(?:Created )?(input|output) binding for (.+?) with dimensions (\S+)(?: and type (\w+) is created\.)?$",
    re.IGNORECASE,
)
_REMARKS: Final = (
    ("unstable-clocks", re.compile(r"GPU compute time is unstable, with coefficient of variance = ([\d.]+)%")),
    ("enqueue-bound", re.compile(r"Throughput may be bound by Enqueue Time")),
    ("h2d-bound", re.compile(r"Throughput may be bound by host-to-device transfers")),
    ("d2h-bound", re.compile(r"Throughput may be bound by device-to-host transfers")),
    ("shape-chosen", re.compile(r"Automatically (?:overriding|setting) shape to: ")),
    ("aux-streams", re.compile(r"The engine uses \d+ auxiliary streams")),
    ("graph-failed", re.compile(r"CUDA graph capture failed")),
    ("not-end-to-end", re.compile(r"The e2e network timing is not reported")),
    ("cached-timings", re.compile(r"Could not read cache from|timing cache will not be used")),
)
_MIB: Final = 1 << 20
_KEPT: Final = 1000
_HINT: Final = "save trtexec's whole output: trtexec … > trtexec.log 2>&1"


@dataclass(frozen=True, slots=True)
class TrtexecLog:
    """What one trtexec run says. Parts that were not printed are ``None`` or empty.

    ``options`` maps a section's name (``Build Options``) to its lines. ``passed`` is ``None`` when the log ends before
    trtexec says. ``errors`` are the messages of severity error, in order. ``runs`` counts the runs in the file; all
    else is of the last one.
    """

    command: str | None
    version: str | None
    build: int | None
    options: Mapping[str, Mapping[str, str]]
    device: Device | None
    bindings: tuple[IoTensor, ...]
    engine_size_bytes: int | None
    build_ns: int | None
    warm_up_ns: float | None
    iterations: int | None
    summary: PerformanceSummary | None
    timings: tuple[LayerTiming, ...]
    timings_total_ns: float | None
    passed: bool | None
    errors: tuple[str, ...]
    runs: int
    notices: tuple[Notice, ...]


def read_trtexec_log(path: Path) -> TrtexecLog:
    """Return what trtexec printed into a log file, which is read line by line.

    Raises:
        InputError: the file cannot be read, or :func:`parse_trtexec_log` refuses it.
    """
    return parse_trtexec_log(open_lines(path), path=str(path))


def parse_trtexec_log(source: str | Iterable[str], *, path: str = "trtexec log") -> TrtexecLog:
    """Return what trtexec printed.

    Raises:
        InputError: nothing in the log was printed by trtexec.
    """
    reader = TrtexecLogReader(path)
    for line in log_lines(source):
        reader.feed(line)
    return reader.result()


class TrtexecLogReader:
    """Takes a log line by line; several readers may share one pass over a file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._runs = 0
        self._seen = False
        self._start()

    def feed(self, line: LogLine) -> None:
        """Take the next line."""
        message = line.message
        if self._table is not None:
            self._table.feed(message)
            if self._table.finished:
                self._close_table()
        elif message.startswith("&&&& "):
            self._banner(message)
        elif message.startswith("==="):
            self._heading(message)
        elif self._section is not None:
            self._option(message, line)
        elif line.level in _SEVERE:
            self._remember(line)
        elif not self._summary.feed(message):
            self._plain(message, line)

    def result(self) -> TrtexecLog:
        """Return what was read.

        Raises:
            InputError: no line was printed by trtexec.
        """
        if self._table is not None:
            self._close_table()
        summary = self._summary.result()
        if not self._seen and summary is None and not self._timings:
            raise InputError("expected trtexec's output, found none of its lines", path=self._path, hint=_HINT)
        if self._runs > 1:
            message = f"the file holds {self._runs} runs of trtexec; the last one is used"
            self._notices.append(Notice("several-runs", message, self._path))
        passed = self._passed
        if passed is None and self._errors:
            passed = False  # TensorRT 11 returns without a FAILED line
        return TrtexecLog(
            command=self._command,
            version=self._version,
            build=self._build,
            options={name: dict(lines) for name, lines in self._options.items()},
            device=device_of(self._options.get("Device Information", {})),
            bindings=tuple(self._bindings),
            engine_size_bytes=self._engine_size,
            build_ns=self._build_ns,
            warm_up_ns=self._warm_up_ns,
            iterations=self._iterations,
            summary=summary,
            timings=self._timings,
            timings_total_ns=self._total_ns,
            passed=passed,
            errors=tuple(self._errors),
            runs=max(self._runs, 1),
            notices=tuple(self._notices),
        )

    def _start(self) -> None:
        """Forget the run before: a file may hold several, and figures of two runs must not mix."""
        self._command: str | None = None
        self._version: str | None = None
        self._build: int | None = None
        self._options: dict[str, dict[str, str]] = {}
        self._section: str | None = None
        self._bindings: list[IoTensor] = []
        self._engine_size: int | None = None
        self._build_ns: int | None = None
        self._warm_up_ns: float | None = None
        self._iterations: int | None = None
        self._summary = SummaryReader()
        self._table: profile_table.TableReader | None = None
        self._timings: tuple[LayerTiming, ...] = ()
        self._total_ns: float | None = None
        self._passed: bool | None = None
        self._errors: list[str] = []
        self._notices: list[Notice] = []

    def _banner(self, message: str) -> None:
        found = _BANNER.match(message)
        if found is None:
            return
        verdict, _, version, build, command = found.groups()
        if verdict == "RUNNING":
            self._runs += 1
            if self._seen:
                self._start()
        else:
            self._passed = verdict != "FAILED"
        self._seen = True
        self._section = None
        self._version = (version_text(version) if version else None) or self._version
        self._build = int(build) if build and len(build) < _LONGEST_BUILD else self._build
        self._command = command.strip() if command else self._command

    def _heading(self, message: str) -> None:
        self._section = None
        section = _SECTION.match(message)
        table = profile_table.HEADING.match(message)
        if section is not None:
            self._seen = True
            self._section = section[1]
            self._options.setdefault(section[1], {})
        elif table is not None:
            self._seen = True
            self._table = profile_table.TableReader(int(table[1]) if len(table[1]) < _LONGEST_COUNT else None)
        elif message == HEADING:
            self._seen = True
            self._summary = SummaryReader()

    def _option(self, message: str, line: LogLine) -> None:
        found = _OPTION.match(message) if line.level is LogLevel.INFO or line.level is None else None
        if found is None:
            self._section = None
            if message.strip():
                self.feed(line)
            return
        lines, name, value = self._options[self._section or ""], found[1].strip(), found[2].strip()
        lines[name] = f"{lines[name]}; {value}" if lines.get(name) else value

    def _plain(self, message: str, line: LogLine) -> None:
        if found := _VERSION.match(message):
            self._version, self._seen = found[1], True
        elif found := _ENGINE_SIZE.match(message):
            size = parse_number(found[1])
            self._engine_size = round(size * _MIB) if size is not None else None
        elif found := _BUILT.match(message):
            self._build_ns = _nanoseconds(found[1], 1e9)
        elif found := _WARM_UP.match(message):
            self._warm_up_ns = _nanoseconds(found[2], 1e6)
        elif found := _TRACE.match(message):
            self._iterations = int(found[1]) if len(found[1]) < _LONGEST_COUNT else None
        elif found := _BINDING.match(message):
            self._bindings.append(_io_tensor(*found.groups()))
        else:
            self._remark(message, line.number)

    def _remember(self, line: LogLine) -> None:
        """A warning or an error: known ones get a code of their own, library warnings are the build log's matter."""
        if line.level is LogLevel.WARNING:
            self._remark(line.message, line.number)
        elif len(self._errors) < _KEPT:
            self._errors.append(line.message.strip())

    def _remark(self, message: str, number: int) -> None:
        for code, pattern in _REMARKS:
            if pattern.search(message):
                text = message.strip().removeprefix("* ")
                notice = Notice(code, text, f"{self._path}: line {number}")
                if len(self._notices) < _KEPT and all(text != known.message for known in self._notices):
                    self._notices.append(notice)
                return

    def _close_table(self) -> None:
        table, self._table = self._table, None
        if table is None:
            return
        self._timings, self._total_ns = table.timings(), table.total_ns
        if table.unread:
            message = f"{table.unread} rows of the profile table have no usable time; their layers have none"
            self._notices.append(Notice("time-unread", message, self._path))
        if self._timings and table.total_ns is None:
            message = "the profile table ends before its total; rows may be missing"
            self._notices.append(Notice("table-cut", message, self._path))


def _io_tensor(mode: str, name: str, dims: str, dtype: str | None) -> IoTensor:
    shape = tuple(int(extent) for extent in dims.split("x")) if _DIMS.match(dims) else None
    tensor = Tensor(name, shape, read_dtype(dtype) if dtype else None)
    return IoTensor(tensor, IoMode(mode.lower()))


def _nanoseconds(text: str, scale: float) -> int | None:
    value = parse_number(text)
    return round(value * scale) if value is not None else None


_SEVERE: Final = frozenset({LogLevel.WARNING, LogLevel.ERROR, LogLevel.FATAL})
_DIMS: Final = re.compile(r"-?\d{1,18}(?:x-?\d{1,18})*$")
_LONGEST_BUILD: Final = 9
_LONGEST_COUNT: Final = 16
