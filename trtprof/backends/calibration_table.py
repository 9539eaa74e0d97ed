"""Calibration tables for trtexec, which reads INT8 ranges from a file and cannot calibrate on data.

A table is text: a header with TensorRT's version and calibrator, then ``tensor: 3c010a14`` a line, the scale (largest
magnitude / 127) as the eight hexadecimal digits of an IEEE 754 single. TensorRT 10 refuses a header that is not of its
own version and of trtexec's calibrator ("Calibration table does not match calibrator algorithm type") and then asks for
data that trtexec does not have; the scales mean the same in all of them.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from trtprof.backends.capture import write_text
from trtprof.backends.trtexec_flags import Version
from trtprof.errors import InputError
from trtprof.model import Notice

COPY: Final = "calibration.cache"
_CALIBRATOR: Final = "EntropyCalibration2"  # the one trtexec derives its own from
_HEADER: Final = re.compile(r"TRT-(\w+)-(\w+)")
_LEVELS: Final = 127


def header(version: Version) -> str:
    """Return the first line of a table that trtexec of this version reads."""
    scale = 10_000 if version.major >= 10 else 1_000
    return f"TRT-{version.major * scale + version.minor * 100 + version.patch}-{_CALIBRATOR}"


def write_table(path: Path, version: Version, magnitudes: Mapping[str, float]) -> None:
    """Write the largest magnitude of each tensor as a table; those that are 0 or no number are left out.

    Raises:
        BuildError: it cannot be written.
    """
    lines = [header(version)]
    for tensor, magnitude in magnitudes.items():
        if math.isfinite(magnitude) and magnitude > 0:
            lines.append(f"{tensor}: {struct.pack('>f', magnitude / _LEVELS).hex()}")
    write_text(path, "\n".join(lines) + "\n")


def fit_table(table: Path, version: Version, folder: Path) -> tuple[Path, Notice | None]:
    """Return the table itself, or a copy in ``folder`` with the header that this version reads, and a notice of it.

    Raises:
        InputError: it is not there, or is no calibration table.
        BuildError: the copy cannot be written.
    """
    try:
        text = table.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path=table, where="calibration table") from error
    first, _, rest = text.partition("\n")
    found = _HEADER.fullmatch(first.strip())
    if found is None:
        raise InputError(
            f"expected a calibration table that begins with a line like {header(version)}, found '{first[:40]}'",
            path=table,
        )
    if first.strip() == header(version):
        return table, None
    copy = folder / COPY
    write_text(copy, f"{header(version)}\n{rest}")
    message = f"the calibration table is of {found[1]} ({found[2]}): trtexec {version} was given its scales as its own"
    return copy, Notice("calibration-table-of-another-version", message, str(table))
