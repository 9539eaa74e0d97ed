"""F305: a quantised residual Add that runs as a kernel of its own, behind a quantised convolution."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.flow import QUANTISED, result_of
from trtprof.analysis.findings.rule import (
    Claim,
    Outcome,
    Role,
    Rule,
    Share,
    Subject,
    no_types,
    row_evidence,
    runs_alone,
)
from trtprof.analysis.findings.words import types_words
from trtprof.comparison import Row
from trtprof.model import LayerKind
from trtprof.units import dims

_SUM_INTO_EPILOGUE: Final = Share(0.0, 0.5, 0.9)
"""Fused, only the residual is still read: a third of what the kernel moves now; whether a kernel fuses it is open."""


def check(subject: Subject) -> Outcome:
    """Return one claim with the quantised sums behind quantised convolutions that no convolution took in."""
    if subject.ahead_of_time:
        return ()
    if not subject.types_known:
        return no_types(subject)
    rows = [row for row in subject.rows if _is_sum_apart(subject, row)]
    if not rows:
        return ()
    return (
        Claim(
            cause=runs_alone(len(rows), "quantised residual sum"),
            evidence=row_evidence(rows, _words),
            savings={row.layer.index: _SUM_INTO_EPILOGUE for row in rows},
        ),
    )


def _is_sum_apart(subject: Subject, row: Row) -> bool:
    """Whether a row adds two quantised tensors of its result's size, one of them fresh from a convolution."""
    result = result_of(row)
    if row.kind is not LayerKind.COMPUTE or row.has_matmul or result is None or result.dtype not in QUANTISED:
        return False
    addends = [tensor for tensor in row.layer.inputs or () if tensor.dims == result.dims and tensor.dtype in QUANTISED]
    named = subject.flow.adds(row) or "Add" in row.layer.name
    return named and len(addends) > 1 and any(subject.flow.is_quantised_main(item) for item in subject.flow.before(row))


def _words(row: Row) -> str:
    result = result_of(row)
    return f"adds {dims(result.dims if result else None)}, {types_words(row)}"


RULE = Rule(
    code="F305",
    name="residual-add-apart",
    title="Quantised residual Add is not fused into its convolution",
    role=Role.SYMPTOM,
    why=(
        "Everything about the Add is quantised, so TensorRT could run it in the epilogue of the convolution before it. "
        "A kernel of its own reads both addends and writes the sum again."
    ),
    needs="layer information with types",
    looks_like=(
        (
            "layer information",
            "a kgen or PointWise row with Add in it, two Int8 inputs and an Int8 output, after a conv",
        ),
        ("nsys", "a kernel named after Cast, Mul, Cast, Mul, Add, … between two convolutions"),
    ),
    cure=(
        "Nothing in the model is wrong. Try a newer TensorRT, or the same scale on both addends; the convolution "
        "kernels of this GPU generation may not take a sum in."
    ),
    saving="between nothing, where no kernel fuses the sum, and nearly all of it",
    false_positives="Where the sum is also needed by itself, one kernel has to write it either way.",
    source="seen in a BEV network on a Blackwell-class GPU (lix19937/tensorrt-engine-analysis): 12 sums, 1.2 ms of 42",
    check=check,
)
