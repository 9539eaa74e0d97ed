"""Calibration tables: the range of each activation as readable JSON, or out of a TensorRT calibration cache."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trtprof.errors import InputError
from trtprof.files import replacing
from trtprof.model import Notice
from trtprof.parsers.calibration_cache import HEADER, parse_calibration_cache
from trtprof.parsers.document import number
from trtprof.variants.ranges import TensorRange

SCHEMA_VERSION: Final = 1
_LEVELS: Final = 127
_HINT: Final = "give a table that `trtprof quantize` wrote, or a calibration cache of TensorRT"


@dataclass(frozen=True, slots=True)
class CalibrationTable:
    """The ranges of a model's activations and what they rest on: ``method`` and data, in words."""

    method: str
    data: str
    synthetic: bool
    ranges: tuple[TensorRange, ...]
    notices: tuple[Notice, ...] = ()

    def magnitudes(self) -> dict[str, float]:
        """Return the magnitude that the largest quantised value of each tensor stands for."""
        return {found.tensor: found.amax for found in self.ranges}


def save_table(path: Path, table: CalibrationTable) -> None:
    """Write the table as JSON, a line a tensor; ranges that are no number are left out.

    Raises:
        BuildError: it cannot be written.
    """
    head = {"schema_version": SCHEMA_VERSION, "method": table.method, "data": table.data, "synthetic": table.synthetic}
    lines = [
        f"  {json.dumps(found.tensor, ensure_ascii=False)}: "
        + json.dumps({"amax": found.amax, "scale": found.amax / _LEVELS, "observed": found.observed})
        for found in table.ranges
        if math.isfinite(found.amax)
    ]
    text = json.dumps(head, indent=1, ensure_ascii=False)[:-2] + ',\n "tensors": {\n' + ",\n".join(lines) + "\n }\n}\n"
    with replacing(path, hint=None) as temporary:
        temporary.write_text(text, encoding="utf-8")


def load_table(path: Path) -> CalibrationTable:
    """Return the table in a file of :func:`save_table`, or the ranges of a TensorRT calibration cache.

    A cache does not say what was observed; the range it has stands for that too.

    Raises:
        InputError: the file is absent or is neither.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path=path, hint=_HINT) from error
    if HEADER.match(text.partition("\n")[0].strip()):
        cache = parse_calibration_cache(text, path=str(path))
        ranges = tuple(TensorRange(r.tensor, r.dynamic_range, r.dynamic_range) for r in cache.ranges if r.scale)
        words = f"TensorRT {cache.version or ''} calibration cache".replace("  ", " ")
        return CalibrationTable(cache.algorithm, f"{words} {path.name}", False, ranges, cache.notices)
    return _parse(path, text)


def _parse(path: Path, text: str) -> CalibrationTable:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:  # an integer of 5,000 digits is a ValueError of its own
        raise InputError(
            "expected a calibration table, found neither JSON nor a TensorRT cache", path=path, hint=_HINT
        ) from error
    if not isinstance(found, dict) or not isinstance(found.get("tensors"), dict):
        raise InputError("expected a calibration table, found other JSON", path=path, hint=_HINT)
    if found.get("schema_version") != SCHEMA_VERSION:
        raise InputError(
            f"expected table version {SCHEMA_VERSION}, found {found.get('schema_version')}", path=path, hint=_HINT
        )
    ranges = tuple(_range(path, name, entry) for name, entry in found["tensors"].items())
    return CalibrationTable(str(found.get("method")), str(found.get("data")), bool(found.get("synthetic")), ranges)


def _range(path: Path, name: str, entry: Any) -> TensorRange:
    said = entry if isinstance(entry, dict) else {}
    amax = number(said.get("amax"))
    if amax is None or amax < 0:
        found = json.dumps(said.get("amax"))[:40]
        raise InputError(f"expected a range from 0, found {found}", path=path, where=f"tensor '{name}'", hint=_HINT)
    observed = number(said.get("observed"))
    return TensorRange(name, amax, amax if observed is None else observed)
