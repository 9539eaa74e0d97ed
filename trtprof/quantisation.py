"""The records of quantisation: what calibration saw, what each layer costs in accuracy, what a plan saves.

Built from ``trtprof.model`` alone, for those who measure, plan, draw and print.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trtprof.model import Estimate, Notice, Provenance

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Activation:
    """A tensor's histogram, with each method's threshold and the SQNR in dB that INT8 has with it, by the histogram.

    ``counts`` has 2 x bins, negative values first, each by magnitude up to ``edge``; ``None`` where all are 0.
    """

    tensor: str
    counts: Array | None
    edge: float
    observed: float
    amax: Mapping[str, float]
    sqnr_db: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight tensor: how its channels differ, and the SQNR in dB of INT8 with one scale and with one a channel.

    ``spread`` is the largest channel over the median one. ``per_channel_db`` is ``None`` where TensorRT takes one
    scale.
    ``counts`` are of the values over equal bins from ``-edge`` to ``edge``.
    """

    node: str
    tensor: str
    channels: int
    spread: float
    per_tensor_db: float
    per_channel_db: float | None
    counts: Array
    edge: float


@dataclass(frozen=True, slots=True)
class LayerSensitivity:
    """What quantising one layer, or one group of layers, does to the outputs, measured by onnxruntime on the CPU.

    ``layers`` are the ONNX nodes quantised, or left out. ``place`` is where the first of them stands among all
    quantisable layers, from 0 for the input to 1 for the output. Of several outputs the one with the least SQNR counts.
    ``sqnr_db`` is infinite where outputs are equal; ``None`` is a figure that does not exist, like the top-1 of an
    output that is no class vector. ``metric`` is the user's own.
    """

    layer: str
    layers: tuple[str, ...]
    operators: tuple[str, ...]
    place: float
    sqnr_db: float | None
    cosine: float | None
    top1_agreement: float | None
    metric: float | None = None


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """A model's layers by what quantising them costs, in the order of the graph.

    ``mode`` is ``alone`` (one layer quantised, the rest float) or ``leave-one-out`` (all but one quantised).
    ``whole_db`` is the SQNR with every layer quantised. ``amax`` are the activations' ranges it was measured with.
    """

    model: str
    model_sha256: str
    mode: str
    method: str
    per_channel: bool
    data: str
    samples: int
    synthetic: bool
    whole_db: float | None
    rows: tuple[LayerSensitivity, ...]
    amax: Mapping[str, float]
    seconds: float
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanPoint:
    """A choice of layers to run in INT8, with what it saves and what it keeps.

    ``saving_ns`` is against all in float, conversions paid: (lowest, middle, highest), equal where nothing is
    modelled. ``sqnr_db`` adds up the noise of the layers measured alone, so it is derived; infinite for none.
    ``regions`` counts connected INT8 regions, ``conversions`` the tensors that change type between them and the rest.
    """

    layers: tuple[str, ...]
    saving_ns: tuple[float, float, float]
    sqnr_db: float
    regions: int
    conversions: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The Pareto front of a model, from all in float to all in INT8, and the point chosen from it.

    ``whole`` has every layer in INT8 that has a time; it is on the front only where nothing beats it. ``why`` says how
    the point was chosen. ``float_total_ns`` and ``int8_total_ns`` are the two engines the times are from;
    ``unplaced`` are layers without a time, which stay in float.
    """

    model: str
    float_engine: str
    int8_engine: str
    provenance: Provenance
    float_total_ns: Estimate | float | None
    int8_total_ns: Estimate | float | None
    points: tuple[PlanPoint, ...]
    whole: PlanPoint
    choice: PlanPoint
    why: str
    conversion: str
    unplaced: tuple[str, ...]
    notices: tuple[Notice, ...] = ()
