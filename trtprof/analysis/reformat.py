"""Conversions: rows that only change a tensor's type or layout, where they come from, and what they move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from trtprof.comparison import Conversion, Row
from trtprof.model import Engine, Graph, GraphNode, IoMode, LayerKind, Layout, Tensor

_WORDS: Final = {
    LayerKind.QUANTIZE: "quantize",
    LayerKind.DEQUANTIZE: "dequantize",
    LayerKind.CAST: "cast",
    LayerKind.REFORMAT: "relayout",
}


def find_conversions(
    rows: Sequence[Row], engine: Engine, graph: Graph, added: Mapping[str, str]
) -> tuple[Conversion, ...]:
    """Return the rows of pure conversion, in execution order; an empty tuple means there is none.

    ``added`` maps the nodes a variant added to their operators.
    """
    known = {node.name: node for node in graph.nodes}
    names = {tensor.tensor.name: tensor.mode for tensor in engine.io}
    readers: dict[str, Row] = {}
    writers: dict[str, Row] = {}
    for row in rows:
        for tensor in row.layer.inputs or ():
            readers.setdefault(tensor.name, row)
        for tensor in row.layer.outputs or ():
            writers[tensor.name] = row
    found = []
    for row in rows:
        if not row.kind.is_conversion:
            continue
        source = row.layer.inputs[0] if row.layer.inputs else None
        result = row.layer.outputs[0] if row.layer.outputs else None
        before = _end(source, names, writers, IoMode.INPUT)
        after = _end(result, names, readers, IoMode.OUTPUT)
        ends = _Ends(source, result, names, before, after)
        reason, removable = _reason(row, ends, known, added)
        found.append(
            Conversion(
                row=row.layer.index,
                layer=row.layer.name,
                what=_what(row, source, result),
                from_dtype=source.dtype if source else None,
                to_dtype=result.dtype if result else None,
                from_layout=_layout(source),
                to_layout=_layout(result),
                bytes_moved=None
                if row.read_bytes is None or row.written_bytes is None
                else row.read_bytes + row.written_bytes,
                time_ns=row.time_ns,
                before=before,
                after=after,
                reason=reason,
                removable=removable,
            )
        )
    return tuple(found)


def _what(row: Row, source: Tensor | None, result: Tensor | None) -> tuple[str, ...]:
    """Name each change that the tensors show, the row's own kind first."""
    changes = [_WORDS[row.kind]]
    if source is not None and result is not None:
        if source.dtype is not result.dtype and row.kind is LayerKind.REFORMAT:
            changes.append("cast")
        if _layout(source) is not _layout(result) and row.kind is not LayerKind.REFORMAT:
            changes.append("relayout")
        if source.elements is not None and result.elements is not None and source.elements < result.elements:
            changes.append("pad")
    return tuple(changes)


def _end(tensor: Tensor | None, io: Mapping[str, IoMode | None], rows: Mapping[str, Row], edge: IoMode) -> str | None:
    """Name what is at one end: an engine tensor, else the last node of the row there, else the row."""
    if tensor is None:
        return None
    if io.get(tensor.name) is edge:
        return f"engine {edge.value} {tensor.name}"
    row = rows.get(tensor.name)
    if row is None:
        return None
    if row.matmuls and edge is IoMode.OUTPUT:
        return row.matmuls[0]
    return (row.nodes[0] if edge is IoMode.OUTPUT else row.nodes[-1]) if row.nodes else row.layer.name


@dataclass(frozen=True, slots=True)
class _Ends:
    """Both ends of a conversion: tensors, and what is before and after it in words."""

    source: Tensor | None
    result: Tensor | None
    io: Mapping[str, IoMode | None]
    before: str | None
    after: str | None

    def is_input(self) -> bool:
        return self.source is not None and self.io.get(self.source.name) is IoMode.INPUT

    def is_output(self) -> bool:
        return self.result is not None and self.io.get(self.result.name) is IoMode.OUTPUT


def _reason(row: Row, ends: _Ends, known: Mapping[str, GraphNode], added: Mapping[str, str]) -> tuple[str, bool | None]:
    source, result = _words(ends.source), _words(ends.result)
    if ends.is_input():
        return f"the engine's input arrives as {source}, the first layer reads {result}", None
    if ends.is_output():
        return f"the engine's output is asked for as {result}, the last layer writes {source}", None
    if row.kind is LayerKind.QUANTIZE:
        return _lone_quantise(row, ends, known, added), None
    reader = f"'{ends.after}'" if ends.after else "the next layer"
    if row.kind is LayerKind.DEQUANTIZE:
        return f"a dequantise on its own: {reader} reads {_dtype(ends.result)}", None
    if row.kind is LayerKind.CAST:
        cast = _cast(row, added)
        if cast is not None:
            return cast
    writer = f"'{ends.before}'" if ends.before else "the layer before"
    return f"{writer} writes {source}, {reader} reads {result}", None


def _cast(row: Row, added: Mapping[str, str]) -> tuple[str, bool | None] | None:
    if row.nodes:
        return f"the model itself casts here ('{row.nodes[0]}')", False
    cast = next((name for name in row.added_nodes if added.get(name) == "Cast"), None)
    return None if cast is None else (f"the variant casts here ('{cast}')", None)


def _lone_quantise(row: Row, ends: _Ends, known: Mapping[str, GraphNode], added: Mapping[str, str]) -> str:
    node = known.get(ends.before or "")
    by = f"'{ends.before or 'the layer before'}'" + (f" ({node.op_type})" if node else "")
    quantiser = next((name for name in row.added_nodes if added.get(name) == "QuantizeLinear"), None)
    label = f" ('{quantiser}')" if quantiser else ""
    return f"a quantise on its own{label}: {by} writes {_dtype(ends.source)} and does not quantise what it writes"


def _words(tensor: Tensor | None) -> str:
    layout = _layout(tensor)
    return f"{_dtype(tensor)} {layout.word}" if layout else _dtype(tensor)


def _dtype(tensor: Tensor | None) -> str:
    return "an unknown type" if tensor is None or tensor.dtype is None else tensor.dtype.value.upper()


def _layout(tensor: Tensor | None) -> Layout | None:
    return None if tensor is None or tensor.format is None else tensor.format.layout
