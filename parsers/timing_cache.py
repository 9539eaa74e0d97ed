"""The header of a timing cache; its entries have no public layout.

The file is one of TensorRT's archives: ``ptrt``, a format number, the size of what follows, four more bytes. Read off a
cache of TensorRT-RTX 1.7; engines of old TensorRT versions may begin alike. Bytes in, records out; imports nothing of
ours but the reading of bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trtprof.errors import InputError
from trtprof.model import Notice
from trtprof.parsers.document import read_bytes

TAG: Final = b"ptrt"
_HEADER: Final = struct.Struct("<4sIQI")
_MARK: Final = b"file_format_version="
_HINT: Final = "write it with trtexec --timingCacheFile=FILE, or ITimingCache.serialize()"


@dataclass(frozen=True, slots=True)
class TimingCache:
    """What the header says: the archive's format number and the size of its content as written there."""

    format_version: int
    payload_bytes: int
    size_bytes: int
    notices: tuple[Notice, ...]


def read_timing_cache(path: Path) -> TimingCache:
    """Return what the header of a timing cache says.

    Raises:
        InputError: the file cannot be read, or :func:`parse_timing_cache` refuses it.
    """
    return parse_timing_cache(read_bytes(path), path=str(path))


def parse_timing_cache(data: bytes, *, path: str = "timing cache") -> TimingCache:
    """Return what the header of a timing cache says.

    Raises:
        InputError: the tag is not the archive's, or the file ends within the header.
    """
    if data[:4] != TAG:
        raise InputError(f"expected a timing cache ('ptrt'), found {data[:4]!r}", path=path, where="byte 0", hint=_HINT)
    rest = len(data) - _HEADER.size
    if rest < 0:
        message = f"expected a header of {_HEADER.size} bytes, found {len(data)}: the file is cut off"
        raise InputError(message, path=path, where=f"byte {len(data)}", hint=_HINT)
    _, format_version, payload, _ = _HEADER.unpack_from(data)
    notices = []
    if payload != rest:
        message = f"the header promises {payload} bytes and {rest} follow: cut off, or of another layout"
        notices.append(Notice("size-differs", message, path))
    if _MARK not in data:
        message = "nothing in the archive says that it is a timing cache; old engines begin alike"
        notices.append(Notice("maybe-an-engine", message, path))
    return TimingCache(format_version, payload, len(data), tuple(notices))
