"""Dense peaks and memory bandwidth of GPUs: those a target stands for, and those that files name.

Peaks of targets are those of NVIDIA's data sheets (T4, A100 40 GB SXM, GeForce RTX 3090, L4, GeForce RTX 5090), dense
and at boost clock; FP16 on GeForce is the rate with FP32 accumulation, which is what convolutions use.

Peaks of a measured GPU are SMs times multiply-adds an SM does a clock (NVIDIA's architecture white papers) times clock:
at the clock the files state, else at the data sheet's. The product gives the data sheets' figures for every GPU below.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from trtprof.bounds import Roofs
from trtprof.model import Device, DType, Unknown

_T: Final = 1e12


@dataclass(frozen=True, slots=True)
class Peaks:
    """A device with its dense peak rate, in operations a second, for each type it multiplies."""

    device: Device
    rates: Mapping[DType, float]

    def rate(self, operand: DType | None, *, tf32: bool) -> float:
        """Return the peak for operands of a type; a type the device lacks runs at the FP32 rate."""
        if operand is DType.FP32 and tf32:
            operand = DType.TF32
        return self.rates.get(operand or DType.FP32, self.rates[DType.FP32])


def _peaks(name: str, capability: tuple[int, int], sms: int, gb_per_s: float, l2_mib: int, **tera: float) -> Peaks:
    device = Device(name, capability, sms, None, gb_per_s * 1e9, l2_mib * 2**20)
    return Peaks(device, {DType(key): value * _T for key, value in tera.items()})


TARGET_DEVICES: Final[Mapping[str, Peaks]] = {
    "sm75": _peaks("T4", (7, 5), 40, 320, 4, fp32=8.1, fp16=65, int8=130),
    "sm80": _peaks("A100 40 GB SXM", (8, 0), 108, 1555, 40, fp32=19.5, tf32=156, fp16=312, bf16=312, int8=624),
    "sm86": _peaks("GeForce RTX 3090", (8, 6), 82, 936, 6, fp32=35.6, tf32=35.6, fp16=71, bf16=71, int8=284),
    "sm89": _peaks("L4", (8, 9), 58, 300, 48, fp32=30.3, tf32=60, fp16=121, bf16=121, int8=242, fp8=242),
    "sm120": _peaks(
        "GeForce RTX 5090", (12, 0), 170, 1792, 96, fp32=104.8, tf32=104.8, fp16=209.5, bf16=209.5, int8=838, fp8=419
    ),
}

_TYPES: Final = (DType.FP32, DType.FP16, DType.BF16, DType.TF32, DType.INT8, DType.FP8, DType.FP4)
_PER_SM: Final[Mapping[tuple[int, int], tuple[int, ...]]] = {
    (5, 3): (128, 256, 0, 0, 0, 0, 0),
    (6, 0): (64, 128, 0, 0, 0, 0, 0),
    (6, 1): (128, 2, 0, 0, 512, 0, 0),
    (6, 2): (128, 256, 0, 0, 0, 0, 0),
    (7, 0): (64, 512, 0, 0, 256, 0, 0),
    (7, 2): (64, 512, 0, 0, 1024, 0, 0),
    (7, 5): (64, 512, 0, 0, 1024, 0, 0),
    (8, 0): (64, 1024, 1024, 512, 2048, 0, 0),
    (8, 6): (128, 512, 512, 256, 1024, 0, 0),
    (8, 7): (128, 1024, 1024, 512, 2048, 0, 0),
    (8, 9): (128, 512, 512, 256, 1024, 1024, 0),
    (9, 0): (128, 2048, 2048, 1024, 4096, 4096, 0),
    (10, 0): (128, 4096, 4096, 2048, 8192, 8192, 16384),
    # 10.3 multiplies INT8 at a small part of this rate; which is not published, so it is left out.
    (10, 3): (128, 4096, 4096, 2048, 0, 8192, 24576),
    (11, 0): (128, 4096, 4096, 2048, 8192, 8192, 16384),
    (12, 0): (128, 512, 512, 256, 1024, 1024, 2048),
}
"""Multiply-adds an SM does a clock, dense, in the order of ``_TYPES``; 0 for none. 6.1 and 7.0 do INT8 by dp4a."""

_SLOW_SUMS: Final = frozenset({DType.FP16, DType.BF16, DType.FP8})
"""What GeForce parts of 7.5, 8.6, 8.9 and 12.0 multiply at half the rate when summing in FP32."""


@dataclass(frozen=True, slots=True)
class _Named:
    """A GPU of a data sheet: capability, SMs, the clock at which its peaks hold, memory bandwidth."""

    pattern: str
    capability: tuple[int, int]
    sms: int
    ghz: float
    gb_per_s: float


_GPUS: Final = (
    _Named(r"V100.SXM2", (7, 0), 80, 1.53, 900),
    _Named(r"\bT4\b", (7, 5), 40, 1.59, 320),
    _Named(r"RTX 2080 Ti", (7, 5), 68, 1.545, 616),
    _Named(r"A100.SXM4.40GB|A100.PCIE.40GB", (8, 0), 108, 1.41, 1555),
    _Named(r"A100.SXM4.80GB", (8, 0), 108, 1.41, 2039),
    _Named(r"A100.80GB.PCIe", (8, 0), 108, 1.41, 1935),
    _Named(r"\bA30\b", (8, 0), 56, 1.44, 933),
    _Named(r"\bA10\b", (8, 6), 72, 1.695, 600),
    _Named(r"\bA40\b", (8, 6), 84, 1.74, 696),
    _Named(r"RTX 3090(?! Ti)", (8, 6), 82, 1.695, 936),
    _Named(r"\bL4\b", (8, 9), 58, 2.04, 300),
    _Named(r"\bL40S\b", (8, 9), 142, 2.52, 864),
    _Named(r"RTX 4090(?! D| Laptop)", (8, 9), 128, 2.52, 1008),
    _Named(r"H100 80GB HBM3", (9, 0), 132, 1.83, 3350),
    _Named(r"H100 PCIe", (9, 0), 114, 1.62, 2000),
    _Named(r"\bH200\b(?! NVL)", (9, 0), 132, 1.83, 4800),
    _Named(r"\bB200\b", (10, 0), 148, 1.856, 8000),
    _Named(r"\bB300\b", (10, 3), 148, 1.856, 8000),
    _Named(r"RTX 5090(?! D| Laptop)", (12, 0), 170, 2.407, 1792),
    _Named(r"AGX Xavier", (7, 2), 8, 1.377, 137),
    _Named(r"Orin Nano", (8, 7), 8, 0.625, 68),
    _Named(r"Orin NX", (8, 7), 8, 0.918, 102),
    _Named(r"AGX Orin.*32", (8, 7), 14, 0.93, 204.8),
    _Named(r"AGX Orin.*64", (8, 7), 16, 1.3, 204.8),
    _Named(r"Thor.*T5000|T5000", (11, 0), 20, 1.575, 273),
)
"""Clocks are those at which the data sheet's FP16 rate is reached; Jetson's are those of the default power mode."""


def roofs_of(device: Device | None) -> Roofs | Unknown:
    """Return the peaks of a GPU at the clock that its files state, else at the data sheet's; or why there are none."""
    if device is None:
        return Unknown("the files name no GPU")
    named = next((gpu for gpu in _GPUS if re.search(gpu.pattern, device.name, re.IGNORECASE)), None)
    capability = device.compute_capability or (named.capability if named else None)
    per_sm = _PER_SM.get(capability) if capability else None
    sms = device.sm_count or (named.sms if named else None)
    clock_hz = device.clock_hz or (named.ghz * 1e9 if named else None)
    memory = device.memory_bytes_per_s or (named.gb_per_s * 1e9 if named else None)
    if per_sm is None or not sms or not clock_hz or not memory:
        return Unknown(f"the peaks of {device.name} are not known and its files do not state SMs, clock and memory")
    geforce = "geforce" in device.name.lower()
    counts = dict(zip(_TYPES, per_sm, strict=True))
    if geforce and counts[DType.TF32]:
        counts[DType.TF32] = counts[DType.FP32]
    rates = tuple((kind, 2.0 * count * sms * clock_hz) for kind, count in counts.items() if count)
    slow = tuple((kind, rate / 2) for kind, rate in rates if geforce and kind in _SLOW_SUMS)
    stated = "as the files state" if device.clock_hz else "by its data sheet"
    return Roofs(
        device=device.name,
        clock_hz=clock_hz,
        rates=rates,
        summed_in_fp32=slow,
        memory_bytes_per_s=memory,
        source=f"{sms} SMs of compute capability {'.'.join(map(str, capability or ()))} at {clock_hz / 1e9:.4g} GHz "
        f"{stated}, {memory / 1e9:,.0f} GB/s",
    )
