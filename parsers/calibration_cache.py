"""INT8 calibration caches: the scale that TensorRT's calibrator chose for each tensor.

A header such as ``TRT-8601-EntropyCalibration2``, then ``name: 3c010a14`` a line, where the eight digits are an IEEE
754 single in hexadecimal: the scale, that is the dynamic range divided by 127. Written by TensorRT up to 10; 11 has no
calibrators. Bytes in, records out; imports nothing of ours but the reading of bytes.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from trtprof.errors import InputError
from trtprof.model import Notice
from trtprof.parsers.document import as_text, read_bytes
from trtprof.parsers.version_number import version_text

HEADER: Final = re.compile(r"TRT-(\d{4,6})-(\w+)\s*$")
INT8_LEVELS: Final = 127
_SCALE: Final = re.compile(r"[0-9a-fA-F]{1,8}$")
_HINT: Final = "write it with the calibrator (trtexec --calib=FILE); TensorRT 11 has none, quantise with Q/DQ instead"
_SHOWN: Final = 3


class Calibrator(str, Enum):
    """TensorRT's calibrators, by the word in the header."""

    ENTROPY_2 = "EntropyCalibration2"
    ENTROPY = "EntropyCalibration"
    MIN_MAX = "MinMaxCalibration"
    LEGACY = "LegacyCalibration"


@dataclass(frozen=True, slots=True)
class TensorRange:
    """The scale of one tensor; ``dynamic_range`` is the largest absolute value that INT8 can hold with it."""

    tensor: str
    scale: float

    @property
    def dynamic_range(self) -> float:
        """The scale times 127."""
        return self.scale * INT8_LEVELS


@dataclass(frozen=True, slots=True)
class CalibrationCache:
    """A calibration cache. ``calibrator`` is ``None`` for a word that is none of TensorRT's; ``algorithm`` has it."""

    version: str | None
    algorithm: str
    calibrator: Calibrator | None
    ranges: tuple[TensorRange, ...]
    notices: tuple[Notice, ...]


def read_calibration_cache(path: Path) -> CalibrationCache:
    """Return the scales of a calibration cache.

    Raises:
        InputError: the file cannot be read, or :func:`parse_calibration_cache` refuses it.
    """
    return parse_calibration_cache(read_bytes(path), path=str(path))


def parse_calibration_cache(data: bytes | str, *, path: str = "calibration cache") -> CalibrationCache:
    """Return the scales of a calibration cache.

    Lines without a usable scale are left out and said. Scales of 0 are kept: TensorRT writes them for tensors that
    stay in floating point.

    Raises:
        InputError: the first line is no header, or no line below it has a scale.
    """
    first, *lines = as_text(data).split("\n")
    header = HEADER.match(first.rstrip("\r"))
    if header is None:
        raise InputError(
            f"expected a header such as 'TRT-8601-EntropyCalibration2', found {first[:40]!r}",
            path=path,
            where="line 1",
            hint=_HINT,
        )
    ranges: list[TensorRange] = []
    unread: list[str] = []
    for number, line in enumerate(lines, start=2):
        if line.strip():
            found = _range(line.rstrip("\r"))
            if found is None:
                unread.append(f"line {number} is {line[:40]!r}")
            else:
                ranges.append(found)
    if not ranges:
        found_instead = unread[0] if unread else "no line below the header"
        raise InputError(f"expected lines such as 'name: 3c010a14', found {found_instead}", path=path, hint=_HINT)
    known = {member.value: member for member in Calibrator}
    return CalibrationCache(
        version_text(header[1]), header[2], known.get(header[2]), tuple(ranges), _notices(ranges, unread, path)
    )


def _range(line: str) -> TensorRange | None:
    """One line. The name may hold colons, so the scale is what follows the last one."""
    name, colon, digits = line.rpartition(":")
    digits = digits.strip()
    if not colon or not name or _SCALE.match(digits) is None:
        return None
    scale: float = struct.unpack(">f", int(digits, 16).to_bytes(4, "big"))[0]
    return TensorRange(name.strip(), scale) if math.isfinite(scale) and scale >= 0 else None


def _notices(ranges: list[TensorRange], unread: list[str], path: str) -> tuple[Notice, ...]:
    notices = []
    if unread:
        message = f"{len(unread)} lines without a usable scale: {'; '.join(unread[:_SHOWN])}"
        notices.append(Notice("scale-unread", message, path))
    names = {item.tensor for item in ranges}
    if len(names) < len(ranges):
        notices.append(Notice("tensor-name", f"{len(ranges) - len(names)} tensors have more than one scale", path))
    zero = sum(not item.scale for item in ranges)
    if zero:
        notices.append(Notice("zero-scale", f"{zero} tensors have the scale 0: they stay in floating point", path))
    return tuple(notices)
