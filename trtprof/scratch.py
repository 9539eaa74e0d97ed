"""Temporary directories that are gone in the end, even after ``kill -9``: whoever comes next removes what that left.

Each is locked by its process while that lives; one that is not locked belongs to nobody any more. A mark inside tells
them from whatever else may bear such a name.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
import weakref
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

_PREFIX: Final = "trtprof-scratch-"
_MARK: Final = ".trtprof-scratch"
_NEW_MARK: Final = ".trtprof-scratch.new"
_UNMARKED_S: Final = 3600.0


class Scratch:
    """A new directory below ``parent`` (the system's for temporary files unless given), removed at the end of a block.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, parent: Path | None = None) -> None:
        place = Path(tempfile.gettempdir()) if parent is None else parent
        prefix = _PREFIX if parent is None else f".{_PREFIX}"
        sweep(place, prefix)
        self.path = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=place))
        # Locked before it is marked: what has no mark is swept only once its maker is no more.
        made = self.path / _NEW_MARK
        lock = os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        made.rename(self.path / _MARK)
        self.remove = weakref.finalize(self, _remove, self.path, lock)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def sweep(place: Path, prefix: str = _PREFIX) -> None:
    """Remove what processes that are no more have left in a directory."""
    with suppress(OSError):
        for path in place.glob(f"{prefix}*"):
            with suppress(OSError):
                _sweep_one(path)


def _sweep_one(path: Path) -> None:
    if path.is_symlink() or path.stat().st_uid != os.getuid():
        return
    try:
        lock = os.open(path / _MARK, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        # Its maker was ended while it made or removed it. The hour is for a number that is another process's by now.
        if _maker_is_gone(path) or time.time() - path.stat().st_mtime > _UNMARKED_S:
            (path / _NEW_MARK).unlink(missing_ok=True)
            path.rmdir()
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
    else:
        _remove(path, lock)


def _maker_is_gone(path: Path) -> bool:
    """Whether the process that the name of a directory tells is no more."""
    number = path.name.partition(_PREFIX)[2].partition("-")[0]
    if not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        pass
    return False


def _remove(path: Path, lock: int) -> None:
    """The mark goes last: what is left when this is cut short is swept as well."""
    with suppress(OSError):
        for entry in path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name != _MARK:
                entry.unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)
    os.close(lock)
