"""Records in words: types, changes, times and lists as every panel writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from trtprof.comparison import Built, FusionChange
from trtprof.dashboards.said import Said, mark, said
from trtprof.model import DType, Estimate, Layout, Precision, Provenance, Unit, Unknown
from trtprof.units import ABSENT, NS_PER_US, ms, ms_range, significant

CHANGES: Final = {
    FusionChange.SAME: ("≡", "same"),
    FusionChange.SPLIT: ("÷", "split"),
    FusionChange.MERGED: ("∪", "merged"),
    FusionChange.DIFFERENT: ("≠", "different"),
}


UNITS: Final = {
    Unit.TENSOR_CORE: "Tensor Cores",
    Unit.CUDA_CORE: "CUDA cores",
    Unit.NONE: "moving data",
    Unit.DLA: "DLA",
    Unit.UNKNOWN: "unknown",
}
"""On what a kernel runs, as ``trtprof kernels`` has it."""


def dtype_word(dtype: DType | None) -> str:
    """Return a number type in capitals, ``unknown`` where the engine does not say."""
    return "unknown" if dtype is None else dtype.value.upper()


def types_word(source: DType | None, result: DType | None) -> str:
    """Return ``FP16 → INT8``, in one piece."""
    return Said(f"{said(dtype_word(source))}\u00a0→\u00a0{said(dtype_word(result))}")


def layout_word(layout: Layout | None) -> str:
    """Return a tensor layout in words."""
    return ABSENT if layout is None else layout.value.replace("_", " ")


def cannot_tell(unknown: Unknown) -> str:
    """Return the third answer: that it could not be found out, and why."""
    return f"cannot tell: {unknown.reason}"


def wanted_operand(precision: Precision | None) -> DType | None:
    """Return the storage type that conv and gemm rows of a precision read; TF32 multiplies what is stored as FP32."""
    if precision is None:
        return None
    return DType.FP32 if precision is Precision.TF32 else DType(precision.value)


def wanted_share(built: Built) -> tuple[int, int] | None:
    """Return (rows with the wanted operand type, all conv/gemm rows); ``None`` when no precision was named."""
    wanted = wanted_operand(built.precision)
    if wanted is None:
        return None
    return dict(built.precision_mix).get(wanted, 0), sum(count for _, count in built.precision_mix)


def total_words(time: Estimate | float | None, provenance: Provenance) -> str:
    """Return an engine's time with its unit and where it comes from: a range when it is modelled."""
    if time is None:
        return "cannot tell: the time of a row is unknown"
    if isinstance(time, Estimate):
        return f"{ms_range(time.low, time.high)} ms {Provenance.MODELLED.value}"
    return f"{ms(time)} ms {provenance.value}"


def us(value_ns: float) -> str:
    """Return nanoseconds as microseconds with three significant digits, without the unit."""
    return significant(value_ns / NS_PER_US, 3)


def us_range(time: Estimate) -> str:
    """Return a modelled time as ``low to high`` in microseconds, without the unit."""
    return f"{us(time.low)} to {us(time.high)}"


def row_time(time: Estimate | float | None) -> str:
    """Return a row's time with its unit, a range where it is modelled; empty where it is unknown."""
    if time is None:
        return ""
    return f"{us_range(time)} µs modelled" if isinstance(time, Estimate) else f"{us(time)} µs"


def sentence(parts: Iterable[str]) -> str:
    """Return the parts as one sentence, separated by semicolons."""
    text = mark("; ").join(map(said, parts))
    return Said(text if text.endswith((".", "?", "。", "？")) or not text else text + mark("."))


def paragraph(sentences: Iterable[str]) -> Said:
    """Return whole sentences one after the other; an empty one is none."""
    joint = " " if mark(".") == "." else ""
    return Said(joint.join(said(text) for text in sentences if text))


def shorten(text: str, limit: int) -> str:
    """Return the text with its middle left out where it is longer than the limit: names differ at their ends."""
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def number_ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers with runs drawn together: ``1–3, 5``."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)
