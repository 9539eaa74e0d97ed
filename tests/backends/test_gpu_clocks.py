# ruff: noqa: ARG002, N802 - names and parameters are NVML's
from __future__ import annotations

from typing import Any

import pytest

from trtprof.backends.gpu_clocks import ClockReport, ClockSampler, open_sampler
from trtprof.model import Unknown


class Nvml:
    """``pynvml``: tells a list of clocks one by one; ``None`` in it fails, and so does a name in ``lacks``."""

    NVML_CLOCK_SM = 1

    class NVMLError(Exception):
        """NVML's error."""

    def __init__(self, clocks: list[int | None], reasons: int = 0, lacks: tuple[str, ...] = ()) -> None:
        self.clocks, self.reasons, self.lacks = list(clocks), reasons, lacks

    def _check(self, name: str) -> None:
        if name in self.lacks:
            raise self.NVMLError("Not Supported")

    def nvmlInit(self) -> None:
        self._check("init")

    def nvmlDeviceGetHandleByPciBusId(self, bus_id: str) -> str:
        assert bus_id == "0000:01:00.0"
        return "handle"

    def nvmlDeviceGetClockInfo(self, handle: str, kind: int) -> int:
        assert (handle, kind) == ("handle", 1)
        clock = self.clocks.pop(0)
        if clock is None:
            raise self.NVMLError("GPU is lost")
        return clock

    def nvmlDeviceGetMaxClockInfo(self, handle: str, kind: int) -> int:
        self._check("max")
        return 1980

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: str) -> int:
        self._check("reasons")
        return self.reasons


def watch(nvml: Any, samples: int) -> ClockReport | Unknown:
    sampler = open_sampler("0000:01:00.0", nvml)
    assert isinstance(sampler, ClockSampler)
    for _ in range(samples):
        sampler.sample()
    return sampler.report()


@pytest.mark.parametrize(
    ("clocks", "steady"), [([1980, 1980], True), ([1980, 1965], True), ([1980, 1755], False), ([210], True)]
)
def test_a_clock_that_held_still_is_steady(clocks: list[int | None], steady: bool) -> None:
    report = watch(Nvml(clocks), len(clocks))
    assert isinstance(report, ClockReport)
    assert report.steady == steady
    assert (report.samples, report.sm_mhz_high, report.sm_mhz_max) == (len(clocks), clocks[0], 1980)


def test_what_held_it_down_is_named() -> None:
    report = watch(Nvml([1500], reasons=0x1 | 0x4 | 0x40), 1)
    assert isinstance(report, ClockReport)
    assert report.reasons == ("power cap", "hardware thermal slowdown")  # and idle, which is no reason


def test_what_nvml_does_not_tell_is_left_out() -> None:
    """As on Jetson, where most of NVML is not supported."""
    report = watch(Nvml([900], lacks=("max", "reasons")), 1)
    assert isinstance(report, ClockReport)
    assert (report.sm_mhz_max, report.reasons) == (None, ())


def test_no_sample_is_unknown_never_steady() -> None:
    assert watch(Nvml([]), 0) == Unknown("no sample was taken")
    assert watch(Nvml([None]), 1) == Unknown("NVML does not tell the clock: GPU is lost")


def test_a_failure_ends_the_sampling_and_keeps_what_was_seen() -> None:
    report = watch(Nvml([1980, None]), 5)
    assert isinstance(report, ClockReport)
    assert report.samples == 1


def test_an_nvml_that_does_not_start_is_unknown() -> None:
    answer = open_sampler("0000:01:00.0", Nvml([], lacks=("init",)))  # type: ignore[arg-type]
    assert answer == Unknown("NVML does not tell the clock: Not Supported")


def test_without_the_package_it_is_unknown_and_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trtprof.backends.gpu_clocks.installed", lambda module: False)
    answer = open_sampler("0000:01:00.0")
    assert isinstance(answer, Unknown)
    assert "pip install nvidia-ml-py" in answer.reason
