"""How a series of iteration times varies: a few outliers, steps or drift of the clock, or scatter throughout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import fmean, median
from typing import Final

_WINDOWS: Final = 20
_FEWEST: Final = 40
"""Fewer iterations have no shape that could be told from chance."""
_FAR: Final = 6.0
_SIGMA: Final = 1.4826
"""The median absolute deviation of a normal distribution is its standard deviation divided by this."""
_MEDIAN_ERROR: Final = 1.2533
"""Standard error of a median, in standard errors of a mean."""
_FEW_RATIO: Final = 0.05
_EXPLAINED: Final = 0.6


class Shape(str, Enum):
    """What a series looks like, in order of time. ``levels`` is a level that changes more than once."""

    STEADY = "steady"
    OUTLIERS = "outliers"
    DRIFT = "drift"
    STEP = "step"
    LEVELS = "levels"
    SCATTER = "scatter"


@dataclass(frozen=True, slots=True)
class Steadiness:
    """The shape of a series and what it was read from, times in ns.

    ``spread_ratio`` is the coefficient of variation, ``core_ratio`` that of the iterations without outliers.
    ``before_ns`` and ``after_ns`` are the levels a step goes between (at iteration ``step_at``), or the ends of a
    drift, or the lowest and highest window of several levels.
    """

    shape: Shape
    spread_ratio: float
    core_ratio: float
    outliers: int
    before_ns: float | None = None
    after_ns: float | None = None
    step_at: int | None = None


def steadiness(times: Sequence[float], threshold_ratio: float) -> Steadiness | None:
    """Return the shape of a series; ``None`` for too few iterations to have one.

    What varies by less than ``threshold_ratio`` is steady, and a change of level smaller than that is none.
    """
    if len(times) < _FEWEST:
        return None
    spread = _variation(times)
    middle = median(times)
    bound = max(_FAR * _deviation(times), 2 * threshold_ratio * middle)
    kept = [time for time in times if abs(time - middle) <= bound]
    core, outliers = _variation(kept), len(times) - len(kept)
    if spread < threshold_ratio:
        return Steadiness(Shape.STEADY, spread, core, outliers)
    if core < threshold_ratio and outliers <= _FEW_RATIO * len(times):
        return Steadiness(Shape.OUTLIERS, spread, core, outliers)
    return _levels(times, spread, core, outliers, threshold_ratio)


def _levels(times: Sequence[float], spread: float, core: float, outliers: int, threshold: float) -> Steadiness:
    """Tell a level that changes with time from scatter, by medians of consecutive windows, which outliers spare."""
    size = len(times) / _WINDOWS
    parts = [times[round(place * size) : round((place + 1) * size)] for place in range(_WINDOWS)]
    windows = [median(part) for part in parts]
    total = _squares(windows)
    chance = _FAR * _MEDIAN_ERROR * median(map(_deviation, parts)) / math.sqrt(size)
    if max(windows) - min(windows) < max(threshold * median(windows), chance) or not total:
        return Steadiness(Shape.SCATTER, spread, core, outliers)
    cut = min(range(1, _WINDOWS), key=lambda place: _squares(windows[:place]) + _squares(windows[place:]))
    stepped = 1 - (_squares(windows[:cut]) + _squares(windows[cut:])) / total
    sloped = _line(windows) / total
    if max(stepped, sloped) < _EXPLAINED:
        return Steadiness(Shape.LEVELS, spread, core, outliers, min(windows), max(windows))
    if stepped >= sloped:
        ends = fmean(windows[:cut]), fmean(windows[cut:])
        return Steadiness(Shape.STEP, spread, core, outliers, *ends, step_at=round(cut * size))
    return Steadiness(Shape.DRIFT, spread, core, outliers, windows[0], windows[-1])


def _deviation(times: Sequence[float]) -> float:
    """The standard deviation as the bulk of the values has it."""
    middle = median(times)
    return _SIGMA * median(abs(time - middle) for time in times)


def _variation(times: Sequence[float]) -> float:
    mean = fmean(times)
    return math.sqrt(_squares(times) / len(times)) / mean if mean else 0.0


def _squares(values: Sequence[float]) -> float:
    mean = fmean(values)
    return math.fsum((value - mean) ** 2 for value in values)


def _line(values: Sequence[float]) -> float:
    """Sum of squares that a straight line through the values explains."""
    places = range(len(values))
    mean = fmean(values)
    centre = fmean(places)
    slope = math.fsum((place - centre) * (value - mean) for place, value in zip(places, values, strict=True))
    return slope**2 / _squares([float(place) for place in places])
