"""Power, clocks, heat and memory of a board over a run, from the samples of tegrastats. Pure functions."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Final

from trtprof.board_run import BoardSample, Energy, MemoryPressure, Throttle
from trtprof.model import Unknown
from trtprof.parsers.tegrastats import Rail, TegraSample, TimedSample

INPUT_RAILS: Final = ("VDD_IN", "POM_5V_IN", "VIN")
"""The rail that feeds the whole board: Orin Nano and NX, Xavier NX, TX2; Nano; Thor. AGX boards measure no such one."""
_FEWEST: Final = 3
"""Fewer samples than this are no mean."""
_BUSY_PERCENT: Final = 50
_DROP_RATIO: Final = 0.97
"""A clock this much below the highest one is another step of the clock table, whose steps are 4 % or more apart."""


def board_rails(rails: Sequence[Rail]) -> tuple[Rail, ...]:
    """Return the rails that add up to the board: its input where it is measured, else every rail there is."""
    for name in INPUT_RAILS:
        for rail in rails:
            if rail.name == name:
                return (rail,)
    return tuple(rails)


def board_samples(samples: Sequence[TimedSample], zero_s: float) -> tuple[BoardSample, ...]:
    """Return the samples against a time axis that is zero at an uptime of ``zero_s``, in order."""
    timed = [(item.uptime_s - zero_s, item.sample) for item in samples if item.uptime_s is not None]
    return tuple(_board_sample(time_s, sample) for time_s, sample in sorted(timed, key=lambda item: item[0]))


def _board_sample(time_s: float, sample: TegraSample) -> BoardSample:
    rails = board_rails(sample.rails)
    heat = [item.celsius for item in sample.temperatures if item.celsius is not None and _is_heat(item.name)]
    ram, swap = sample.memory("RAM"), sample.memory("SWAP")
    return BoardSample(
        time_s=time_s,
        power_mw=sum(rail.now_mw for rail in rails) if rails else None,
        gpu_mhz=sample.gpu_mhz,
        gpu_load_percent=sample.gpu_load_percent,
        emc_load_percent=sample.emc_load_percent,
        hottest_c=max(heat, default=None),
        ram_bytes=ram.used_bytes if ram else None,
        swap_bytes=swap.used_bytes if swap else None,
    )


def _is_heat(sensor: str) -> bool:
    """The power chip of Nano and TX2 reads a constant 100 °C or 50 °C: it is no temperature."""
    return not sensor.upper().startswith("PMIC")


def energy_of(
    samples: Sequence[TimedSample], window: tuple[float, float], inferences: int, idle: tuple[float, float] | None
) -> Energy | Unknown:
    """Return the energy of one inference, derived from the samples in ``window`` (uptimes of its ends, seconds).

    ``idle`` is a window in which nothing ran.
    """
    inside = _within(samples, window)
    powers, rails = _powers(inside)
    if not inside:
        return Unknown("no sample of tegrastats lies within the timed inferences")
    if not powers:
        return Unknown("this board or user is told no power")
    if len(powers) < _FEWEST:
        return Unknown(f"{len(powers)} samples lie within the timed inferences, {_FEWEST} are needed: time longer")
    span_s = window[1] - window[0]
    if not inferences or span_s <= 0:
        return Unknown("no timed inference")
    mean = statistics.fmean(powers)
    at_rest = _powers(_within(samples, idle))[0] if idle else []
    idle_mw = statistics.fmean(at_rest) if len(at_rest) >= _FEWEST else None
    each_s = span_s / inferences
    return Energy(
        per_inference_mj=mean * each_s,
        mean_mw=mean,
        deviation_mw=statistics.pstdev(powers),
        idle_mw=idle_mw,
        above_idle_mj=None if idle_mw is None else max(0.0, mean - idle_mw) * each_s,
        rails=rails,
        whole_board=rails[0] in INPUT_RAILS,
        samples=len(powers),
        inferences=inferences,
        span_s=span_s,
    )


def _within(samples: Sequence[TimedSample], window: tuple[float, float]) -> list[TegraSample]:
    low, high = window
    return [item.sample for item in samples if item.uptime_s is not None and low <= item.uptime_s <= high]


def _powers(samples: Sequence[TegraSample]) -> tuple[list[int], tuple[str, ...]]:
    found = [rails for sample in samples if (rails := board_rails(sample.rails))]
    names = tuple(rail.name for rail in found[0]) if found else ()
    return [sum(rail.now_mw for rail in rails) for rails in found], names


def throttles_in(samples: Sequence[BoardSample], window: tuple[float, float]) -> tuple[Throttle, ...] | Unknown:
    """Return the stretches of a window in which the busy GPU ran below its highest clock of that window.

    An idle GPU slows down of its own accord, so samples below half load do not count; on boards that tell no load
    (Thor) each sample does.
    """
    inside = [item for item in samples if window[0] <= item.time_s <= window[1]]
    busy = [item for item in inside if item.gpu_load_percent is None or item.gpu_load_percent >= _BUSY_PERCENT]
    clocks = [item.gpu_mhz for item in busy if item.gpu_mhz is not None]
    if not clocks:
        return Unknown("the clock of the busy GPU was not told; tegrastats tells it to root")
    top = max(clocks)
    stretches: list[list[BoardSample]] = [[]]
    for item in busy:
        if item.gpu_mhz is not None and item.gpu_mhz < _DROP_RATIO * top:
            stretches[-1].append(item)
        elif item.gpu_mhz is not None and stretches[-1]:
            stretches.append([])
    return tuple(_throttle(stretch, top) for stretch in stretches if stretch)


def _throttle(stretch: Sequence[BoardSample], top: int) -> Throttle:
    heat = [item.hottest_c for item in stretch if item.hottest_c is not None]
    lowest = min(item.gpu_mhz for item in stretch if item.gpu_mhz is not None)
    return Throttle(stretch[0].time_s, stretch[-1].time_s, top, lowest, max(heat, default=None))


def memory_pressure(samples: Sequence[TimedSample], window: tuple[float, float]) -> MemoryPressure | Unknown:
    """Return how much memory was in use during a window, and how much more of it was in swap at its end."""
    inside = _within(samples, window)
    ram = [memory for item in inside if (memory := item.memory("RAM"))]
    if not ram:
        return Unknown("no sample of tegrastats lies within the run")
    swap = [memory.used_bytes for item in inside if (memory := item.memory("SWAP"))]
    growth = max(0, max(swap) - swap[0]) if swap else None
    return MemoryPressure(max(item.used_bytes for item in ram), max(item.total_bytes for item in ram), growth)
