"""How quantised and float values flow through an engine: who writes a tensor, who reads it, what lies between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from trtprof.comparison import Row
from trtprof.model import DType, GraphNode, IoMode, LayerKind, Tensor

QUANTISED: Final = frozenset({DType.INT8, DType.UINT8, DType.FP8, DType.INT4, DType.FP4})
_PASSING: Final = frozenset({LayerKind.REFORMAT, LayerKind.CAST, LayerKind.NOOP})
_MAPS: Final = 2
"""A feature map has a batch and a channel dimension at least."""
_ADDS: Final = frozenset({"Add", "Sum"})


@dataclass(frozen=True, slots=True)
class Flow:
    """The dataflow of one engine. Build it with :func:`flow_of`."""

    rows: tuple[Row, ...]
    by_index: Mapping[int, Row]
    writers: Mapping[str, Row]
    readers: Mapping[str, tuple[Row, ...]]
    io: Mapping[str, IoMode | None]
    nodes: Mapping[str, GraphNode]

    def row(self, index: int) -> Row:
        """Return the row of a layer index."""
        return self.by_index[index]

    def is_quantised_main(self, row: Row) -> bool:
        """Whether a row is a conv or gemm that multiplies quantised values."""
        return row.has_matmul and row.operand in QUANTISED

    def operators(self, row: Row) -> frozenset[str]:
        """Return the ONNX operators of a row, as far as its nodes are known."""
        return frozenset(self.nodes[name].op_type for name in row.nodes if name in self.nodes)

    def is_conv(self, row: Row) -> bool:
        """Whether a row is a convolution, by its nodes or by the builder's word for it."""
        return row.has_matmul and (
            bool(self.operators(row) & {"Conv", "ConvTranspose"}) or "conv" in (row.layer.type or "").lower()
        )

    def adds(self, row: Row) -> bool:
        """Whether a row contains an addition of two activations, by its nodes."""
        return bool(self.operators(row) & _ADDS)

    def after(self, row: Row) -> tuple[Row, ...]:
        """Return the rows that read what a row writes, in execution order, each once."""
        return _distinct(reader for tensor in row.layer.outputs or () for reader in self.readers.get(tensor.name, ()))

    def before(self, row: Row) -> tuple[Row, ...]:
        """Return the rows that write what a row reads."""
        return _distinct(self.writers[tensor.name] for tensor in row.layer.inputs or () if tensor.name in self.writers)

    def origin(self, tensor: Tensor) -> tuple[Row | None, tuple[Row, ...]]:
        """Return the row that made a tensor's values, and the conversions between it and the tensor, last first."""
        passed: list[Row] = []
        row = self.writers.get(tensor.name)
        while row is not None and row.kind in _PASSING and row.layer.inputs and row not in passed:
            passed.append(row)
            row = self.writers.get(row.layer.inputs[0].name)
        return row, tuple(passed)

    def spread(self, row: Row) -> tuple[Row, ...]:
        """Return the rows that read a row's values, conversions of layout and float type looked through."""
        found: list[Row] = []
        waiting = list(self.after(row))
        seen: set[int] = set()
        while waiting:
            reader = waiting.pop(0)
            if reader.layer.index in seen:
                continue
            seen.add(reader.layer.index)
            found.append(reader)
            if reader.kind in _PASSING:
                waiting.extend(self.after(reader))
        return tuple(sorted(found, key=lambda item: item.layer.index))

    def rescales(self, row: Row) -> bool:
        """Whether a row only turns one quantised tensor into another: a change of scale, run by itself."""
        source = row.layer.inputs[0] if row.layer.inputs else None
        result = result_of(row)
        if source is None or result is None or row.kind is not LayerKind.QUANTIZE:
            return False
        return source.dtype in QUANTISED and result.dtype in QUANTISED and not self.is_before_work(row)

    def joins(self, row: Row) -> bool:
        """Whether a row stands at a Concat: by its own words, or by what it reads from or writes for."""
        near = (row, *self.before(row), *self.spread(row))
        return any("Concat" in self.operators(item) or "concat" in item.layer.name.lower() for item in near)

    def feeds_quantised(self, row: Row) -> bool:
        """Whether a quantised conv or gemm reads what a row writes, and reads it quantised."""
        result = result_of(row)
        if result is None or result.dtype not in QUANTISED:
            return False
        return any(self.is_quantised_main(reader) for reader in self.spread(row))

    def leaves(self, row: Row) -> bool:
        """Whether a row writes an output of the engine, conversions looked through."""
        ends = [row, *(item for item in self.spread(row) if item.kind in _PASSING)]
        if any(self.io.get(tensor.name) is IoMode.OUTPUT for end in ends for tensor in end.layer.outputs or ()):
            return True
        last = max((item.layer.index for item in self.rows if item.has_matmul), default=0)
        return not self.io and row.layer.index >= last and any(not self.after(end) for end in ends)

    def enters(self, row: Row) -> bool:
        """Whether a row reads an input of the engine; with none listed, an early row and a tensor nobody writes."""
        if not self.io and row.layer.index > min((r.layer.index for r in self.rows if r.has_matmul), default=0):
            return False
        return any(
            self.io.get(tensor.name) is IoMode.INPUT or (not self.io and tensor.name not in self.writers)
            for tensor in row.layer.inputs or ()
        )

    def is_before_work(self, row: Row) -> bool:
        """Whether nothing but copies and conversions lies between the engine's inputs and what a row reads.

        ``False`` where the row's tensors are not known.
        """
        return row.layer.inputs is not None and not self._reaches_work(row, self.before)

    def is_after_work(self, row: Row) -> bool:
        """Whether no conv or gemm comes after a row: it belongs to the engine's tail. ``False`` where not known."""
        return row.layer.outputs is not None and not self._reaches_work(row, self.after)

    def _reaches_work(self, row: Row, step: Callable[[Row], tuple[Row, ...]]) -> bool:
        waiting, seen = list(step(row)), set[int]()
        while waiting:
            item = waiting.pop()
            if item.layer.index in seen:
                continue
            seen.add(item.layer.index)
            if item.has_matmul or item.kind in (LayerKind.FOREIGN, LayerKind.PLUGIN, LayerKind.DLA):
                return True
            waiting.extend(step(item))
        return False

    def is_max_pool(self, row: Row) -> bool:
        """Whether a row is a max-pooling and nothing else, by its nodes or by the builder's words."""
        operators = self.operators(row)
        if operators:
            return operators == {"MaxPool"}
        given = str(row.layer.parameters.get("PoolingType", "")).lower()
        return "pool" in (row.layer.type or "").lower() and not row.has_matmul and given in ("max", "")

    def side_inputs(self, row: Row) -> tuple[Tensor, ...]:
        """Return what a conv reads beside its main input: the residuals that its epilogue adds.

        A residual has as many elements as the result; channel padding may make it larger.
        """
        result = row.layer.outputs[0] if row.layer.outputs else None
        if result is None or result.dims is None or len(result.dims) < _MAPS:
            return ()
        return tuple(
            tensor
            for tensor in (row.layer.inputs or ())[1:]
            if tensor.dims is not None
            and len(tensor.dims) == len(result.dims)
            and tensor.dims[2:] == result.dims[2:]
            and tensor.dims[1] >= result.dims[1] > 1
        )


