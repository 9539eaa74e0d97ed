"""Which backend ``auto`` takes: TensorRT's Python API, else trtexec, else TensorRT-RTX without a GPU; and why."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from trtprof.backends import rtx_aot, tensorrt_api, trtexec
from trtprof.errors import MissingDependency, TrtprofError, UsageError
from trtprof.model import Unknown

AUTO: Final = "auto"
_DRIVER: Final = "libcuda.so.1"
_NO_DEVICE: Final = 100  # CUDA_ERROR_NO_DEVICE


@dataclass(frozen=True, slots=True)
class Considered:
    """A backend that was looked at: whether it can be used, and a sentence why or why not."""

    name: str
    usable: bool
    why: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The backend taken and everything looked at on the way to it, in order."""

    name: str
    considered: tuple[Considered, ...]

    @property
    def why(self) -> str:
        """One sentence for each backend looked at."""
        return " ".join(f"{item.name}: {item.why}." for item in self.considered)


Probe = Callable[[], Considered]


def cuda_devices(driver: Any = None) -> int | Unknown:
    """Return how many GPUs CUDA sees, 0 where the driver works and sees none, or why it cannot be asked."""
    try:
        cuda = ctypes.CDLL(_DRIVER) if driver is None else driver
    except OSError:
        return Unknown(f"the NVIDIA driver is not installed ({_DRIVER} was not found)")
    status = cuda.cuInit(0)
    if status == _NO_DEVICE:
        return 0
    if status != 0:
        return Unknown(f"the NVIDIA driver does not start (CUDA error {status})")
    count = ctypes.c_int()
    status = cuda.cuDeviceGetCount(ctypes.byref(count))
    return count.value if status == 0 else Unknown(f"the NVIDIA driver does not count its GPUs (CUDA error {status})")


def _without_gpu(devices: int | Unknown) -> str | None:
    """Why nothing can be run on a GPU here, ``None`` where it can."""
    if isinstance(devices, Unknown):
        return devices.reason
    return None if devices > 0 else "CUDA sees no GPU"


def probe_tensorrt(devices: Callable[[], int | Unknown] = cuda_devices) -> Considered:
    """Look at TensorRT's Python API."""
    try:
        version = tensorrt_api.version()
    except MissingDependency as error:
        return Considered("tensorrt", False, error.message, error.hint)
    reason = _without_gpu(devices())
    if reason:
        return Considered("tensorrt", False, f"TensorRT {version} is installed but {reason}", "look at nvidia-smi")
    return Considered("tensorrt", True, f"TensorRT {version} is installed and a GPU is there")


def probe_trtexec(
    explicit: Path | None = None,
    devices: Callable[[], int | Unknown] = cuda_devices,
    find: Callable[[Path | None], Path] = trtexec.find_trtexec,
) -> Considered:
    """Look at trtexec; it is not started, since a broken one says so itself when it is."""
    try:
        path = find(explicit)
    except TrtprofError as error:
        return Considered("trtexec", False, error.message, error.hint)
    reason = _without_gpu(devices())
    if reason:
        return Considered("trtexec", False, f"{path} is there but {reason}", "look at nvidia-smi")
    return Considered("trtexec", True, f"{path} and a GPU are there")


def probe_rtx_aot() -> Considered:
    """Look at TensorRT-RTX, which builds without a GPU and measures nothing."""
    try:
        version = rtx_aot.version()
    except MissingDependency as error:
        return Considered("rtx-aot", False, error.message, error.hint)
    return Considered("rtx-aot", True, f"TensorRT-RTX {version} builds without a GPU; times are then modelled")


PROBES: Final[Mapping[str, Probe]] = MappingProxyType(
    {"tensorrt": probe_tensorrt, "trtexec": probe_trtexec, "rtx-aot": probe_rtx_aot}
)
"""In the order in which ``auto`` tries them."""


def choose(name: str = AUTO, probes: Mapping[str, Probe] = PROBES) -> Choice:
    """Return the backend to use: the one named, or for ``auto`` the first that can be used.

    Raises:
        UsageError: there is no such backend.
        MissingDependency: the one named, or every one, cannot be used; says why.
    """
    if name != AUTO and name not in probes:
        raise UsageError(f"unknown backend '{name}'", hint=f"known are {', '.join((AUTO, *probes))}")
    considered: list[Considered] = []
    for candidate in probes if name == AUTO else (name,):
        considered.append(probes[candidate]())
        if considered[-1].usable:
            return Choice(candidate, tuple(considered))
    reasons = "; ".join(f"{item.name}: {item.why}" for item in considered)
    raise MissingDependency(f"no backend can be used: {reasons}", hint=considered[-1].hint)
