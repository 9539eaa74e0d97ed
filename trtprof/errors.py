"""Errors that a user can cause, each with its exit code.

Every :class:`TrtprofError` is printed as one ``error:`` line and, where something can be done about it, one ``hint:``
line. Whatever is not a ``TrtprofError`` is a bug and keeps its traceback. Imports nothing of ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

EXIT_DONE: Final = 0
EXIT_GATE: Final = 1
EXIT_USAGE: Final = 2
EXIT_BAD_INPUT: Final = 3
EXIT_MISSING: Final = 4
EXIT_FAILED: Final = 5
EXIT_BUG: Final = 70
BY_SIGNAL: Final = 128
"""Ended by a signal: this and its number, as shells have it."""
EXIT_HANGUP: Final = BY_SIGNAL + 1
EXIT_INTERRUPTED: Final = BY_SIGNAL + 2
EXIT_TERMINATED: Final = BY_SIGNAL + 15
_LONGEST: Final = 1600
"""Characters of a message or hint; a terminal's screen holds about 2,000."""


class TrtprofError(Exception):
    """Something a user can cause and cure: a message, a hint and an exit code."""

    exit_code: int = EXIT_FAILED
    code: str = "failed"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(_one_line(message))
        self.message = _one_line(message)
        self.hint = _one_line(hint) if hint else None

    def to_dict(self) -> dict[str, object]:
        """Return the error as the JSON object that ``--format json`` prints on stderr."""
        return {
            "error": self.message,
            "hint": self.hint,
            "code": self.code,
            "exit_code": self.exit_code,
        }


class UsageError(TrtprofError):
    """The command line asks for something that does not exist or contradicts itself."""

    exit_code = EXIT_USAGE
    code = "usage"


class InputError(TrtprofError):
    """A file is not what it should be: names the file, the place, what was expected and what was found."""

    exit_code = EXIT_BAD_INPUT
    code = "bad_input"

    def __init__(
        self,
        message: str,
        *,
        path: Path | str | None = None,
        where: str | None = None,
        hint: str | None = None,
    ) -> None:
        parts = [str(part) for part in (path, where) if part]
        super().__init__(": ".join([*parts, message]), hint=hint)
        self.path = str(path) if path is not None else None
        self.where = where


class MissingDependency(TrtprofError):  # noqa: N818 - reads as what it says
    """A tool, driver or Python package that this command needs is not installed."""

    exit_code = EXIT_MISSING
    code = "missing_dependency"


class BuildError(TrtprofError):
    """A TensorRT build or a measurement failed: the model, the target or the machine does not allow it."""

    exit_code = EXIT_FAILED
    code = "build_failed"


class GateFailed(TrtprofError):  # noqa: N818 - reads as what it says
    """A gate that the command line set failed: the answer was given, and it is no."""

    exit_code = EXIT_GATE
    code = "gate_failed"


class Interrupted(TrtprofError):  # noqa: N818
    """Ctrl-C, or a signal like it. What was finished is kept, and the hint says how to go on from there."""

    exit_code = EXIT_INTERRUPTED
    code = "interrupted"


def _one_line(text: str) -> str:
    """A message quotes what it found, and a hostile file may hold a word of any length: the middle is left out."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 200]} … {line[-190:]}"
