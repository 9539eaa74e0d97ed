"""How the program is stopped: the first signal ends it in order, a second one at once.

SIGINT, SIGTERM and SIGHUP raise a :class:`KeyboardInterrupt` where the program is, so that whatever is open is closed,
children end, and what is finished is kept. What the parent ignores (``nohup``, a shell's background job) stays ignored.
Imports nothing that takes time: it must be in place before anything else is.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import Any, Final

from trtprof.errors import BY_SIGNAL, EXIT_INTERRUPTED

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ONE_PRESS_S: Final = 0.3
"""`timeout`, `uv run` and others pass on a signal that their child gets from the terminal or the group as well."""
_MOMENT_S: Final = 0.005
_IMPORT_S: Final = 5.0
_SHOW_CURSOR: Final = b"\x1b[?25h"


class Stopped(KeyboardInterrupt):
    """A signal came. Of a class of its own: Python ends by SIGINT once the plain one has passed through ``exec``."""


class Received:
    """The first signal that came, and when; ``number`` is ``None`` before. ``waiting``: it will come again.

    ``told``: the user has been told of it.
    """

    number: int | None = None
    moment: float = 0.0
    waiting: bool = False
    told: bool = False


def install() -> None:
    """From here on a signal raises :class:`Stopped` in the main thread."""
    for number in _STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    sys.unraisablehook = _raise_again


def restore() -> None:
    """From here on a signal ends the program at once: there is nothing to tidy up any more."""
    for number in _STOPPING:
        if signal.getsignal(number) is _stop:
            signal.signal(number, signal.SIG_DFL)
    sys.unraisablehook = sys.__unraisablehook__


def came() -> bool:
    """Return whether the program was told to stop."""
    return Received.number is not None


def exit_code() -> int:
    """Return the exit code of an interrupted program: 128 and the signal's number, as a shell has it."""
    return EXIT_INTERRUPTED if Received.number is None else BY_SIGNAL + Received.number


def cause() -> str:
    """Return what to say of the interruption: Ctrl-C needs no name, others do."""
    Received.told = True
    if Received.number in (None, signal.SIGINT):
        return "interrupted"
    return f"interrupted by {signal.Signals(Received.number or 0).name}"


def _stop(number: int, frame: FrameType | None) -> None:
    now = time.monotonic()
    if Received.number is None or Received.waiting:
        Received.moment = Received.moment if Received.waiting else now
        Received.number = number
        Received.waiting = now - Received.moment < _IMPORT_S and _importing(frame)
        if Received.waiting:
            _thread.start_new_thread(_send_again, (signal.Signals(number),))
            return
        raise Stopped
    if now - Received.moment >= _ONE_PRESS_S:
        # What we started ends with us.
        if sys.stderr is not None and sys.stderr.isatty():
            os.write(2, _SHOW_CURSOR)
        os.write(2, b"error: ended at once\n")
        os._exit(BY_SIGNAL + number)


def _importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported: one in C may crash when an exception comes up in the midst of it."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _raise_again(unraisable: Any) -> None:
    """Python drops an exception that comes up in a destructor or a callback; ours must not be lost."""
    if unraisable.exc_type is Stopped and Received.number is not None:
        number, Received.number = signal.Signals(Received.number), None
        with suppress(RuntimeError):  # the interpreter is ending
            _thread.start_new_thread(_send_again, (number,))
    else:
        sys.__unraisablehook__(unraisable)


def _send_again(number: signal.Signals) -> None:
    """From another thread and a moment later: in this one it would come up where the first was dropped."""
    time.sleep(_MOMENT_S)
    _thread.interrupt_main(number)
