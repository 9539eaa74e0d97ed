"""The SQLite file under an nsys export: opened read-only, checked, and read in whole columns.

No index exists in an export and none is made. SQLite prints a window of a column as one text and NumPy reads that
back, three times faster than fetching rows, because no Python object is made for a number. Nothing is written beside
the file, and of its tables nothing is read but what a caller names.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trtprof.errors import InputError
from trtprof.parsers.document import unreadable
from trtprof.parsers.nsys_schema import SIGNS, STRINGS, Schema, quoted, read_schema

if TYPE_CHECKING:
    from trtprof.parsers.nsys_schema import Ints

_WINDOW: Final = 1 << 18
_MISSES: Final = 2
"""How many windows may show that a column is not as steady as hoped before it is read like any other."""

_PARAMETERS: Final = 500
_MAGIC: Final = b"SQLite format 3\x00"
_EXPORT_HINT: Final = "make one with `nsys export --type sqlite REPORT.nsys-rep`"
_OTHER_FORMATS: Final = (
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"PK\x03\x04", "a zip archive", "unpack it first"),
    (b"\x89HDF", "an HDF5 file", _EXPORT_HINT),
    (b"ARROW1", "an Arrow file", _EXPORT_HINT),
    (b"{", "JSON", _EXPORT_HINT),
)
_REPORTS: Final = {".nsys-rep": "an nsys report", ".qdrep": "an nsys report", ".qdstrm": "a raw nsys stream"}


class NsysDatabase:
    """An export's tables. Every error of SQLite comes out as an :class:`InputError` naming the file and the table."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            InputError: no such file, not SQLite, cut off, or SQLite but no export of nsys.
        """
        self.path = path
        uri = _uri(path)
        with self.reading(None):
            self._connection = sqlite3.connect(uri, uri=True)
        try:
            self._connection.text_factory = _text
            with self.reading("list of tables"):
                self.schema: Schema = read_schema(self._connection)
            self._check_kind()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _check_kind(self) -> None:
        """Raise for a database that is no export of nsys."""
        tables = self.schema.tables
        if any(name in tables for name in SIGNS):
            return
        found = ", ".join(sorted(tables)[:4]) or "no table at all"
        if "CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL" in tables:
            found += " (a profile of nvprof)"
        raise InputError(
            f"expected tables of an nsys export, found {found}",
            path=self.path,
            where="list of tables",
            hint=_EXPORT_HINT,
        )

    @contextmanager
    def reading(self, where: str | None) -> Iterator[None]:
        """Turn what SQLite and NumPy say of damaged content into the error that names the place."""
        try:
            yield
        except (sqlite3.Error, MemoryError, UnicodeDecodeError, OverflowError) as error:  # what damaged pages cause
            raise InputError(
                f"cannot be read as SQLite: {error or 'out of memory'}",
                path=self.path,
                where=where,
                hint=f"the file may be cut off or still being written; {_EXPORT_HINT}",
            ) from error

    def rows(self, where: str, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query; ``where`` is the table, for messages."""
        with self.reading(where):
            return self._connection.execute(sql, parameters).fetchall()

    def integers(self, where: str, sql: str) -> list[tuple[Any, ...]]:
        """Return all rows of a query whose values are integers or NULL.

        Raises:
            InputError: a value is neither.
        """
        rows = self.rows(where, sql)
        if not all(value is None or type(value) is int for row in rows for value in row):
            raise self.no_integer(where)
        return rows

    def stream(self, where: str, sql: str, parameters: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query as SQLite finds them."""
        with self.reading(where):
            yield from self._connection.execute(sql, parameters)

    def columns(
        self, table: str, expressions: Mapping[str, str], condition: str = "1", steady: Collection[str] = ()
    ) -> dict[str, Ints]:
        """Return integer columns by name as int64 arrays, in order of rowid.

        Args:
            table: a table that exists.
            expressions: SQL for each column; NULL is not allowed, so wrap what may be NULL in COALESCE.
            condition: SQL that a row must meet.
            steady: columns that most likely hold one value all over; found so, they take less time and no memory.

        Raises:
            InputError: a value is no integer.
        """
        parts: dict[str, list[Ints]] = {name: [] for name in expressions}
        source = f"FROM {quoted(table)} NOT INDEXED"  # an index someone added must not decide the order
        guesses = self._first_values(table, {name: expressions[name] for name in steady}, condition)
        misses = dict.fromkeys(steady, 0)
        first = self.rows(table, f"SELECT MIN(rowid) {source}")[0][0]
        while first is not None:
            last = first + _WINDOW - 1
            window = f"{source} WHERE rowid BETWEEN {first} AND {last} AND ({condition})"
            asked = [f"SUM(({expressions[name]}) IS NOT {value})" for name, value in guesses.items()]
            printed = [name for name in expressions if name not in guesses]
            asked += [f"group_concat({expressions[name]})" for name in printed]
            count, *answers = self.rows(table, f"SELECT {', '.join(['COUNT(*)', *asked])} {window}")[0]
            texts = dict(zip(printed, answers[len(guesses) :], strict=True))
            for (name, value), others in zip(tuple(guesses.items()), answers, strict=False):
                if others:
                    texts[name] = self.rows(table, f"SELECT group_concat({expressions[name]}) {window}")[0][0]
                    guesses[name] = _last_number(texts[name], value)
                    misses[name] += 1
                elif count:
                    parts[name].append(_repeated(value, count))
            guesses = {name: value for name, value in guesses.items() if misses[name] < _MISSES}
            for name, text in texts.items():
                if count:
                    parts[name].append(self._numbers(text, count, f"{table}, column {name}"))
            first = self.rows(table, f"SELECT MIN(rowid) {source} WHERE rowid > {last}")[0][0]
        return {name: _joined(parts.pop(name)) for name in expressions}

    def _first_values(self, table: str, expressions: Mapping[str, str], condition: str) -> dict[str, int]:
        """Return what the columns hold in the first row, those without an integer left out."""
        if not expressions:
            return {}
        chosen = ", ".join(expressions.values())
        rows = self.rows(table, f"SELECT {chosen} FROM {quoted(table)} WHERE {condition} ORDER BY rowid LIMIT 1")
        return {
            name: value for row in rows for name, value in zip(expressions, row, strict=True) if isinstance(value, int)
        }

    def _numbers(self, text: object, count: int, where: str) -> Ints:
        """Return the numbers of a text that SQLite printed."""
        import numpy as np

        try:
            numbers: Ints = np.fromstring(str(text), dtype=np.int64, sep=",")
        except (ValueError, OverflowError, DeprecationWarning) as error:
            raise self.no_integer(where) from error
        if len(numbers) != count:
            raise self.no_integer(where)
        return numbers

    def no_integer(self, where: str) -> InputError:
        """Return the error for a value that is no integer."""
        return InputError(
            "expected an integer in every row, found something else", path=self.path, where=where, hint=_EXPORT_HINT
        )

    def strings(self, ids: Iterable[int]) -> dict[int, str]:
        """Return the text of each string id that the export knows."""
        found: dict[int, str] = {}
        if not self.schema.has(STRINGS, "id", "value"):
            return found
        wanted = list(ids)
        for start in range(0, len(wanted), _PARAMETERS):
            some = wanted[start : start + _PARAMETERS]
            places = ",".join("?" * len(some))
            sql = f"SELECT id, value FROM {STRINGS} WHERE id IN ({places}) ORDER BY id, value"
            found |= {number: str(value) for number, value in self.rows(STRINGS, sql, some)}
        return found

    def string_ids(self, *patterns: str) -> list[int]:
        """Return the ids of strings that match one of the glob patterns, in order."""
        if not self.schema.has(STRINGS, "id", "value"):
            return []
        matches = " OR ".join(["value GLOB ?"] * len(patterns))
        sql = f"SELECT id FROM {STRINGS} WHERE {matches} ORDER BY id"
        return [row[0] for row in self.rows(STRINGS, sql, patterns)]


def interned(values: Ints) -> tuple[Ints, Ints]:
    """Return the index of each value among the distinct ones, and these in ascending order.

    Runs of equal values are taken together first: threads and names come in runs or from a small range.
    """
    import numpy as np

    if len(values) == 0:
        return np.zeros(0, np.int32), np.zeros(0, np.int64)
    low, high = int(values.min()), int(values.max())
    if low == high:
        return np.broadcast_to(np.int32(0), len(values)), np.array([low], np.int64)
    if high - low < max(4 * len(values), 1 << 16):
        present = np.zeros(high - low + 1, bool)
        present[values - low] = True
        distinct = np.flatnonzero(present)
        return (np.cumsum(present, dtype=np.int32) - np.int32(1))[values - low], distinct + low
    heads = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    distinct, index = np.unique(values[heads], return_inverse=True)
    return np.repeat(index.astype(np.int32), np.diff(np.append(heads, len(values)))), distinct


def in_order(columns: dict[str, Ints], key: str) -> dict[str, Ints]:
    """Return the columns with rows in ascending order of one of them, equal ones as they were."""
    import numpy as np

    keys = columns[key]
    if len(keys) == 0 or bool((keys[1:] >= keys[:-1]).all()):
        return columns
    order = np.argsort(keys, kind="stable")
    return {name: column if column.strides == (0,) else column[order] for name, column in columns.items()}


def _last_number(text: object, fallback: int) -> int:
    """Return the number a text ends in: what the next window most likely holds."""
    end = str(text).rpartition(",")[2]
    return int(end) if end.lstrip("-").isdecimal() else fallback


def _repeated(value: int, count: int) -> Ints:
    """Return a column of one value: a view on a single number."""
    import numpy as np

    return np.broadcast_to(np.int64(value), count)


def _joined(parts: list[Ints]) -> Ints:
    """Return the windows of a column as one; one value in all of them stays a view on it."""
    import numpy as np

    if not parts:
        return np.zeros(0, np.int64)
    if all(part.strides == (0,) and part[0] == parts[0][0] for part in parts):
        return np.broadcast_to(parts[0][0], sum(map(len, parts)))
    return np.concatenate(parts)


def _text(data: bytes) -> str:
    """Kernel and layer names are free text, and one bad byte loses no trace."""
    return data.decode("utf-8", errors="replace")


def _uri(path: Path) -> str:
    """Return the URI that opens the file without writing to its directory.

    A database in WAL mode makes files beside itself even for a reader, unless it is declared immutable; that is safe
    only where no log is left whose pages the file lacks.
    """
    try:
        with path.open("rb") as file:
            header = file.read(100)
        size = path.stat().st_size
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        raise unreadable(path, error) from error
    if not header.startswith(_MAGIC):
        raise _not_sqlite(path, header)
    if len(header) < 100:
        raise _cut_off(path, size, "100")
    page = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    page = 65536 if page == 1 else page
    is_wal = header[18] == 2
    if not is_wal and header[24:28] == header[92:96] and size < page * pages:
        raise _cut_off(path, size, f"{page * pages:,}")
    has_log = any(path.with_name(path.name + end).exists() for end in ("-wal", "-journal"))
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if is_wal and not has_log else ''}"


def _not_sqlite(path: Path, header: bytes) -> InputError:
    """Return the error for a file of another kind, which it names where it can."""
    found, hint = "something else", _EXPORT_HINT
    if not header:
        found = "an empty file"
    elif path.suffix in _REPORTS:
        found, hint = _REPORTS[path.suffix], f"export it: `nsys export --type sqlite {path.name}`"
    else:
        for magic, name, advice in _OTHER_FORMATS:
            if header.lstrip().startswith(magic):
                found, hint = name, advice
    return InputError(f"expected an SQLite export of nsys, found {found}", path=path, where="first bytes", hint=hint)


def _cut_off(path: Path, size: int, expected: str) -> InputError:
    return InputError(
        f"expected {expected} bytes, found {size:,}: the file is cut off",
        path=path,
        where="SQLite header",
        hint="copy it again, or export the report again",
    )
