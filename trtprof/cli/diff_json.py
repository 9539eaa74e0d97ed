"""A difference of two engines as JSON: the contract of ``trtprof diff --format json``, in ``docs/diff.schema.json``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from trtprof.analysis.difference import Difference, GroupChange, GroupSide, TimeChange
from trtprof.analysis.judge import Gates
from trtprof.analysis.surroundings import Circumstance
from trtprof.breakdown_json import time_json
from trtprof.cli.gate_json import gates_json, pair_json
from trtprof.comparison import Built, Conversion
from trtprof.findings_json import finding_json
from trtprof.model import DType, Provenance, Unknown
from trtprof.pipeline.sides import EnginePair

SCHEMA_VERSION: Final = 1
Json = dict[str, Any]


def to_json(found: Difference | None, pairs: Sequence[EnginePair], added: Sequence[str], judged: Gates | None) -> Json:
    """Return gates, figures and the difference as one JSON object. Times of groups and layers are as profiled."""
    return {
        "schema_version": SCHEMA_VERSION,
        "gates": gates_json(judged) if judged else None,
        "engines": [pair_json(pair) for pair in pairs],
        "in_head_alone": list(added),
        **(_difference(found) if found else {}),
    }


def _difference(found: Difference) -> Json:
    return {
        "sentence": found.sentence,
        "base": _engine(found.base),
        "head": _engine(found.head),
        "time": _time(found.time),
        "layer_sum": _time(found.layer_sum),
        "layers_delta": {
            "same_kernels_ns": found.delta_ns(same_kernels=True),
            "other_kernels_ns": found.delta_ns(same_kernels=False),
            "provenance": Provenance.DERIVED.value,
        },
        "differs": [_circumstance(item) for item in found.differs],
        "unknown": [_circumstance(item) for item in found.untold],
        "groups": [_group(change) for change in found.changes],
        "conversions": {
            "added": _conversions(found.conversions_added, found.head),
            "gone": _conversions(found.conversions_gone, found.base),
        },
        "findings": {
            "new": [finding_json(item) for item in found.findings_new],
            "gone": [finding_json(item) for item in found.findings_gone],
            "in_both": [finding_json(item) for item in found.findings_kept],
        },
    }


def _engine(built: Built) -> Json:
    engine = built.engine
    return {
        "name": built.name,
        "precision": built.precision.value if built.precision else None,
        "tool": engine.tool,
        "tool_version": engine.tool_version,
        "device": engine.device.name if engine.device else None,
        "rows": len(built.rows),
        "conversions": len(built.conversions),
    }


def _time(change: TimeChange | Unknown) -> Json:
    if isinstance(change, Unknown):
        return {"unknown": change.reason}
    return {
        "what": change.what,
        "base_ns": change.base_ns,
        "head_ns": change.head_ns,
        "provenance": Provenance.MEASURED.value,
        "change_ratio": change.change_ratio,
        "noise_ratio": change.threshold_ratio,
        "within_noise": change.is_noise,
    }


def _circumstance(item: Circumstance) -> Json:
    return {"what": item.what, "base": item.base, "head": item.head}


def _group(change: GroupChange) -> Json:
    return {
        "group": change.group,
        "onnx_nodes": list(change.nodes),
        "base": _side(change.base),
        "head": _side(change.head),
        "provenance": Provenance.MEASURED.value,
        "delta_ns": change.delta_ns,
        "fusion": change.fusion.value if change.fusion else None,
        "same_kernels": change.same_kernels,
    }


def _side(side: GroupSide) -> Json:
    return {
        "time_ns": side.time_ns,
        "conversions": side.conversions,
        "layers": [
            {
                "row": row,
                "name": layer,
                "tactic": tactic,
                "unit": unit.value if unit else None,
                "operand_dtype": _dtype(types[0]),
                "result_dtype": _dtype(types[1]),
            }
            for row, layer, tactic, unit, types in zip(
                side.rows, side.layers, side.tactics, side.units, side.types, strict=True
            )
        ],
    }


def _conversions(items: Sequence[Conversion], built: Built) -> list[Json]:
    return [
        {
            "row": item.row,
            "layer": item.layer,
            "what": list(item.what),
            "from_dtype": _dtype(item.from_dtype),
            "to_dtype": _dtype(item.to_dtype),
            "from_layout": item.from_layout.value if item.from_layout else None,
            "to_layout": item.to_layout.value if item.to_layout else None,
            "time": time_json(item.time_ns, built.provenance),
        }
        for item in items
    ]


def _dtype(dtype: DType | None) -> str | None:
    return None if dtype is None else dtype.value
