"""What a comparison is asked to do, checked before any work starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from trtprof.backends import rtx_aot
from trtprof.errors import UsageError

DEFAULT_PRECISIONS: Final = ("fp32", "fp16", "int8")
DEFAULT_TARGET: Final = "sm89"
DEFAULT_WORKSPACE: Final = Path("trtprof-out")

CalibrationMethod = Literal["minmax", "entropy", "percentile"]
ResidualInputs = Literal["both", "skip"]
Backend = Literal["auto", "tensorrt", "trtexec", "rtx-aot"]


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """The settings of one comparison; ``given`` maps a precision to an ONNX file the user made.

    Without a ``calib_method`` ranges are chosen by entropy, as TensorRT's own calibrator does, and on random data by
    minmax: there is nothing in it to choose by.
    """

    precisions: tuple[str, ...] = DEFAULT_PRECISIONS
    given: tuple[tuple[str, Path], ...] = ()
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    target: str = DEFAULT_TARGET
    calib: str | None = None
    calib_method: CalibrationMethod | None = None
    percentile: float = 99.99
    preprocess: str | None = None
    residual_qdq: bool = True
    residual_inputs: ResidualInputs = "both"
    seed: int = 0
    build_timeout_s: float = 1800.0
    backend: Backend = "auto"
    typing: Literal["strong", "weak"] = "strong"
    trtexec: Path | None = None
    nsys: bool = False
    force: bool = field(default=False, compare=False)

    def check(self) -> None:
        """Refuse what can be refused before the model is read.

        Raises:
            UsageError: an unknown precision or target, or one named twice.
        """
        from trtprof.variants.spec import parse_variant

        rtx_aot.check_target(self.target)
        if self.backend == "rtx-aot" and self.nsys:
            raise UsageError("--nsys: rtx-aot builds and runs nothing", hint="use --backend tensorrt or trtexec")
        if self.backend == "rtx-aot" and self.typing == "weak":
            raise UsageError("--typing weak: TensorRT-RTX is strongly typed only", hint="leave it out, or use trtexec")
        names = [*self.precisions, *(name for name, _ in self.given)]
        for name in names:
            parse_variant(name)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UsageError(f"precision {', '.join(twice)} is asked for twice", hint="name each precision once")
        if not names:
            raise UsageError("no precision is left to compare", hint=f"for example --precision {DEFAULT_PRECISIONS[0]}")
        if not 50 < self.percentile <= 100:
            raise UsageError(f"--percentile {self.percentile:g}: expected more than 50, at most 100")
        if self.build_timeout_s <= 0:
            raise UsageError(f"--build-timeout {self.build_timeout_s:g}: expected more than 0 seconds")

    def method(self) -> CalibrationMethod:
        """Return the calibration method in force."""
        random = self.calib is None or self.calib.startswith("random")
        return self.calib_method or ("minmax" if random else "entropy")

    def identity(self) -> dict[str, Any]:
        """Return what makes two comparisons of one model different; precisions may be added to a capture later."""
        return {
            "target": self.target,
            "shapes": {name: list(dims) for name, dims in self.shapes},
            "calib": self.calib,
            "calib_method": self.method(),
            "percentile": self.percentile if self.method() == "percentile" else None,
            "preprocess": self.preprocess,
            "residual_qdq": self.residual_qdq,
            "residual_inputs": self.residual_inputs,
            "seed": self.seed,
            "backend": self.backend,
            "typing": self.typing,
            "nsys": self.nsys,
        }


def merge_precisions(precisions: Sequence[str], given: Sequence[tuple[str, Path]]) -> tuple[str, ...]:
    """Return the precisions to make: those named, else the default ones, less those the user gives a file for."""
    files = {name for name, _ in given}
    return tuple(name for name in (precisions or DEFAULT_PRECISIONS) if name not in files)


def display_order(name: str) -> tuple[int, str]:
    """Sort key that puts precisions in the order people think of them, widest first."""
    order = ("fp32", "tf32", "bf16", "fp16", "fp8", "int8-fp32", "int8")
    return (order.index(name) if name in order else len(order), name)
