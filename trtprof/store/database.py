"""Opening the store: migrations on the way in, read-only on the way out, and what is no store left as it is.

The journal is SQLite's default one, not WAL: a store is one file, that may be copied, read from a directory that cannot
be written, and kept on a network disk. A writer waits for another one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trtprof.errors import BuildError, InputError

if TYPE_CHECKING:
    from sqlite_utils import Database

_BUSY_TIMEOUT_S: Final = 30.0
_MAGIC: Final = b"SQLite format 3\0"
_APPLICATION_ID: Final = 0x74727466
"""``trtf``, set by the third migration; a store of an older schema has 0 and is known by its tables."""
_TABLES: Final = frozenset({"run", "engine", "layer"})
_OTHER: Final = "choose another with --db"
_HOT_JOURNAL: Final = "attempt to write a readonly database"
_HINTS: Final = {
    "disk is full": "free some space, or choose another with --db; the store is as it was before",
    "locked": "another process writes to it; try again when that is done",
    "readonly": "make it writable, or choose another with --db",
    "unable to open database file": "SQLite needs to write into its directory too; choose another with --db",
}


def is_store(path: Path) -> bool:
    """Whether a file is an SQLite database, by its first bytes."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection in one transaction, the store made and brought to the newest schema in it as needed.

    All of it is there at the end, or nothing: when the body fails, the process is killed or the disk is full, the
    store is as it was. Other writers wait meanwhile.

    Raises:
        InputError: the file is no SQLite database, another program's, damaged, or of a newer trtprof.
        BuildError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)) as connection:
            _check(connection, path)
            # Before the version is read: of two processes that make a store, one makes it and the other finds it.
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("BEGIN IMMEDIATE")
            try:
                found = _check(connection, path)
                _check_pages(connection, path)
                _migrate(connection, found)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
    except sqlite3.Error as error:
        raise _error(error, path) from error
    except OSError as error:
        raise BuildError(f"{path}: the store cannot be opened: {error.strerror or error}", hint=_OTHER) from error


@contextmanager
def reading(path: Path) -> Iterator[Database]:
    """Give the store in ``path`` for reading only.

    An empty file is a store without runs. A store of an older schema is read through a copy in memory that is brought
    up to date; the file stays as it is.

    Raises:
        InputError: it is absent, no store of trtprof's, damaged, or of a newer schema than this trtprof reads.
        BuildError: it cannot be read.
    """
    from sqlite_utils import Database

    if not path.is_file():
        raise InputError("no such store", path=path, hint="trtprof compare MODEL makes one")
    try:
        with closing(_connect_for_reading(path)) as file, closing(_newest(file, path)) as connection:
            yield Database(connection)
    except sqlite3.Error as error:
        raise _error(error, path) from error
    except (KeyError, ValueError, TypeError) as error:
        # A store may come from elsewhere, and hold less or other than its version promises: that is damage too.
        raise _damaged(f"{type(error).__name__}: {error}", path) from error


def _connect_for_reading(path: Path) -> sqlite3.Connection:
    uri = path.resolve().as_uri()
    connection = sqlite3.connect(f"{uri}?mode=ro", uri=True, timeout=_BUSY_TIMEOUT_S)
    try:
        _version(connection)
    except sqlite3.Error as error:
        connection.close()
        if not isinstance(error, sqlite3.OperationalError) or _HOT_JOURNAL not in str(error):
            raise
        # A writer was killed in the middle: what it had written must be rolled back first, which writes.
        with closing(sqlite3.connect(f"{uri}?mode=rw", uri=True, timeout=_BUSY_TIMEOUT_S)) as writer:
            _version(writer)
        connection = sqlite3.connect(f"{uri}?mode=ro", uri=True, timeout=_BUSY_TIMEOUT_S)
    return connection


def _newest(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    found = _check(connection, path)
    _check_pages(connection, path)
    if found == len(_migrations()):
        return connection
    copy = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.backup(copy)
        _migrate(copy, found)
        copy.execute("PRAGMA query_only = ON")
    except BaseException:
        copy.close()
        raise
    return copy


def _migrations() -> list[str]:
    folder = resources.files("trtprof.store") / "migrations"
    return [item.read_text(encoding="utf-8") for item in sorted(folder.iterdir(), key=lambda item: item.name)]


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _check(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema of a store that may be used, 0 of one that is still empty; writes nothing."""
    found, newest = _version(connection), len(_migrations())
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if application not in (0, _APPLICATION_ID) or (tables and not (found and tables >= _TABLES)):
        raise InputError("expected a trtprof store, found another program's database", path=path, hint=_OTHER)
    if found > newest:
        raise InputError(
            f"expected a trtprof store of schema {newest} or older, found schema {found}",
            path=path,
            hint="a newer trtprof wrote it; upgrade this one, or choose another store with --db",
        )
    return found if tables else 0


def _check_pages(connection: sqlite3.Connection, path: Path) -> None:
    """Read every page once: a store that is damaged must not be written to, nor half of it read."""
    damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if damage != "ok":
        raise _damaged(str(damage), path)


def _migrate(connection: sqlite3.Connection, found: int) -> None:
    """Run the migrations that a store lacks, in the transaction that is open, or each by itself where none is."""
    for number, script in enumerate(_migrations()[found:], start=found + 1):
        for statement in _statements(script):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")


def _statements(script: str) -> Iterator[str]:
    """Yield one statement at a time: ``executescript`` would commit first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _damaged(what: str, path: Path) -> InputError:
    return InputError(
        f"the store is damaged: {what}",
        path=path,
        hint="it was left as it is; move it away, and trtprof compare DIR puts each finished one into a new store",
    )


def _error(error: sqlite3.Error | UnicodeDecodeError, path: Path) -> InputError | BuildError:
    text = str(error)
    if isinstance(error, sqlite3.OperationalError):
        hint = next((hint for words, hint in _HINTS.items() if words in text), _OTHER)
        return BuildError(f"{path}: the store cannot be used: {text}", hint=hint)
    if "not a database" in text:
        return InputError("expected an SQLite database, found something else", path=path, hint=_OTHER)
    return _damaged(text, path)
