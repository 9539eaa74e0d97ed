"""Hardware counters against kernel names: which kernels really used Tensor Cores, and which names said otherwise.

The truth is ``sm__ops_path_tensor_src_*``: operations that went down the Tensor Cores' path, by source type. The
instruction counts of the tensor pipe (``sm__inst_executed_pipe_tensor*``) are not: on an H100 they count packed FP16
arithmetic and layout changes too, in 35 of 60 kernels that never multiplied a matrix.

Which source types have a counter depends on the GPU. Where one above zero is enough to say yes, all of them must be
there, and zero, to say no.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from trtprof.model import DType, KernelClass, Unit, Unknown

PREFIX: Final = "sm__ops_path_tensor_src_"
PIPE_PREFIX: Final = "sm__inst_executed_pipe_tensor"
DURATION_METRIC: Final = "gpu__time_duration.sum"

_AMPERE: Final = ("bf16_dst_fp32", "fp16_dst_fp16", "fp16_dst_fp32", "fp64", "int1", "int4", "int8", "tf32_dst_fp32")
_BLACKWELL: Final = (
    "bf16_dst_fp32", "fp16_dst_fp16", "fp16_dst_fp32", "fp4_dst_fp32", "fp4_fp6_fp8_dst_fp16", "fp4_fp6_fp8_dst_fp32",
    "fp64", "int8", "tf32_dst_fp32",
)  # fmt: skip
_BLACKWELL_FP8: Final = (
    "bf16_dst_fp32", "fp16_dst_fp16", "fp16_dst_fp32", "fp4_dst_fp32", "fp4_fp6_dst_fp16", "fp4_fp6_dst_fp32", "fp64",
    "fp8_dst_fp16", "fp8_dst_fp32", "int8", "tf32_dst_fp32",
)  # fmt: skip
SOURCES: Final[Mapping[tuple[int, int], tuple[str, ...]]] = {
    (7, 5): ("fp16_bf16_tf32_dst_fp32", "fp16_dst_fp16", "int1", "int4", "int8"),
    (8, 0): _AMPERE,
    (8, 6): _AMPERE,
    (8, 7): _AMPERE,
    (8, 9): (*_AMPERE, "fp8"),
    (9, 0): ("bf16_dst_fp32", "fp16", "fp64", "fp8", "int1", "int8", "tf32_dst_fp32"),
    (10, 0): _BLACKWELL,
    (10, 1): _BLACKWELL,
    (10, 3): _BLACKWELL_FP8,
    (11, 0): _BLACKWELL,
    (12, 0): _BLACKWELL_FP8,
    (12, 1): _BLACKWELL_FP8,
}  # fmt: skip
"""Source types with a counter, by compute capability (``ncu --query-metrics --chip …``, ncu 2025.3.1: tu102, ga100,
ga102, ga10b, ad102, gh100, gb100, gb10b, gb110, gb202, gb20b; it knows no Volta)."""

METRICS: Final = f"regex:{PREFIX}.*\\.sum$,{DURATION_METRIC}"
"""What to give ``ncu --metrics`` on any GPU: all counters of this kind that it has (tried with ncu 2025.3.1)."""

_TYPES: Final = {
    "fp64": DType.FP64, "tf32": DType.TF32, "bf16": DType.BF16, "fp16": DType.FP16, "fp8": DType.FP8, "fp4": DType.FP4,
    "int8": DType.INT8, "int4": DType.INT4, "int1": DType.INT1,
}  # fmt: skip
_METRIC: Final = re.compile(
    r"sm__ops_path_tensor_(?:op_[a-z0-9]+_)?src_(?P<source>[a-z0-9]+(?:_[a-z0-9]+)*?)(?:_dst_[a-z0-9]+)?"
    r"(?:_sparsity_(?:on|off))?(?:_realtime)?(?P<rollup>\..+)?"
)


class Measured(Protocol):
    """Launches of a kernel with their counters, as a parser of Nsight Compute's output gives them."""

    @property
    def name(self) -> str:
        """Name of the kernel."""

    @property
    def launches(self) -> int:
        """How many launches this is the mean of."""

    @property
    def duration_ns(self) -> float | None:
        """Time of one launch."""

    @property
    def compute_capability(self) -> tuple[int, int] | None:
        """Of the GPU it ran on."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metrics by ncu's names."""

    @property
    def largest(self) -> Mapping[str, float]:
        """The highest value of each metric over the launches."""


