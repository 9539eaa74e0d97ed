"""A comparison of engines and a sensitivity become units and links: what can be INT8, what it saves, what it costs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from trtprof.analysis.devices import Peaks
from trtprof.analysis.plan import FLOAT, Choices, Link, Range, Unit
from trtprof.analysis.roofline import kernel_time
from trtprof.comparison import Built, Comparison, Row
from trtprof.model import DType, Estimate, Graph
from trtprof.quantisation import LayerSensitivity
from trtprof.units import plural

_PASSING: Final = frozenset({
    "MaxPool", "Relu", "Identity", "Dropout", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice",
    "Concat", "Split", "Expand",
})  # fmt: skip
"""Operators TensorRT runs in INT8 where their neighbours are: its documents let Q/DQ move across them."""
_PUBLISHED_NS: Final[Range] = (5_500.0, 8_500.0, 14_000.0)
"""A conversion kernel in a published series (ResNet-50, batch 1, RTX 4050, TensorRT 10.14): 0.011/2 to 0.014/1 ms."""
_NOTHING: Final[Range] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Placed:
    """Units and links, the layers that no engine's rows tell of, and what a conversion was taken to cost, in words."""

    choices: Choices
    unplaced: tuple[str, ...]
    conversion: str


def place(
    comparison: Comparison,
    graph: Graph,
    engines: tuple[Built, Built],
    rows: Sequence[LayerSensitivity],
    peaks: Peaks | None,
) -> Placed:
    """Return the units of a float engine and a quantised one of a comparison, linked as ``graph`` says.

    ``graph`` is the float model's; engines built elsewhere tell of its nodes but not of its tensors. Layers measured
    together are one unit. With ``peaks`` times are modelled, and so are conversions.
    """
    reference, engine = engines
    group_of = {node: group.index for group in comparison.groups for node in group.nodes}
    merged = _Merged(group_of, graph, rows)
    costs = _Costs(engines, graph, peaks)
    units, at = _units(merged, rows, _Spent(reference, merged), _Spent(engine, merged), graph)
    timed = {layer for unit in units for layer in unit.layers}
    return Placed(
        Choices(units, tuple(_links(graph, merged, at, costs))),
        tuple(layer for row in rows for layer in row.layers if layer not in timed),
        costs.words,
    )


class _Merged:
    """Groups of nodes, joined where layers in them were measured together; a node in no group is one of its own."""

    def __init__(self, group_of: dict[str, int], graph: Graph, rows: Iterable[LayerSensitivity]) -> None:
        self._group = {node.name: group_of.get(node.name, -1 - place) for place, node in enumerate(graph.nodes)}
        self._joined: dict[int, int] = {}
        for row in rows:
            groups = [self._find(group_of[layer]) for layer in row.layers if layer in group_of]
            for other in groups[1:]:
                self._joined[self._find(other)] = self._find(groups[0])

    def of(self, node: str) -> int | None:
        """Return the number of the node's group, ``None`` for a node the graph does not have."""
        group = self._group.get(node)
        return None if group is None else self._find(group)

    def find(self, group: int) -> int:
        """Return the group that this one was joined to."""
        return self._find(group)

    def _find(self, group: int) -> int:
        while group in self._joined and self._joined[group] != group:
            group = self._joined[group]
        return group


class _Spent:
    """What an engine spends on each merged group, conversions apart, and how many products it computes there."""

    def __init__(self, built: Built, merged: _Merged) -> None:
        self._times: dict[int, Range | None] = {}
        self._products: Counter[int] = Counter()
        for row in built.rows:
            if row.group is None or row.kind.is_conversion:
                continue
            group = merged.find(row.group)
            time, before = _range_of(row, built), self._times.get(group, _NOTHING)
            self._times[group] = None if time is None or before is None else _sum(before, time)
            self._products[group] += len(row.matmuls)

    def time(self, group: int) -> Range | None:
        """Return its time, ``None`` where it has no row or a row's time is unknown."""
        return self._times.get(group)

    def products(self, group: int) -> int:
        """Return its convolutions and matrix products."""
        return self._products[group]


def _range_of(row: Row, built: Built) -> Range | None:
    if isinstance(row.time_ns, Estimate):
        return (row.time_ns.low, row.time_ns.mid, row.time_ns.high)
    if row.time_ns is None:
        # A profile leaves out rows that ran in no time; without a profile nothing is known.
        return _NOTHING if built.engine.timings is not None else None
    return (row.time_ns, row.time_ns, row.time_ns)


def _sum(left: Range, right: Range) -> Range:
    return (left[0] + right[0], left[1] + right[1], left[2] + right[2])


