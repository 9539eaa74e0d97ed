"""The sample comparison as if it had run on a board: one engine steady, one held down, one partly on the DLA."""

from __future__ import annotations

import math
from dataclasses import replace

import sample

from trtprof.board_run import (
    BoardRun,
    BoardSample,
    BoardState,
    DlaHop,
    DlaPlacement,
    Energy,
    MemoryPressure,
    Period,
    Throttle,
)
from trtprof.comparison import Comparison
from trtprof.model import Estimate, Unknown

ITERATIONS = 3000


def steady() -> BoardRun:
    samples = tuple(
        BoardSample(at / 5 - 1, 11_000 + 400 * (at % 3), 1020, 99, 40, 52 + at / 10, 4 << 30, 0) for at in range(32)
    )
    iterations = tuple((at * 0.0017, 1.6e6 + 4e5 * (at % 60 == 0)) for at in range(ITERATIONS))
    energy = Energy(19.4, 11_400, 320, 4_200, 12.2, ("VDD_IN",), True, 25, ITERATIONS, 5.1)
    return BoardRun(
        "Jetson Orin Nano", samples, 0.0, 5.1, iterations, energy, (), MemoryPressure(4 << 30, 8 << 30, 0),
        Period(60, 102e6, 0.8), BoardState("6.2", True, "locked at 1020 MHz", True, "MAXN_SUPER", ()),
    )  # fmt: skip


def throttled() -> BoardRun:
    clocks = [1020 if at < 20 else 612 for at in range(32)]
    samples = tuple(
        BoardSample(
            at / 5 - 1, 12_000 if clock == 1020 else 8_100, clock, 99, None, 88 + at / 4, 7 << 30, (at // 10) << 25
        )
        for at, clock in enumerate(clocks)
    )
    iterations = tuple((at * 0.0017, (1.0e6 if at * 0.0017 < 3 else 1.65e6) + 1e4 * math.sin(at)) for at in range(3000))
    energy = Energy(16.1, 10_300, 1_900, None, None, ("VDD_GPU_SOC", "VDD_CPU_CV"), False, 25, ITERATIONS, 5.1)
    return BoardRun(
        "Jetson Orin Nano", samples, 0.0, 5.1, iterations, energy, (Throttle(3.0, 5.0, 1020, 612, 95.0),),
        MemoryPressure(7 << 30, 15 << 29, 64 << 20), None,
    )  # fmt: skip


def blind() -> BoardRun:
    nothing = Unknown("tegrastats was not recorded")
    return BoardRun(
        "Jetson Orin Nano", (), 0.0, 5.1, (), nothing, nothing, nothing, Unknown("10 iterations are too few")
    )


def placed() -> DlaPlacement:
    hop = DlaHop(True, "conv1 <b>", "{ForeignNode[a...b]}", ("reformat 1",), 4096, Estimate(1e4, 5e4, 2.9e5))
    back = DlaHop(False, "{ForeignNode[a...b]}", "(output)", (), None, Estimate(1e4, 5e4, 2.9e5))
    refusals = (("conv1", "DLA only supports FP16 and INT8"),)
    return DlaPlacement(("{ForeignNode[a...b]}",), ("conv1 <b>", "pool"), refusals, (hop, back))


def comparison() -> Comparison:
    base = sample.comparison()
    first, second, third, *rest = base.engines
    engines = (
        replace(first, board_run=steady()),
        replace(second, board_run=throttled()),
        replace(third, board_run=blind(), dla=placed()),
        *rest,
    )
    return replace(base, engines=engines)
