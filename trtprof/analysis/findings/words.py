"""Types and layouts of a row in the words of findings."""

from __future__ import annotations

from trtprof.comparison import Row
from trtprof.model import DType, Tensor


def type_word(dtype: DType | None) -> str:
    """Return a type in capitals, ``?`` where it is not known."""
    return "?" if dtype is None else dtype.value.upper()


def types_words(row: Row, *, layouts: bool = False) -> str:
    """Return ``FP16 to INT8`` for a row's first input and first output; with layouts ``FP16 linear to INT8 NHWC``."""
    ends = (*(row.layer.inputs or ())[:1], *(row.layer.outputs or ())[:1])
    return " to ".join(_tensor_words(tensor, layouts) for tensor in ends)


def _tensor_words(tensor: Tensor, layouts: bool) -> str:
    word = type_word(tensor.dtype)
    return f"{word} {tensor.format.word if tensor.format else '?'}" if layouts else word
