r"""Names are data on the way to a terminal and into a spreadsheet too.

A layer, kernel, model or file may be called anything. On a terminal a control character in a name could move the
cursor, rewrite what stands above or set the window's title, and a bidirectional mark could turn text around; here each
shows as ``\x1b``. In a spreadsheet a cell that begins as a formula would be computed; here it gets an apostrophe in
front.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO, cast

from trtprof.privacy import Places

CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""C0 but tab and line feed, DEL, C1 (U+009B begins sequences as ESC [ does), bidirectional and invisible marks, and
lone surrogates, which no encoding has."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER: Final = re.compile(r"[-+]?(?:\d[\d,]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?: ?(?:%|pp|[µmn]?s|dB|MiB))?")


def visible(text: str) -> str:
    r"""Return text with each control character spelled as Python spells it: ``\x1b``, ``\u202e``."""
    return CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def visible_json(text: str) -> str:
    """Return a JSON document with each control character in its strings as an escape: the same data, seen by nobody."""
    return CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class GuardedStream:
    """A text stream through which no control character of a name passes; ``trusted`` is the stream itself.

    Only rich writes to that one: it colours and moves the cursor on purpose, and gets names through ``NameConsole``.
    """

    def __init__(self, trusted: TextIO, *, as_json: bool = False, places: Places | None = None) -> None:
        self.trusted = trusted
        self._spell = visible_json if as_json else visible
        self._places = places

    def write(self, text: str) -> int:
        """Write text, control characters spelled out and, in an answer made to be handed on, places left out."""
        handed_on = text if self._places is None else self._places.left_out(text)
        return self.trusted.write(self._spell(handed_on))

    def writelines(self, lines: Iterable[str]) -> None:
        """Write lines likewise."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.trusted, name)


def trusted(stream: TextIO) -> TextIO:
    """Return the stream behind a guarded one."""
    return stream.trusted if isinstance(stream, GuardedStream) else stream


@contextmanager
def guarded_output(*, as_json: bool, places: Places | None) -> Iterator[None]:
    """Guard stdout and stderr while a command runs.

    ``as_json`` where its answer is a JSON document; ``places`` are left out of an answer that is handed on.
    """
    out, err = sys.stdout, sys.stderr
    sys.stdout = cast(TextIO, GuardedStream(trusted(out), as_json=as_json, places=places))
    sys.stderr = cast(TextIO, GuardedStream(trusted(err)))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err


def safe_cell(value: object) -> object:
    """Return a cell of CSV: text that a spreadsheet would compute gets an apostrophe in front, a number does not."""
    if isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


class CsvWriter:
    """Writes rows of CSV in which no cell is a formula; see :func:`safe_cell`."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._writer = csv.writer(sys.stdout if out is None else out, lineterminator="\n")

    def writerow(self, row: Iterable[object]) -> None:
        """Write a row."""
        self._writer.writerow([safe_cell(value) for value in row])

    def writerows(self, rows: Iterable[Iterable[object]]) -> None:
        """Write rows."""
        for row in rows:
            self.writerow(row)
