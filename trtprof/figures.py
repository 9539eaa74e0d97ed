"""The figures of an engine that gates hold and histories draw, whatever they were read from: files, JSON or the store.

Built from ``trtprof.comparison`` and ``trtprof.model``. Times are nanoseconds, shares ratios from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from trtprof.comparison import Latency, OutputAccuracy
from trtprof.model import DType, Estimate, Provenance, Severity, Unit, Unknown


class Quantity(str, Enum):
    """What a metric counts or measures, which decides the units of its limits."""

    TIME = "time"
    RATE = "rate"
    SHARE = "share"
    COUNT = "count"
    BYTES = "bytes"
    DECIBEL = "dB"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure that each engine may have: its name in a gate, what it is, and its title for a reader."""

    name: str
    quantity: Quantity
    title: str


METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("latency", Quantity.TIME, "median time of an inference"),
            Metric("p90", Quantity.TIME, "time that 90 % of the inferences do not exceed"),
            Metric("p99", Quantity.TIME, "time that 99 % of the inferences do not exceed"),
            Metric("throughput", Quantity.RATE, "inferences a second, one after the other"),
            Metric("layer-sum", Quantity.TIME, "sum of the layers' times as profiled"),
            Metric("tensor-core-share", Quantity.SHARE, "share of conv and gemm time on Tensor Cores"),
            Metric("conversions", Quantity.COUNT, "layers that convert a type or layout, alone or beside their work"),
            Metric("layers", Quantity.COUNT, "layers of the engine"),
            Metric("quantised-layers", Quantity.COUNT, "conv and gemm layers with INT8, FP8, INT4 or FP4 operands"),
            Metric("activation-bytes", Quantity.BYTES, "bytes of activations that the layers read and write"),
            Metric("plan-size", Quantity.BYTES, "size of the engine file"),
            Metric("findings", Quantity.COUNT, "findings that the other engine has not"),
            Metric("accuracy.sqnr", Quantity.DECIBEL, "signal-to-quantisation-noise ratio of an output"),
            Metric("accuracy.cosine", Quantity.NUMBER, "cosine of an output with the FP32 one"),
            Metric("accuracy.top1", Quantity.SHARE, "share of samples with the same largest class"),
            Metric("accuracy.max-error", Quantity.NUMBER, "largest absolute error of an output"),
        )
    }
)
"""Every metric a gate may hold, in the order in which they are shown."""

UNNAMED_GPU: Final = "an unnamed GPU"
THIS_GPU: Final = "the GPU of this machine"
"""What stands for a GPU whose name no file tells: never a reason to call two of them the same, or different."""

