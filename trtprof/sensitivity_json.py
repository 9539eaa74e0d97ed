"""Sensitivity as JSON and back: what ``trtprof sensitivity`` writes and ``trtprof plan`` reads."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from trtprof.errors import InputError
from trtprof.privacy import shown_path
from trtprof.quantisation import LayerSensitivity, Sensitivity

SCHEMA_VERSION: Final = 1
_HINT: Final = "give the sensitivity.json that `trtprof sensitivity MODEL` wrote"


def sensitivity_json(found: Sensitivity) -> dict[str, Any]:
    """Return one JSON object; an SQNR of equal outputs is ``null`` with ``exact`` true."""
    return {
        "schema_version": SCHEMA_VERSION,
        "model": shown_path(found.model),
        "model_sha256": found.model_sha256,
        "mode": found.mode,
        "method": found.method,
        "weights": "per-channel" if found.per_channel else "per-tensor",
        "calibration": found.data,
        "samples": found.samples,
        "synthetic": found.synthetic,
        "provenance": "measured",
        "measured_with": "onnxruntime on the CPU",
        "seconds": round(found.seconds, 1),
        "all_layers": {"sqnr_db": _finite(found.whole_db), "exact": _exact(found.whole_db)},
        "layers": [_row(row) for row in found.rows],
        "ranges": {name: value for name, value in sorted(found.amax.items()) if math.isfinite(value)},
        "notices": [{"code": item.code, "message": item.message, "where": item.where} for item in found.notices],
    }


def read_sensitivity(path: Path) -> Sensitivity:
    """Return what a file of :func:`sensitivity_json` holds; its notices are left behind.

    Raises:
        InputError: the file is absent, is no JSON, is of another kind, or a layer of it is not as it should be.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path=path, hint=_HINT) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"expected JSON, found something else: {error}", path=path, hint=_HINT) from error
    if not isinstance(found, dict) or not {"schema_version", "layers", "mode", "ranges"} <= found.keys():
        raise InputError("expected a sensitivity file, found other JSON", path=path, hint=_HINT)
    if found["schema_version"] != SCHEMA_VERSION:
        raise InputError(f"expected version {SCHEMA_VERSION}, found {found['schema_version']}", path=path, hint=_HINT)
    try:
        return _sensitivity(found)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise InputError(
            f"expected the fields of a sensitivity file, found another value: {error}", path=path, hint=_HINT
        ) from error


def _sensitivity(found: Mapping[str, Any]) -> Sensitivity:
    return Sensitivity(
        model=str(found["model"]),
        model_sha256=str(found["model_sha256"]),
        mode=str(found["mode"]),
        method=str(found["method"]),
        per_channel=found["weights"] == "per-channel",
        data=str(found["calibration"]),
        samples=int(_number(found["samples"])),
        synthetic=bool(found["synthetic"]),
        whole_db=_decibels(found["all_layers"]),
        rows=tuple(
            LayerSensitivity(
                layer=str(row["layer"]),
                layers=tuple(map(str, row["nodes"])),
                operators=tuple(map(str, row["operators"])),
                place=_number(row["place_ratio"]),
                sqnr_db=_decibels(row),
                cosine=_number_or_none(row["cosine"]),
                top1_agreement=_number_or_none(row["top1_agreement"]),
                metric=_number_or_none(row["metric"]),
            )
            for row in found["layers"]
        ),
        amax={str(name): _number(value) for name, value in found["ranges"].items()},
        seconds=_number(found["seconds"]),
    )


def _number(value: object) -> float:
    """A finite number; anything else is a ``ValueError`` with the beginning of what was found."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"expected a number, found {json.dumps(value)[:40]}")
    return float(value)


def _number_or_none(value: object) -> float | None:
    return None if value is None else _number(value)


def _row(row: LayerSensitivity) -> dict[str, Any]:
    return {
        "layer": row.layer,
        "sqnr_db": _finite(row.sqnr_db),
        "exact": _exact(row.sqnr_db),
        "cosine": row.cosine,
        "top1_agreement": row.top1_agreement,
        "metric": _finite(row.metric),
        "nodes": list(row.layers),
        "operators": list(row.operators),
        "place_ratio": row.place,
    }


def _decibels(item: Mapping[str, Any]) -> float | None:
    if item["exact"]:
        return math.inf
    return _number_or_none(item["sqnr_db"])


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _exact(value: float | None) -> bool:
    return value is not None and math.isinf(value) and value > 0
