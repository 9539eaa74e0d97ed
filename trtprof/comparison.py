"""The records of one comparison: what the analysis hands to the terminal, the page, JSON and the store.

Built from ``trtprof.model`` and ``trtprof.bounds``. A field that could not be found out holds
:class:`~trtprof.model.Unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from trtprof.board_run import BoardRun, DlaPlacement
from trtprof.bounds import EngineRoofline, SpeedupCheck
from trtprof.diagnosis import NOTHING, Diagnosis
from trtprof.gpu_timeline import EngineTimeline
from trtprof.model import (
    Device,
    DType,
    Engine,
    Estimate,
    Graph,
    KernelClass,
    Layer,
    LayerKind,
    Layout,
    Notice,
    Precision,
    Provenance,
    Unknown,
)


@dataclass(frozen=True, slots=True)
class OutputAccuracy:
    """One output of a variant against the FP32 original, over all samples.

    ``sqnr_db`` is the signal-to-quantisation-noise ratio, infinite where the outputs are equal; ``top1_agreement`` is
    the share of samples whose largest class is the same (0 to 1), ``None`` where the output is no class vector.
    """

    output: str
    samples: int
    cosine: float | None
    sqnr_db: float | None
    max_abs_error: float | None
    top1_agreement: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A layer of one engine, read against the ONNX graph of the model.

    ``nodes`` are the user's own ONNX nodes in it; ``added_nodes`` those a variant added (Cast, Q, DQ). ``operand`` and
    ``result`` are the storage types of its main input and of its output; ``operand`` decides what a conv or gemm
    multiplies in. ``group`` indexes :attr:`Comparison.groups`. ``epilogue_of`` names the conv or gemm whose epilogue
    this row is, where another engine of the comparison fuses both in one kernel. ``matmuls`` are the conv and gemm
    nodes it multiplies for; ``kernel`` is what the name of its tactic says.
    """

    layer: Layer
    kind: LayerKind
    nodes: tuple[str, ...]
    added_nodes: tuple[str, ...]
    matmuls: tuple[str, ...]
    operand: DType | None
    result: DType | None
    read_bytes: int | None
    written_bytes: int | None
    constant_bytes: int
    flops: int | None
    time_ns: Estimate | float | None
    group: int | None
    epilogue_of: str | None = None
    kernel: KernelClass | None = None

    @property
    def has_matmul(self) -> bool:
        """Whether the row multiplies matrices, that is: could use a Tensor Core."""
        return bool(self.matmuls)


@dataclass(frozen=True, slots=True)
class Conversion:
    """A row that only changes type or layout, or a row that does so beside its work (``fused_in`` is then its name).

    ``removable`` is ``True``/``False`` where the reason decides it, ``None`` where it cannot be told.
    """

    row: int
    layer: str
    what: tuple[str, ...]
    from_dtype: DType | None
    to_dtype: DType | None
    from_layout: Layout | None
    to_layout: Layout | None
    bytes_moved: int | None
    time_ns: Estimate | float | None
    before: str | None
    after: str | None
    reason: str
    removable: bool | None


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """The smallest set of ONNX nodes that no engine of the comparison splits across other sets.

    ``rows`` gives, for each compared engine in order, the indices of its rows in this group.
    """

    index: int
    nodes: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]


class FusionChange(str, Enum):
    """How an engine's fusion of a group differs from the reference engine's."""

    SAME = "same"
    SPLIT = "split"
    MERGED = "merged"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class FusionCell:
    """How one engine runs a group: its kernels in order, each with the nodes it computes and its types."""

    engine: str
    change: FusionChange
    kernels: tuple[tuple[str, ...], ...]
    types: tuple[tuple[DType | None, DType | None], ...]
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FusionRow:
    """A group of nodes across the engines; ``limit`` says where a difference is the backend's and not the model's."""

    group: int
    nodes: tuple[str, ...]
    cells: tuple[FusionCell, ...]
    limit: str | None = None


Gain = tuple[float, float, float] | float | None
"""A difference of times in ns, below 0 for a loss: (lowest, middle, highest) where one of them is modelled."""


def add_gains(gains: Iterable[Gain]) -> Gain:
    """Return the sum of gains, ``None`` when one is unknown; ends add up, so that errors may all point one way."""
    known = list(gains)
    if None in known:
        return None
    if not any(isinstance(gain, tuple) for gain in known):
        return float(sum(gain for gain in known if isinstance(gain, float | int)))
    ranges = [gain if isinstance(gain, tuple) else (gain or 0.0,) * 3 for gain in known]
    return sum(gain[0] for gain in ranges), sum(gain[1] for gain in ranges), sum(gain[2] for gain in ranges)


@dataclass(frozen=True, slots=True)
class SpeedupTerm:
    """What two engines spend on one thing: a term of ``T_float - T_int8 = gain_math - T_quant - T_dequant - …``.

    ``rows`` and ``times_ns`` are the reference's and the engine's. The T of the identity is what the engine spends
    beyond what the reference spends on the same, that is ``-gain_ns``.
    """

    key: str
    label: str
    rows: tuple[int, int]
    times_ns: tuple[Estimate | float | None, Estimate | float | None]

    @property
    def gain_ns(self) -> Gain:
        """What the engine saves on this; a modelled range takes the two times at opposite ends."""
        before, after = self.times_ns
        if before is None or after is None:
            return None
        if isinstance(before, Estimate) or isinstance(after, Estimate):
            one, other = (time if isinstance(time, Estimate) else Estimate(*[time] * 3) for time in (before, after))
            return one.low - other.high, one.mid - other.mid, one.high - other.low
        return before - after


