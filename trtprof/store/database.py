"""Opening the store: migrations on the way in, read-only on the way out."""

from __future__ import annotations

import sqlite3
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from trtprof.errors import BuildError, InputError

if TYPE_CHECKING:
    from sqlite_utils import Database

_BUSY_TIMEOUT_S = 10.0
_MAGIC = b"SQLite format 3\0"


def open_store(path: Path) -> Database:
    """Return the store in ``path``, made and brought to the newest schema as needed; close it after use.

    Raises:
        InputError: the file is no SQLite database, or of a newer trtprof.
        BuildError: it cannot be written.
    """
    from sqlite_utils import Database

    connection = _connect(path)
    try:
        _migrate(connection, path)
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error as error:
        connection.close()
        raise _error(error, path) from error
    except BaseException:
        connection.close()
        raise
    return Database(connection)


def read_store(path: Path) -> Database:
    """Return the store in ``path`` for reading only; close it after use.

    Raises:
        InputError: it is absent, no store of trtprof's, or of another schema than this trtprof reads.
    """
    from sqlite_utils import Database

    if not path.is_file():
        raise InputError("no such store", path=path, hint="trtprof compare MODEL makes one")
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=_BUSY_TIMEOUT_S)
    try:
        found, newest = _version(connection), len(_migrations())
    except sqlite3.Error as error:
        connection.close()
        raise _error(error, path) from error
    if found != newest:
        connection.close()
        raise InputError(
            f"expected a trtprof store of schema {newest}, found schema {found}",
            path=path,
            hint="an older store is brought up to date by the next trtprof compare that writes to it"
            if 0 < found < newest
            else "give the path of a trtprof.db that this version of trtprof wrote",
        )
    return Database(connection)


def is_store(path: Path) -> bool:
    """Whether a file is an SQLite database, by its first bytes."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _connect(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S)
    except (OSError, sqlite3.Error) as error:
        raise BuildError(f"{path}: the store cannot be opened: {error}", hint="choose another with --db") from error


def _migrations() -> list[str]:
    folder = resources.files("trtprof.store") / "migrations"
    return [item.read_text(encoding="utf-8") for item in sorted(folder.iterdir(), key=lambda item: item.name)]


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    migrations = _migrations()
    found = _version(connection)
    if found > len(migrations):
        raise InputError(
            f"expected a trtprof store of schema {len(migrations)} or older, found schema {found}",
            path=path,
            hint="it was written by a newer trtprof; upgrade this one, or choose another store with --db",
        )
    tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]
    if found == 0 and tables:
        raise InputError(
            "expected a trtprof store, found another program's database",
            path=path,
            hint="choose another file with --db",
        )
    for number, script in enumerate(migrations[found:], start=found + 1):
        connection.executescript(f"BEGIN;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")


def _error(error: sqlite3.Error, path: Path) -> InputError | BuildError:
    if isinstance(error, sqlite3.OperationalError):
        return BuildError(f"{path}: the store cannot be used: {error}", hint="choose another with --db")
    return InputError(
        f"expected an SQLite database, found something else: {error}", path=path, hint="choose another with --db"
    )
