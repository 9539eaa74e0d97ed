"""Files that are whole or not there: written under another name first, so that a reader sees the old or the new."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trtprof.errors import BuildError

ROOM_HINT = "free some space, or choose another directory with --out"


def cannot_write(path: Path, error: OSError, hint: str | None = ROOM_HINT) -> BuildError:
    """Return the error for a file that the system does not let us write."""
    return BuildError(f"{path}: cannot be written: {error.strerror or error}", hint=hint)


@contextmanager
def replacing(path: Path, hint: str | None = ROOM_HINT) -> Iterator[Path]:
    """Give the temporary path to write, in the directory of ``path``, which takes its place at the end.

    Raises:
        BuildError: it cannot be written; nothing is left then, and an earlier file is as it was.
    """
    temporary = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise cannot_write(path, error, hint) from error
