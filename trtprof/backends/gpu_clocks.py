"""Whether the GPU's clock held still while something was timed.

NVML can lock clocks but has no call that tells whether they are locked, so the answer is what was seen: the SM clock
sampled under load, and the reasons NVML gives for holding it down. Needs nvidia-ml-py, which is optional.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from trtprof.dependencies import installed, require
from trtprof.errors import MissingDependency
from trtprof.model import Unknown

_MODULE: Final = "pynvml"
STEADY_RATIO: Final = 0.01
"""Samples this close together count as one clock: a step of an NVIDIA GPU is 15 MHz or less."""

_REASONS: Final = (
    (0x0000_0002, "application clocks setting"),
    (0x0000_0004, "power cap"),
    (0x0000_0008, "hardware slowdown"),
    (0x0000_0010, "sync boost"),
    (0x0000_0020, "software thermal slowdown"),
    (0x0000_0040, "hardware thermal slowdown"),
    (0x0000_0080, "power brake"),
    (0x0000_0100, "display clock setting"),
)  # nvml.h, nvmlClocksEventReason…; 0x1 is idle, which a sample between two inferences may well catch


@dataclass(frozen=True, slots=True)
class ClockReport:
    """SM clock over the samples, the highest the GPU has, and what held it down in any of them."""

    samples: int
    sm_mhz_low: int
    sm_mhz_high: int
    sm_mhz_max: int | None
    reasons: tuple[str, ...]

    @property
    def steady(self) -> bool:
        """Whether the clock held still: locked, or at a limit the whole time; the times can then be compared."""
        return self.sm_mhz_high - self.sm_mhz_low <= STEADY_RATIO * self.sm_mhz_high


class ClockSampler:
    """Samples the clock of one GPU when told to."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml, self._handle = nvml, handle
        self._clocks: list[int] = []
        self._bits = 0
        self._failure: str | None = None

    def sample(self) -> None:
        """Take a sample; the first failure ends the sampling."""
        if self._failure is not None:
            return
        try:
            self._clocks.append(self._nvml.nvmlDeviceGetClockInfo(self._handle, self._nvml.NVML_CLOCK_SM))
            self._bits |= self._reasons()
        except self._nvml.NVMLError as error:
            self._failure = str(error)

    def _reasons(self) -> int:
        # Renamed with driver 535; the old name is still there.
        ask = getattr(self._nvml, "nvmlDeviceGetCurrentClocksThrottleReasons", None)
        try:
            return int(ask(self._handle)) if ask is not None else 0
        except self._nvml.NVMLError:
            return 0

    def report(self) -> ClockReport | Unknown:
        """Return what was seen, or why nothing was."""
        if not self._clocks:
            return Unknown(f"NVML does not tell the clock: {self._failure}" if self._failure else "no sample was taken")
        try:
            highest = int(self._nvml.nvmlDeviceGetMaxClockInfo(self._handle, self._nvml.NVML_CLOCK_SM))
        except self._nvml.NVMLError:
            highest = None
        return ClockReport(
            samples=len(self._clocks),
            sm_mhz_low=min(self._clocks),
            sm_mhz_high=max(self._clocks),
            sm_mhz_max=highest,
            reasons=tuple(word for bit, word in _REASONS if self._bits & bit),
        )


def open_sampler(pci_bus_id: str, nvml: ModuleType | None = None) -> ClockSampler | Unknown:
    """Return a sampler for the GPU at a PCI bus id (CUDA and NVML number GPUs differently), or why there is none."""
    if nvml is None:
        if not installed(_MODULE):
            return Unknown("NVML is not at hand: pip install nvidia-ml-py")
        try:
            nvml = require(_MODULE, extra="tensorrt", purpose="watching the clocks")
        except MissingDependency as error:
            return Unknown(error.message)
    library: Any = nvml
    try:
        library.nvmlInit()
        return ClockSampler(library, library.nvmlDeviceGetHandleByPciBusId(pci_bus_id))
    except library.NVMLError as error:
        return Unknown(f"NVML does not tell the clock: {error}")
