"""Which layers to run in INT8: accuracy kept against time saved, with the conversions between islands paid.

Each unit of nodes that no engine splits is INT8 or float. INT8 saves what the two engines say and costs the noise its
layers were measured to make alone; noises add up, which holds while each is small. A tensor between an INT8 unit and
a float one is converted, once for all its readers. For a price on noise the best choice is a minimum cut, so no choice
of units, contiguous or scattered, is better at that price; prices from free to forbidding give the convex front.
Scattered layers gain little on a real GPU, which is why conversions are in the sum: in a published series on an RTX
4050 a ResNet-50 with 16 of 53 convolutions in INT8 was no faster than in FP16, and with 48 in one region 1.6 times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from trtprof.analysis.min_cut import Network
from trtprof.quantisation import PlanPoint

Range = tuple[float, float, float]
"""Lowest, middle and highest, in ns; they may be below 0."""

FLOAT: Final = -1
"""The place of what is float whatever is chosen: the model's inputs and outputs, nodes that cannot be INT8."""
_PRICES: Final = 48


@dataclass(frozen=True, slots=True)
class Unit:
    """Nodes that are INT8 or float together.

    ``layers`` are those of the sensitivity; with none the unit only passes on (``noise`` and ``saving_ns`` are 0).
    ``noise`` is the noise-to-signal power ratio its layers were measured to make.
    """

    name: str
    layers: tuple[str, ...]
    noise: float
    saving_ns: Range


@dataclass(frozen=True, slots=True)
class Link:
    """A tensor between units: made by one, read by others, each a place in the list of units or ``FLOAT``.

    ``quantise_ns`` is paid where a float tensor is read in INT8, ``dequantise_ns`` the other way.
    """

    tensor: str
    producer: int
    readers: tuple[int, ...]
    quantise_ns: Range
    dequantise_ns: Range


@dataclass(frozen=True)
class Choices:
    """A model as units and links."""

    units: tuple[Unit, ...]
    links: tuple[Link, ...]

    def best(self, price_ns: float) -> frozenset[int]:
        """Return the places of the units to run in INT8 when noise of 1 (0 dB) costs so many ns; middles decide."""
        network = Network()
        nodes = [network.node() for _ in self.units]
        forced = network.node()
        network.edge(forced, 1)
        at = {FLOAT: forced, **dict(enumerate(nodes))}
        for node, unit in zip(nodes, self.units, strict=True):
            cost = unit.noise * price_ns - unit.saving_ns[1]
            if cost > 0:
                network.edge(node, 1, cost)
            else:
                network.edge(0, node, -cost)
        for link in self.links:
            # The two extra nodes stand for "some reader is INT8" and "every reader is INT8".
            some, every = network.node(), network.node()
            network.edge(some, at[link.producer], link.quantise_ns[1])
            network.edge(at[link.producer], every, link.dequantise_ns[1])
            for reader in link.readers:
                network.edge(at[reader], some)
                network.edge(every, at[reader])
        side = network.source_side()
        return frozenset(place for place, node in enumerate(nodes) if node in side)

    def point(self, chosen: Iterable[int]) -> PlanPoint:
        """Return what a choice saves and keeps."""
        inside = frozenset(chosen)
        crossings = list(self._crossings(inside))
        low, mid, high = (sum(self.units[place].saving_ns[end] for place in inside) for end in range(3))
        noise = sum(self.units[place].noise for place in inside)
        return PlanPoint(
            layers=tuple(layer for place in sorted(inside) for layer in self.units[place].layers),
            saving_ns=(
                low - sum(cost[2] for cost in crossings),
                mid - sum(cost[1] for cost in crossings),
                high - sum(cost[0] for cost in crossings),
            ),
            sqnr_db=-10 * math.log10(noise) if noise > 0 else math.inf,
            regions=self._regions(inside),
            conversions=len(crossings),
        )

    def everything(self) -> frozenset[int]:
        """Return all units."""
        return frozenset(range(len(self.units)))

    def _crossings(self, inside: frozenset[int]) -> Iterable[Range]:
        for link in self.links:
            if link.producer in inside:
                if any(reader not in inside for reader in link.readers):
                    yield link.dequantise_ns
            elif any(reader in inside for reader in link.readers):
                yield link.quantise_ns

    def _regions(self, inside: frozenset[int]) -> int:
        """Count connected parts that hold a layer."""
        beside: dict[int, set[int]] = {place: set() for place in inside}
        for link in self.links:
            members = [place for place in (link.producer, *link.readers) if place in inside]
            for member in members:
                beside[member].update(members)
        waiting, regions = set(inside), 0
        while waiting:
            reached, front = set[int](), {waiting.pop()}
            while front:
                reached |= front
                front = {other for place in front for other in beside[place]} - reached
            waiting -= reached
            regions += any(self.units[place].layers for place in reached)
        return regions


