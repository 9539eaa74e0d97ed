"""The layers of a model that can be quantised, one by one: what each needs and which of them are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trtprof.errors import InputError, UsageError
from trtprof.graph.onnx_file import load_onnx, save_onnx
from trtprof.variants.int8 import QDQ_OPSET, quantised_edges
from trtprof.variants.opset import default_opset, raise_opset
from trtprof.variants.options import VariantOptions
from trtprof.variants.qdq import Edge

if TYPE_CHECKING:
    import onnx

_QDQ: Final = frozenset({"QuantizeLinear", "DequantizeLinear"})
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class QuantisableLayer:
    """A node whose inputs can get Q/DQ: a convolution, a matrix product, or an Add of a residual connection."""

    name: str
    op_type: str
    edges: tuple[Edge, ...]

    @property
    def weighted(self) -> bool:
        """Whether it multiplies, that is: is no Add."""
        return self.op_type != "Add"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which layers are quantised. Names are patterns with ``*`` and ``?``; ``include`` empty means all.

    ``keep_stem`` and ``keep_head`` leave the first and the last so many convolutions and matrix products in float. A
    residual Add is quantised where a convolution that it may fuse into is.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    keep_stem: int = 0
    keep_head: int = 0


def open_float(base: Path, source: Path) -> onnx.ModelProto:
    """Return the prepared float model in ``base``, at an opset that has per-channel Q/DQ; ``base`` holds the same then.

    Raises:
        InputError: it has Q/DQ already, or its opset cannot be raised; ``source`` is the file the error names.
    """
    model = load_onnx(base)
    if any(node.op_type in _QDQ for node in model.graph.node):
        raise InputError(
            "expected a float model, found Q/DQ nodes",
            path=source,
            hint="give the model as it was before it was quantised",
        )
    raised = raise_opset(model, QDQ_OPSET)
    if raised is None:
        raise InputError(
            f"expected opset {QDQ_OPSET} or newer, found {default_opset(model)}, which cannot be raised",
            path=source,
            hint=f"export the model at opset {QDQ_OPSET} or newer",
        )
    if raised is not model:
        save_onnx(raised, base)
    return raised


def quantisable_layers(model: onnx.ModelProto, options: VariantOptions | None = None) -> tuple[QuantisableLayer, ...]:
    """Return the layers in the order of the graph; an empty tuple where nothing can be quantised."""
    operators = {node.name: node.op_type for node in model.graph.node}
    edges: dict[str, list[Edge]] = {}
    for edge in quantised_edges(model, options or VariantOptions()):
        edges.setdefault(edge.node, []).append(edge)
    return tuple(QuantisableLayer(name, operators[name], tuple(found)) for name, found in edges.items())


def select(
    model: onnx.ModelProto, layers: Sequence[QuantisableLayer], selection: Selection
) -> tuple[QuantisableLayer, ...]:
    """Return the chosen layers, in order.

    Raises:
        UsageError: a pattern names no layer, or nothing is left.
    """
    names = [layer.name for layer in layers]
    for option, patterns in (("--include", selection.include), ("--exclude", selection.exclude)):
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                known = ", ".join(names[:_SHOWN])
                raise UsageError(
                    f"{option} {pattern}: no quantisable layer has this name",
                    hint=f"names may have * and ?; the first are {known}",
                )
    weighted = [layer.name for layer in layers if layer.weighted]
    kept = {*weighted[: selection.keep_stem], *weighted[len(weighted) - selection.keep_head :]}
    chosen = {
        layer.name
        for layer in layers
        if layer.name not in kept
        and _matches(layer.name, selection.include or ("*",))
        and not _matches(layer.name, selection.exclude)
    }
    chosen = _with_fusable_adds(model, layers, chosen)
    if not any(layer.weighted and layer.name in chosen for layer in layers):
        raise UsageError("no layer is left to quantise", hint="exclude less, or keep fewer layers of stem and head")
    return tuple(layer for layer in layers if layer.name in chosen)


def _with_fusable_adds(model: onnx.ModelProto, layers: Sequence[QuantisableLayer], chosen: set[str]) -> set[str]:
    """Drop the Adds none of whose branches ends in a chosen convolution: they would only be conversions."""
    producers = {output: node for node in model.graph.node for output in node.output}
    nodes = {node.name: node for node in model.graph.node}
    weighted = {layer.name for layer in layers if layer.weighted}
    dropped = set()
    for layer in layers:
        if not layer.weighted:
            ends = [_weighted_behind(name, producers, weighted) for name in nodes[layer.name].input]
            if not any(end in chosen for end in ends):
                dropped.add(layer.name)
    return chosen - dropped


def _weighted_behind(
    tensor: str, producers: dict[str, onnx.NodeProto], weighted: set[str], steps: int = 4
) -> str | None:
    """Return the convolution whose epilogue an Add of this tensor would be, through an activation or two."""
    node = producers.get(tensor)
    while node is not None and steps:
        if node.name in weighted:
            return str(node.name)
        if node.op_type == "Add" or not node.input:
            return None
        node, steps = producers.get(node.input[0]), steps - 1
    return None


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
