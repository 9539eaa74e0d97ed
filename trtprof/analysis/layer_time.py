"""Time by TensorRT layer, with the kernels of each, and the time that no layer accounts for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trtprof.analysis.attribution import DOMAIN, Attribution, Reason, layer_ranges, reasons
from trtprof.analysis.cuda_graphs import HiddenGraph
from trtprof.analysis.grouping import Groups, group, pair, unpair
from trtprof.analysis.intervals import Intervals, innermost
from trtprof.model import KernelLaunch

if TYPE_CHECKING:
    from trtprof.analysis.trace import Calls, Ints, Kernels, Ranges


_BLOCK: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class LayerKernel:
    """One kernel of a layer. ``operation`` and ``onnx_nodes`` are what Myelin says of it inside an opaque layer.

    :func:`trtprof.analysis.kernel_time.kernel_rows` takes these as totals, so a layer too has time by unit and type.
    """

    name: str
    launches: int
    total_ns: int
    min_ns: int
    max_ns: int
    operation: str | None = None
    onnx_nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LayerTime:
    """GPU time of one layer. ``runs`` counts the inferences in which it launched; ``ratio`` is of all kernel time."""

    layer: str
    runs: int
    launches: int
    total_ns: int
    ratio: float
    kernels: tuple[LayerKernel, ...]

    @property
    def mean_ns(self) -> float:
        """GPU time of one run."""
        return self.total_ns / self.runs


@dataclass(frozen=True, slots=True)
class Unattributed:
    """Kernel time that no layer accounts for, by reason, with the kernels that took most of it first."""

    reason: Reason
    launches: int
    total_ns: int
    ratio: float
    kernels: tuple[LayerKernel, ...]


@dataclass(frozen=True, slots=True)
class HiddenLayers:
    """A CUDA graph whose kernels the trace does not hold, and the layers that were captured into it.

    ``layers`` is ``None`` where the capture is not in the trace. ``total_ns`` is GPU time of the graph's launches.
    """

    graph: int
    launches: int
    total_ns: int
    captured_launches: int | None
    layers: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class LayerTimes:
    """All kernel time of a trace, by layer, longest first; layers and unattributed time add up to ``total_ns``.

    ``without_kernels`` are layers that were entered and launched nothing: constants, and what fusion left empty.
    ``hidden`` is not part of the sum.
    """

    total_ns: int
    launches: int
    layers: tuple[LayerTime, ...]
    unattributed: tuple[Unattributed, ...]
    without_kernels: tuple[str, ...]
    hidden: tuple[HiddenLayers, ...] = ()

    @property
    def attributed_ratio(self) -> float | None:
        """Share of kernel time that has a layer, ``None`` where no kernel ran."""
        return sum(layer.total_ns for layer in self.layers) / self.total_ns if self.total_ns else None


def layer_times(
    kernels: Kernels,
    calls: Calls,
    ranges: Ranges,
    attribution: Attribution,
    hidden: Iterable[HiddenGraph] = (),
    *,
    domain: str = DOMAIN,
) -> LayerTimes:
    """Return the time of each layer and what is left over."""
    import numpy as np

    duration = kernels.end_ns - kernels.start_ns
    total = int(duration.sum())
    layers = _layers(kernels, ranges, attribution, duration)
    why = reasons(attribution, calls)
    entered = layer_ranges(ranges, domain)
    graphs = tuple(_hidden_layers(graph, calls, ranges, entered) for graph in hidden)
    launched = {layer.layer for layer in layers}.union(*(graph.layers or () for graph in graphs))
    names = (ranges.names[place] for place in np.unique(ranges.name[entered]))
    return LayerTimes(
        total,
        len(kernels),
        layers,
        _unattributed(kernels, why, duration, total),
        tuple(name for name in names if name not in launched),
        graphs,
    )


def layers_by_kernel(times: LayerTimes) -> dict[str, tuple[tuple[str, LayerKernel], ...]]:
    """Return for each kernel name the layers it runs in, most time first, each with what it does there."""
    found: dict[str, list[tuple[str, LayerKernel]]] = {}
    for layer in times.layers:
        for kernel in layer.kernels:
            found.setdefault(kernel.name, []).append((layer.layer, kernel))
    return {name: tuple(sorted(parts, key=lambda part: (-part[1].total_ns, part[0]))) for name, parts in found.items()}


def launches_with_layers(kernels: Kernels, ranges: Ranges, attribution: Attribution) -> Iterator[KernelLaunch]:
    """Yield every launch with its layer, ``None`` where it has none, in order of start."""
    layers = _layer_names(ranges, attribution)
    columns = (kernels.name, kernels.start_ns, kernels.end_ns, kernels.device, kernels.correlation, kernels.graph_node)
    for first in range(0, len(kernels), _BLOCK):
        block = zip(*(column[first : first + _BLOCK].tolist() for column in columns), strict=True)
        held = layers[first : first + _BLOCK].tolist()
        for (name, start, end, *ids), layer in zip(block, held, strict=True):
            device, correlation, node = (None if number < 0 else number for number in ids)
            yield KernelLaunch(
                kernels.names[name], start, end - start, device, correlation_id=correlation, graph_node_id=node,
                layer=ranges.names[layer] if layer >= 0 else None,
            )  # fmt: skip


def _layer_names(ranges: Ranges, attribution: Attribution) -> Ints:
    """Return for each kernel the place of its layer's name, -1 for none."""
    import numpy as np

    names: Ints = np.append(ranges.name, -1)[attribution.layer]
    names[attribution.layer < 0] = -1
    return names


