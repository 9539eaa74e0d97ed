"""How the conv and gemm rows of an engine are spread over units, for those who print and draw.

Built from ``trtprof.comparison``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trtprof.comparison import Row
from trtprof.model import Estimate, Unit


@dataclass(frozen=True, slots=True)
class TensorCoreUse:
    """Conv and gemm rows by the unit that does their arithmetic, as counts and, where timed, as ns.

    ``unknown`` are rows whose kernel's name does not tell, or that have no kernel name at all.
    """

    tensor: int
    cuda: int
    unknown: int
    tensor_ns: float | None
    cuda_ns: float | None
    unknown_ns: float | None
    on_cuda_cores: tuple[Row, ...]

    @property
    def eligible(self) -> int:
        """Rows that could use a Tensor Core."""
        return self.tensor + self.cuda + self.unknown

    @property
    def is_known(self) -> bool:
        """Whether anything can be said: at least one kernel's name tells its unit."""
        return self.tensor + self.cuda > 0

    @property
    def time_ratio(self) -> float | None:
        """Share of the eligible time that Tensor Cores work, 0 to 1; unknown kernels count as not."""
        times = (self.tensor_ns, self.cuda_ns, self.unknown_ns)
        if self.tensor_ns is None or None in times:
            return None
        total = sum(time or 0.0 for time in times)
        return self.tensor_ns / total if total else None


def tensor_core_use(rows: Sequence[Row]) -> TensorCoreUse:
    """Return how the conv and gemm rows are spread over units; costliest CUDA-core rows first."""
    parts: dict[Unit, list[Row]] = {Unit.TENSOR_CORE: [], Unit.CUDA_CORE: [], Unit.UNKNOWN: []}
    for row in rows:
        if row.has_matmul:
            unit = row.kernel.unit if row.kernel else Unit.UNKNOWN
            parts[unit if unit in parts else Unit.UNKNOWN].append(row)
    tensor, cuda, unknown = parts[Unit.TENSOR_CORE], parts[Unit.CUDA_CORE], parts[Unit.UNKNOWN]
    return TensorCoreUse(
        len(tensor), len(cuda), len(unknown), _time(tensor), _time(cuda), _time(unknown),
        tuple(sorted(cuda, key=lambda row: (-(_figure(row) or 0.0), row.layer.index))),
    )  # fmt: skip


def _time(rows: Sequence[Row]) -> float | None:
    times = [_figure(row) for row in rows]
    return None if None in times else sum(time or 0.0 for time in times)


def _figure(row: Row) -> float | None:
    return row.time_ns.mid if isinstance(row.time_ns, Estimate) else row.time_ns
