"""M521 to M525: the state of a board, its clocks, its memory and the rhythm of its latencies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.analysis.findings.subjects import built, layer, subject, tensor
from trtprof.analysis.findings import (
    clocks_not_locked,
    different_devices,
    dla_in_vain,
    held_down,
    latency_rhythm,
    low_power_mode,
    memory_controller,
    memory_short,
)
from trtprof.analysis.findings.rule import Outcome, Rule, Subject
from trtprof.board_run import BoardRun, BoardSample, BoardState, MemoryPressure, Period, Throttle
from trtprof.model import Device, Unknown

RULES = (
    clocks_not_locked.RULE, held_down.RULE, latency_rhythm.RULE, memory_short.RULE, low_power_mode.RULE,
    memory_controller.RULE, dla_in_vain.RULE,
)  # fmt: skip
GIB = 1 << 30
NOT_RECORDED = Unknown("tegrastats was not recorded")


def engine(run: BoardRun | None) -> Subject:
    layers = [layer(0, "c", "CaskConvolution", [tensor("x", "fp16", (1, 8))], [tensor("y", "fp16", (1, 8))])]
    return subject(replace(built("fp16", layers, [1.0]), board_run=run))


def good() -> BoardRun:
    state = BoardState("6.2", True, "locked at 1020 MHz", True, "MAXN_SUPER")
    samples = tuple(BoardSample(at, 9000, 1020, 99, 40, 50.0, GIB, 0) for at in (0.1, 0.2, 0.3))
    return BoardRun(
        "Jetson Orin Nano", samples, 0.0, 1.0, (), NOT_RECORDED, (), MemoryPressure(GIB, 8 * GIB, 0), None, state
    )


def check(rule: Rule, **fields: object) -> Outcome:
    return rule.check(engine(replace(good(), **fields)))  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_good_board_and_no_board_give_nothing(rule: Rule) -> None:
    assert check(rule) == ()
    assert rule.check(engine(None)) == ()


def cause(outcome: Outcome) -> str:
    assert not isinstance(outcome, Unknown)
    (claim,) = outcome
    assert claim.evidence
    assert isinstance(claim.saving, Unknown)
    return claim.cause


def test_each_condition_is_found_with_its_figures() -> None:
    free = BoardState(
        "6.2", False, "free between 306 MHz and 1020 MHz", False, "15W; MAXN_SUPER is the highest this board has"
    )
    assert cause(check(RULES[0], state=free)) == "the GPU clock of the board is free between 306 MHz and 1020 MHz"
    throttled = (Throttle(1.0, 2.0, 1020, 918, 90.0), Throttle(3.0, 4.0, 1020, 612, None))
    assert cause(check(RULES[1], throttles=throttled)) == (
        "the busy GPU fell from 1020 to 612 MHz during the timed inferences"
    )
    assert cause(check(RULES[2], period=Period(60, 16.7e6, 0.8))).startswith(
        "latency comes back every 60 iterations, 16.7 ms"
    )
    assert cause(check(RULES[3], memory=MemoryPressure(GIB, 8 * GIB, 64 << 20))) == "the board is short of memory"
    assert cause(check(RULES[4], state=free)) == "the power mode is 15W; MAXN_SUPER is the highest this board has"


def test_what_was_not_recorded_cannot_be_told() -> None:
    assert isinstance(check(RULES[0], state=None), Unknown)
    assert isinstance(check(RULES[4], state=BoardState(None, None, None, None, None)), Unknown)
    assert check(RULES[1], throttles=NOT_RECORDED) == NOT_RECORDED
    assert check(RULES[3], memory=NOT_RECORDED) == NOT_RECORDED
    assert isinstance(check(RULES[2], period=Unknown("10 iterations are too few")), Unknown)


def test_a_busy_memory_controller() -> None:
    busy = tuple(BoardSample(at, 9000, 1020, 99, 85, 50.0, GIB, 0) for at in (0.1, 0.2))
    assert cause(check(memory_controller.RULE, samples=busy)).startswith("the memory controller was busy 85 %")
    untold = tuple(replace(sample, emc_load_percent=None) for sample in busy)
    assert isinstance(check(memory_controller.RULE, samples=untold), Unknown)


def test_a_dla_that_was_asked_for_in_vain() -> None:
    reason = "Orin Nano has no DLA"
    assert cause(check(dla_in_vain.RULE, dla_refusal=reason)) == f"--useDLACore was given in vain: {reason}"


def test_engines_of_two_gpus_are_not_compared() -> None:
    layers = [layer(0, "c", "CaskConvolution", [tensor("x", "int8", (1, 8))], [tensor("y", "int8", (1, 8))])]

    def on(name: str, device: str | None):
        return built(name, layers, [1.0], device=Device(device) if device else None)

    assert different_devices.RULE.check(subject(on("int8", "A100"))) == ()
    assert different_devices.RULE.check(subject(on("fp16", "A100"), on("int8", "A100"))) == ()
    assert isinstance(different_devices.RULE.check(subject(on("fp16", None), on("int8", None))), Unknown)
    said = cause(different_devices.RULE.check(subject(on("fp16", "A100"), on("int8", "Orin"))))
    assert said == "int8 was measured on Orin, fp16 on A100"
