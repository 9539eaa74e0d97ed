"""A float model becomes a quantised one: ranges from data, from a table or from a TensorRT cache; Q/DQ; the files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from trtprof.backends.calibration_table import write_table
from trtprof.backends.trtexec_flags import Version
from trtprof.errors import InputError, UsageError
from trtprof.graph.onnx_file import save_onnx
from trtprof.model import DType, Notice, Precision, Unknown
from trtprof.pipeline.floats import FloatModel, activation_tensors, edges_of, float_model, open_data, synthetic_notice
from trtprof.quantisation import Activation, Weight
from trtprof.variants.elementwise import elementwise_edges
from trtprof.variants.half import convert_to_half
from trtprof.variants.layers import Selection, select
from trtprof.variants.opset import raise_opset
from trtprof.variants.options import VariantOptions
from trtprof.variants.qdq import Edge, QuantisedType, insert_qdq
from trtprof.variants.ranges import CalibrationMethod, TensorRange, collect, range_of
from trtprof.variants.spread import activations, advice, weights
from trtprof.variants.table import CalibrationTable, load_table, save_table

_HALF_SCALE_OPSET: Final = 19
_CACHE_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class QuantizeOptions:
    """How a model is quantised. Without a ``method`` it is entropy, and minmax on random data."""

    calib: str | None = None
    preprocess: str | None = None
    seed: int = 0
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    table: Path | None = None
    method: CalibrationMethod | None = None
    percentile: float = 99.99
    per_channel: bool = True
    selection: Selection = field(default_factory=Selection)
    elementwise: bool = False
    remainder: Literal["fp32", "fp16"] = "fp32"
    threads: int = 2

    def check(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            UsageError: a table and a method or data are given, or the percentile does not exist.
        """
        VariantOptions(percentile=self.percentile)
        if self.table is not None and self.method is not None:
            raise UsageError(
                "--table has its ranges already, --method would choose others",
                hint="leave one of the two out; without --table the ranges come from --calib",
            )

    def method_for(self, *, synthetic: bool) -> CalibrationMethod:
        """Return the method in force."""
        return self.method or ("minmax" if synthetic else "entropy")


@dataclass(frozen=True)
class Quantized:
    """What was made: the layers in INT8 and those left in float, the table, what data said, accuracy if measured."""

    path: Path
    layers: tuple[str, ...]
    kept: tuple[str, ...]
    table: CalibrationTable
    activations: tuple[Activation, ...]
    weights: tuple[Weight, ...]
    advice: tuple[Notice, ...]
    notices: tuple[Notice, ...]
    accuracy: Any
    samples: int


def quantize(model: Path, out: Path, options: QuantizeOptions) -> Quantized:
    """Write the quantised model to ``out`` and return what was done.

    Raises:
        InputError: model, data or table cannot be used.
        UsageError: options contradict each other or leave nothing to quantise.
        BuildError: ``out`` cannot be written.
        MissingDependency: onnxruntime is not installed.
    """
    options.check()
    if out.resolve() == model.resolve():
        raise UsageError(f"{out}: this is the model itself", hint="write the quantised model to another file: -o")
    with float_model(model, options.shapes) as ready:
        chosen = select(ready.model, ready.layers, options.selection)
        edges = edges_of(chosen)
        if options.elementwise:
            edges = (*edges, *elementwise_edges(ready.model, edges))
        data = None
        if options.table is None or options.calib is not None:
            data = open_data(ready, options.calib, preprocess=options.preprocess, seed=options.seed)
        if options.table is None:
            table, seen = _calibrate(ready, edges, data, options)
        else:
            table, seen = _from_table(options.table, edges), ()
        edges, dropped = _bounded(edges, table.magnitudes())
        quantised = _write(ready, edges, table.magnitudes(), out, options)
        names = {edge.node for edge in edges}
        done = tuple(layer.name for layer in chosen if layer.name in names)
        weighed = weights(ready.model, [layer for layer in chosen if layer.name in names])
        return Quantized(
            path=out,
            layers=done,
            kept=tuple(layer.name for layer in ready.layers if layer.name not in names),
            table=table,
            activations=seen,
            weights=weighed,
            advice=advice(seen, weighed, method=table.method, per_channel=options.per_channel),
            notices=(
                *ready.prepared.notices,
                *(synthetic_notice(data) if data is not None else ()),
                *(data.notices if data is not None else ()),
                *table.notices,
                *dropped,
                *quantised,
            ),
            accuracy=_accuracy(ready, out, data),
            samples=data.samples if data is not None else 0,
        )


