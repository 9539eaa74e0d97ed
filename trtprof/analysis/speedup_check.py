"""Whether INT8 helped where it should: the roof's speed-up of each node group against the one it got.

The larger the weights and the smaller the input, the more INT8 helps: such a layer spends its time on arithmetic and on
weights, which shrink, and little on conversions. Ranks are compared, because nobody claims that it is a straight line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import correlation

from trtprof.analysis.scaled_times import as_profiled, scaled
from trtprof.bounds import EngineRoofline, GroupSpeedup, RowRoof, SpeedupCheck
from trtprof.comparison import Built, NodeGroup, Row
from trtprof.model import Provenance, Unknown

_FEWEST = 5
_CHANCE = 1.96


def speedup_checks(
    pairs: Sequence[tuple[Built, Built]], groups: Sequence[NodeGroup], roofs: Mapping[str, EngineRoofline]
) -> tuple[SpeedupCheck, ...]:
    """Return the check of each (engine, reference) pair that was measured."""
    checks = (speedup_check(engine, reference, groups, roofs) for engine, reference in pairs)
    return tuple(check for check in checks if check is not None)


def speedup_check(
    engine: Built, reference: Built, groups: Sequence[NodeGroup], roofs: Mapping[str, EngineRoofline]
) -> SpeedupCheck | None:
    """Return expected and got speed-up of each node group with a conv or gemm; ``None`` for modelled engines."""
    if Provenance.MODELLED in (engine.provenance, reference.provenance):
        return None
    one, other = scaled(reference), scaled(engine)
    pair = (one, other) if one and other else (as_profiled(reference), as_profiled(engine))
    tables = tuple(_by_group(built.rows) for built in pair)
    limits = tuple({row.row: row for row in roofs[built.name].rows} for built in pair)
    found = []
    for group in groups:
        sides = [table.get(group.index, []) for table in tables]
        mains = [[row for row in side if row.has_matmul] for side in sides]
        if all(mains):
            found.append(
                GroupSpeedup(
                    group.index,
                    group.nodes,
                    _weights_over_input(mains[0]),
                    _ratio(*(_roof(rows, limit) for rows, limit in zip(mains, limits, strict=True))),
                    _ratio(*(_spent(side) for side in sides)),
                    _ratio(*(_spent(rows) for rows in mains)),
                )
            )
    rank = rank_correlation([(item.weights_over_input_ratio, item.got_math_ratio) for item in found])
    by_roof = rank_correlation([(item.expected_ratio, item.got_math_ratio) for item in found])
    words = f"{_sentence(engine, reference, found, rank)}; {_roof_words(by_roof)}"
    return SpeedupCheck(engine.name, reference.name, tuple(found), rank, by_roof, words)


def rank_correlation(pairs: Sequence[tuple[float | None, float | None]]) -> float | Unknown:
    """Return Spearman's rank correlation of the pairs in which both are known, or why there is none."""
    known = [(x, y) for x, y in pairs if x is not None and y is not None]
    if len(known) < _FEWEST:
        return Unknown(f"{len(known)} node groups have weights, input and times that are known, {_FEWEST} are needed")
    one, other = (_ranks([pair[side] for pair in known]) for side in (0, 1))
    if len(set(one)) == 1 or len(set(other)) == 1:
        return Unknown("all node groups are alike in it")
    return correlation(one, other)


def _ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value; equal ones share the middle of their ranks."""
    ordered = sorted(values)
    first = {value: place for place, value in reversed(list(enumerate(ordered)))}
    return [first[value] + (ordered.count(value) - 1) / 2 for value in values]


def _sentence(engine: Built, reference: Built, found: Sequence[GroupSpeedup], rank: float | Unknown) -> str:
    pair = f"{engine.name} against {reference.name}"
    if isinstance(rank, Unknown):
        return f"{pair}: whether large weights and a small input gain most cannot be told, {rank.reason}"
    known = [item for item in found if item.weights_over_input_ratio is not None and item.got_math_ratio is not None]
    head = f"{pair}, {len(known)} node groups: rank correlation {rank:+.2f} between weights over input and speed-up"
    if abs(rank) * math.sqrt(len(known) - 1) < _CHANCE:
        return f"{head}, which may be chance"
    if rank > 0:
        return f"{head}: the larger the weights and the smaller the input, the more {engine.name} helped"
    return f"{head}: the larger the weights and the smaller the input, the less {engine.name} helped"


def _roof_words(rank: float | Unknown) -> str:
    if isinstance(rank, Unknown):
        return f"against the speed-up that the roofs let expect: cannot tell, {rank.reason}"
    return f"{rank:+.2f} between the speed-up that the roofs let expect and the one got"


def _by_group(rows: Sequence[Row]) -> dict[int | None, list[Row]]:
    table: dict[int | None, list[Row]] = {}
    for row in rows:
        table.setdefault(row.group, []).append(row)
    return table


def _weights_over_input(rows: Sequence[Row]) -> float | None:
    read = [row.read_bytes for row in rows]
    weights = sum(row.constant_bytes for row in rows)
    if None in read or not weights:
        return None
    total = sum(size or 0 for size in read)
    return weights / total if total else None


def _roof(rows: Sequence[Row], limits: Mapping[int, RowRoof]) -> float | None:
    roofs = [limits[row.layer.index].roof_ns if row.layer.index in limits else None for row in rows]
    return None if None in roofs else sum(roof or 0.0 for roof in roofs)


def _spent(rows: Sequence[Row]) -> float | None:
    times = [float(row.time_ns) for row in rows if isinstance(row.time_ns, float | int)]
    return sum(times) if len(times) == len(rows) else None


def _ratio(before: float | None, after: float | None) -> float | None:
    return before / after if before is not None and after else None