def _units(
    merged: _Merged,
    rows: Sequence[LayerSensitivity],
    before: _Spent,
    after: _Spent,
    graph: Graph,
) -> tuple[tuple[Unit, ...], dict[int, int]]:
    """Return the units and the place of each group's; groups that stay float have none."""
    operators: dict[int, set[str]] = {}
    names: dict[int, str] = {}
    for node in graph.nodes:
        group = merged.of(node.name)
        if group is not None:
            operators.setdefault(group, set()).add(node.op_type)
            names.setdefault(group, node.name)
    measured: dict[int, list[LayerSensitivity]] = {}
    for row in rows:
        groups = {group for layer in row.layers if (group := merged.of(layer)) is not None}
        for group in groups:
            measured.setdefault(group, []).append(row)
    units: list[Unit] = []
    at: dict[int, int] = {}
    for group, found in operators.items():
        unit = None
        if group in measured:
            saving = _saving(group, before, after)
            unit = _unit(names[group], measured[group], saving)
        elif found <= _PASSING:
            unit = Unit(names[group], (), 0.0, _NOTHING)
        if unit is not None:
            at[group] = len(units)
            units.append(unit)
    return tuple(units), at


def _unit(name: str, rows: Sequence[LayerSensitivity], saving: Range | None) -> Unit | None:
    """A unit whose time is unknown, or whose layers INT8 breaks, stays in float."""
    decibels = [row.sqnr_db for row in rows]
    if saving is None or any(value is None for value in decibels):
        return None
    noise = sum(10 ** (-value / 10) for value in decibels if value is not None and not math.isinf(value))
    return Unit(name, tuple(layer for row in rows for layer in row.layers), noise, saving)


def _saving(group: int, before: _Spent, after: _Spent) -> Range | None:
    """Float time less INT8 time, each end against the other's opposite: a model's errors need not point one way.

    ``None`` where one engine's rows do other work than the other's, as where two exports name a node differently.
    """
    slow, fast = before.time(group), after.time(group)
    if slow is None or fast is None or before.products(group) != after.products(group):
        return None
    return (slow[0] - fast[2], slow[1] - fast[1], slow[2] - fast[0])


def _links(graph: Graph, merged: _Merged, at: dict[int, int], costs: _Costs) -> Iterable[Link]:
    readers: dict[str, list[str]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node.name)
    made = [(name, node.name) for node in graph.nodes for name in node.outputs]
    for tensor, producer in [*((name, None) for name in graph.inputs), *made]:
        start = FLOAT if producer is None else at.get(_known(merged.of(producer)), FLOAT)
        ends = {at.get(_known(merged.of(reader)), FLOAT) for reader in readers.get(tensor, ())}
        if tensor in graph.outputs:
            ends.add(FLOAT)
        ends.discard(start)
        if ends:
            quantise, dequantise = costs.of(tensor)
            yield Link(tensor, start, tuple(sorted(ends)), quantise, dequantise)


def _known(group: int | None) -> int:
    return FLOAT if group is None else group


class _Costs:
    """What converting a tensor takes: modelled by its bytes, or derived from the engines' own conversions."""

    def __init__(self, engines: Sequence[Built], graph: Graph, peaks: Peaks | None) -> None:
        self._sizes = {
            name: math.prod(dims)
            for node in graph.nodes
            for name, dims in zip(node.outputs, node.output_dims, strict=False)
            if dims is not None
        }
        self._float_bytes = 2 if any(row.operand in (DType.FP16, DType.BF16) for row in engines[0].rows) else 4
        self._peaks = peaks
        self._measured = [
            (float(item.time_ns), item.bytes_moved)
            for engine in engines
            for item in engine.conversions
            if isinstance(item.time_ns, int | float) and item.time_ns > 0 and item.bytes_moved
        ]
        if peaks is not None:
            self.words = "modelled by the bytes each moves"
        elif self._measured:
            self.words = f"derived from the {plural(len(self._measured), 'conversion')} in these engines, by bytes"
        else:
            self.words = "5.5 to 14 µs each, published for a ResNet-50 on an RTX 4050; these engines have none"

    def of(self, tensor: str) -> tuple[Range, Range]:
        """Return what quantising and dequantising the tensor take.

        An INT8 kernel may write its float result by itself, so the way out of INT8 costs from nothing to a kernel.
        """
        low, mid, high = self._kernel(self._sizes.get(tensor))
        return (low, mid, high), (0.0, mid / 2, high)

    def _kernel(self, elements: int | None) -> Range:
        moved = None if elements is None else elements * (self._float_bytes + 1)
        if self._peaks is not None and moved is not None:
            time = kernel_time(0, moved, None, self._peaks, tf32=False)
            return (time.low, time.mid, time.high)
        if self._measured and moved is not None:
            shortest = min(time for time, _ in self._measured)
            rate = sum(time for time, _ in self._measured) / sum(size for _, size in self._measured)
            time_ns = max(shortest, rate * moved)
            return (time_ns, time_ns, time_ns)
        return _PUBLISHED_NS
