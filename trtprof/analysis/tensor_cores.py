"""Which conv and gemm rows run on Tensor Cores, by what the names of their kernels say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trtprof.comparison import Row
from trtprof.kernels import classify_all


def with_kernels(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the rows with the class of their kernel, where the layer names one."""
    classes = classify_all({row.layer.tactic for row in rows if row.layer.tactic})
    return tuple(replace(row, kernel=classes[row.layer.tactic]) if row.layer.tactic in classes else row for row in rows)