def save_cache(path: Path, table: CalibrationTable, version: Version) -> None:
    """Write the ranges as a calibration cache that this version of TensorRT reads.

    Raises:
        BuildError: it cannot be written.
    """
    write_table(path, version, table.magnitudes())


def save_json_table(path: Path, table: CalibrationTable) -> None:
    """Write the ranges as readable JSON; as :func:`trtprof.variants.table.save_table`."""
    save_table(path, table)


def _calibrate(
    ready: FloatModel, edges: tuple[Edge, ...], data: Any, options: QuantizeOptions
) -> tuple[CalibrationTable, tuple[Activation, ...]]:
    method = options.method_for(synthetic=data.synthetic)
    histograms = collect(ready.path, activation_tensors(edges), data, threads=options.threads)
    ranges = tuple(range_of(name, item, method, options.percentile) for name, item in histograms.items())
    words = f"{method} {options.percentile:g}" if method == "percentile" else method
    seen = activations(histograms, options.percentile)
    return CalibrationTable(words, data.source, data.synthetic, ranges, _zeros(ranges)), seen


def _zeros(ranges: tuple[TensorRange, ...]) -> tuple[Notice, ...]:
    return tuple(
        Notice("range-zero", f"'{found.tensor}' is 0 in all calibration data: its scale is a guess, for ±1")
        for found in ranges
        if found.amax == 0
    )


def _from_table(path: Path, edges: tuple[Edge, ...]) -> CalibrationTable:
    """A tensor the table does not have keeps its layer in float; a table with none of them is another model's."""
    table = load_table(path)
    known = table.magnitudes()
    needed = activation_tensors(edges)
    if not set(needed) & set(known):
        raise InputError(
            f"expected ranges for tensors such as '{needed[0]}', found none of the model's {len(needed)}",
            path=path,
            hint="the table is of another model, or its tensors were renamed by another export",
        )
    return table


def _bounded(edges: tuple[Edge, ...], amax: Mapping[str, float]) -> tuple[tuple[Edge, ...], tuple[Notice, ...]]:
    """Leave nodes in float whose input has no range, or one that is not finite: no scale is right for it."""
    absent = {edge.tensor for edge in edges if not edge.weight and edge.tensor not in amax}
    wild = {name for name, value in amax.items() if not math.isfinite(value)}
    nodes = {edge.node for edge in edges if edge.tensor in absent | wild}
    notices = [
        Notice("range-infinite", f"'{name}' is NaN or infinite on the calibration data: not quantised", name)
        for name in sorted(wild)
    ]
    if absent:
        named = ", ".join(f"'{name}'" for name in sorted(absent)[:_CACHE_SHOWN])
        message = f"{len(absent)} tensors are not in the table, their layers stay in float: {named}"
        notices.append(Notice("range-absent", message))
    left = tuple(edge for edge in edges if edge.node not in nodes)
    if not left:
        raise InputError(
            "no tensor to quantise has a finite range",
            hint="look at the calibration data: the model is NaN or infinite on it",
        )
    return left, tuple(notices)


def _write(
    ready: FloatModel, edges: tuple[Edge, ...], amax: Mapping[str, float], out: Path, options: QuantizeOptions
) -> tuple[Notice, ...]:
    """Write the model with Q/DQ on these edges; the notices are those of the FP16 remainder."""
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(ready.model)
    notices: tuple[Notice, ...] = ()
    if options.remainder == Precision.FP16.value:
        raised = raise_opset(model, _HALF_SCALE_OPSET)
        if raised is None:
            raise UsageError(
                "--remainder fp16: the model cannot be raised to opset 19, which FP16 scales need",
                hint="use --remainder fp32, or export the model at opset 19",
            )
        model = raised
    insert_qdq(model, edges, amax, QuantisedType.INT8, per_channel=options.per_channel)
    if options.remainder == Precision.FP16.value:
        notices = tuple(convert_to_half(model, DType.FP16).notices)
    save_onnx(model, out, sync=True)
    return notices


def _accuracy(ready: FloatModel, out: Path, data: Any) -> Any:
    """Return each output against the float model's on the calibration data, or why that cannot be told."""
    from trtprof.variants.accuracy import compare_outputs

    if data is None:
        return Unknown("no data was given to run the two on")
    if data.synthetic:
        return Unknown("the calibration data is random")
    return compare_outputs(ready.path, out, data)
