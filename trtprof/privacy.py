"""Where somebody works is nobody's business: paths as they may stand in what is handed on.

A page, a JSON document, a table for a pull request or a store is made to be shared. A path below the working directory
is written relative to it, any other by its last part, the home directory as ``~``; ``--keep-host`` leaves paths as they
are. User names, host names and the environment are never asked for. Imports nothing of ours.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from pathlib import Path, PurePosixPath
from typing import Final

OPTION: Final = "--keep-host"
KEEP_HOST: ContextVar[bool] = ContextVar("keep_host", default=False)
"""Whether paths stay as they are, for this command."""
_FEWEST_PARTS: Final = 3
"""Parts of a directory that is looked for inside text, the root counted: ``/models/…`` may be a layer's name."""


def shown_path(path: Path | str) -> str:
    """Return a path as it may be handed on: a relative one as it is, else relative to here, else its last part."""
    text = str(path)
    if KEEP_HOST.get() or not text.startswith(("/", "~")):
        return text
    place = Path(text)
    for here in dict.fromkeys((_here(), os.environ.get("PWD", ""))):
        if here and place.is_relative_to(here):
            return str(place.relative_to(here))
    return place.name or text


def shown_command(words: Sequence[str]) -> str:
    """Return a command line as it may be handed on."""
    return shlex.join(_shown_word(word) for word in words)


def shown_command_line(line: str) -> str:
    """Return a command line that was kept as text; as it is where it cannot be taken apart."""
    try:
        return shown_command(shlex.split(line))
    except ValueError:
        return line


def _shown_word(word: str) -> str:
    head, separator, path = word.rpartition("=")
    return f"{head}{separator}{shown_path(path)}"


def _end(path: str) -> str:
    """What may not follow a path in text; of ``/tmp``, which may begin a layer's name, only the whole is meant."""
    if path.endswith("/"):
        return ""
    return r"(?![\w.-])" if len(PurePosixPath(path).parts) >= _FEWEST_PARTS else r"(?![\w./-])"


def _is_place(path: str) -> bool:
    """Whether something is there, or a directory to write it into: names of layers begin with a slash too."""
    try:
        place = Path(path)
        return place.exists() or (len(place.parts) >= _FEWEST_PARTS and place.parent.is_dir())
    except (OSError, ValueError):
        return False


def _here() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it has been removed
        return ""


class Places:
    """The absolute paths a command was given, its working directory and the home directory, to be left out of text."""

    def __init__(self, words: Iterable[str]) -> None:
        pairs: dict[str, str] = {}
        for word in words:
            path = word.rpartition("=")[2].rstrip("/")
            if path.startswith("/") and _is_place(path):
                pairs[path] = shown_path(path)
                folder = str(PurePosixPath(path).parent)
                if len(PurePosixPath(folder).parts) >= _FEWEST_PARTS:
                    pairs.setdefault(f"{folder}/", "")
        for folder, instead in ((_here(), ""), (os.environ.get("HOME", ""), "~/")):
            if len(PurePosixPath(folder).parts) >= _FEWEST_PARTS:
                pairs[f"{folder}/"] = instead
                pairs[folder] = instead.rstrip("/") or "."
        self._instead = {json.dumps(key, ensure_ascii=False)[1:-1]: value for key, value in pairs.items()} | pairs
        longest_first = sorted(self._instead, key=len, reverse=True)
        found = "|".join(re.escape(key) + _end(key) for key in longest_first)
        self._pattern = re.compile(rf"(?<![\w.~-])(?:{found})") if found else None

    def left_out(self, text: str) -> str:
        """Return text with these paths as :func:`shown_path` has them."""
        if self._pattern is None or KEEP_HOST.get():
            return text
        return self._pattern.sub(lambda match: self._instead[match[0]], text)
