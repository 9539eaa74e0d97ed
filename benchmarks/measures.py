"""What a benchmark yields: a promise as a ratio of two things of one run. Every ``bench_*.py`` here speaks in these."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Measure:
    """``ours`` against ``other`` as ``ratio``; kept where it is ``promise`` or less, without a promise just told.

    ``note`` says what the reader must know: a spread, the size of the input, why there is no ratio.
    """

    name: str
    ours: str
    other: str
    ratio: float | None
    promise: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the promise is kept; ``None`` without a promise or a ratio."""
        return None if self.ratio is None or self.promise is None else self.ratio <= self.promise


def seconds(work: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """Return the time of one call."""
    started = clock()
    work()
    return clock() - started


def paired(
    ours: Callable[[], object], other: Callable[[], object], rounds: int, clock: Clock = time.perf_counter
) -> tuple[float, str]:
    """Return the median ratio of pairs measured turn and turn about, and in words how far the pairs spread.

    What else runs on the machine slows both of a pair alike, more or less; the quartiles say how much less.
    """
    ratios = []
    for number in range(rounds):
        first, second = (ours, other) if number % 2 else (other, ours)
        one, two = seconds(first, clock), seconds(second, clock)
        ratios.append(one / two if number % 2 else two / one)
    return summary(ratios)


def paired_both(ours: Callable[[], object], other: Callable[[], object], rounds: int) -> tuple[float, str]:
    """Return the median ratio of wall times of pairs, and in words their spread and the ratio of processor times.

    Processor time, summed over threads, holds on a busy machine too; wall time is what one waits for.
    """
    walls, processors = [], []
    for _ in range(rounds):
        spent = []
        for work in (ours, other):
            processor = time.process_time()
            wall = seconds(work)
            spent.append((wall, time.process_time() - processor))
        walls.append(spent[0][0] / spent[1][0])
        processors.append(spent[0][1] / spent[1][1])
    ratio, spread = summary(walls)
    return ratio, f"{spread}; {statistics.median(processors):.2f} in processor time"


def summary(ratios: Sequence[float]) -> tuple[float, str]:
    """Return the median of ratios and their quartiles in words."""
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else [*ratios] * 3
    return middle, f"{len(ratios)} pairs, quartiles {low:.2f} to {high:.2f}"


def command(words: Sequence[str]) -> Callable[[], object]:
    """Return what runs a command line, its output thrown away; it has to succeed."""
    return lambda: subprocess.run(words, capture_output=True, check=True, stdin=subprocess.DEVNULL)
