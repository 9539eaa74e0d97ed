"""A tool run as a child process: in a session of its own, followed through its log, ended with everything it started.

Output goes straight into a file rather than a pipe: the log is whole whatever happens to us, and a helper process that
outlives its parent (nsys leaves one) cannot keep us waiting for the end of a pipe. Between us and the tool stands
:mod:`trtprof.backends.supervisor`, which ends it also when we are killed and can do nothing any more.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from trtprof.errors import MissingDependency
from trtprof.files import cannot_write

_SUPERVISOR: Final = Path(__file__).with_name("supervisor.py")
_END_TIMEOUT_S: Final = 10.0
_NOT_STARTED: Final = 127
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
        child = Child(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=env)
        try:
            expired = not _await(child, time.monotonic() + timeout_s, lines)
        finally:
            child.end(grace_s)
    lines.read(last=True)
    return Ending(child.code, expired, time.monotonic_ns() - started)


class Child:
    """A tool that is under way, in a session of its own, so that a Ctrl-C reaches us alone.

    The tool and all it starts end with :meth:`end`, with this process, or with the tool itself.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        stdin: int,
        stdout: int | IO[bytes],
        stderr: int = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
        text: bool = False,
    ) -> None:
        self.name = str(command[0])
        self._line, theirs = socket.socketpair()
        with theirs:
            supervisor = [sys.executable, "-IS", str(_SUPERVISOR), str(theirs.fileno())]
            try:
                self._process: subprocess.Popen[Any] = subprocess.Popen(
                    [*supervisor, *(str(part) for part in command)],
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    text=text,
                    errors="replace" if text else None,
                    start_new_session=True,
                    pass_fds=(theirs.fileno(),),
                    env=None if env is None else dict(env),
                )
            except OSError as error:
                self._line.close()
                raise _not_started(self.name, error) from error
        self.stdin, self.stdout = self._process.stdin, self._process.stdout

    @property
    def ended(self) -> bool:
        """Whether it has ended, and everything it started."""
        return self._process.poll() is not None

    @property
    def code(self) -> int:
        """Exit status of a child that has ended; negative: the signal that ended it."""
        return self._process.wait()

    def kill(self) -> None:
        """Order its end; a word from another thread is enough."""
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_WR)

    def end(self, grace_s: float = 0.0) -> None:
        """End it and everything it started: at once, or by SIGTERM and ``grace_s`` seconds later.

        Raises:
            MissingDependency: it could not be started.
        """
        if grace_s > 0 and not self.ended:
            with suppress(OSError):
                self._line.send(b"T")
            _await(self, time.monotonic() + grace_s)
        self.kill()
        try:
            code = self._process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:  # what hangs in the kernel cannot be ended by anyone
            self._process.kill()
            code = self._process.wait()
        for stream in (self.stdin, self.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        with self._line:
            if code == _NOT_STARTED and (said := self._line.recv(16)):
                number = int(said)
                raise _not_started(self.name, OSError(number, os.strerror(number)))


def _not_started(name: str, error: OSError) -> MissingDependency:
    return MissingDependency(f"{name}: cannot be started: {error.strerror or error}")


def _await(child: Child, deadline: float, lines: _Lines | None = None) -> bool:
    """Wait for the child's end, at most until ``deadline`` on the monotonic clock; return whether it came."""
    pause = _FIRST_POLL_S
    while not child.ended:
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
        pause = min(2 * pause, _LAST_POLL_S)
        if lines is not None:
            lines.read()
    return True


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
