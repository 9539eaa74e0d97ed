"""Subjects for the tests of rules: small engines written out, and the real ones read from their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from trtprof.analysis.engine_graph import unify
from trtprof.analysis.findings.rule import Subject
from trtprof.analysis.findings.subjects import subjects_of
from trtprof.analysis.fusion import mark_epilogues
from trtprof.analysis.rows import read_rows
from trtprof.comparison import Built, Comparison
from trtprof.model import DType, Engine, Layer, LayerTiming, Layout, Precision, Tensor, TensorFormat
from trtprof.parsers.layer_kind import kind_of
from trtprof.pipeline.measured import measured_engine, read_measured

FORMATS = {
    "linear": TensorFormat(Layout.LINEAR),
    "nhwc": TensorFormat(Layout.CHANNEL_LAST),
    "c4": TensorFormat(Layout.CHANNEL_VECTOR, 4),
    "c32": TensorFormat(Layout.CHANNEL_VECTOR, 32),
}


def tensor(name: str, dtype: str, dims: Sequence[int], layout: str = "c32") -> Tensor:
    """Return an activation: ``tensor("x", "int8", (1, 64, 56, 56))``."""
    return Tensor(name, tuple(dims), DType(dtype), FORMATS[layout])


def layer(
    index: int,
    name: str,
    layer_type: str,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    *,
    tactic: str | None = None,
    origin: str | None = None,
    **parameters: object,
) -> Layer:
    """Return a layer as the engine inspector gives it; its kind is read as the parsers read it."""
    return Layer(
        index=index,
        name=name,
        kind=kind_of(layer_type, name, tuple(inputs), tuple(outputs), origin=origin),
        type=layer_type,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        tactic=tactic,
        origin=origin,
        parameters=parameters,
    )


def built(name: str, layers: Sequence[Layer], times_ms: Sequence[float] | None = None, **fields: object) -> Built:
    """Return an engine of a comparison with the given layer times."""
    precision = next((p for p in Precision if name.startswith(p.value)), None)
    timings = (
        None
        if times_ms is None
        else tuple(LayerTiming(item.name, time * 1e6) for item, time in zip(layers, times_ms, strict=True))
    )
    engine = replace(Engine(name, precision, tuple(layers), timings=timings), **fields)  # type: ignore[arg-type]
    graph, (named,) = unify([engine])
    (rows,) = mark_epilogues([read_rows(named, graph)])
    return measured_engine(named, rows, graph)


def subject(*engines: Built, of: str | None = None, **fields: object) -> Subject:
    """Return the subject of one engine (the last by default) among its siblings."""
    graph, _ = unify([item.engine for item in engines])
    found = subjects_of(engines, graph)
    chosen = next(item for item in found if item.built.name == (of or engines[-1].name))
    return replace(chosen, **fields)  # type: ignore[arg-type]


def trex(shared: Path, folder: str, **names: str) -> Comparison:
    """Return the comparison of TREx's published engines: ``trex(shared, "pytorch__resnet__A100", int8="qat")``."""
    targets = [
        (name, next((shared / "trex").glob(f"examples__{folder}__{part}__*.engine.graph.json")))
        for name, part in names.items()
    ]
    return read_measured(targets, command="test")