def flow_of(rows: Iterable[Row], nodes: Mapping[str, GraphNode], io: Mapping[str, IoMode | None]) -> Flow:
    """Return the dataflow of an engine's rows."""
    ordered = tuple(rows)
    readers: dict[str, list[Row]] = {}
    writers: dict[str, Row] = {}
    for row in ordered:
        for tensor in row.layer.inputs or ():
            readers.setdefault(tensor.name, []).append(row)
        for tensor in row.layer.outputs or ():
            writers[tensor.name] = row
    return Flow(
        rows=ordered,
        by_index={row.layer.index: row for row in ordered},
        writers=writers,
        readers={name: tuple(found) for name, found in readers.items()},
        io=io,
        nodes=nodes,
    )


def is_float(tensor: Tensor | None) -> bool:
    """Whether a tensor holds plain floating values, and its type is known."""
    return tensor is not None and tensor.dtype is not None and tensor.dtype.is_float


def result_of(row: Row) -> Tensor | None:
    """Return the first tensor a row writes."""
    return row.layer.outputs[0] if row.layer.outputs else None


def _distinct(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(_once(rows))


def _once(rows: Iterable[Row]) -> Iterator[Row]:
    seen: set[int] = set()
    for row in rows:
        if row.layer.index not in seen:
            seen.add(row.layer.index)
            yield row
