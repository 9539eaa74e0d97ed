"""Histograms of activations that grow with the data: no batch is looked at twice, none is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

BINS: Final = 2048
"""Bins of each sign, as many as TensorRT's calibrators use for magnitudes."""


class Histogram:
    """Counts of one tensor's values over ``BINS`` equal bins from 0 to ``edge``, apart for each sign.

    When a value exceeds the histogram, pairs of bins are merged until it fits, as TensorRT's calibrator does: the
    number of bins stays. ``observed`` is the largest magnitude seen, infinite where a value is NaN or infinite; nothing
    is counted from there on. Zeros count as positive.
    """

    def __init__(self, *, counted: bool = True) -> None:
        self._counted = counted
        self._counts: Array | None = None
        self.edge = 0.0
        self.observed = 0.0

    def add(self, values: Array) -> None:
        """Count the values; without ``counted`` only their largest magnitude is kept."""
        import numpy as np

        if values.size == 0:
            return
        low, high = float(values.min()), float(values.max())
        largest = max(abs(low), abs(high))
        if not np.isfinite(largest):
            self.observed = np.inf
        self.observed = max(self.observed, largest) if np.isfinite(self.observed) else np.inf
        if self._counted and np.isfinite(self.observed) and largest > 0:
            self._count(values.ravel(), low, largest)

    @property
    def signed(self) -> Array | None:
        """Counts as 2 x ``BINS`` whole numbers, negative values in the first row, by magnitude; ``None`` for none."""
        return self._counts

    @property
    def magnitudes(self) -> Array | None:
        """Counts of magnitudes over ``BINS`` bins; ``None`` where nothing but zeros was seen."""
        return None if self._counts is None else self._counts.sum(axis=0)

    def _count(self, values: Array, low: float, largest: float) -> None:
        import numpy as np

        if self._counts is None:
            self._counts, self.edge = np.zeros((2, BINS), np.int64), largest
        while largest > self.edge:
            merged = self._counts.reshape(2, -1, 2).sum(axis=2)
            self._counts = np.concatenate([merged, np.zeros((2, BINS - merged.shape[1]), np.int64)], axis=1)
            self.edge *= 2
        both = np.histogram(np.abs(values), bins=BINS, range=(0.0, self.edge))[0]
        below = 0 if low >= 0 else np.histogram(-values[values < 0], bins=BINS, range=(0.0, self.edge))[0]
        self._counts[0] += below
        self._counts[1] += both - below
