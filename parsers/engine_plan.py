"""The header of a serialized engine: which TensorRT made it. Its layers are not in any public layout.

``ftrt`` is TensorRT's tag, with the version in bytes 24 to 27 where bytes 4 to 7 are zero (``printPlanVersion`` in
NVIDIA/TensorRT's ``sampleEngines.cpp``); ``vtrt`` is TensorRT-RTX's, laid out alike (1.7.1.116 read back). Bytes in,
records out; imports nothing of ours but the reading of bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trtprof.errors import InputError
from trtprof.parsers.document import unreadable

TOOLS: Final = {b"ftrt": "TensorRT", b"vtrt": "TensorRT-RTX"}
HEADER_BYTES: Final = 28
_VERSION_AT: Final = 24
_HINT: Final = "write it with trtexec --saveEngine=FILE"


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """What the header says. ``version`` has four parts (``10.16.1.11``), ``None`` for a layout not known yet."""

    tool: str
    version: str | None
    size_bytes: int


def read_engine_plan(path: Path) -> EnginePlan:
    """Return what the header of a serialized engine says; the rest of the file is not read.

    Raises:
        InputError: the file cannot be read, or :func:`parse_engine_plan` refuses it.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEADER_BYTES)
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    return parse_engine_plan(head, path=str(path), size_bytes=size)


def parse_engine_plan(data: bytes, *, path: str = "engine", size_bytes: int | None = None) -> EnginePlan:
    """Return what the header of a serialized engine says. ``size_bytes`` is the file's, unless ``data`` is all of it.

    Raises:
        InputError: the tag is not one of an engine, or the file ends within the header.
    """
    tool = TOOLS.get(data[:4])
    if tool is None:
        message = f"expected a serialized engine ('ftrt' or 'vtrt'), found {data[:4]!r}"
        raise InputError(message, path=path, where="byte 0", hint=_HINT)
    if len(data) < HEADER_BYTES:
        message = f"expected a header of {HEADER_BYTES} bytes, found {len(data)}: the file is cut off"
        raise InputError(message, path=path, where=f"byte {len(data)}", hint=_HINT)
    known = int.from_bytes(data[4:8], "little") == 0
    version = ".".join(str(part) for part in data[_VERSION_AT:HEADER_BYTES]) if known else None
    return EnginePlan(tool, version, len(data) if size_bytes is None else size_bytes)
