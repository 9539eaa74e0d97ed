"""What a board did while an engine ran on it: the records that the page and the terminal draw.

Seconds count from the first timed inference. Samples are measured (tegrastats), energies derived from them, costs of
hops to the DLA modelled. Built from ``trtprof.model`` alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from trtprof.model import Estimate, Notice, Unknown


@dataclass(frozen=True, slots=True)
class BoardSample:
    """One sample; each figure is ``None`` where the board did not tell it. ``power_mw`` is of the whole board."""

    time_s: float
    power_mw: int | None
    gpu_mhz: int | None
    gpu_load_percent: int | None
    emc_load_percent: int | None
    hottest_c: float | None
    ram_bytes: int | None
    swap_bytes: int | None


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy of one inference, derived: mean power over the timed inferences, times their time, by their number.

    ``rails`` are those added up; ``whole_board`` tells whether they are the board's input, else they are the sum of the
    rails that are measured. ``idle_mw`` was measured before the first engine; ``above_idle_mj`` is what inference adds.
    """

    per_inference_mj: float
    mean_mw: float
    deviation_mw: float
    idle_mw: float | None
    above_idle_mj: float | None
    rails: tuple[str, ...]
    whole_board: bool
    samples: int
    inferences: int
    span_s: float


@dataclass(frozen=True, slots=True)
class Throttle:
    """A stretch of the run in which the busy GPU ran below the clock it had before or after."""

    start_s: float
    end_s: float
    from_mhz: int
    to_mhz: int
    hottest_c: float | None


@dataclass(frozen=True, slots=True)
class MemoryPressure:
    """Memory over the run: the most in use, and whether pages went to swap meanwhile."""

    peak_bytes: int
    total_bytes: int
    swap_growth_bytes: int | None

    @property
    def short(self) -> bool:
        """Whether memory was short: less than a tenth left, or pages swapped out during the run."""
        return self.peak_bytes > 0.9 * self.total_bytes or (self.swap_growth_bytes or 0) > (4 << 20)


@dataclass(frozen=True, slots=True)
class Period:
    """Latency that comes back in a rhythm, which no engine does by itself: something else runs at that pace.

    ``strength`` is the autocorrelation at the period, 0 to 1.
    """

    iterations: int
    period_ns: float
    strength: float


@dataclass(frozen=True, slots=True)
class DlaHop:
    """A place where data goes from GPU to DLA or back: rows on both sides, the rows that convert between them.

    ``bytes_moved`` is the size of the tensor that crosses; ``cost_ns`` is modelled.
    """

    to_dla: bool
    before: str
    after: str
    conversions: tuple[str, ...]
    bytes_moved: int | None
    cost_ns: Estimate


@dataclass(frozen=True, slots=True)
class DlaPlacement:
    """Which layers ran where. ``refusals`` are layers the DLA does not take, with the reason where TensorRT says it."""

    dla_layers: tuple[str, ...]
    gpu_layers: tuple[str, ...]
    refusals: tuple[tuple[str, str | None], ...]
    hops: tuple[DlaHop, ...] | Unknown

    @property
    def cost_ns(self) -> Estimate | None:
        """What all hops cost, modelled; ``None`` where they are not known."""
        return None if isinstance(self.hops, Unknown) else Estimate.total(hop.cost_ns for hop in self.hops)


@dataclass(frozen=True, slots=True)
class BoardState:
    """How the board stood when it was measured; a flag is ``None`` where that could not be looked at.

    ``gpu_clock`` and ``power_mode`` are the doctor's words for what it found, ``spoilers`` what makes times worthless.
    """

    jetpack: str | None
    clocks_locked: bool | None
    gpu_clock: str | None
    best_power_mode: bool | None
    power_mode: str | None
    spoilers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BoardRun:
    """One engine's run on a board. ``period`` is ``None`` where latency has no rhythm.

    ``dla_refusal`` says why the DLA that the engine's command asks for could not be used, ``None`` where it could.
    """

    board: str
    samples: tuple[BoardSample, ...]
    start_s: float
    end_s: float
    iterations: tuple[tuple[float, float], ...]
    energy: Energy | Unknown
    throttles: tuple[Throttle, ...] | Unknown
    memory: MemoryPressure | Unknown
    period: Period | Unknown | None
    state: BoardState | None = None
    dla_refusal: str | None = None
    notices: tuple[Notice, ...] = ()

    @property
    def emc_load(self) -> float | Unknown:
        """How busy the memory controller was during the timed inferences, 0 to 1: the mean of tegrastats' figures."""
        loads = [sample.emc_load_percent for sample in self.timed if sample.emc_load_percent is not None]
        if not loads:
            return Unknown("the load of the memory controller was not told; tegrastats tells it to root")
        return sum(loads) / len(loads) / 100

    @property
    def gpu_mhz(self) -> tuple[int, int] | None:
        """Lowest and highest clock of the GPU during the timed inferences, ``None`` where it was not told."""
        clocks = [sample.gpu_mhz for sample in self.timed if sample.gpu_mhz is not None]
        return (min(clocks), max(clocks)) if clocks else None

    @property
    def hottest_c(self) -> float | None:
        """The highest temperature during the timed inferences."""
        return max((sample.hottest_c for sample in self.timed if sample.hottest_c is not None), default=None)

    @property
    def timed(self) -> tuple[BoardSample, ...]:
        """The samples taken during the timed inferences."""
        return tuple(sample for sample in self.samples if self.start_s <= sample.time_s <= self.end_s)
