"""Where the commands that read a store look for it."""

from __future__ import annotations

from pathlib import Path

from trtprof.errors import UsageError


def default_store() -> Path:
    """Return the store of the default workspace, or the one in the working directory.

    Raises:
        UsageError: there is neither.
    """
    from trtprof.api import STORE_NAME

    found = [path for path in (Path("trtprof-out") / STORE_NAME, Path(STORE_NAME)) if path.is_file()]
    if not found:
        raise UsageError("no store is here", hint="name one with --db FILE; trtprof compare MODEL makes one")
    return found[0]
