"""The records everything speaks in: frozen, free of I/O.

Absent is ``None``, never 0. Times are nanoseconds, sizes bytes, ratios 0 to 1, and the unit is in the name. A question
has three answers: rows (a tuple), found nothing (an empty tuple), or :class:`Unknown` with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final

from trtprof.engine_facts import EngineFacts

EMPTY: Final[Mapping[str, object]] = MappingProxyType({})


class Provenance(str, Enum):
    """Where a number comes from. Numbers of different provenance never share a column."""

    MEASURED = "measured"
    DERIVED = "derived"
    MODELLED = "modelled"


class Precision(str, Enum):
    """What was asked of a variant or an engine; what its layers really run in is in their tensors."""

    FP32 = "fp32"
    TF32 = "tf32"
    FP16 = "fp16"
    BF16 = "bf16"
    FP8 = "fp8"
    INT8 = "int8"
    INT4 = "int4"
    FP4 = "fp4"


class DType(str, Enum):
    """A number format. Storage, multiply (MMA) and accumulate types of one layer may all differ."""

    FP64 = "fp64"
    FP32 = "fp32"
    TF32 = "tf32"
    FP16 = "fp16"
    BF16 = "bf16"
    FP8 = "fp8"
    FP4 = "fp4"
    INT64 = "int64"
    INT32 = "int32"
    INT16 = "int16"
    INT8 = "int8"
    UINT8 = "uint8"
    INT4 = "int4"
    INT1 = "int1"
    BOOL = "bool"

    @property
    def bits(self) -> int:
        """Bits of one element in memory; a boolean takes a byte, TF32 is stored as FP32."""
        return _BITS[self]

    @property
    def is_float(self) -> bool:
        """Whether it is a plain floating type of 16 bits or more, that is: not quantised."""
        return self in _FLOATS


_BITS: Final = {
    DType.FP64: 64, DType.FP32: 32, DType.TF32: 32, DType.FP16: 16, DType.BF16: 16, DType.FP8: 8, DType.FP4: 4,
    DType.INT64: 64, DType.INT32: 32, DType.INT16: 16, DType.INT8: 8, DType.UINT8: 8, DType.INT4: 4, DType.INT1: 1,
    DType.BOOL: 8,
}  # fmt: skip
_FLOATS: Final = frozenset({DType.FP64, DType.FP32, DType.TF32, DType.FP16, DType.BF16})


class LayerKind(str, Enum):
    """What a layer of an engine does, closed. ``foreign`` is an opaque Myelin region."""

    COMPUTE = "compute"
    REFORMAT = "reformat"
    QUANTIZE = "quantize"
    DEQUANTIZE = "dequantize"
    CAST = "cast"
    COPY = "copy"
    SHAPE = "shape"
    CONSTANT = "constant"
    NOOP = "noop"
    SIGNAL = "signal"
    FOREIGN = "foreign"
    PLUGIN = "plugin"
    DLA = "dla"

    @property
    def is_conversion(self) -> bool:
        """Whether the layer only changes type or layout: no arithmetic of the user's model."""
        return self in _CONVERSIONS


_CONVERSIONS: Final = frozenset({LayerKind.REFORMAT, LayerKind.QUANTIZE, LayerKind.DEQUANTIZE, LayerKind.CAST})


class Layout(str, Enum):
    """How a tensor lies in memory, without its type."""

    LINEAR = "linear"
    CHANNEL_LAST = "channel_last"
    CHANNEL_VECTOR = "channel_vector"
    TRANSPOSED = "transposed"
    DLA = "dla"
    UNKNOWN = "unknown"

    @property
    def word(self) -> str:
        """The field's short word for it: ``NHWC``, ``linear``."""
        return {"channel_last": "NHWC", "channel_vector": "NC/xHWx", "dla": "DLA"}.get(self.value, self.value)