_QUANTISED: Final = frozenset({DType.INT8, DType.FP8, DType.INT4, DType.FP4})
_LEAST_FOR_P99: Final = 100
_LEAST_FOR_P90: Final = 10


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of an engine. ``low`` and ``high`` are set where it is modelled: it is that range, and no value.

    ``of`` says of what it is, where a metric has several figures or they can be of different things: an output, the
    kind of time. ``spread_ratio`` is the coefficient of variation of the iterations behind it, ``samples`` how many
    samples an accuracy was measured on.
    """

    value: float
    provenance: Provenance
    of: str = ""
    low: float | None = None
    high: float | None = None
    spread_ratio: float | None = None
    samples: int | None = None


Known = tuple[Figure, ...] | Unknown
"""The figures of one metric: one, or one for each output; or why there is none."""


@dataclass(frozen=True, slots=True)
class NamedFinding:
    """A finding as far as a gate holds it."""

    code: str
    severity: Severity
    title: str


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """The figures of one engine by metric, every metric but ``findings``, which are named.

    ``device`` is ``None`` where no file names it. ``source`` is the name of the file, directory or run
    they were read from. ``unknown`` is set where there is no engine: it was asked for and could not be built.
    """

    name: str
    precision: str | None
    source: str
    device: str | None
    figures: Mapping[str, Known]
    findings: tuple[NamedFinding, ...] | Unknown
    unknown: Unknown | None = None


def device_name(name: str | None) -> str | None:
    """Return the name of a GPU, ``None`` for what only stands for one."""
    return None if name in (UNNAMED_GPU, THIS_GPU) else name or None


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """What the figures need of a layer; ``unit`` and ``operand`` only where it multiplies matrices."""

    has_matmul: bool
    operand: DType | None
    unit: Unit | None
    time_ns: float | None


def engine_figures(
    *,
    latency: Latency | Unknown | None,
    total_ns: Estimate | float | None,
    provenance: Provenance,
    layers: Sequence[LayerFacts],
    conversions: int,
    activation_bytes: int | None,
    plan_bytes: int | None,
    accuracy: Sequence[OutputAccuracy] | Unknown,
) -> Mapping[str, Known]:
    """Return every figure of an engine, or the reason why it is not known."""
    figures = {
        **_times(latency, total_ns),
        "layer-sum": _time(total_ns, "no layer was timed: give trtexec --exportProfile"),
        "tensor-core-share": tensor_core_share(layers, provenance),
        "conversions": _counted(conversions),
        "layers": _counted(len(layers)),
        "quantised-layers": _counted(sum(item.has_matmul and item.operand in _QUANTISED for item in layers)),
        "activation-bytes": _bytes(activation_bytes, Provenance.DERIVED, "the tensors' shapes are not known"),
        "plan-size": _bytes(plan_bytes, Provenance.MEASURED, "the size of the engine file is not known"),
        **_accuracies(accuracy),
    }
    if not layers:
        nothing = Unknown("the layers are not known: give trtexec --exportLayerInfo")
        figures.update(dict.fromkeys(("conversions", "layers", "quantised-layers", "tensor-core-share"), nothing))
    return MappingProxyType(figures)


def tensor_core_share(layers: Iterable[LayerFacts], provenance: Provenance) -> Known:
    """Return the share of the conv and gemm time on Tensor Cores; a kernel whose name does not tell counts as not."""
    able = [item for item in layers if item.has_matmul]
    if not any(item.unit in (Unit.TENSOR_CORE, Unit.CUDA_CORE) for item in able):
        return Unknown("no kernel's name tells on which unit it runs")
    if provenance is Provenance.MODELLED:
        return Unknown("layer times are modelled")
    times = [item.time_ns for item in able]
    total = sum(time or 0.0 for time in times)
    if None in times or not total:
        return Unknown("no layer was timed: give trtexec --exportProfile")
    on = sum(item.time_ns or 0.0 for item in able if item.unit is Unit.TENSOR_CORE)
    return (Figure(on / total, Provenance.DERIVED),)


def _times(latency: Latency | Unknown | None, total_ns: Estimate | float | None) -> dict[str, Known]:
    if isinstance(latency, Latency):
        return _measured(latency)
    if latency is None and isinstance(total_ns, Estimate):
        # Without a GPU the modelled layers are all there is; the model has no profiler that would lengthen them.
        alone = Unknown("times are modelled: one range for all inferences")
        return {"latency": _time(total_ns, ""), "p90": alone, "p99": alone, "throughput": alone}
    missing = latency or Unknown("no inference was timed: give trtexec --exportTimes")
    return dict.fromkeys(("latency", "p90", "p99", "throughput"), missing)


def _measured(latency: Latency) -> dict[str, Known]:
    def figure(value: float | None, least: int, what: str) -> Known:
        if value is None:
            return Unknown(f"{what} is not told by the summary in the log: give trtexec --exportTimes")
        if latency.iterations is not None and latency.iterations < least:
            return Unknown(f"{what} of {latency.iterations} iterations is the slowest one: measure {least} or more")
        return (Figure(value, Provenance.MEASURED, latency.what, spread_ratio=latency.spread_ratio),)

    rate = latency.throughput_per_s
    derived = Figure(rate or 0.0, Provenance.DERIVED, latency.what, spread_ratio=latency.spread_ratio)
    return {
        "latency": figure(latency.median_ns, 1, "the median"),
        "p90": figure(latency.p90_ns, _LEAST_FOR_P90, "p90"),
        "p99": figure(latency.p99_ns, _LEAST_FOR_P99, "p99"),
        "throughput": (derived,) if rate else Unknown("no inference took any time"),
    }


def _time(time: Estimate | float | None, missing: str) -> Known:
    if time is None:
        return Unknown(missing)
    if isinstance(time, Estimate):
        return (Figure(time.mid, Provenance.MODELLED, low=time.low, high=time.high),)
    return (Figure(time, Provenance.MEASURED),)


def _counted(count: int) -> Known:
    return (Figure(count, Provenance.DERIVED),)


def _bytes(count: int | None, provenance: Provenance, missing: str) -> Known:
    return Unknown(missing) if count is None else (Figure(count, provenance),)


def _accuracies(accuracy: Sequence[OutputAccuracy] | Unknown) -> dict[str, Known]:
    names = ("accuracy.sqnr", "accuracy.cosine", "accuracy.top1", "accuracy.max-error")
    if isinstance(accuracy, Unknown):
        return dict.fromkeys(names, accuracy)
    found: dict[str, list[Figure]] = {name: [] for name in names}
    for item in accuracy:
        values = (item.sqnr_db, item.cosine, item.top1_agreement, item.max_abs_error)
        for name, value in zip(names, values, strict=True):
            if value is not None:
                found[name].append(Figure(value, Provenance.MEASURED, item.output, samples=item.samples))
    return {name: tuple(items) or Unknown("it is not defined for its outputs") for name, items in found.items()}
