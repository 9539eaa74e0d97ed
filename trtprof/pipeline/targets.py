"""What may stand after ``trtprof compare``: a path, or a path with a name before it."""

from __future__ import annotations

from pathlib import Path

Target = tuple[str | None, Path]


def parse_target(text: str) -> Target:
    """Return name and path of ``NAME=PATH`` or ``PATH``; an existing path is never taken apart."""
    name, separator, path = text.partition("=")
    if separator and name and path and not _exists(text):
        return name, Path(path)
    return None, Path(text)


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long a name, or a NUL byte in it
        return False
