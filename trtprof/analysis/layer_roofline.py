"""Each row of a measured engine under its GPU's roof: what bounds it, and how far it is from what the GPU could do.

The roof of a row is the longer of its conv and gemm operations at the dense peak of the type it multiplies in and its
least traffic at the memory bandwidth. Arithmetic of other rows is not counted: they are held against memory alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trtprof.analysis.devices import roofs_of
from trtprof.analysis.layer_flops import unlisted_weight_bytes
from trtprof.analysis.scaled_times import as_profiled, scaled
from trtprof.bounds import Bound, EngineRoofline, Roofs, RowRoof
from trtprof.comparison import Built, Row
from trtprof.model import DType, LayerKind, Provenance, Unit, Unknown

_LAUNCH_NS: Final = 8_000
"""No launch takes longer, the profiler's cost included; an engine of large kernels only has no quick row to show it."""
_NEAR_LAUNCH: Final = 2.0
_SMALL_WORK: Final = 0.5
_NO_KERNEL: Final = frozenset({LayerKind.NOOP, LayerKind.CONSTANT, LayerKind.SHAPE, LayerKind.SIGNAL})
_OPAQUE: Final = {
    LayerKind.FOREIGN: "an opaque region: the engine does not say what is in it",
    LayerKind.PLUGIN: "a plugin: the engine does not say what it computes",
    LayerKind.DLA: "it runs on a DLA, whose peaks are not the GPU's",
}


def engine_roofline(built: Built) -> EngineRoofline:
    """Return the rows that launch something under their roofs, in execution order, or why there are no roofs.

    A row is launch-bound when it takes less than twice the engine's quickest row, or less than 16 µs where that is not
    quick, and its roof is below half of that: what is left is the start of a kernel.
    """
    if built.provenance is Provenance.MODELLED:
        return EngineRoofline(built.name, Unknown("its times are modelled, from a roofline themselves"), ())
    roofs = roofs_of(built.engine.device)
    if isinstance(roofs, Unknown):
        return EngineRoofline(built.name, roofs, ())
    rows = [row for row in (scaled(built) or as_profiled(built)).rows if row.kind not in _NO_KERNEL]
    near = _NEAR_LAUNCH * _quickest(rows)
    return EngineRoofline(built.name, roofs, tuple(_row_roof(row, roofs, near) for row in rows))


def furthest(roofline: EngineRoofline) -> tuple[RowRoof, ...]:
    """Return the rows that have most time above their roof, most first; those without a roof or a time are left out."""
    known = [row for row in roofline.rows if row.at_stake_ns is not None]
    return tuple(sorted(known, key=lambda row: (-(row.at_stake_ns or 0.0), row.row)))


def moved_bytes(row: Row) -> int | None:
    """Return the least traffic of a row: what it reads, writes and its weights, once each."""
    if row.read_bytes is None or row.written_bytes is None:
        return None
    return row.read_bytes + row.written_bytes + row.constant_bytes + unlisted_weight_bytes(row.layer)


def _quickest(rows: Sequence[Row]) -> float:
    return min([_LAUNCH_NS, *(time for row in rows if (time := _time(row)))])


def _time(row: Row) -> float | None:
    return float(row.time_ns) if isinstance(row.time_ns, float | int) else None


def _row_roof(row: Row, roofs: Roofs, near_launch_ns: float) -> RowRoof:
    flops, moved = (row.flops if row.has_matmul else None), moved_bytes(row)
    dtype = multiplied_type(row, roofs) if row.has_matmul else None
    math = dtype if isinstance(dtype, DType) else None
    rate = roofs.rate(math, accumulate=row.kernel.accumulate if row.kernel else None)
    why = _unknown(row, flops, moved, dtype, rate)
    time = _time(row)
    if why is not None or moved is None:
        return RowRoof(row.layer.index, flops, moved, math, _intensity(flops, moved), None, time, why or Unknown(""))
    memory_ns = moved / roofs.memory_bytes_per_s * 1e9
    compute_ns = flops / rate * 1e9 if flops is not None and rate else 0.0
    roof = max(memory_ns, compute_ns)
    bound = Bound.COMPUTE if compute_ns > memory_ns else Bound.MEMORY
    if time is not None and time <= near_launch_ns and roof <= _SMALL_WORK * time:
        bound = Bound.LAUNCH
    return RowRoof(row.layer.index, flops, moved, math, _intensity(flops, moved), roof, time, bound)


def _intensity(flops: int | None, moved: int | None) -> float | None:
    return flops / moved if flops is not None and moved else None


def multiplied_type(row: Row, roofs: Roofs) -> DType | Unknown | None:
    """Return the type a conv or gemm row multiplies in: by its kernel's name, else by its operand.

    FP32 operands are multiplied as FP32 or as TF32; without a kernel's name that cannot be told.
    """
    if row.operand is DType.FP32:
        if row.kernel is not None and row.kernel.mma is not None:
            return row.kernel.mma
        unit = row.kernel.unit if row.kernel else Unit.UNKNOWN
        if unit is Unit.UNKNOWN and roofs.rate(DType.TF32) is not None:
            return Unknown("its kernel does not tell whether FP32 is multiplied as TF32")
        return DType.TF32 if unit is Unit.TENSOR_CORE else DType.FP32
    return row.operand


def _unknown(
    row: Row, flops: int | None, moved: int | None, dtype: DType | Unknown | None, rate: float | None
) -> Unknown | None:
    """Return why a row has no roof, ``None`` where it has one."""
    if row.kind in _OPAQUE and flops is None:
        return Unknown(_OPAQUE[row.kind])
    if row.has_matmul and flops is None:
        return Unknown("its operations cannot be told from the engine")
    if moved is None:
        return Unknown("the size of a tensor is not known")
    if isinstance(dtype, Unknown):
        return dtype
    if row.has_matmul and rate is None:
        return Unknown(f"no peak is known for {dtype.value.upper() if dtype else 'an unknown type'} on this GPU")
    return None
