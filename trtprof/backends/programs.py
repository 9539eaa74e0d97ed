"""Which program is meant: the one an option or a variable names, else the one on ``PATH``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from trtprof.errors import UsageError


def given_or_on_path(
    program: str, given: Sequence[tuple[str, Path | str | None]], env: Mapping[str, str]
) -> Path | None:
    """Return the first of the given paths, with where it was named, else the program on ``PATH``, else ``None``.

    Raises:
        UsageError: a given path is no executable file.
    """
    for source, named in given:
        if named:
            path = Path(named).expanduser()
            if not is_executable(path):
                raise UsageError(f"{source} {path}: no executable file", hint=f"give the path of the {program} program")
            return path
    on_path = shutil.which(program, path=env.get("PATH", os.defpath))
    return Path(on_path) if on_path else None


def is_executable(path: Path) -> bool:
    """Whether a path is a file that may be run."""
    return path.is_file() and os.access(path, os.X_OK)
