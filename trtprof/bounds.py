"""The records of the roofline: how fast a row could be at most, what keeps it from that, and what INT8 could gain.

Built from ``trtprof.model`` alone; part of a comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from trtprof.model import DType, Unknown


class Bound(str, Enum):
    """What a row's time is owed to: arithmetic, bytes, or the launch of a kernel that has too little of both."""

    COMPUTE = "compute"
    MEMORY = "memory"
    LAUNCH = "launch"


@dataclass(frozen=True, slots=True)
class Roofs:
    """The ceilings of one GPU: dense operations a second for each type at ``clock_hz``, and bytes a second.

    ``summed_in_fp32`` are the lower rates of GeForce parts when products are summed in FP32. ``source`` says in words
    where all this is from.
    """

    device: str
    clock_hz: float
    rates: tuple[tuple[DType, float], ...]
    summed_in_fp32: tuple[tuple[DType, float], ...]
    memory_bytes_per_s: float
    source: str

    def rate(self, dtype: DType | None, *, accumulate: DType | None = None) -> float | None:
        """Return the ceiling for a type, ``None`` where the GPU does not multiply it or its rate is not known."""
        slow = self.summed_in_fp32 if accumulate is DType.FP32 or dtype is DType.BF16 else ()
        return next((rate for kind, rate in (*slow, *self.rates) if kind is dtype), None)


@dataclass(frozen=True, slots=True)
class RowRoof:
    """One row under the roof. ``math`` is the type it multiplies in, ``None`` where it multiplies no matrices.

    ``flops`` counts conv and gemm alone; ``moved_bytes`` is the least traffic: what it reads, writes and its weights,
    once each. ``intensity`` is operations a byte, ``roof_ns`` the least time at the GPU's peaks. ``time_ns`` is derived
    from the profile, scaled to the engine's latency where that was measured.
    """

    row: int
    flops: int | None
    moved_bytes: int | None
    math: DType | None
    intensity: float | None
    roof_ns: float | None
    time_ns: float | None
    bound: Bound | Unknown

    @property
    def roof_ratio(self) -> float | None:
        """Share of the roof that is reached; above 1 where bytes came out of a cache or the clock ran higher."""
        return self.roof_ns / self.time_ns if self.roof_ns is not None and self.time_ns else None

    @property
    def at_stake_ns(self) -> float | None:
        """Time above the roof: what a perfect kernel would save, at most."""
        if self.roof_ns is None or self.time_ns is None:
            return None
        return max(0.0, self.time_ns - self.roof_ns)


@dataclass(frozen=True, slots=True)
class EngineRoofline:
    """The rows of one engine under their roofs; no rows where the roofs are unknown."""

    engine: str
    roofs: Roofs | Unknown
    rows: tuple[RowRoof, ...]


@dataclass(frozen=True, slots=True)
class GroupSpeedup:
    """One node group with a conv or gemm, as faster as the roofs of its conv and gemm rows say, and as it is.

    ``weights_over_input_ratio`` is bytes of weights for each byte read, in the reference. The ratios are reference over
    engine; ``got_ratio`` counts the group's conversions too, ``got_math_ratio`` its conv and gemm rows alone.
    """

    group: int
    nodes: tuple[str, ...]
    weights_over_input_ratio: float | None
    expected_ratio: float | None
    got_ratio: float | None
    got_math_ratio: float | None


@dataclass(frozen=True, slots=True)
class SpeedupCheck:
    """Whether the rule "large weights and a small input gain most" holds between two engines.

    ``rank_correlation`` is Spearman's, from -1 to 1, between weights over input and the speed-up of the conv and gemm
    rows; ``roof_correlation`` the same between the speed-up that the roofs let expect and that one.
    """

    engine: str
    reference: str
    groups: tuple[GroupSpeedup, ...]
    rank_correlation: float | Unknown
    roof_correlation: float | Unknown
    sentence: str
