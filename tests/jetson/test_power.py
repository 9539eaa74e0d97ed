"""Energy, throttling, memory and rhythm, from samples whose answer is known."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trtprof.board_json import board_run_json
from trtprof.board_run import BoardRun, BoardSample, Energy, MemoryPressure, Period, Throttle
from trtprof.board_words import board_words, clock_words, energy_words, memory_words
from trtprof.jetson.periodicity import find_period
from trtprof.jetson.power import board_rails, board_samples, energy_of, memory_pressure, throttles_in
from trtprof.model import Unknown
from trtprof.parsers.tegrastats import Rail, TimedSample, parse_line


def sample(at: float, power: int = 10_000, *, mhz: int = 1020, load: int | None = 99, ram: int = 4000, swap: int = 0,
           heat: float = 50.0) -> TimedSample:  # fmt: skip
    busy = "" if load is None else f"{load}%"
    line = (
        f"RAM {ram}/7620MB (lfb 8x2MB) SWAP {swap}/3810MB (cached 1MB) GR3D_FREQ {busy}@[{mhz}] cpu@{heat:g}C "
        f"PMIC@100C VDD_IN {power}mW/{power}mW VDD_SOC 2817mW/2817mW"
    )
    parsed = parse_line(line)
    assert parsed is not None
    return TimedSample(at, parsed)


def run(samples: tuple[BoardSample, ...] = (), **fields: object) -> BoardRun:
    nothing = Unknown("nothing was recorded")
    made = BoardRun("Jetson Orin Nano", samples, 0.0, 10.0, (), nothing, nothing, nothing, None)
    return replace(made, **fields)  # type: ignore[arg-type]


def test_the_energy_of_an_inference_is_mean_power_times_its_time() -> None:
    samples = [
        sample(0, 4000),
        sample(0.5, 4000),
        sample(1, 4000),
        *(sample(10 + step / 10, 10_000 + 100 * step) for step in range(11)),
    ]
    energy = energy_of(samples, (10.0, 11.0), 500, (0.0, 2.0))
    assert isinstance(energy, Energy)
    assert energy.mean_mw == 10_500
    assert energy.per_inference_mj == pytest.approx(10_500 * 1.0 / 500)
    assert energy.idle_mw == 4000
    assert energy.above_idle_mj == pytest.approx(6_500 / 500)
    assert (energy.samples, energy.rails, energy.whole_board) == (11, ("VDD_IN",), True)
    assert energy_words(energy) == (
        "21.0 mJ an inference, 13.0 mJ of it above idle (derived from 10.50 W, the mean of 11 samples of VDD_IN, over "
        "500 inferences)"
    )


def test_rails_are_added_up_where_no_rail_feeds_the_board() -> None:
    agx = [Rail("VDD_GPU_SOC", 5000, 0), Rail("VDD_CPU_CV", 3000, 0), Rail("VIN_SYS_5V0", 5500, 0)]
    assert board_rails(agx) == tuple(agx)
    assert board_rails([Rail("POM_5V_GPU", 1113, 313), Rail("POM_5V_IN", 4523, 3422)]) == (
        Rail("POM_5V_IN", 4523, 3422),
    )
    parsed = parse_line("RAM 1/2MB VDD_GPU_SOC 5000mW/1mW VDD_CPU_CV 3000mW/1mW")
    assert parsed is not None
    energy = energy_of([TimedSample(at, parsed) for at in (1, 2, 3)], (0.0, 4.0), 4, None)
    assert isinstance(energy, Energy)
    assert (energy.mean_mw, energy.whole_board, energy.idle_mw, energy.above_idle_mj) == (8000, False, None, None)
    assert "samples of 2 rails, which are not the whole board" in energy_words(energy)


@pytest.mark.parametrize(
    ("samples", "inferences", "reason"),
    [
        ([sample(99)], 5, "no sample of tegrastats lies within the timed inferences"),
        ([sample(1), sample(2)], 5, "2 samples lie within the timed inferences, 3 are needed: time longer"),
        ([sample(1), sample(2), sample(3)], 0, "no timed inference"),
    ],
)
def test_too_little_is_said_and_not_guessed(samples: list[TimedSample], inferences: int, reason: str) -> None:
    assert energy_of(samples, (0.0, 10.0), inferences, None) == Unknown(reason)
    assert energy_words(Unknown(reason)) == f"energy: cannot tell, {reason}"


def test_without_rails_there_is_no_power() -> None:
    parsed = parse_line("RAM 1/2MB")
    assert parsed is not None
    answer = energy_of([TimedSample(1.0, parsed)] * 3, (0.0, 2.0), 5, None)
    assert answer == Unknown("this board or user is told no power")


@given(st.lists(st.integers(0, 60_000), min_size=3, max_size=30), st.integers(1, 10_000))
def test_energy_adds_up_to_the_run(powers: list[int], inferences: int) -> None:
    samples = [sample(1 + place / 100, power) for place, power in enumerate(powers)]
    energy = energy_of(samples, (0.0, 5.0), inferences, None)
    assert isinstance(energy, Energy)
    assert energy.per_inference_mj * inferences == pytest.approx(5 * sum(powers) / len(powers))
    assert min(powers) <= energy.mean_mw <= max(powers) + 1e-6


def test_a_busy_gpu_that_slows_down_was_held_down() -> None:
    clocks = [1020, 1020, 612, 612, 1020, 408, 1020]
    loads = [99, 99, 98, 97, 99, 3, 99]  # the last drop is an idle GPU's own
    samples = board_samples(
        [
            sample(100 + at, mhz=mhz, load=load, heat=90 + at)
            for at, (mhz, load) in enumerate(zip(clocks, loads, strict=True))
        ],
        100.0,
    )
    throttles = throttles_in(samples, (0.0, 10.0))
    assert throttles == (Throttle(2.0, 3.0, 1020, 612, 93.0),)
    assert clock_words(run(samples, throttles=throttles)) == (
        "GPU between 408 and 1020 MHz, held down once, from 1020 to 612 MHz at worst, 2.0 s into it; 96.0 °C at most"
    )


def test_a_steady_clock_was_not_held_down_and_thor_tells_no_load() -> None:
    steady = board_samples([sample(at, mhz=1575, load=None) for at in range(5)], 0.0)
    assert throttles_in(steady, (0.0, 10.0)) == ()
    assert clock_words(run(steady, throttles=())) == "GPU at 1575 MHz throughout; 50.0 °C at most"
    slowed = board_samples([sample(0, mhz=1575, load=None), sample(1, mhz=990, load=None)], 0.0)
    assert throttles_in(slowed, (0.0, 10.0)) == (Throttle(1.0, 1.0, 1575, 990, 50.0),)


def test_without_clocks_throttling_cannot_be_told() -> None:
    parsed = parse_line("RAM 1/2MB GR3D_FREQ 99%")
    assert parsed is not None
    samples = board_samples([TimedSample(1.0, parsed)], 0.0)
    answer = throttles_in(samples, (0.0, 2.0))
    assert answer == Unknown("the clock of the busy GPU was not told; tegrastats tells it to root")
    assert clock_words(run(samples, throttles=answer)).startswith("GPU clock: cannot tell, the clock of the busy GPU")


def test_memory_that_swaps_or_is_full_is_short() -> None:
    mib = 1 << 20
    full = memory_pressure([sample(1, ram=7300), sample(2, ram=7100)], (0.0, 3.0))
    assert full == MemoryPressure(7300 * mib, 7620 * mib, 0)
    assert isinstance(full, MemoryPressure)
    assert full.short
    swapping = memory_pressure([sample(1, swap=10), sample(2, swap=60)], (0.0, 3.0))
    assert isinstance(swapping, MemoryPressure)
    assert (swapping.swap_growth_bytes, swapping.short) == (50 * mib, True)
    assert (
        memory_words(swapping) == "memory: 3.9 GiB of 7.4 GiB in use at most, 50.0 MiB went to swap: memory was short"
    )
    roomy = memory_pressure([sample(1), sample(2)], (0.0, 3.0))
    assert isinstance(roomy, MemoryPressure)
    assert not roomy.short
    assert memory_pressure([], (0.0, 3.0)) == Unknown("no sample of tegrastats lies within the run")


def noisy(count: int, seed: int = 1) -> list[float]:
    dice = random.Random(seed)
    return [1e6 + dice.gauss(0, 2e4) for _ in range(count)]


@pytest.mark.parametrize("period", [7, 16, 60])
def test_spikes_at_a_pace_are_a_rhythm(period: int) -> None:
    latencies = [value + (4e5 if place % period == 0 else 0) for place, value in enumerate(noisy(1200))]
    starts = [place * 1.1e6 for place in range(1200)]
    found = find_period(latencies, starts)
    assert isinstance(found, Period)
    assert found.iterations == period
    assert found.period_ns == pytest.approx(period * 1.1e6)


def test_a_slow_wave_is_a_rhythm() -> None:
    latencies = [value + 1e5 * math.sin(2 * math.pi * place / 100) for place, value in enumerate(noisy(2000))]
    found = find_period(latencies)
    assert isinstance(found, Period)
    assert abs(found.iterations - 100) <= 2


@pytest.mark.parametrize("seed", range(5))
def test_noise_and_drift_have_no_rhythm(seed: int) -> None:
    assert find_period(noisy(1000, seed)) is None
    assert find_period([value + 100 * place for place, value in enumerate(noisy(1000, seed))]) is None
    assert find_period([1e6] * 100) is None


def test_few_iterations_show_no_rhythm() -> None:
    assert find_period([1.0] * 10) == Unknown("10 iterations are too few to see a rhythm in, 64 are needed")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1e12), max_size=300))
def test_any_latencies_have_an_answer(latencies: list[float]) -> None:
    found = find_period(latencies)
    assert found is None or isinstance(found, Period | Unknown)
    if isinstance(found, Period):
        assert 2 <= found.iterations <= len(latencies) // 4
        assert 0 < found.strength <= 1


def test_nothing_recorded_is_nothing_said() -> None:
    assert board_words(None, None) == []
    assert board_run_json(None) is None
    answer = board_run_json(run())
    assert answer is not None
    assert answer["energy"] == answer["memory"] == answer["throttles"] == {"unknown": "nothing was recorded"}
