"""How variants are made, and what making one gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from trtprof.errors import UsageError
from trtprof.model import Notice
from trtprof.variants.ranges import CalibrationMethod
from trtprof.variants.spec import VariantSpec

DEFAULT_PERCENTILE: Final = 99.999


@dataclass(frozen=True, slots=True)
class VariantOptions:
    """How the quantised variants are calibrated and where residual Adds get Q/DQ.

    ``residual_qdq`` puts Q/DQ on residual Adds of convolutions: on both inputs, or with ``residual_inputs="skip"`` on
    the shortcut alone, as NVIDIA's placement guide has it. ``percentile`` counts for that method only; ``threads`` are
    onnxruntime's.

    Raises:
        UsageError: the percentile is not above 0 and at most 100.
    """

    method: CalibrationMethod = "minmax"
    percentile: float = DEFAULT_PERCENTILE
    residual_qdq: bool = True
    residual_inputs: Literal["both", "skip"] = "both"
    threads: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.percentile <= 100:
            raise UsageError(
                f"a percentile of {self.percentile:g} does not exist", hint="give one from 90 to 100, like 99.99"
            )


@dataclass(frozen=True, slots=True)
class MadeVariant:
    """A written variant. ``spec`` says what it came to be: its remainder is FP32 where FP16 was not to be had.

    ``ranges`` pairs each quantised activation with the magnitude its largest quantised value stands for, and is empty
    for a variant without Q/DQ; ``seconds`` is
    what making it took, calibration included.
    """

    path: Path
    spec: VariantSpec
    notices: tuple[Notice, ...]
    ranges: tuple[tuple[str, float], ...]
    seconds: float
