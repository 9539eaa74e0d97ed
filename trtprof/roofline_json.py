"""Rooflines and the check of speed-ups as JSON: part of ``docs/compare.schema.json``."""

from __future__ import annotations

from typing import Any

from trtprof.bounds import Bound, EngineRoofline, RowRoof, SpeedupCheck
from trtprof.model import DType, Provenance, Unknown

Json = dict[str, Any]


def roofline_json(item: EngineRoofline) -> Json:
    """Return one engine's roofs and rows; every time and ratio is derived."""
    return {
        "engine": item.engine,
        "roofs": _roofs(item),
        "rows": [_row(row) for row in item.rows],
        "provenance": Provenance.DERIVED.value,
    }


def speedup_json(item: SpeedupCheck) -> Json:
    """Return expected and got speed-up of each node group, and the two rank correlations."""
    return {
        "engine": item.engine,
        "reference": item.reference,
        "rank_correlation": _known(item.rank_correlation),
        "roof_correlation": _known(item.roof_correlation),
        "sentence": item.sentence,
        "groups": [
            {
                "group": group.group,
                "onnx_nodes": list(group.nodes),
                "weights_over_input_ratio": group.weights_over_input_ratio,
                "expected_ratio": group.expected_ratio,
                "got_ratio": group.got_ratio,
                "got_math_ratio": group.got_math_ratio,
            }
            for group in item.groups
        ],
        "provenance": Provenance.DERIVED.value,
    }


def _known(value: float | Unknown) -> float | Json:
    return {"unknown": value.reason} if isinstance(value, Unknown) else value


def _roofs(item: EngineRoofline) -> Json:
    roofs = item.roofs
    if isinstance(roofs, Unknown):
        return {"unknown": roofs.reason}
    return {
        "device": roofs.device,
        "clock_hz": roofs.clock_hz,
        "memory_bytes_per_s": roofs.memory_bytes_per_s,
        "operations_per_s": _rates(roofs.rates),
        "operations_per_s_summed_in_fp32": _rates(roofs.summed_in_fp32),
        "source": roofs.source,
    }


def _rates(rates: tuple[tuple[DType, float], ...]) -> Json:
    return {kind.value: rate for kind, rate in rates}


def _row(row: RowRoof) -> Json:
    return {
        "row": row.row,
        "flops": row.flops,
        "moved_bytes": row.moved_bytes,
        "math_dtype": row.math.value if row.math else None,
        "operations_per_byte": row.intensity,
        "roof_ns": row.roof_ns,
        "time_ns": row.time_ns,
        "roof_ratio": row.roof_ratio,
        "above_roof_ns": row.at_stake_ns,
        "bound": row.bound.value if isinstance(row.bound, Bound) else None,
        "unknown": row.bound.reason if isinstance(row.bound, Unknown) else None,
    }