@dataclass(frozen=True, slots=True)
class GroupGain:
    """The identity of one node group, ``None`` for the rows outside any. Terms without a row are absent."""

    group: int | None
    nodes: tuple[str, ...]
    terms: tuple[SpeedupTerm, ...]

    @property
    def gain_ns(self) -> Gain:
        """What the group's terms add up to."""
        return add_gains(term.gain_ns for term in self.terms)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Where the time went between ``reference`` and ``engine``, in terms that add up to the gain, exactly.

    Each row of either engine is in one term and in one of ``groups``. A modelled gain is (lowest, middle, highest),
    with every time of the reference at one end and every one of the engine at the other: the model's errors need not
    point the same way in two engines.
    """

    engine: str
    reference: str
    terms: tuple[SpeedupTerm, ...]
    provenance: Provenance
    groups: tuple[GroupGain, ...] = ()

    MATH: ClassVar[tuple[str, str]] = ("compute", "other")
    """The terms whose gains make up ``gain_math``: conv and gemm kernels, and the rest of the model's arithmetic."""

    @property
    def gain_ns(self) -> Gain:
        """What the terms add up to; ``None`` when one of them is unknown."""
        return add_gains(term.gain_ns for term in self.terms)

    @property
    def gain_math_ns(self) -> Gain:
        """What the rows that compute gain: the first term of the identity."""
        return add_gains(term.gain_ns for term in self.terms if term.key in self.MATH)


@dataclass(frozen=True, slots=True)
class Latency:
    """Measured times of whole inferences, in ns. ``spread_ratio`` is the coefficient of variation.

    ``what`` says which time: ``GPU compute`` or ``latency`` with transfers. Read from single iterations or, where
    there are none, from the summary trtexec printed; what that left out is ``None``.
    """

    what: str
    iterations: int | None
    min_ns: float
    median_ns: float
    p90_ns: float | None
    p99_ns: float | None
    max_ns: float
    mean_ns: float
    spread_ratio: float | None

    @property
    def throughput_per_s(self) -> float | None:
        """Inferences a second if one follows another without a gap; derived from the mean."""
        return 1e9 / self.mean_ns if self.mean_ns else None


NOT_TRACED = Unknown("no trace of Nsight Systems lies beside its files")


@dataclass(frozen=True, slots=True)
class Built:
    """One precision of the comparison that has an engine.

    ``precision_mix`` counts conv/gemm rows by the type of their operands. ``total_ns`` is the sum over rows, modelled
    or measured as ``provenance`` says; ``projected_ns`` is the same with conv epilogues folded as full TensorRT folds
    them, ``None`` where that is not a question. ``latency`` is ``None`` where no inference was timed; it is less than
    the sum over rows, because a profiler costs some microseconds a row. ``board_run`` is what
    a capture script recorded on a board beside it, ``dla`` where its layers ran if any was meant for a DLA,
    ``timeline`` what a trace of Nsight Systems says of its kernels.
    """

    name: str
    precision: Precision | None
    remainder: Precision | None
    engine: Engine
    rows: tuple[Row, ...]
    conversions: tuple[Conversion, ...]
    precision_mix: tuple[tuple[DType | None, int], ...]
    activation_bytes: int | None
    total_ns: Estimate | float | None
    projected_ns: Estimate | None
    provenance: Provenance
    accuracy: tuple[OutputAccuracy, ...] | Unknown
    variant_notes: tuple[Notice, ...] = ()
    peak_memory_bytes: int | None = None
    latency: Latency | None = None
    board_run: BoardRun | None = None
    dla: DlaPlacement | None = None
    timeline: EngineTimeline | Unknown = NOT_TRACED


@dataclass(frozen=True, slots=True)
class NotBuilt:
    """One precision of the comparison that could not be made or built, because ``reason``."""

    name: str
    precision: Precision | None
    reason: Unknown
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer in one sentence, and what it rests on. ``winner`` is ``None`` where none may be called."""

    sentence: str
    winner: str | None
    provenance: Provenance
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The ONNX model compared: its file, hash and size; ``None`` where only engines are known."""

    name: str
    path: str | None
    sha256: str | None
    opset: int | None
    inputs: tuple[tuple[str, tuple[int, ...], DType | None], ...]
    outputs: tuple[tuple[str, tuple[int, ...] | None, DType | None], ...]
    node_count: int
    parameter_bytes: int | None


@dataclass(frozen=True, slots=True)
class Provenances:
    """How a comparison was made: enough to make it again."""

    backend: str
    tool: str
    tool_version: str
    target: str
    command: str
    created: str
    versions: tuple[tuple[str, str], ...]
    calibration: str
    capture: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything ``trtprof compare`` found out about one model."""

    model: ModelFacts
    graph: Graph
    device: Device
    device_is_modelled: bool
    engines: tuple[Built, ...]
    missing: tuple[NotBuilt, ...]
    groups: tuple[NodeGroup, ...]
    fusions: tuple[FusionRow, ...]
    breakdowns: tuple[Breakdown, ...]
    verdict: Verdict
    notices: tuple[Notice, ...]
    made: Provenances
    diagnosis: Diagnosis = NOTHING
    rooflines: tuple[EngineRoofline, ...] = ()
    speedups: tuple[SpeedupCheck, ...] = ()
