"""The GPUs of an nsys export: facts on each, and which of them a process called CUDA device 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trtprof.model import Device, Unknown
from trtprof.parsers.nsys_database import NsysDatabase, interned
from trtprof.parsers.nsys_schema import TracedGpu

if TYPE_CHECKING:
    from trtprof.parsers.nsys_schema import Ints

GPU: Final = "TARGET_INFO_GPU"
EARLY_GPU: Final = "TARGET_INFO_CUDA_GPU"
"""The table's name until early 2021. The unit of its clock rate is not documented, so the clock is not read."""

CUDA_DEVICE: Final = "TARGET_INFO_CUDA_DEVICE"
NO_GPU: Final = Unknown("the export does not describe the GPU (no TARGET_INFO_GPU table): was it trimmed?")


def read_gpus(database: NsysDatabase) -> tuple[TracedGpu, ...] | Unknown:
    """Return the GPUs in order of nsys's index, with what the export knows of each.

    Raises:
        InputError: a table is damaged.
    """
    if database.schema.has(GPU, "id"):
        return _gpus(database)
    if database.schema.has(EARLY_GPU, "deviceId"):
        return _early_gpus(database)
    return NO_GPU


def _gpus(database: NsysDatabase) -> tuple[TracedGpu, ...]:
    """Clock in Hz, bandwidth in bytes a second (seen on ten GPUs, nsys 2022.1 to 2026.2)."""
    names = ("id", "name", "chipName", "isDiscrete", "totalMemory", "computeMajor", "computeMinor", "smCount",
             "clockRate", "memoryBandwidth", "l2CacheSize")  # fmt: skip
    columns = ", ".join(f'"{name}"' if database.schema.has(GPU, name) else "NULL" for name in names)
    cuda = _cuda_devices(database)
    found = []
    for row in database.rows(GPU, f"SELECT {columns} FROM {GPU} WHERE id IS NOT NULL ORDER BY id, rowid"):
        index, name, chip, discrete, memory, major, minor, sms, clock, bandwidth, l2 = row
        device = Device(
            str(name) if name else f"GPU {index}", _capability(major, minor), _positive(sms), _positive(clock),
            _positive(bandwidth), _positive(l2),
        )  # fmt: skip
        uses = tuple(pair for pair, gpu in sorted(cuda.items()) if gpu == index)
        integrated = None if discrete is None else not discrete
        found.append(TracedGpu(index, device, str(chip) if chip else None, _positive(memory), integrated, uses))
    return tuple(found)


def _early_gpus(database: NsysDatabase) -> tuple[TracedGpu, ...]:
    names = ("deviceId", "name", "computeCapabilityMajor", "computeCapabilityMinor", "numMultiprocessors")
    columns = ", ".join(f'"{name}"' if database.schema.has(EARLY_GPU, name) else "NULL" for name in names)
    rows = database.rows(EARLY_GPU, f"SELECT {columns} FROM {EARLY_GPU} ORDER BY deviceId, rowid")
    return tuple(
        TracedGpu(
            index,
            Device(
                str(name) if name else f"GPU {index}", _capability(major, minor),
                _positive(sms),
            ),
        )
        for index, name, major, minor, sms in rows
    )  # fmt: skip


def _capability(major: Any, minor: Any) -> tuple[int, int] | None:
    """Return a compute capability; nsys writes 0 for a GPU that is not NVIDIA's."""
    return (major, minor) if _positive(major) and isinstance(minor, int) else None


def _positive(value: Any) -> int | None:
    """Return a positive integer; 0 is how nsys writes what it did not find out."""
    return value if isinstance(value, int) and value > 0 else None


def _cuda_devices(database: NsysDatabase) -> dict[tuple[int, int], int]:
    """Return the GPU index of each (process id, CUDA device)."""
    if not database.schema.has(CUDA_DEVICE, "gpuId", "cudaId", "pid"):
        return {}
    sql = f"SELECT pid, cudaId, gpuId FROM {CUDA_DEVICE} WHERE gpuId IS NOT NULL ORDER BY pid, cudaId, rowid"
    return {(pid, cuda): gpu for pid, cuda, gpu in database.integers(CUDA_DEVICE, sql)}


def gpu_index(database: NsysDatabase, process: Ints, device: Ints) -> Ints:
    """Return the GPU's index for rows of (global process id, CUDA device); the CUDA device where the export maps none.

    Two processes with different ``CUDA_VISIBLE_DEVICES`` both call their GPU device 0.

    Raises:
        InputError: a table is damaged.
    """
    import numpy as np

    mapping = _cuda_devices(database)
    if all(cuda == gpu for (_, cuda), gpu in mapping.items()):
        return device
    which, processes = interned(process)
    position, devices = interned(device)
    table = np.empty((len(processes), len(devices)), np.int64)
    for row, number in enumerate(processes):
        for column, cuda in enumerate(devices):
            table[row, column] = mapping.get((int(number) >> 24 & 0xFFFFFF, int(cuda)), int(cuda))
    found: Ints = table[which, position]
    return found
