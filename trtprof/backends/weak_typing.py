"""The types a weakly typed build is allowed, by the name of the precision: for trtexec's flags and for builder flags.

TensorRT up to 10 chooses among FP32 and the types allowed; TensorRT 11 has no such choice.
"""

from __future__ import annotations

from typing import Final, Literal

from trtprof.errors import UsageError

Typing = Literal["strong", "weak"]

BEST: Final = "best"
WEAK_TYPES: Final[dict[str, tuple[str, ...]]] = {
    "fp32": (),
    "tf32": (),
    "fp16": ("fp16",),
    "bf16": ("bf16",),
    "int8": ("int8", "fp16"),
    "int8-fp32": ("int8",),
    "fp8": ("fp8", "fp16"),
    "int4": ("int4", "fp16"),
}
"""Lower case: ``--int8`` for trtexec, ``BuilderFlag.INT8`` in the Python API. FP8 and INT8 exclude each other there."""

QUANTISED: Final = frozenset({"int8", "int8-fp32", BEST})
"""Precisions whose ranges a calibration table can give."""


def weak_types(precision: str) -> tuple[str, ...]:
    """Return the types to allow for a precision; ``best`` is not among them, it means whatever the builder has.

    Raises:
        UsageError: there is no such precision.
    """
    try:
        return WEAK_TYPES[precision]
    except KeyError:
        raise UsageError(
            f"no weakly typed precision '{precision}'", hint=f"known are {', '.join((*WEAK_TYPES, BEST))}"
        ) from None


def wants_tf32(precision: str, tf32: bool) -> bool:
    """Return whether FP32 layers may use TF32: when asked, for ``tf32`` itself, and for ``best``, which allows all."""
    return tf32 or precision in ("tf32", BEST)


STRONG_ONLY_HINT: Final = "leave out --typing weak: the types are then in the ONNX file, which every version takes"
