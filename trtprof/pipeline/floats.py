"""A user's float model made ready to be quantised layer by layer: prepared, with its data and its ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trtprof.errors import InputError
from trtprof.graph.prepare import PreparedModel, prepare
from trtprof.model import Notice
from trtprof.scratch import Scratch
from trtprof.variants.layers import QuantisableLayer, open_float, quantisable_layers
from trtprof.variants.qdq import Edge

if TYPE_CHECKING:
    import onnx

    from trtprof.variants.calibration import CalibrationData


@dataclass(frozen=True)
class FloatModel:
    """A prepared model in ``path``: its layers that can be quantised, and what was done to prepare it."""

    path: Path
    model: onnx.ModelProto
    prepared: PreparedModel
    layers: tuple[QuantisableLayer, ...]


@contextmanager
def float_model(source: Path, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[FloatModel]:
    """Give the prepared model, in a directory that goes with the context.

    Raises:
        InputError: the file is no usable float model, or nothing in it can be quantised.
        UsageError: ``shapes`` names an input that does not exist.
    """
    with Scratch() as folder:
        base = folder / "base.onnx"
        prepared = prepare(source, shapes, base)
        model = open_float(base, source)
        layers = quantisable_layers(model)
        if not layers:
            raise InputError(
                "expected a Conv, ConvTranspose, MatMul or Gemm with FP32 operands, found none",
                path=source,
                hint="there is nothing to quantise; an FP16 model is given as its FP32 original",
            )
        yield FloatModel(base, model, prepared, layers)


def open_data(ready: FloatModel, calib: str | None, *, preprocess: str | None, seed: int) -> CalibrationData:
    """Return the calibration data for the model's inputs.

    Raises:
        InputError, UsageError, MissingDependency: as :func:`trtprof.variants.calibration.open_calibration` does.
    """
    from trtprof.variants.calibration import open_calibration

    return open_calibration(calib, ready.prepared.inputs, seed=seed, preprocess=preprocess)


def activation_tensors(edges: tuple[Edge, ...]) -> list[str]:
    """Return the activations among these edges, each once, in their order."""
    return list(dict.fromkeys(edge.tensor for edge in edges if not edge.weight))


def edges_of(layers: tuple[QuantisableLayer, ...]) -> tuple[Edge, ...]:
    """Return all edges of these layers, in order."""
    return tuple(edge for layer in layers for edge in layer.edges)


def synthetic_notice(data: Any) -> tuple[Notice, ...]:
    """Return what must be said of random data."""
    if not data.synthetic:
        return ()
    message = f"calibrated on {data.source}: ranges and accuracy are those of noise. Give real data with --calib"
    return (Notice("random-calibration", message),)
