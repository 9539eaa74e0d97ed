"""Kernel time by unit, type and operation, and how much of what could run on Tensor Cores did.

Everything here is a sum over distinct kernel names, so ten million launches cost what their names cost. A class comes
from the kernel's name or from counters; what it cannot tell stays apart and is never counted as one or the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trtprof.analysis.grouping import group
from trtprof.model import DType, KernelClass, KernelLaunch, KernelRole, Unit, Unknown

if TYPE_CHECKING:
    from trtprof.analysis.trace import Kernels, KernelTotal

ELIGIBLE: Final = frozenset(
    {"attention", "attention_backward", "convolution", "convolution_dgrad", "convolution_wgrad", "deconvolution",
     "gemm", "grouped_gemm", "recurrent"}
)  # fmt: skip
"""Operations that are matrix products of some size. A GEMV reads each weight once, and a depthwise convolution has no
common dimension to multiply over: neither gains from a matrix instruction, so neither counts."""

FP64_TENSOR_CORES: Final = frozenset({(8, 0), (9, 0), (10, 0), (10, 3)})
"""Compute capabilities whose Tensor Cores multiply FP64 at full rate; elsewhere an FP64 product has nothing to gain."""

FIRST_TENSOR_CORES: Final = (7, 0)
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class LaunchTotal:
    """All launches of one kernel on one device."""

    name: str
    device: int | None
    launches: int
    total_ns: int
    min_ns: int | None
    max_ns: int | None


@dataclass(frozen=True, slots=True)
class KernelRow:
    """One kernel: its class, its launches and its time; ``ratio`` is its share of all kernel time."""

    name: str
    kernel_class: KernelClass | None
    launches: int
    total_ns: int
    min_ns: int | None
    max_ns: int | None
    ratio: float

    @property
    def mean_ns(self) -> float:
        """Time of one launch."""
        return self.total_ns / self.launches


@dataclass(frozen=True, slots=True)
class TimeShare:
    """The kernels that have something in common: how many, their launches, their time, and its share of all."""

    key: str
    kernels: int
    launches: int
    total_ns: int
    ratio: float


@dataclass(frozen=True, slots=True)
class TensorCoreTime:
    """Time of operations that could run on Tensor Cores, by where they ran.

    ``undecided_ns`` is eligible time of kernels whose name does not tell. ``unclassified_ns`` is time of kernels of
    which not even the operation is known; it is not part of ``eligible_ns``, and may or may not belong there.
    """

    eligible_ns: int
    tensor_core_ns: int
    undecided_ns: int
    unclassified_ns: int
    total_ns: int

    @property
    def cuda_core_ns(self) -> int:
        """Eligible time that was spent off the Tensor Cores."""
        return self.eligible_ns - self.tensor_core_ns - self.undecided_ns

    @property
    def ratio(self) -> tuple[float, float] | None:
        """Lowest and highest share of eligible time on Tensor Cores, ``None`` where nothing was eligible.

        The two differ by what the names leave undecided.
        """
        if self.eligible_ns == 0:
            return None
        low = self.tensor_core_ns / self.eligible_ns
        return low, low + self.undecided_ns / self.eligible_ns


def totals_of(launches: Iterable[KernelLaunch]) -> tuple[LaunchTotal, ...]:
    """Return count and time of every kernel on every device, longest first; the launches may be an iterator."""
    sums: dict[tuple[str, int | None], list[int]] = {}
    for launch in launches:
        entry = sums.setdefault((launch.name, launch.device), [0, 0, launch.duration_ns, launch.duration_ns])
        entry[0] += 1
        entry[1] += launch.duration_ns
        entry[2] = min(entry[2], launch.duration_ns)
        entry[3] = max(entry[3], launch.duration_ns)
    return _longest_first(LaunchTotal(name, device, *figures) for (name, device), figures in sums.items())


def totals_of_columns(kernels: Kernels) -> tuple[LaunchTotal, ...]:
    """Return the same for kernels in columns."""
    devices = group(kernels.device)
    groups = group(kernels.name.astype("int64") * len(devices.keys) + devices.index)
    duration = kernels.end_ns - kernels.start_ns
    columns = (groups.keys, groups.count(), groups.sum(duration), groups.first(duration), groups.last(duration))
    found = []
    for key, count, total, low, high in zip(*(column.tolist() for column in columns), strict=True):
        name, device = divmod(key, len(devices.keys))
        number = int(devices.keys[device])
        found.append(LaunchTotal(kernels.names[name], None if number < 0 else number, count, total, low, high))
    return _longest_first(found)


def _longest_first(totals: Iterable[LaunchTotal]) -> tuple[LaunchTotal, ...]:
    return tuple(
        sorted(totals, key=lambda total: (-total.total_ns, total.name, -1 if total.device is None else total.device))
    )


def kernel_rows(totals: Iterable[KernelTotal], classes: Mapping[str, KernelClass]) -> tuple[KernelRow, ...]:
    """Return one row a kernel name, longest first, over all devices. A name without a class keeps ``None``."""
    merged: dict[str, LaunchTotal] = {}
    for total in totals:
        known = merged.get(total.name)
        merged[total.name] = LaunchTotal(
            total.name, None, total.launches + (known.launches if known else 0),
            total.total_ns + (known.total_ns if known else 0),
            _bound(min, total.min_ns, known.min_ns if known else None),
            _bound(max, total.max_ns, known.max_ns if known else None),
        )  # fmt: skip
    whole = sum(total.total_ns for total in merged.values())
    rows = [
        KernelRow(
            total.name, classes.get(total.name), total.launches, total.total_ns, total.min_ns, total.max_ns,
            _ratio(total.total_ns, whole),
        )
        for total in merged.values()
    ]  # fmt: skip
    return tuple(sorted(rows, key=lambda row: (-row.total_ns, row.name)))


def _bound(choose: Callable[[int, int], int], one: int | None, other: int | None) -> int | None:
    return (one if other is None else other) if one is None or other is None else choose(one, other)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def by_unit(rows: Iterable[KernelRow]) -> tuple[TimeShare, ...]:
    """Return time by where the arithmetic ran (``tensor_core``, ``cuda_core``, ``none``, …), longest first."""
    return _shares(rows, lambda row: row.kernel_class.unit.value if row.kernel_class else Unit.UNKNOWN.value)


def by_type(rows: Iterable[KernelRow]) -> tuple[TimeShare, ...]:
    """Return time by the type that was multiplied, or else read; ``unknown`` where the name does not tell."""
    return _shares(rows, lambda row: _type(row.kernel_class))


def by_operation(rows: Iterable[KernelRow]) -> tuple[TimeShare, ...]:
    """Return time by operation (``convolution``, ``gemm``, ``reformat``, …), ``unknown`` included, longest first."""
    return _shares(rows, lambda row: (row.kernel_class.operation if row.kernel_class else None) or UNKNOWN)


def _type(kernel_class: KernelClass | None) -> str:
    kind = None if kernel_class is None else kernel_class.mma or kernel_class.operand
    return UNKNOWN if kind is None else kind.value


def _shares(rows: Iterable[KernelRow], key: Callable[[KernelRow], str]) -> tuple[TimeShare, ...]:
    sums: dict[str, list[int]] = {}
    for row in rows:
        entry = sums.setdefault(key(row), [0, 0, 0])
        entry[0] += 1
        entry[1] += row.launches
        entry[2] += row.total_ns
    whole = sum(entry[2] for entry in sums.values())
    shares = [
        TimeShare(name, count, launches, time, _ratio(time, whole)) for name, (count, launches, time) in sums.items()
    ]
    return tuple(sorted(shares, key=lambda share: (-share.total_ns, share.key)))


def tensor_core_time(
    rows: Iterable[KernelRow], compute_capability: tuple[int, int] | None = None
) -> TensorCoreTime | Unknown:
    """Return how much eligible time ran on Tensor Cores; :class:`Unknown` for a GPU that has none."""
    if compute_capability is not None and compute_capability < FIRST_TENSOR_CORES:
        major, minor = compute_capability
        return Unknown(f"a GPU of compute capability {major}.{minor} has no Tensor Cores")
    eligible = tensor = undecided = unclassified = total = 0
    for row in rows:
        total += row.total_ns
        kernel_class = row.kernel_class
        if kernel_class is None or (kernel_class.unit is Unit.UNKNOWN and kernel_class.operation is None):
            unclassified += row.total_ns
        elif is_eligible(kernel_class, compute_capability):
            eligible += row.total_ns
            tensor += row.total_ns if kernel_class.unit is Unit.TENSOR_CORE else 0
            undecided += row.total_ns if kernel_class.unit is Unit.UNKNOWN else 0
    return TensorCoreTime(eligible, tensor, undecided, unclassified, total)


def is_eligible(kernel_class: KernelClass, compute_capability: tuple[int, int] | None = None) -> bool:
    """Return whether a kernel does something Tensor Cores are for: it runs there, or is a product that could."""
    if kernel_class.unit is Unit.TENSOR_CORE:
        return True
    if kernel_class.role is KernelRole.HELPER or kernel_class.unit is Unit.DLA:
        return False
    if kernel_class.operand is DType.FP64 and compute_capability not in FP64_TENSOR_CORES:
        return False
    return kernel_class.operation in ELIGIBLE
