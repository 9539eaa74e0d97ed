"""Lines of a log with TensorRT's messages in it: the severity and the message behind whatever prefix a logger adds.

Prefixes read off trtexec (``[03/24/2023-12:56:13] [V] [TRT] …``), the Python logger of 8 and later
(``[…] [TRT] [V] …``) and of 7 (``[TensorRT] VERBOSE: …``), DeepStream (``WARNING: [TRT]: …``), Torch-TensorRT
(``DEBUG: [Torch-TensorRT …] - …``) and loggers that print ``[V] …``. Imports nothing of ours but the reading of bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from trtprof.parsers.document import as_text, unreadable


class LogLevel(str, Enum):
    """TensorRT's severities; ``fatal`` is its internal error."""

    VERBOSE = "verbose"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"


class LogLine(NamedTuple):
    """A line: its number from 1, its severity (``None`` for a line without a prefix) and its message."""

    number: int
    level: LogLevel | None
    message: str


_LETTERS: Final = {
    "V": LogLevel.VERBOSE,
    "I": LogLevel.INFO,
    "W": LogLevel.WARNING,
    "E": LogLevel.ERROR,
    "F": LogLevel.FATAL,
}
_WORDS: Final = {
    "VERBOSE": LogLevel.VERBOSE,
    "DEBUG": LogLevel.VERBOSE,
    "INFO": LogLevel.INFO,
    "WARNING": LogLevel.WARNING,
    "ERROR": LogLevel.ERROR,
    "INTERNAL_ERROR": LogLevel.FATAL,
    "FATAL": LogLevel.FATAL,
}
_WORD: Final = "VERBOSE|DEBUG|INFO|WARNING|ERROR|INTERNAL_ERROR|FATAL"
_PREFIX: Final = re.compile(
    r"(?:\[\d\d/\d\d/\d{4}-\d\d:\d\d:\d\d\] )?"
    r"(?:\[([VIWEF])\](?: \[TRT\])?|\[TRT\] \[([VIWEF])\]"
    rf"|\[(?:TensorRT|TRT)\] ({_WORD}):|({_WORD}): \[TRT\]:|({_WORD}): \[Torch-TensorRT[^\]]*\] -)(?: |$)"
)
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")


def log_lines(source: str | Iterable[str]) -> Iterator[LogLine]:
    """Yield the lines of a log, given as text or line by line, without prefixes, colours and line ends."""
    match = _PREFIX.match
    for number, raw in enumerate(source.split("\n") if isinstance(source, str) else source, start=1):
        line = raw.rstrip("\r\n")
        if "\x1b" in line:
            line = _COLOUR.sub("", line)
        found = match(line)
        if found is None:
            yield LogLine(number, None, line)
        else:
            word = found[found.lastindex or 0]
            yield LogLine(number, _LETTERS.get(word) or _WORDS[word], line[found.end() :])


def has_prefix(line: str) -> bool:
    """Return whether a line begins as TensorRT's messages do in one of the known loggers."""
    return _PREFIX.match(_COLOUR.sub("", line)) is not None


def open_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file, which is read as it goes: logs of hundreds of megabytes take no memory.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            if file.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff"):  # UTF-16, from PowerShell's ">"
                yield from as_text(file.read()).splitlines()
            else:
                for line in file:
                    yield line.decode("utf-8", errors="replace")
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
