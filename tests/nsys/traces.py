"""From a synthetic export to layers and inferences, in one step each."""

from __future__ import annotations

from pathlib import Path

from trtprof.analysis.attribution import Attribution, attribute
from trtprof.analysis.cuda_graphs import hidden_graphs
from trtprof.analysis.iterations import Iteration, inferences
from trtprof.analysis.layer_time import LayerTimes, layer_times
from trtprof.parsers.nsys_schema import Trace
from trtprof.parsers.nsys_sqlite import NsysExport

from .synthetic_export import SyntheticExport


def traced(export: SyntheticExport, tmp_path: Path, *, seed: int | None = None) -> Trace:
    with NsysExport(export.write(tmp_path / "e.sqlite", seed=seed)) as opened:
        return opened.trace()


def attributed(trace: Trace) -> Attribution:
    found = attribute(trace.kernels, trace.calls, trace.ranges, trace.graph_nodes)
    assert isinstance(found, Attribution)
    return found


def layers(trace: Trace) -> LayerTimes:
    hidden = hidden_graphs(trace.graph_runs, trace.graph_creations, trace.calls)
    return layer_times(trace.kernels, trace.calls, trace.ranges, attributed(trace), hidden)


def iterations(trace: Trace) -> tuple[Iteration, ...]:
    hidden = hidden_graphs(trace.graph_runs, trace.graph_creations, trace.calls)
    found = inferences(
        trace.kernels, trace.calls, trace.ranges, attributed(trace), hidden=hidden, runs=trace.graph_runs
    )
    assert isinstance(found, tuple)
    return found


def named(times: LayerTimes) -> dict[str, tuple[int, int, int]]:
    return {layer.layer: (layer.runs, layer.launches, layer.total_ns) for layer in times.layers}


def tensorrt() -> SyntheticExport:
    export = SyntheticExport()
    export.domain("TensorRT", 1, -1_000)
    return export
