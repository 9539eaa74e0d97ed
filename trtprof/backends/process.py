"""A tool run as a child process: in a session of its own, followed through its log, ended with everything it started.

Output goes straight into a file rather than a pipe: the log is whole whatever happens to us, and a helper process that
outlives its parent (nsys leaves one) cannot keep us waiting for the end of a pipe.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from trtprof.errors import MissingDependency
from trtprof.files import cannot_write

_FIRST_POLL_S: Final = 0.002
_LAST_POLL_S: Final = 0.05
_CHUNK_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended: its exit status (negative: the signal that ended it), whether it was out of time, its age."""

    code: int
    expired: bool
    wall_ns: int

    @property
    def signal_name(self) -> str | None:
        """Name of the signal that ended it, ``None`` when it ended by itself.

        A shell script around the tool gives 128 and the signal's number as its status.
        """
        number = -self.code if self.code < 0 else self.code - 128
        with suppress(ValueError):
            return signal.Signals(number).name
        return f"signal {number}" if self.code < 0 else None


def run_logged(
    command: Sequence[str | Path],
    log: Path,
    *,
    timeout_s: float,
    on_line: Callable[[str], None] | None = None,
    watch: Path | None = None,
    env: Mapping[str, str] | None = None,
    grace_s: float = 0.0,
) -> Ending:
    """Run a command with stdout and stderr in ``log``, and return how it ended.

    ``on_line`` is called with each line of ``watch`` (the log itself unless given) as it appears. Whatever ends the
    wait, Ctrl-C too, ends the child's whole process group: at once, or by SIGTERM and ``grace_s`` seconds later.

    Raises:
        MissingDependency: the command cannot be started.
        BuildError: the log cannot be written.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        output = log.open("wb")
    except OSError as error:
        raise cannot_write(log, error) from error
    started = time.monotonic_ns()
    with output:
        lines = _Lines(watch or log, on_line)
        child = _start(command, output, env)
        try:
            expired = not _await(child, time.monotonic() + timeout_s, lines)
        finally:
            end_group(child, grace_s)
    lines.read(last=True)
    return Ending(child.returncode, expired, time.monotonic_ns() - started)


def end_group(child: subprocess.Popen[bytes], grace_s: float = 0.0) -> None:
    """End a child that leads its own session, and everything in its process group."""
    if grace_s > 0 and not _ended(child):
        _signal_group(child, signal.SIGTERM)
        _await(child, time.monotonic() + grace_s)
    # Also when the child itself has ended: what it started may still hold the GPU. It is not reaped before this, so
    # that its number cannot have become another process's.
    _signal_group(child, signal.SIGKILL)
    child.wait()


def _signal_group(child: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _ended(child: subprocess.Popen[bytes]) -> bool:
    """Whether the child has ended, without reaping it."""
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _await(child: subprocess.Popen[bytes], deadline: float, lines: _Lines | None = None) -> bool:
    """Wait for the child's end, at most until ``deadline`` on the monotonic clock; return whether it came."""
    pause = _FIRST_POLL_S
    while not _ended(child):
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
        pause = min(2 * pause, _LAST_POLL_S)
        if lines is not None:
            lines.read()
    return True


def _start(command: Sequence[str | Path], output: IO[bytes], env: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
    try:
        # A session of its own: a Ctrl-C reaches us alone, and we end the whole group.
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=None if env is None else dict(env),
        )
    except OSError as error:
        raise MissingDependency(f"{command[0]}: cannot be started: {error.strerror or error}") from error


class _Lines:
    """The lines of a file that another process is writing, each given once."""

    def __init__(self, path: Path, on_line: Callable[[str], None] | None) -> None:
        self._path, self._on_line = path, on_line
        self._position, self._rest = 0, b""

    def read(self, *, last: bool = False) -> None:
        """Give the lines written since; with ``last`` also one that lacks its line end."""
        if self._on_line is None:
            return
        for chunk in self._chunks():
            *whole, self._rest = (self._rest + chunk).split(b"\n")
            for line in whole:
                self._on_line(line.decode("utf-8", errors="replace"))
        if last and self._rest:
            self._on_line(self._rest.decode("utf-8", errors="replace"))
            self._rest = b""

    def _chunks(self) -> Iterator[bytes]:
        with suppress(OSError), self._path.open("rb") as file:
            file.seek(self._position)
            while chunk := file.read(_CHUNK_BYTES):
                self._position += len(chunk)
                yield chunk
