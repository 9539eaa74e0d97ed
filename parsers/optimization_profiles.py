"""Which optimisation profile a row belongs to: an engine with several lists every layer once for each.

TensorRT marks names of profile k > 0 with `` [profile k]``. Myelin's rows carry the mark only where their name or a
tensor's comes from the graph, so the rows of one Myelin subgraph (``…_myl11_4``) share the mark of any of them.
Read off exports of TensorRT 10.16. Imports the model only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from trtprof.model import Layer

_MARK: Final = re.compile(r" \[profile (\d{1,4})\]")
_SUBGRAPH: Final = re.compile(r"_myl(\d+)_\d+$")


def profiles_of(layers: Sequence[Layer]) -> tuple[int, ...]:
    """Return the optimisation profile of each layer, 0 where nothing says otherwise."""
    own = [_marked(layer) for layer in layers]
    if not any(own):
        return (0,) * len(own)
    subgraphs = [found[1] if (found := _SUBGRAPH.search(layer.name)) else None for layer in layers]
    of_subgraph = {name: mark for name, mark in zip(subgraphs, own, strict=True) if name is not None and mark}
    return tuple(
        mark or (of_subgraph.get(name, 0) if name is not None else 0) for name, mark in zip(subgraphs, own, strict=True)
    )


def _marked(layer: Layer) -> int:
    """The profile that the layer's name or one of its tensors is marked with, else 0."""
    if "[profile " in layer.name and (found := _MARK.search(layer.name)):
        return int(found[1])
    for tensors in (layer.inputs, layer.outputs):
        for tensor in tensors or ():
            if "[profile " in tensor.name and (found := _MARK.search(tensor.name)):
                return int(found[1])
    return 0