def front(choices: Choices) -> tuple[PlanPoint, ...]:
    """Return the points none of which is beaten in both saving and SQNR, from all in float to the most saved.

    They are the convex front: what some price on noise makes best.
    """
    prices = _prices(choices.units)
    found = {choices.best(price) for price in prices} | {frozenset(), choices.everything()}
    points = sorted((choices.point(chosen) for chosen in found), key=lambda item: (item.saving_ns[1], item.sqnr_db))
    kept: list[PlanPoint] = []
    for point in reversed(points):  # from the most saved on, a point must be better in SQNR
        if not kept or point.sqnr_db > kept[-1].sqnr_db:
            kept.append(point)
    return tuple(reversed(kept))


def _prices(units: Sequence[Unit]) -> list[float]:
    """Prices from one that no saving is spoilt by to one that no noise is worth, evenly by their logarithm."""
    noises = [unit.noise for unit in units if unit.noise > 0]
    savings = [abs(unit.saving_ns[1]) for unit in units if unit.saving_ns[1]]
    if not noises or not savings:
        return [0.0]
    low, high = math.log(min(savings) / max(noises) / 100), math.log(sum(savings) / min(noises) * 2)
    return [0.0, *(math.exp(low + (high - low) * step / (_PRICES - 1)) for step in range(_PRICES))]


def knee(points: Sequence[PlanPoint]) -> int:
    """Return the place of the point where a further saving begins to cost more than its share of the noise."""
    most = max((point.saving_ns[1] for point in points), default=0.0)
    worst = max((_noise(point) for point in points), default=0.0)
    if most <= 0 or worst <= 0:
        return max(range(len(points)), key=lambda place: points[place].saving_ns[1])
    return max(
        range(len(points)),
        key=lambda place: points[place].saving_ns[1] / most - _noise(points[place]) / worst,
    )


def within(choices: Choices, allowed: Callable[[PlanPoint], bool], start: PlanPoint) -> PlanPoint:
    """Return the start with units added one by one, each time the one that saves most, while ``allowed`` holds.

    The convex front leaves gaps; this fills a budget that ends in one.
    """
    place_of = {unit.layers: place for place, unit in enumerate(choices.units) if unit.layers}
    named = set(start.layers)
    chosen = {place for layers, place in place_of.items() if set(layers) <= named}
    chosen |= _free_inside(choices, chosen)
    best = start
    while True:
        tried = []
        for place in set(place_of.values()) - chosen:
            more = chosen | {place}
            more |= _free_inside(choices, more)
            point = choices.point(more)
            if point.saving_ns[1] > best.saving_ns[1] and allowed(point):
                tried.append((point.saving_ns[1], sorted(more), point))
        if not tried:
            return best
        _, members, best = max(tried, key=lambda item: item[:2])
        chosen = set(members)


def _free_inside(choices: Choices, chosen: set[int]) -> set[int]:
    """Units that only pass on, all of whose links lead to chosen ones."""
    neighbours: dict[int, set[int]] = {}
    for link in choices.links:
        members = {link.producer, *link.readers}
        for member in members:
            neighbours.setdefault(member, set()).update(members - {member})
    free = {place for place, unit in enumerate(choices.units) if not unit.layers}
    found = set(free)
    while True:
        left = {place for place in found if neighbours.get(place, {FLOAT}) <= chosen | found}
        if left == found:
            return left
        found = left


def _noise(point: PlanPoint) -> float:
    return 0.0 if math.isinf(point.sqnr_db) else float(10 ** (-point.sqnr_db / 10))
