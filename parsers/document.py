"""Bytes of a file, as text or JSON, with the errors a damaged file deserves.

Everything a JSON parser of this package takes out of a document goes through the typed getters below, so that a wrong
type reads as absent (``None``) and never as 0. Imports the errors only.
"""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from trtprof.errors import InputError

MAX_BYTES: Final = 1 << 29
"""Largest file read as a whole: 512 MiB, about 2 million iterations of ``--exportTimes``. Logs are streamed instead."""

_DIMENSION_LIMIT: Final = 1 << 63
_LONGEST_MS: Final = 1e15
_SHORTEST_MS: Final = 1e-9


def read_bytes(path: Path, *, limit: int = MAX_BYTES) -> bytes:
    """Return the content of a file.

    Raises:
        InputError: it does not exist, is no file, may not be read, or is larger than ``limit`` bytes.
    """
    try:
        size = path.stat().st_size
        if size > limit:
            raise InputError(
                f"expected at most {limit} bytes, found {size}",
                path=path,
                hint="export fewer iterations (--iterations, --duration), or cut the file",
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> InputError:
    """Return the error for a file that the system does not let us read."""
    if isinstance(error, FileNotFoundError):
        return InputError("no such file", path=path, hint="check the name; directories are accepted too")
    if isinstance(error, IsADirectoryError):
        return InputError("expected a file, found a directory", path=path, hint="name a file in it")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InputError(f"cannot be read: {reason}", path=path, hint="check the permissions and the disk")


def as_text(data: bytes | str) -> str:
    """Return text of UTF-8 or, where a byte-order mark says so, UTF-16 (what PowerShell's ``>`` writes).

    Bytes that are neither are replaced by U+FFFD: layer names are free text, and one bad byte loses no engine.
    """
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="replace")


def load_json(
    data: bytes | str,
    *,
    path: str,
    what: str,
    hint: str,
    object_hook: Callable[[dict[str, Any]], object] | None = None,
) -> Any:
    """Return the JSON document in ``data``; raw control characters in strings are allowed, as TensorRT writes them.

    ``object_hook`` replaces each object as soon as it is read, innermost first.

    Raises:
        InputError: empty, cut off, not JSON, or nested too deeply. ``what`` names the format, ``hint`` how to make it.
    """
    text = as_text(data)
    if not text or text.isspace():
        raise InputError(f"expected {what}, found an empty file", path=path, hint=hint)
    try:
        return json.loads(text, strict=False, object_hook=object_hook)
    except json.JSONDecodeError as error:
        raise InputError(
            f"expected {what}; {json_fault(error)}",
            path=path,
            where=f"line {error.lineno}, column {error.colno}",
            hint=hint,
        ) from error
    except RecursionError as error:
        raise InputError(f"expected {what}, found JSON nested too deeply to be one", path=path, hint=hint) from error
    except ValueError as error:  # an integer of more than 4,300 digits
        raise InputError(f"expected {what}, found a number that is none: {error}", path=path, hint=hint) from error


def json_fault(error: json.JSONDecodeError) -> str:
    """Return what is wrong, in words: whether the file ends too early or what stands at the place."""
    rest = error.doc[error.pos :]
    if not rest.strip() or error.msg.startswith("Unterminated string"):
        return "the file ends in the middle of it"
    return f"{error.msg[0].lower()}{error.msg[1:]}, found {rest[:20]!r}"


def type_name(value: object) -> str:
    """Return the JSON word for a value's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else type(value).__name__


def number(value: object) -> float | None:
    """Return a finite number, or ``None``; booleans, strings, NaN and infinities are no measurements."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        as_float = float(value)
    except OverflowError:
        return None
    return as_float if math.isfinite(as_float) else None


def milliseconds(value: object) -> float | None:
    """Return a number of milliseconds as nanoseconds.

    ``None`` when negative, longer than mankind has lived, or less than a picosecond and not 0: such a number is no
    measurement, and its inverse is no rate.
    """
    # The type, not isinstance: a boolean is an int too. NaN fails the comparison.
    if (type(value) is float or type(value) is int) and (_SHORTEST_MS <= value < _LONGEST_MS or value == 0):
        return value * 1e6
    return None


def parse_number(text: str) -> float | None:
    """Return a finite number written as text, or ``None`` (``nan``, ``-nan``, ``inf``, words)."""
    try:
        return number(float(text))
    except ValueError:
        return None


def integer(value: object) -> int | None:
    """Return an integer of at most 64 bits, or ``None``."""
    if type(value) is not int:
        return None
    return value if -_DIMENSION_LIMIT <= value < _DIMENSION_LIMIT else None


def integers(value: object) -> tuple[int, ...] | None:
    """Return a list of integers as a tuple, or ``None`` when it is no such list."""
    if not isinstance(value, list):
        return None
    for item in value:
        if type(item) is not int or not -_DIMENSION_LIMIT <= item < _DIMENSION_LIMIT:
            return None
    return tuple(value)


def string(value: object) -> str | None:
    """Return a string, or ``None``."""
    return value if isinstance(value, str) else None
