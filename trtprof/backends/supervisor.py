"""Stands between trtprof and a tool it starts, and ends the tool with everything it started.

Runs as ``python -IS supervisor.py FD PROGRAM ARGUMENT…`` and imports nothing of ours, for it starts with every tool.
``FD`` is a socket to trtprof. Its end, by whatever ends trtprof, SIGKILL too, is the order to end the tool; a byte
``T`` on it asks the tool to end by SIGTERM. As the "child subreaper" of prctl(2) it becomes the parent of processes
that detach themselves, as the daemon of nsys does, and so finds those too. It ends as the tool ended; where the tool
could not be started, the error's number goes to the socket.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def main(arguments: Sequence[str]) -> int:
    """Run the tool; return its exit status, or end by the signal that ended it."""
    line, command = int(arguments[0]), list(arguments[1:])
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    tool = _start(line, command)
    status = _follow(tool, line, woken)
    _end_all()
    return _end_as(status)


def _start(line: int, command: list[str]) -> int:
    """Start the tool in a process group of its own and return its number."""
    parent = os.getpid()
    tool = os.fork()
    if tool == 0:
        try:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            os.setpgid(0, 0)
            # What Python ignores, a program started by it would ignore too.
            for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            if os.getppid() == parent:
                os.set_inheritable(line, False)
                os.execvp(command[0], command)
        except OSError as error:
            os.write(line, b"%d\n" % (error.errno or 0))
        os._exit(127)
    return tool


def _follow(tool: int, line: int, woken: int) -> int:
    """Wait for the tool's end or the order to end it; return its status as ``waitpid`` gives it."""
    while True:
        ready, _, _ = select.select([line, woken], [], [])
        if line in ready:
            if not _read(line):
                _signal_group(tool, signal.SIGKILL)
                return os.waitpid(tool, 0)[1]
            _signal_group(tool, signal.SIGTERM)
        if woken in ready:
            os.read(woken, 512)
            done, status = os.waitpid(tool, os.WNOHANG)
            if done:
                _signal_group(tool, signal.SIGKILL)
                return status


def _read(line: int) -> bytes:
    try:
        return os.read(line, 16)
    except OSError:  # the other end is gone with bytes of ours unread
        return b""


def _signal_group(tool: int, number: int) -> None:
    try:
        os.killpg(tool, number)
    except OSError:
        try:  # before it has made its group
            os.kill(tool, number)
        except OSError:
            return


def _end_all() -> None:
    """End every descendant. Orphans become children of this process, so none is left when it has no child."""
    while _reap():
        for child in _descendants():
            try:
                os.kill(child, signal.SIGKILL)
            except OSError:
                continue
        time.sleep(0.001)


def _reap() -> bool:
    """Take what children have ended; return whether there is another."""
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
        except ChildProcessError:
            return False
        if found is None:
            return True


def _descendants() -> list[int]:
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib takes longer to import than this to run
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            parents.setdefault(parent, []).append(int(name))
    found, waiting = [], [os.getpid()]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def _end_as(status: int) -> int:
    if os.WIFSIGNALED(status):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    return os.WEXITSTATUS(status)


def _prctl(option: int, value: int) -> None:
    """Linux only; elsewhere what detaches itself is not found."""
    try:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except (OSError, AttributeError):
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
