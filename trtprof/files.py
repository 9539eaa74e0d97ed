"""Files that are whole or not there: written under another name first, so that a reader sees the old or the new."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trtprof.errors import BuildError

ROOM_HINT = "free some space, or choose another directory with --out"


def cannot_write(path: Path, error: OSError, hint: str | None = ROOM_HINT) -> BuildError:
    """Return the error for a file that the system does not let us write."""
    return BuildError(f"{path}: cannot be written: {error.strerror or error}", hint=hint)


@contextmanager
def replacing(path: Path, hint: str | None = ROOM_HINT, *, sync: bool = True) -> Iterator[Path]:
    """Give the temporary path to write, in the directory of ``path``, which takes its place at the end.

    With ``sync`` that holds through a power cut too; it is for what nobody would notice to be cut off. What is checked
    against its hash before use needs none.

    Raises:
        BuildError: it cannot be written; nothing is left then, and an earlier file is as it was.
    """
    temporary = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if sync:
            _sync(temporary)
        temporary.replace(path)
        if sync:
            _sync(path.parent)
    except OSError as error:
        raise cannot_write(path, error, hint) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Have the system write a file or a directory to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot
            raise
    finally:
        os.close(handle)
