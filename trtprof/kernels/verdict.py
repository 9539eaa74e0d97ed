"""What a family says of a name, and the words it may say it in.

Everything here is shared vocabulary: a family module imports this and the model, nothing else of the project.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from trtprof.model import DType, KernelRole, Unit

Shape = tuple[int, int, int]

# How far a reader may lean on a verdict. The steps are few on purpose: a finer scale would pretend to a calibration
# that no name can give. At 0.8 and above a verdict counts as confident, and a wrong confident verdict is a bug.
CERTAIN: Final = 0.98  # the name spells the instruction or the core (tensor16x8x16, ffma, HMMA)
STRONG: Final = 0.95  # the family is one or the other by construction (nvjet, a PyTorch elementwise kernel)
FAIR: Final = 0.85  # a rule of the family without a marker of its own in the name
LEANING: Final = 0.6  # more likely than not; never enough to build a finding on
NOTHING: Final = 0.0  # the name does not tell

OPERATIONS: Final = frozenset({
    "attention", "attention_backward", "cast", "communication", "concat", "convolution", "convolution_dgrad",
    "convolution_wgrad", "copy", "deconvolution", "depthwise_convolution", "dequantize", "elementwise", "embedding",
    "fft", "fill", "gather", "gemm", "gemv", "grouped_gemm", "image", "normalization", "offsets", "optimizer",
    "pooling", "quantize", "random", "recurrent", "reduction", "reformat", "resize", "rotary_embedding", "sampling",
    "scan", "scatter", "slice", "softmax", "solver", "sort", "sparse", "split_k_reduction", "synchronisation",
    "transpose", "winograd_transform",
})  # fmt: skip
"""Every word `KernelClass.operation` can hold besides None."""


class Verdict(NamedTuple):
    """The fields of a `KernelClass` between ``family`` and the end, in its order."""

    unit: Unit
    operation: str | None
    operand: DType | None
    mma: DType | None
    accumulate: DType | None
    mma_shape: Shape | None
    isa_floor: int | None
    role: KernelRole
    confidence: float
    why: str


def tensor(
    operation: str | None,
    why: str,
    *,
    mma: DType | None = None,
    operand: DType | None = None,
    accumulate: DType | None = None,
    shape: Shape | None = None,
    isa: int | None = None,
    confidence: float = STRONG,
) -> Verdict:
    """Return a verdict for a kernel that multiplies on Tensor Cores; ``operand`` defaults to the MMA type."""
    held = operand if operand is not None else mma
    return Verdict(
        Unit.TENSOR_CORE, operation, held, mma, accumulate, shape, isa, KernelRole.MAIN, confidence, why
    )  # fmt: skip


def cuda(
    operation: str | None,
    why: str,
    *,
    operand: DType | None = None,
    accumulate: DType | None = None,
    isa: int | None = None,
    role: KernelRole = KernelRole.MAIN,
    confidence: float = STRONG,
) -> Verdict:
    """Return a verdict for a kernel whose arithmetic runs on CUDA cores."""
    return Verdict(Unit.CUDA_CORE, operation, operand, None, accumulate, None, isa, role, confidence, why)


def moves(
    operation: str | None,
    why: str,
    *,
    operand: DType | None = None,
    isa: int | None = None,
    role: KernelRole = KernelRole.MAIN,
    confidence: float = STRONG,
) -> Verdict:
    """Return a verdict for a kernel that only moves, converts or makes data: no maths worth a core."""
    return Verdict(Unit.NONE, operation, operand, None, None, None, isa, role, confidence, why)


def helps(
    operation: str | None,
    why: str,
    *,
    unit: Unit = Unit.NONE,
    operand: DType | None = None,
    isa: int | None = None,
    confidence: float = STRONG,
) -> Verdict:
    """Return a verdict for a kernel that only serves another one: a split-K sum, an offset table, a filter shuffle."""
    return Verdict(unit, operation, operand, None, None, None, isa, KernelRole.HELPER, confidence, why)


def unknown(
    why: str,
    *,
    operation: str | None = None,
    operand: DType | None = None,
    isa: int | None = None,
) -> Verdict:
    """Return the verdict "this name cannot tell", with what it does tell."""
    return Verdict(
        Unit.UNKNOWN, operation, operand, None, None, None, isa, KernelRole.MAIN, NOTHING, why
    )  # fmt: skip
