"""The GPU a target stands for when times are modelled: dense peaks and memory bandwidth.

Peaks are those of NVIDIA's data sheets (T4, A100 40 GB SXM, GeForce RTX 3090, L4, GeForce RTX 5090), dense and at boost
clock; FP16 on GeForce is the rate with FP32 accumulation, which is what convolutions use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from trtprof.model import Device, DType

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
