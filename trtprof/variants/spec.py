"""The variants trtprof can make of one model, by the names users type. Imports no ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from trtprof.errors import UsageError
from trtprof.model import Precision


@dataclass(frozen=True, slots=True)
class VariantSpec:
    """A variant: what is asked for, and what the part that cannot be quantised runs in.

    ``remainder`` is ``None`` where nothing is quantised. ``tf32`` is the very ONNX of ``fp32``: the builder's TF32 flag
    makes the difference.
    """

    name: str
    precision: Precision
    remainder: Precision | None = None

    @property
    def quantised(self) -> bool:
        """Whether the variant has Q/DQ, that is: whether it depends on calibration data."""
        return self.remainder is not None


SPECS: Final = (
    VariantSpec("fp32", Precision.FP32),
    VariantSpec("tf32", Precision.TF32),
    VariantSpec("fp16", Precision.FP16),
    VariantSpec("bf16", Precision.BF16),
    VariantSpec("int8", Precision.INT8, Precision.FP16),
    VariantSpec("int8-fp32", Precision.INT8, Precision.FP32),
    VariantSpec("fp8", Precision.FP8, Precision.FP16),
)


def parse_variant(name: str) -> VariantSpec:
    """Return the variant of this name, whatever its case.

    Raises:
        UsageError: no variant has this name; the hint lists those that exist.
    """
    wanted = name.strip().lower()
    for spec in SPECS:
        if spec.name == wanted:
            return spec
    raise UsageError(f"unknown precision '{name}'", hint=f"known are {', '.join(spec.name for spec in SPECS)}")
