"""Which layers ran on the DLA, where data crosses between it and the GPU, and what the crossings may cost.

TensorRT turns what the DLA takes into ``{ForeignNode[first...last]}`` groups. Between two of them the GPU reformats
data and both sides wait for each other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from trtprof.analysis.dla import TRANSFER, hop_cost, is_dla
from trtprof.board_run import DlaHop, DlaPlacement
from trtprof.model import Engine, Layer, LayerKind, Unknown

_GPU_PREFIX: Final = re.compile(r"[A-Z][A-Z0-9_]*: ")
_PASSIVE: Final = frozenset({LayerKind.NOOP, LayerKind.SHAPE, LayerKind.CONSTANT, LayerKind.SIGNAL})


def placement(engine: Engine) -> DlaPlacement | None:
    """Return where each layer ran and every hop, ``None`` for an engine that has nothing to do with a DLA.

    Rows come from the layer information, in the order they run; the build log names the groups and says why layers were
    refused. Without rows the hops are :class:`~trtprof.model.Unknown`.
    """
    facts = engine.facts
    listed = frozenset(facts.dla_layers) if facts else frozenset()
    on_dla = [layer.name for layer in engine.layers if is_dla(layer, listed)]
    refusals = tuple((item.layer, item.reason) for item in facts.dla_refusals) if facts else ()
    if not on_dla and not listed and not refusals:
        return None
    if engine.layers:
        rows = [item for item in engine.layers if item.kind not in _PASSIVE and not TRANSFER.search(item.name)]
        on_gpu = tuple(layer.name for layer in rows if not is_dla(layer, listed))
        return DlaPlacement(tuple(on_dla), on_gpu, refusals, find_hops(engine.layers, listed))
    on_gpu = tuple(_GPU_PREFIX.sub("", name, count=1) for name in (facts.gpu_layers if facts else ()))
    hops = Unknown("the layers are not known in the order they run: export them with --exportLayerInfo")
    return DlaPlacement(facts.dla_layers if facts else (), on_gpu, refusals, hops)


def find_hops(layers: Sequence[Layer], listed: frozenset[str]) -> tuple[DlaHop, ...]:
    """Return each change between GPU and DLA in the order of the rows; the rows that convert belong to the hop.

    The network's own inputs and outputs cross too where a group stands first or last.
    """
    hops: list[DlaHop] = []
    before: Layer | None = None
    conversions: list[Layer] = []
    for layer in layers:
        if layer.kind in _PASSIVE:
            continue
        if layer.kind.is_conversion or layer.kind is LayerKind.COPY or TRANSFER.search(layer.name):
            conversions.append(layer)
            continue
        if before is None:
            if is_dla(layer, listed):
                hops.append(_hop(None, layer, conversions, to_dla=True))
        elif is_dla(layer, listed) != is_dla(before, listed):
            hops.append(_hop(before, layer, conversions, to_dla=is_dla(layer, listed)))
        elif is_dla(layer, listed):  # two groups in a row: out and in again
            hops.append(_hop(before, layer, conversions, to_dla=True))
        before, conversions = layer, []
    if before is not None and is_dla(before, listed):
        hops.append(_hop(before, None, conversions, to_dla=False))
    return tuple(hops)


def _hop(before: Layer | None, after: Layer | None, conversions: Sequence[Layer], *, to_dla: bool) -> DlaHop:
    moved = _crossing_bytes(before, after, conversions)
    return DlaHop(
        to_dla=to_dla,
        before=before.name if before else "(input)",
        after=after.name if after else "(output)",
        conversions=tuple(layer.name for layer in conversions),
        bytes_moved=moved,
        cost_ns=hop_cost(moved),
    )


def _crossing_bytes(before: Layer | None, after: Layer | None, conversions: Sequence[Layer]) -> int | None:
    """Bytes of the tensors that cross: what the rows that convert write, else what the next row reads."""
    tensors = [tensor for layer in conversions for tensor in layer.outputs or ()]
    if not tensors:
        tensors = list((after.inputs if after else before.outputs if before else None) or ())
    sizes = [tensor.size_bytes for tensor in tensors]
    return sum(size for size in sizes if size is not None) if sizes and None not in sizes else None