def _layers(kernels: Kernels, ranges: Ranges, attribution: Attribution, duration: Ints) -> tuple[LayerTime, ...]:
    """Return the layers that launched something, longest first."""
    import numpy as np

    total = int(duration.sum())
    held = np.flatnonzero(attribution.layer >= 0)
    layer_range, operation = attribution.layer[held], attribution.operation[held]
    layer = ranges.name[layer_range]
    detail = pair(np.append(ranges.name, -1)[operation], np.append(ranges.nodes, -1)[operation], len(ranges.onnx_nodes))
    details = group(detail)
    by_name = pair(layer, kernels.name[held], len(kernels.names))
    groups = group(pair(by_name, details.index, len(details.keys)))
    time = duration[held]
    figures = zip(*(column.tolist() for column in _figures(groups, time)), strict=True)
    first, detail_index = unpair(groups.keys, len(details.keys))
    layer_index, kernel_index = unpair(first, len(kernels.names))
    operation_name, nodes = unpair(details.keys[detail_index], len(ranges.onnx_nodes))
    found: dict[int, list[LayerKernel]] = {}
    keys = zip(*(column.tolist() for column in (layer_index, kernel_index, operation_name, nodes)), strict=True)
    for (place, kernel, label, onnx), (count, total_ns, low, high) in zip(keys, figures, strict=True):
        found.setdefault(place, []).append(
            LayerKernel(
                kernels.names[kernel], count, total_ns, low, high, ranges.names[label] if label >= 0 else None,
                ranges.onnx_nodes[onnx] if onnx >= 0 else (),
            )
        )  # fmt: skip
    runs = _runs(attribution, held, layer)
    times = [_layer_time(ranges.names[place], runs[place], parts, total) for place, parts in found.items()]
    return tuple(sorted(times, key=lambda time: (-time.total_ns, time.layer)))


def _figures(groups: Groups, duration: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Return launches, total, shortest and longest of each group."""
    return groups.count(), groups.sum(duration), groups.first(duration), groups.last(duration)


def _layer_time(name: str, runs: int, kernels: list[LayerKernel], total: int) -> LayerTime:
    ordered = sorted(
        kernels, key=lambda kernel: (-kernel.total_ns, kernel.name, kernel.operation or "", kernel.onnx_nodes)
    )
    time = sum(kernel.total_ns for kernel in ordered)
    launches = sum(kernel.launches for kernel in ordered)
    return LayerTime(name, runs, launches, time, time / total if total else 0.0, tuple(ordered))


def _runs(attribution: Attribution, held: Ints, layer: Ints) -> dict[int, int]:
    """Return how often each layer ran: once for each of its ranges, and for each replay of one that was captured."""
    import numpy as np

    replay = attribution.replay[held]
    occasions = group(pair(attribution.layer[held], replay, int(replay.max(initial=-1)) + 1))
    name = np.zeros(len(occasions.keys), np.int64)
    name[occasions.index] = layer
    counted = group(name)
    return dict(zip(counted.keys.tolist(), counted.count().tolist(), strict=True))


def _unattributed(kernels: Kernels, why: Ints, duration: Ints, total: int) -> tuple[Unattributed, ...]:
    import numpy as np

    found = []
    for place, reason in enumerate(Reason):
        rows = np.flatnonzero(why == place)
        if len(rows) == 0:
            continue
        groups = group(kernels.name[rows])
        columns = (groups.keys, *_figures(groups, duration[rows]))
        parts = [
            LayerKernel(kernels.names[name], *numbers)
            for name, *numbers in zip(*(column.tolist() for column in columns), strict=True)
        ]
        time = int(duration[rows].sum())
        ordered = sorted(parts, key=lambda kernel: (-kernel.total_ns, kernel.name))
        found.append(Unattributed(reason, len(rows), time, time / total if total else 0.0, tuple(ordered)))
    return tuple(sorted(found, key=lambda part: (-part.total_ns, part.reason.value)))


def _hidden_layers(graph: HiddenGraph, calls: Calls, ranges: Ranges, entered: Ints) -> HiddenLayers:
    import numpy as np

    if graph.captured_calls is None:
        return HiddenLayers(graph.graph, graph.launches, graph.total_ns, None, None)
    own = Intervals(calls.thread, calls.start_ns, calls.end_ns).where(np.array(graph.captured_calls, np.int64))
    place = innermost(Intervals(ranges.thread, ranges.start_ns, ranges.end_ns).where(entered), own)
    names = ranges.name[entered[place[place >= 0]]]
    layers = tuple(dict.fromkeys(ranges.names[name] for name in names))
    return HiddenLayers(graph.graph, graph.launches, graph.total_ns, len(graph.captured_calls), layers)
