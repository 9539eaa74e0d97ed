"""A log file as a whole: what trtexec printed and what TensorRT logged, which share one file, in one pass over it.

Imports the two readers of lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from trtprof.errors import InputError
from trtprof.parsers.log_lines import log_lines, open_lines
from trtprof.parsers.trt_log import BuildLog, BuildLogReader
from trtprof.parsers.trtexec_log import TrtexecLog, TrtexecLogReader


@dataclass(frozen=True, slots=True)
class EngineLog:
    """Both parts of a log; ``None`` for the part that it does not have."""

    trtexec: TrtexecLog | None
    build: BuildLog | None


def read_engine_log(path: Path) -> EngineLog:
    """Return what a log file says, reading it line by line.

    Raises:
        InputError: the file cannot be read, or :func:`parse_engine_log` refuses it.
    """
    return parse_engine_log(open_lines(path), path=str(path))


def parse_engine_log(source: str | Iterable[str], *, path: str = "log") -> EngineLog:
    """Return what a log says.

    Raises:
        InputError: no line of it is trtexec's or TensorRT's.
    """
    trtexec, build = TrtexecLogReader(path), BuildLogReader(path)
    for line in log_lines(source):
        trtexec.feed(line)
        build.feed(line)
    run, engine, errors = None, None, []
    try:
        run = trtexec.result()
    except InputError as error:
        errors.append(error)
    try:
        engine = build.result()
    except InputError as error:
        errors.append(error)
    if run is None and engine is None:
        raise errors[-1]
    return EngineLog(run, engine)
