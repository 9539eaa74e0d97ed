"""Modelled times: a roofline with a launch cost, as a range that says how little such a model knows.

A row takes the longer of its arithmetic at a part of the GPU's peak and its bytes at a part of the memory bandwidth,
and a launch on top. What parts kernels reach was read off published TensorRT engines: convolutions ran at 0.2 to 0.84
of peak; with the middle values here, whole engines came out at 0.45 to 1.6 times the measured latency (ResNet-18 on
A100, ResNet-50 on RTX 3090, MobileNetV2 on Titan RTX). A model this coarse got the order of FP16 and INT8 wrong once,
on ResNet-18, which is why nothing is called faster on a modelled difference below 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from trtprof.analysis.devices import Peaks
from trtprof.comparison import Row
from trtprof.model import Device, DType, Estimate, LayerKind

NAME: Final = "roofline with launch cost"
WINNER_RATIO: Final = 2.0
_NO_KERNEL: Final = frozenset({LayerKind.NOOP, LayerKind.CONSTANT, LayerKind.SHAPE, LayerKind.SIGNAL})


@dataclass(frozen=True, slots=True)
class _Reach:
    """The parts of a GPU's peaks that kernels reach, and a launch; ``cached`` multiplies bandwidth for L2 hits."""

    compute: float
    bandwidth: float
    cached: float
    launch_ns: float


_BEST: Final = _Reach(compute=0.84, bandwidth=0.95, cached=3.0, launch_ns=1_000)
_LIKELY: Final = _Reach(compute=0.5, bandwidth=0.75, cached=2.5, launch_ns=2_000)
_WORST: Final = _Reach(compute=0.2, bandwidth=0.5, cached=1.0, launch_ns=4_000)


def with_times(rows: Sequence[Row], peaks: Peaks, *, tf32: bool) -> tuple[Row, ...]:
    """Return the rows with modelled times; ``None`` where bytes are unknown."""
    return tuple(replace(row, time_ns=row_time(row, peaks, tf32=tf32)) for row in rows)


def row_time(row: Row, peaks: Peaks, *, tf32: bool) -> Estimate | None:
    """Return the modelled time of one row in ns; rows without a kernel take none."""
    if row.kind in _NO_KERNEL:
        return Estimate(0.0, 0.0, 0.0)
    if row.read_bytes is None or row.written_bytes is None:
        return None
    moved = row.read_bytes + row.written_bytes + row.constant_bytes
    return kernel_time(row.flops or 0, moved, row.operand, peaks, tf32=tf32)


def kernel_time(flops: int, moved_bytes: int, operand: DType | None, peaks: Peaks, *, tf32: bool) -> Estimate:
    """Return the modelled time in ns of a kernel doing so many operations on so many bytes."""
    rate = peaks.rate(operand, tf32=tf32)
    low, mid, high = (_time(flops / rate, moved_bytes, peaks.device, reach) for reach in (_BEST, _LIKELY, _WORST))
    return Estimate(low, mid, high)


def _time(peak_seconds: float, moved_bytes: int, device: Device, reach: _Reach) -> float:
    bandwidth = (device.memory_bytes_per_s or 0.0) * reach.bandwidth
    if device.l2_bytes and moved_bytes < device.l2_bytes / 2:
        bandwidth *= reach.cached
    return max(peak_seconds / reach.compute, moved_bytes / bandwidth) * 1e9 + reach.launch_ns


def total(rows: Sequence[Row]) -> Estimate | None:
    """Return the sum of the rows' modelled times, ``None`` when one is unknown."""
    times = [row.time_ns for row in rows]
    estimates = [time for time in times if isinstance(time, Estimate)]
    return Estimate.total(estimates) if len(estimates) == len(times) else None


def projected_total(rows: Sequence[Row], peaks: Peaks, *, tf32: bool) -> Estimate | None:
    """Return the total of :func:`folded_rows`, ``None`` when a time is unknown."""
    folded = folded_rows(rows, peaks, tf32=tf32)
    return None if folded is None else total(folded)


def folded_rows(rows: Sequence[Row], peaks: Peaks, *, tf32: bool) -> tuple[Row, ...] | None:
    """Return the rows with each quantised convolution and its epilogue as one kernel, as full TensorRT builds them.

    The kernel then writes the epilogue's output and neither writes nor reads the float tensor between the two; the
    epilogue's row takes no time. ``None`` when the size of a tensor is unknown.
    """
    by_main = {name: row for row in rows for name in row.matmuls}
    folded: dict[int, Estimate] = {}
    for row in rows:
        main = by_main.get(row.epilogue_of or "")
        if main is None or main.layer.index in folded or main.operand not in (DType.INT8, DType.FP8):
            continue
        sizes = (main.read_bytes, main.written_bytes, row.read_bytes, row.written_bytes)
        if None in sizes:
            return None
        read, between, epilogue_read, written = (size or 0 for size in sizes)
        moved = read + max(0, epilogue_read - between) + written + main.constant_bytes + row.constant_bytes
        folded[main.layer.index] = kernel_time(main.flops or 0, moved, main.operand, peaks, tf32=tf32)
        folded[row.layer.index] = Estimate(0.0, 0.0, 0.0)
    return tuple(replace(row, time_ns=folded.get(row.layer.index, row.time_ns)) for row in rows)