@dataclass(frozen=True, slots=True)
class MeasuredKernel:
    """What the counters said of a kernel. ``tensor_launches`` of its ``launches`` used Tensor Cores.

    ``unmeasured`` launches lack a counter that could have told. ``mma`` are the types that were multiplied; two and
    more where one counter stands for several.
    """

    name: str
    launches: int
    tensor_launches: int
    unmeasured: int
    total_ns: float | None
    tensor_ns: float | None
    mma: tuple[DType, ...]

    @property
    def tensor_core(self) -> bool | None:
        """Whether it uses Tensor Cores, ``None`` where nothing was measured that tells."""
        if self.tensor_launches:
            return True
        return None if self.unmeasured else False

    @property
    def is_mixed(self) -> bool:
        """Whether some launches did and some did not: then no name can tell."""
        return 0 < self.tensor_launches < self.launches - self.unmeasured


@dataclass(frozen=True, slots=True)
class Score:
    """Names, launches or nanoseconds by what the name said and the counters say; ``unknown_*`` where it passed."""

    true_positive: float = 0
    false_positive: float = 0
    true_negative: float = 0
    false_negative: float = 0
    unknown_positive: float = 0
    unknown_negative: float = 0

    @property
    def total(self) -> float:
        """All that was measured."""
        return (
            self.true_positive + self.false_positive + self.true_negative + self.false_negative
            + self.unknown_positive + self.unknown_negative
        )  # fmt: skip

    @property
    def precision(self) -> float | None:
        """Share of what the names called Tensor Core that is, ``None`` where they called nothing so."""
        return _share(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float | None:
        """Share of what is Tensor Core that the names called so; a name that passes finds nothing."""
        return _share(self.true_positive, self.true_positive + self.false_negative + self.unknown_positive)

    @property
    def accuracy(self) -> float | None:
        """Share of all that the names got right; a name that passes is not right."""
        return _share(self.true_positive + self.true_negative, self.total)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A kernel of which name and counters do not say the same: the unit, or only the type that is multiplied."""

    measured: MeasuredKernel
    claimed: KernelClass
    is_unit: bool


@dataclass(frozen=True, slots=True)
class CounterReport:
    """Names against counters. ``by_time`` is ``None`` where a launch has no duration.

    ``disagreements`` come longest first, units before types. ``unmeasured`` are kernels the counters do not settle.
    """

    kernels: tuple[MeasuredKernel, ...]
    by_name: Score
    by_launch: Score
    by_time: Score | None
    disagreements: tuple[Disagreement, ...]
    unmeasured: tuple[str, ...]


def measured_kernels(launches: Iterable[Measured]) -> tuple[MeasuredKernel, ...] | Unknown:
    """Return what the counters say of each kernel, most time first; :class:`Unknown` where none that tells is there."""
    found: dict[str, list[tuple[Measured, bool | None, tuple[DType, ...]]]] = {}
    has_pipe = False
    for launch in launches:
        found.setdefault(launch.name, []).append((launch, *_verdict(launch)))
        has_pipe = has_pipe or any(name.startswith(PIPE_PREFIX) for name in launch.metrics)
    kernels = tuple(_kernel(name, rows) for name, rows in found.items())
    if kernels and all(kernel.tensor_core is None for kernel in kernels):
        pipe = f"; {PIPE_PREFIX}* is there, but counts other instructions too" if has_pipe else ""
        return Unknown(
            f"the file lacks counters that tell whether Tensor Cores were used ({PREFIX}*){pipe}. "
            f"Collect: ncu --metrics '{METRICS}'"
        )
    return tuple(sorted(kernels, key=lambda kernel: (-(kernel.total_ns or 0.0), kernel.name)))


def _verdict(launch: Measured) -> tuple[bool | None, tuple[DType, ...]]:
    """Return whether Tensor Cores were used and for which types; ``None`` where a counter is missing."""
    seen: set[str] = set()
    types: dict[DType, None] = {}
    used = False
    for name, mean in launch.metrics.items():
        match = _METRIC.fullmatch(name)
        if match is None or _is_ceiling(match["rollup"] or ""):
            continue
        seen.add(name.removeprefix(PREFIX).partition(".")[0])
        if max(mean, launch.largest.get(name, 0.0)) > 0:
            used = True
            types |= dict.fromkeys(_TYPES[token] for token in match["source"].split("_") if token in _TYPES)
    if used:
        return True, tuple(types)
    return (False if _is_complete(seen, launch.compute_capability) else None), ()


def _is_complete(sources: set[str], compute_capability: tuple[int, int] | None) -> bool:
    """Whether these counters are all that the GPU has; of a GPU not known here, at least FP16 and INT8."""
    wanted = SOURCES.get(compute_capability) if compute_capability else None
    if wanted is not None:
        return sources.issuperset(wanted)
    tokens = {token for source in sources for token in source.split("_")}
    return {"fp16", "int8"} <= tokens


def _is_ceiling(rollup: str) -> bool:
    """Whether a metric is what the GPU could reach (``.sum.peak_sustained``), which is above zero for every kernel."""
    return any(part.startswith("peak_sustained") for part in rollup.split("."))


def _kernel(name: str, rows: list[tuple[Measured, bool | None, tuple[DType, ...]]]) -> MeasuredKernel:
    durations = [launch.duration_ns for launch, _, _ in rows]
    total = tensor = None
    if None not in durations:
        total = sum((launch.duration_ns or 0.0) * launch.launches for launch, _, _ in rows)
        tensor = sum((launch.duration_ns or 0.0) * launch.launches for launch, used, _ in rows if used)
    return MeasuredKernel(
        name,
        sum(launch.launches for launch, _, _ in rows),
        sum(launch.launches for launch, used, _ in rows if used),
        sum(launch.launches for launch, used, _ in rows if used is None),
        total,
        tensor,
        tuple(dict.fromkeys(kind for _, _, types in rows for kind in types)),
    )


def compare_with_names(kernels: Iterable[MeasuredKernel], classes: Mapping[str, KernelClass]) -> CounterReport:
    """Return how the classes of names do against the counters; every kernel needs a class."""
    measured = tuple(kernels)
    settled = [kernel for kernel in measured if kernel.tensor_core is not None]
    timed = all(kernel.total_ns is not None for kernel in settled)
    disagreements = [found for kernel in settled if (found := _disagreement(kernel, classes[kernel.name])) is not None]
    return CounterReport(
        measured,
        _score((classes[kernel.name], bool(kernel.tensor_core), not kernel.tensor_core) for kernel in settled),
        _score(
            (classes[kernel.name], kernel.tensor_launches, kernel.launches - kernel.tensor_launches - kernel.unmeasured)
            for kernel in settled
        ),
        _score(
            (classes[kernel.name], kernel.tensor_ns or 0.0, (kernel.total_ns or 0.0) - (kernel.tensor_ns or 0.0))
            for kernel in settled
        ) if timed else None,
        tuple(sorted(disagreements, key=lambda found: (not found.is_unit, -(found.measured.total_ns or 0.0),
                                                       found.measured.name))),
        tuple(kernel.name for kernel in measured if kernel.tensor_core is None),
    )  # fmt: skip


def _score(rows: Iterable[tuple[KernelClass, float, float]]) -> Score:
    """Return the score of (class, weight on Tensor Cores, weight off them)."""
    sums = dict.fromkeys(("true_positive", "false_positive", "true_negative", "false_negative",
                          "unknown_positive", "unknown_negative"), 0.0)  # fmt: skip
    for kernel_class, on, off in rows:
        if kernel_class.unit is Unit.UNKNOWN:
            keys = "unknown_positive", "unknown_negative"
        elif kernel_class.unit is Unit.TENSOR_CORE:
            keys = "true_positive", "false_positive"
        else:
            keys = "false_negative", "true_negative"
        sums[keys[0]] += on
        sums[keys[1]] += off
    return Score(**sums)


def _disagreement(measured: MeasuredKernel, claimed: KernelClass) -> Disagreement | None:
    """Return what name and counters disagree on, ``None`` where they agree or the name does not say."""
    if claimed.unit is Unit.UNKNOWN:
        return None
    if (claimed.unit is Unit.TENSOR_CORE) != measured.tensor_core:
        return Disagreement(measured, claimed, is_unit=True)
    if claimed.mma is not None and measured.mma and claimed.mma not in measured.mma:
        return Disagreement(measured, claimed, is_unit=False)
    return None
