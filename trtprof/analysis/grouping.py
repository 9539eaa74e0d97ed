"""Sums over equal keys, in columns: the GROUP BY of the analyses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trtprof.analysis.trace import Ints


@dataclass(frozen=True, slots=True)
class Groups:
    """The distinct keys in ascending order and, for each row, the place of its key among them."""

    keys: Ints
    index: Ints

    def count(self) -> Ints:
        """Return the number of rows of each key."""
        import numpy as np

        return np.bincount(self.index, minlength=len(self.keys))

    def sum(self, values: Ints) -> Ints:
        """Return the sum of each key's values, exact up to 2**53 (104 days of nanoseconds)."""
        import numpy as np

        return np.bincount(self.index, values, minlength=len(self.keys)).astype(np.int64)

    def first(self, values: Ints) -> Ints:
        """Return the smallest value of each key."""
        import numpy as np

        low = np.full(len(self.keys), np.iinfo(np.int64).max)
        np.minimum.at(low, self.index, values)
        return low

    def last(self, values: Ints) -> Ints:
        """Return the largest value of each key."""
        import numpy as np

        high = np.full(len(self.keys), np.iinfo(np.int64).min)
        np.maximum.at(high, self.index, values)
        return high


def group(keys: Ints) -> Groups:
    """Return the groups of equal keys."""
    import numpy as np

    if len(keys) == 0:
        return Groups(np.zeros(0, np.int64), np.zeros(0, np.int64))
    low, high = int(keys.min()), int(keys.max())
    if high - low > 4 * len(keys) + 65_536:
        return Groups(*np.unique(keys, return_inverse=True))
    present = np.zeros(high - low + 1, bool)
    present[keys - low] = True
    return Groups(np.flatnonzero(present) + low, (np.cumsum(present) - 1)[keys - low])


def pair(first: Ints, second: Ints, count: int) -> Ints:
    """Return one key for two, the second of which is from -1 up to and without ``count``."""
    combined: Ints = first.astype("int64") * (count + 1) + (second + 1)
    return combined


def unpair(combined: Ints, count: int) -> tuple[Ints, Ints]:
    """Return the two keys."""
    first, second = combined // (count + 1), combined % (count + 1) - 1
    return first, second
