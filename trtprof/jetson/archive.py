"""Unpacks what a board sent. An archive comes from another machine: it is taken whole or refused whole.

Only plain files and directories below one folder are taken, under their own plain names, each once; sizes are counted
while they are unpacked, so that neither a header nor a ratio of compression can promise anything.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final

from trtprof.errors import InputError, UsageError
from trtprof.files import cannot_write
from trtprof.scratch import Scratch

MOST_BYTES: Final = 1 << 31
"""All files together: engines, where they are packed, take most of it."""
MOST_FILES: Final = 20_000
_DEEPEST: Final = 16
_LONGEST: Final = 240
_MOST_AT_ONCE: Final = 1 << 22
"""A header that wants more than this in one read is no header of a capture."""
_BLOCK: Final = 512
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9._,+:@=~-]+")
_HINT: Final = "give the capture.tgz that the script of trtprof recipe wrote"


class _Counted(io.RawIOBase):
    """A decompressed stream that ends with an error once more came out than is allowed."""

    def __init__(self, stream: gzip.GzipFile, path: Path, most_bytes: int) -> None:
        self._stream, self._path, self._left = stream, path, most_bytes

    def readable(self) -> bool:
        """See :class:`io.RawIOBase`."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes; refuses to read more at once than a header of ours has."""
        if size < 0 or size > _MOST_AT_ONCE:
            raise _refused(self._path, "a header of it is larger than any of a capture")
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _refused(self._path, "it holds more than a capture may: a bomb, or something else")
        return data


def unpack(archive: Path, out: Path, *, most_bytes: int = MOST_BYTES, most_files: int = MOST_FILES) -> Path:
    """Unpack a ``.tgz`` into the directory ``out``, which must not be there yet, and return it.

    The one folder that everything in the archive lies in is left out.

    Raises:
        InputError: it cannot be read, is no such archive, or holds what no capture does; nothing is left then.
        UsageError: ``out`` is there already.
        BuildError: the files cannot be written.
    """
    if out.exists():
        raise UsageError(f"{out} is there already", hint="name another directory with --out, or remove it")
    with unpacked(archive, out.parent, most_bytes=most_bytes, most_files=most_files) as folder:
        put(folder, out)
    return out


@contextmanager
def unpacked(
    archive: Path, parent: Path, *, most_bytes: int = MOST_BYTES, most_files: int = MOST_FILES
) -> Iterator[Path]:
    """Give the directory of what is in an archive, in a temporary one below ``parent``; it may be taken out of there.

    Raises:
        InputError: as :func:`unpack`.
        BuildError: the files cannot be written.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        scratch = Scratch(parent)
    except OSError as error:
        raise cannot_write(parent, error) from error
    with scratch as folder:
        whole = folder / "whole"
        try:
            whole.mkdir()
            _unpack_into(archive, whole, most_bytes, most_files)
        except OSError as error:
            raise cannot_write(parent, error) from error
        yield whole


def put(folder: Path, out: Path) -> None:
    """Give an unpacked directory its name.

    Raises:
        BuildError: it cannot be had.
    """
    try:
        folder.rename(out)
    except OSError as error:
        raise cannot_write(out, error) from error


def _unpack_into(archive: Path, folder: Path, most_bytes: int, most_files: int) -> None:
    top: str | None = None
    count = 0
    with _members(archive, most_bytes + most_files * 2 * _BLOCK) as members:
        for member, content in members:
            count += 1
            if count > most_files:
                raise _refused(archive, f"it holds more than {most_files} files")
            parts = _plain_parts(archive, member)
            top = top or parts[0]
            if parts[0] != top:
                raise _refused(archive, f"'{_shown(member.name)}' lies outside its folder '{top}'")
            place = folder.joinpath(*parts[1:])
            if member.isdir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                _write(archive, member, content, place)
    if not count:
        raise _refused(archive, "it is empty")


def _plain_parts(archive: Path, member: tarfile.TarInfo) -> tuple[str, ...]:
    """The folders and the name of a member that is a plain file or directory with a plain relative name."""
    name = _shown(member.name)
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE) or member.sparse is not None:
        raise _refused(archive, f"'{name}' is {_kind(member)}")
    if member.name.startswith("/"):
        raise _refused(archive, f"'{name}' is an absolute path")
    parts = PurePosixPath(member.name).parts
    if ".." in parts:
        raise _refused(archive, f"'{name}' leaves its folder")
    if not parts or len(parts) > _DEEPEST or len(member.name) > _LONGEST:
        raise _refused(archive, f"'{name}' is too deep or too long a path")
    if not all(_PLAIN_NAME.fullmatch(part) for part in parts):
        raise _refused(archive, f"'{name}' has characters that no name of a capture has")
    return parts


def _kind(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return "a link"
    if member.isdev():
        return "a device or a pipe"
    return "neither a plain file nor a directory"


def _write(archive: Path, member: tarfile.TarInfo, content: IO[bytes] | None, place: Path) -> None:
    if content is None:
        raise _refused(archive, f"'{_shown(member.name)}' has no content")
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with place.open("xb") as file:
            shutil.copyfileobj(content, file, 1 << 20)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise _refused(archive, f"'{_shown(member.name)}' is in it twice") from error


@contextmanager
def _members(archive: Path, most_bytes: int) -> Iterator[Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]]:
    try:
        with gzip.open(archive, "rb") as stream:
            source = _Counted(stream, archive, most_bytes)
            with tarfile.open(fileobj=source, mode="r|", bufsize=20 * _BLOCK, errorlevel=2) as tar:
                yield ((member, tar.extractfile(member) if member.isreg() else None) for member in tar)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"expected a gzipped tar archive: {error}", path=archive, hint=_HINT) from error
    except FileNotFoundError as error:
        raise InputError("no such file", path=archive, hint=_HINT) from error
    except (IsADirectoryError, PermissionError) as error:
        raise InputError(f"cannot be read: {error.strerror}", path=archive, hint=_HINT) from error


def _refused(archive: Path, reason: str) -> InputError:
    return InputError(f"refused whole: {reason}", path=archive, hint=_HINT)


def _shown(name: str) -> str:
    return ascii(name)[1:-1][:80]