@dataclass(frozen=True, slots=True)
class TensorFormat:
    """Layout of a tensor; ``vector_width`` is the channel vector (NC/32HW32: 32) or channel multiple, 1 if none."""

    layout: Layout
    vector_width: int = 1
    text: str = ""

    @property
    def word(self) -> str:
        """The field's short word with its width: ``NC/32HW32``, ``NHWC8`` where channels come in eights."""
        if self.layout is Layout.CHANNEL_VECTOR:
            return f"NC/{self.vector_width}HW{self.vector_width}"
        return self.layout.word + (str(self.vector_width) if self.vector_width > 1 else "")


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as an engine handles it; ``dims`` may hold -1 where a dimension is dynamic."""

    name: str
    dims: tuple[int, ...] | None = None
    dtype: DType | None = None
    format: TensorFormat | None = None
    strides: tuple[int, ...] | None = None
    location: str | None = None

    @property
    def elements(self) -> int | None:
        """Number of elements, or ``None`` when a dimension is unknown."""
        if self.dims is None or any(extent < 0 for extent in self.dims):
            return None
        return math.prod(self.dims)

    @property
    def size_bytes(self) -> int | None:
        """Bytes of the dims as listed, which include channel padding; ``None`` when type or a dimension is unknown."""
        elements = self.elements
        if elements is None or self.dtype is None:
            return None
        return (elements * self.dtype.bits + 7) // 8


class IoMode(str, Enum):
    """Whether a tensor enters or leaves the engine."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class IoTensor:
    """An input or output of an engine; ``profiles`` holds (min, opt, max) shapes of each optimisation profile."""

    tensor: Tensor
    mode: IoMode | None
    profiles: tuple[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """One row of an engine. ``inputs`` and ``outputs`` are ``None`` where the source gave only a name.

    ``type`` is the builder's own word (``CaskConvolution``, ``kgen``), ``kind`` ours. ``onnx_nodes`` are the names in
    the row's Metadata, in its order, empty where TensorRT gave none.
    """

    index: int
    name: str
    kind: LayerKind
    type: str | None = None
    inputs: tuple[Tensor, ...] | None = None
    outputs: tuple[Tensor, ...] | None = None
    constants: tuple[Tensor, ...] = ()
    tactic: str | None = None
    onnx_nodes: tuple[str, ...] = ()
    stream_id: int | None = None
    origin: str | None = None
    parameters: Mapping[str, object] = field(default_factory=lambda: EMPTY, compare=False)


@dataclass(frozen=True, slots=True)
class LayerTiming:
    """Time of one layer as a profiler reported it; ``ratio`` is its share of the sum of all layers."""

    layer: str
    mean_ns: float
    median_ns: float | None = None
    total_ns: float | None = None
    count: int | None = None
    ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Inference:
    """End-to-end times, one entry an iteration; an empty tuple means that part was not measured.

    ``start_ns`` is when the GPU began each, counted from the beginning of the run, warm-up included.
    """

    latency_ns: tuple[float, ...] = ()
    compute_ns: tuple[float, ...] = ()
    enqueue_ns: tuple[float, ...] = ()
    h2d_ns: tuple[float, ...] = ()
    d2h_ns: tuple[float, ...] = ()
    start_ns: tuple[float, ...] = ()


class Unit(str, Enum):
    """Which silicon does a kernel's arithmetic; ``none`` moves data and has no maths worth a core."""

    TENSOR_CORE = "tensor_core"
    CUDA_CORE = "cuda_core"
    NONE = "none"
    DLA = "dla"
    UNKNOWN = "unknown"


class KernelRole(str, Enum):
    """Whether a kernel does the operation or only serves one that does (split-K reduction, offsets, filters)."""

    MAIN = "main"
    HELPER = "helper"


@dataclass(frozen=True, slots=True)
class KernelClass:
    """What a kernel's name says about it. ``confidence`` is 0 to 1; ``why`` says which part of the name decided."""

    name: str
    family: str
    unit: Unit
    operation: str | None
    operand: DType | None
    mma: DType | None
    accumulate: DType | None
    mma_shape: tuple[int, int, int] | None
    isa_floor: int | None
    role: KernelRole
    confidence: float
    why: str


@dataclass(frozen=True, slots=True)
class KernelLaunch:
    """One launch of a kernel on the GPU."""

    name: str
    start_ns: int
    duration_ns: int
    device: int | None = None
    stream: int | None = None
    grid: tuple[int, int, int] | None = None
    block: tuple[int, int, int] | None = None
    registers: int | None = None
    correlation_id: int | None = None
    graph_node_id: int | None = None
    layer: str | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU: measured on, built for or modelled. Peaks are dense operations a second at ``clock_hz``."""

    name: str
    compute_capability: tuple[int, int] | None = None
    sm_count: int | None = None
    clock_hz: float | None = None
    memory_bytes_per_s: float | None = None
    l2_bytes: int | None = None
    driver: str | None = None


class Severity(str, Enum):
    """How much a finding matters, by milliseconds of the engine's own latency."""

    NOTE = "note"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the reader must know beside an answer: a row skipped, a limit that applies, an assumption made."""

    code: str
    message: str
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The third answer: it could not be found out, because ``reason``."""

    reason: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """A modelled number: a range, the model's own best guess inside it, and never a single figure."""

    low: float
    mid: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.mid <= self.high:
            raise ValueError(f"not a range: {self.low}, {self.mid}, {self.high}")

    def __add__(self, other: Estimate) -> Estimate:
        """Return the sum; ends add up, which assumes that the errors all point one way."""
        return Estimate(self.low + other.low, self.mid + other.mid, self.high + other.high)

    @staticmethod
    def total(parts: Iterable[Estimate]) -> Estimate:
        """Return the sum of the parts, 0 for none."""
        result = Estimate(0.0, 0.0, 0.0)
        for part in parts:
            result = result + part
        return result


@dataclass(frozen=True, slots=True)
class Engine:
    """One built engine: its layers in execution order and what is known of its making and its times.

    ``timings`` and ``inference`` are ``None`` where nothing was measured. ``traces`` are the paths of Nsight Systems
    traces that lie beside its files.
    """

    name: str
    precision: Precision | None
    layers: tuple[Layer, ...]
    io: tuple[IoTensor, ...] = ()
    tool: str | None = None
    tool_version: str | None = None
    device: Device | None = None
    size_bytes: int | None = None
    build_ns: int | None = None
    timings: tuple[LayerTiming, ...] | None = None
    inference: Inference | None = None
    facts: EngineFacts | None = None
    notices: tuple[Notice, ...] = ()
    traces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node of an ONNX graph. ``flops`` counts 2 for each multiply-add of conv, gemm and matmul, else ``None``."""

    name: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    output_dims: tuple[tuple[int, ...] | None, ...] = ()
    flops: int | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """The part of an ONNX graph that analysis needs: nodes in topological order, no weights."""

    nodes: tuple[GraphNode, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    opset: int | None = None
