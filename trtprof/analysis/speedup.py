"""Where the time went: ``T_float - T_int8 = gain_math - T_quant - T_dequant - T_reformat - T_fusion_lost``.

Each T is what the quantised engine spends on it beyond what the reference spends on the same, so a term may be below 0.
The identity holds for every node group and in total, exactly: times lie on a grid on which sums do not round.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trtprof.analysis.lost_fusion import lost_fusions
from trtprof.analysis.scaled_times import as_profiled, scaled
from trtprof.comparison import Breakdown, Built, GroupGain, NodeGroup, Row, SpeedupTerm
from trtprof.model import Estimate, LayerKind, Precision, Provenance

LABELS: Final = {
    "compute": "conv and gemm kernels",
    "other": "the rest",
    "quantize": "stand-alone quantise",
    "dequantize": "stand-alone dequantise",
    "reformat": "casts and layout changes",
    "fusion_lost": "lost fusions",
}
"""The terms in the order of the identity; the first two make up ``gain_math``."""

_HALF: Final = (Precision.FP16, Precision.BF16)
_QUANTISED: Final = (Precision.INT8, Precision.FP8, Precision.INT4, Precision.FP4)

_CONVERSIONS: Final = {
    LayerKind.QUANTIZE: "quantize",
    LayerKind.DEQUANTIZE: "dequantize",
    LayerKind.CAST: "reformat",
    LayerKind.REFORMAT: "reformat",
}
_Keyed = list[tuple[str, Row]]


def breakdown(engine: Built, reference: Built, groups: Sequence[NodeGroup]) -> Breakdown:
    """Return the identity of ``engine`` against ``reference``, in total and for each node group.

    Layer times are scaled to each engine's own latency where both are known; as profiled, they would be compared with
    what the profiler added to them.
    """
    one, other = scaled(reference), scaled(engine)
    before, after = (one, other) if one and other else (as_profiled(reference), as_profiled(engine))
    sides = (_keyed(before.rows, after.rows), _keyed(after.rows, before.rows))
    modelled = (before.provenance is Provenance.MODELLED, after.provenance is Provenance.MODELLED)
    by_group = (_by_group(sides[0]), _by_group(sides[1]))
    nodes_of: dict[int | None, tuple[str, ...]] = {group.index: group.nodes for group in groups}
    parts = tuple(
        GroupGain(place, nodes, _terms((by_group[0].get(place, []), by_group[1].get(place, [])), modelled, every=False))
        for place, nodes in [*nodes_of.items(), (None, ())]
        if place in by_group[0] or place in by_group[1]
    )
    provenance = Provenance.MODELLED if any(modelled) else after.provenance
    return Breakdown(engine.name, reference.name, _terms(sides, modelled, every=True), provenance, parts)


def _keyed(rows: Sequence[Row], others: Sequence[Row]) -> _Keyed:
    """Return each row with its one term."""
    lost = lost_fusions(rows, others)
    return [(_key(row, lost), row) for row in rows]


def _key(row: Row, lost: frozenset[int]) -> str:
    if row.has_matmul:
        return "compute"
    return "fusion_lost" if row.layer.index in lost else _CONVERSIONS.get(row.kind, "other")


def _by_group(side: _Keyed) -> dict[int | None, _Keyed]:
    found: dict[int | None, _Keyed] = {}
    for key, row in side:
        found.setdefault(row.group, []).append((key, row))
    return found


def _terms(sides: tuple[_Keyed, _Keyed], modelled: tuple[bool, bool], *, every: bool) -> tuple[SpeedupTerm, ...]:
    terms = []
    for key, label in LABELS.items():
        before, after = ([row for kind, row in side if kind == key] for side in sides)
        if every or before or after:
            times = (_sum(before, modelled=modelled[0]), _sum(after, modelled=modelled[1]))
            terms.append(SpeedupTerm(key, label, (len(before), len(after)), times))
    return tuple(terms)


def _sum(rows: Sequence[Row], *, modelled: bool) -> Estimate | float | None:
    """Return the rows' time; no rows take none, as a range or a figure like the engine's other times."""
    times = [row.time_ns for row in rows]
    if None in times:
        return None
    if modelled:
        return Estimate.total(time for time in times if isinstance(time, Estimate))
    return float(sum(time for time in times if isinstance(time, float | int)))


def references(engines: Sequence[Built]) -> list[tuple[Built, Built]]:
    """Return (engine, reference) pairs: quantised engines against FP16 where there is one, others against the first.

    The first engine is the baseline; a quantised one without a 16-bit peer is held against it too.
    """
    if not engines:
        return []
    baseline = engines[0]
    half = next((built for built in engines if built.precision in _HALF), None)
    pairs = []
    for built in engines[1:]:
        quantised = built.precision in _QUANTISED
        pairs.append((built, half if quantised and half is not None and half is not built else baseline))
    return pairs
