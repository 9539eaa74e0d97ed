"""The capture directory: raw artefacts and a manifest that says how each was made.

Each artefact is the result of a *step*, named (``build:int8``) and keyed by everything it depends on. A step whose key
and files are still as recorded is not run again; that is how an interrupted comparison goes on. The manifest holds no
environment values.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, TypeVar

from trtprof.errors import BuildError, InputError, UsageError
from trtprof.files import replacing

MANIFEST: Final = "manifest.json"
SCHEMA_VERSION: Final = 1
_LOCK: Final = ".lock"
_CHUNK_BYTES: Final = 2**20
T = TypeVar("T")


_known_hashes: dict[tuple[int, int, int, int], str] = {}


def sha256_of(path: Path) -> str:
    """Return the hex SHA-256 of a file, read once for each of its states: a model may have several names."""
    status = path.stat()
    state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    if state not in _known_hashes:
        _known_hashes[state] = _hash(path)
    return _known_hashes[state]


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def key_of(parts: Mapping[str, Any]) -> str:
    """Return a hash of what a step depends on."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class Capture:
    """A capture directory open for writing; one process at a time, from :meth:`open` to :meth:`close`."""

    def __init__(self, root: Path, manifest: dict[str, Any], lock: int) -> None:
        self.root = root
        self.manifest = manifest
        self._lock = lock

    @classmethod
    def open(cls, root: Path, identity: Mapping[str, Any], *, replace: bool = False) -> Capture:
        """Return the capture in ``root``, made anew or continued when it is of the same identity.

        Raises:
            UsageError: it belongs to another comparison, or another process is writing to it.
            BuildError: the directory cannot be made.
        """
        try:
            root.mkdir(parents=True, exist_ok=True)
            lock = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise BuildError(
                f"{root}: the capture directory cannot be made: {error.strerror or error}",
                hint="choose another directory with --out",
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise UsageError(
                f"{root}: another trtprof is writing to this capture",
                hint="wait for it, or choose another directory with --out",
            ) from error
        try:
            manifest = cls._manifest(root, identity, replace)
        except BaseException:
            os.close(lock)
            raise
        return cls(root, manifest, lock)

    @staticmethod
    def _manifest(root: Path, identity: Mapping[str, Any], replace: bool) -> dict[str, Any]:
        fresh = {
            "schema_version": SCHEMA_VERSION,
            "status": "incomplete",
            "created": now(),
            "identity": dict(identity),
            "steps": {},
        }
        if not (root / MANIFEST).exists():
            return fresh
        try:
            manifest = read_manifest(root)
        except InputError:
            if replace:
                return fresh
            raise
        if manifest["identity"] == json.loads(json.dumps(dict(identity))):
            return manifest
        if replace:
            return fresh
        if manifest["status"] != "complete":
            # Nothing was answered from it yet, and its steps are keyed: those that still apply are kept.
            return {**fresh, "steps": manifest["steps"]}
        differing = sorted(
            name for name in {*identity, *manifest["identity"]} if identity.get(name) != manifest["identity"].get(name)
        )
        raise UsageError(
            f"{root}: holds the capture of another comparison (it differs in {', '.join(differing)})",
            hint="choose another directory with --out, or replace it with --force",
        )

    def step(
        self,
        name: str,
        depends: Mapping[str, Any],
        make: Callable[[], tuple[dict[str, Any], tuple[Path, ...]]],
    ) -> dict[str, Any]:
        """Return the record of a step, running ``make`` only when its key or files are not as they were.

        ``make`` returns the record, which must be JSON, and the files it wrote below the capture directory.
        """
        known = self.known(name, depends)
        if known is not None:
            return known
        record, files = make()
        return self.keep(name, depends, record, files)

    def known(self, name: str, depends: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the record of a step that need not run again; otherwise forget it and return ``None``."""
        step = self.manifest["steps"].get(name)
        if step is not None and step["key"] == key_of(depends) and self._intact(step["files"]):
            record: dict[str, Any] = step["record"]
            return record
        self.manifest["status"] = "incomplete"
        self.manifest["steps"].pop(name, None)
        self.save()
        return None

    def keep(
        self, name: str, depends: Mapping[str, Any], record: dict[str, Any], files: tuple[Path, ...]
    ) -> dict[str, Any]:
        """Note a step that has run, with the files it wrote, and return its record."""
        self.manifest["steps"][name] = {
            "key": key_of(depends),
            "record": record,
            "files": {str(path.relative_to(self.root)): sha256_of(path) for path in files},
        }
        self.save()
        return record

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Mark the capture complete and keep ``facts`` beside the steps."""
        self.manifest.update(facts)
        self.manifest["status"] = "complete"
        self.save()

    def save(self) -> None:
        """Write the manifest, whole or not at all.

        Raises:
            BuildError: the disk is full or the directory has gone.
        """
        write_text(self.root / MANIFEST, json.dumps(self.manifest, indent=1, sort_keys=True) + "\n")

    def close(self) -> None:
        """Let other processes write here; a capture in which no step was ever finished leaves nothing behind."""
        if not self.manifest["steps"] and self.manifest["status"] != "complete":
            for path in (self.root / MANIFEST, self.root / _LOCK):
                path.unlink(missing_ok=True)
            for folder in (self.root, self.root.parent):
                with suppress(OSError):  # something else is in it, and stays
                    folder.rmdir()
        with suppress(OSError):
            os.close(self._lock)

    def _intact(self, files: Mapping[str, str]) -> bool:
        return all((self.root / name).is_file() and sha256_of(self.root / name) == sha for name, sha in files.items())


def read_manifest(root: Path) -> dict[str, Any]:
    """Return the manifest of a capture directory.

    Raises:
        InputError: there is none, it is no JSON, or it is of a newer trtprof.
    """
    path = root / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            "expected a capture with a manifest.json, found none", path=root, hint="trtprof compare MODEL makes one"
        ) from error
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror or error}", path=path, hint="check the permissions"
        ) from error
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, a number of 5,000 digits, nested too deeply
        raise InputError(
            f"expected JSON, found something else: {error}",
            path=path,
            hint="make the capture again with --force",
        ) from error
    if not isinstance(manifest, dict) or not {"schema_version", "identity", "steps", "status"} <= manifest.keys():
        raise InputError(
            "expected a trtprof capture manifest, found other JSON",
            path=path,
            hint="make the capture again with --force",
        )
    if manifest["schema_version"] != SCHEMA_VERSION:
        raise InputError(
            f"expected manifest version {SCHEMA_VERSION}, found {manifest['schema_version']}",
            path=path,
            hint="read it with the trtprof that wrote it, or compare the model again",
        )
    return manifest


def find_capture(path: Path) -> Path | None:
    """Return the capture directory that ``path`` is or holds, or ``None``."""
    return next((place for place in (path, path / "capture") if (place / MANIFEST).is_file()), None)


def write_text(path: Path, text: str) -> None:
    """Write a text file through a temporary one, so that a reader sees the old or the new.

    Raises:
        BuildError: it cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def now() -> str:
    """Return the current time, UTC, in ISO 8601 to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
