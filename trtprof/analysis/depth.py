"""Whether sensitive layers lie near a net's input and output: the rule of thumb, put to the test on one net."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from trtprof.model import Unknown
from trtprof.quantisation import LayerSensitivity

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_SHUFFLES: Final = 10_000
_FEWEST: Final = 8
_OUTER: Final = 0.2
LIKELY: Final = 0.05
"""Chance below which the ends count as more sensitive than a random order would make them look."""


@dataclass(frozen=True, slots=True)
class DepthTest:
    """How the layers' SQNR goes with their distance from the nearer end.

    ``correlation`` is Spearman's: above 0 the ends are more sensitive than the middle. ``chance`` is the share of
    random orders with as high a correlation (10,000 seeded shuffles). ``outer`` of the ``top`` most sensitive layers
    lie in the first or last fifth, where ``expected`` of them would by chance; ``front`` of those in the first.
    """

    correlation: float
    chance: float
    top: int
    outer: int
    front: int
    expected: float

    @property
    def holds(self) -> bool:
        """Whether this net speaks for the rule."""
        return self.correlation > 0 and self.chance < LIKELY


def depth_test(rows: Sequence[LayerSensitivity]) -> DepthTest | Unknown:
    """Return the test on these layers, or why there is none."""
    import numpy as np

    measured = [row for row in rows if row.sqnr_db is not None and math.isfinite(row.sqnr_db)]
    if len(measured) < _FEWEST:
        return Unknown(f"{len(measured)} layers are too few for a trend, {_FEWEST} are needed")
    sqnr = _ranks([row.sqnr_db or 0.0 for row in measured])
    distance = _ranks([min(row.place, 1 - row.place) for row in measured])
    correlation = _correlation(sqnr, distance)
    rng = np.random.default_rng(0)
    as_high = sum(_correlation(rng.permutation(sqnr), distance) >= correlation for _ in range(_SHUFFLES))
    outer = [row for row in measured if min(row.place, 1 - row.place) < _OUTER]
    top = max(1, len(measured) // 5)
    worst = sorted(measured, key=lambda row: row.sqnr_db or 0.0)[:top]
    return DepthTest(
        correlation,
        (as_high + 1) / (_SHUFFLES + 1),
        top,
        sum(row in outer for row in worst),
        sum(row.place < _OUTER for row in worst),
        top * len(outer) / len(measured),
    )


def depth_words(test: DepthTest | Unknown) -> str:
    """Return the result in a sentence."""
    if isinstance(test, Unknown):
        return f"cannot tell, {test.reason}"
    verdict = "yes" if test.holds else "no"
    return (
        f"{verdict}: rank correlation of SQNR with the distance from the nearer end {test.correlation:+.2f} "
        f"(chance {test.chance:.3f}); of the {test.top} most sensitive layers {test.outer} lie in the first or last "
        f"fifth ({test.front} in the first), by chance {test.expected:.1f} would"
    )


def _ranks(values: Sequence[float]) -> Array:
    """Ranks from 0, equal values sharing their mean rank."""
    import numpy as np

    array = np.asarray(values)
    _, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Array = ((ends - counts + ends - 1) / 2)[inverse]
    return ranks


def _correlation(a: Array, b: Array) -> float:
    a, b = a - a.mean(), b - b.mean()
    length = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / length if length else 0.0
