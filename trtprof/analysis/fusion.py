"""What is fused with what, at each precision: the same nodes, cut into kernels differently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trtprof.comparison import FusionCell, FusionChange, FusionRow, NodeGroup, Row
from trtprof.model import DType, LayerKind

RTX_EPILOGUE_LIMIT = "TensorRT-RTX never fuses the epilogue of a quantised convolution, as full TensorRT does"
_QUANTISED = frozenset({DType.INT8, DType.FP8, DType.INT4, DType.FP4})
Rows = tuple[Row, ...]
_Kernel = tuple[tuple[str, ...], Row]


def mark_epilogues(engines: Sequence[Rows]) -> tuple[Rows, ...]:
    """Return the rows with ``epilogue_of`` set where a row does what follows a conv or gemm, in a kernel of its own.

    Such a row reads what the multiplying row writes, and either TensorRT's Metadata names the same node in both (the
    bias is added there) or another engine of the comparison computes both in one row.
    """
    together = [_fused_with(rows) for rows in engines]
    return tuple(_mark(rows, [t for i, t in enumerate(together) if i != k]) for k, rows in enumerate(engines))


def _fused_with(rows: Rows) -> dict[str, str]:
    """Map each node to the conv or gemm of its row."""
    return {name: row.matmuls[-1] for row in rows if row.has_matmul for name in row.nodes}


def _mark(rows: Rows, others: Sequence[dict[str, str]]) -> Rows:
    writer = {tensor.name: row for row in rows for tensor in row.layer.outputs or ()}
    marked = []
    for row in rows:
        found = None
        if not row.has_matmul and row.kind is LayerKind.COMPUTE:
            for tensor in row.layer.inputs or ():
                source = writer.get(tensor.name)
                if found is None and source is not None and source.layer.index < row.layer.index:
                    main = _epilogue_node(row, source, others)
                    # What an epilogue works on is the product, not the residual that may be listed before it.
                    found = replace(row, epilogue_of=main, operand=tensor.dtype) if main else None
        marked.append(found or row)
    return tuple(marked)


def _epilogue_node(row: Row, source: Row, others: Sequence[dict[str, str]]) -> str | None:
    for name in source.matmuls:
        if name in row.nodes:
            return name
    for fused in others:
        for name in row.nodes:
            if fused.get(name) in source.matmuls:
                return fused[name]
    return None


def fusion_table(
    groups: Sequence[NodeGroup], engines: Sequence[tuple[str, Rows]], *, rtx: bool
) -> tuple[FusionRow, ...]:
    """Return a line for each group of nodes; the first engine is the reference the others are held against."""
    table = []
    for group in groups:
        partitions = [_kernels(rows, group.index) for _, rows in engines]
        cells = tuple(
            FusionCell(
                engine=name,
                change=_change(partitions[0], partition),
                kernels=tuple(nodes for nodes, _ in partition),
                types=tuple((row.operand, row.result) for _, row in partition),
                rows=tuple(row.layer.index for _, row in partition),
            )
            for (name, _), partition in zip(engines, partitions, strict=True)
        )
        limit = RTX_EPILOGUE_LIMIT if rtx and _only_epilogues_differ(partitions) else None
        table.append(FusionRow(group.index, group.nodes, cells, limit))
    return tuple(table)


def _kernels(rows: Rows, group: int) -> list[_Kernel]:
    """Return the rows of a group that compute, each with the nodes it is the one to compute."""
    taken: set[str] = set()
    kernels = []
    members = [row for row in rows if row.group == group and not row.kind.is_conversion and row.nodes]
    for row in sorted(members, key=lambda row: (not row.has_matmul, row.layer.index)):
        nodes = tuple(name for name in row.nodes if name not in taken)
        taken.update(nodes)
        kernels.append((nodes or row.nodes, row))
    return sorted(kernels, key=lambda kernel: kernel[1].layer.index)


def _change(reference: Sequence[_Kernel], other: Sequence[_Kernel]) -> FusionChange:
    """Compare by the nodes that both engines name: TensorRT leaves some out of a row's Metadata."""
    common = _named(reference) & _named(other)
    before, after = (
        [part for nodes, _ in kernels if (part := frozenset(nodes) & common)] for kernels in (reference, other)
    )
    if set(before) == set(after) and len(reference) == len(other):
        return FusionChange.SAME
    if len(other) > len(reference) and _refines(after, before):
        return FusionChange.SPLIT
    if len(other) < len(reference) and _refines(before, after):
        return FusionChange.MERGED
    return FusionChange.DIFFERENT


def _named(kernels: Sequence[_Kernel]) -> frozenset[str]:
    return frozenset(name for nodes, _ in kernels for name in nodes)


def _refines(fine: Sequence[frozenset[str]], coarse: Sequence[frozenset[str]]) -> bool:
    return all(any(part <= whole for whole in coarse) for part in fine)


def _only_epilogues_differ(partitions: Sequence[list[_Kernel]]) -> bool:
    """Whether the engines cut a group alike once each quantised conv takes its epilogue back."""
    folded = [_folded(partition) for partition in partitions]
    return folded != [list(partition) for partition in partitions] and all(
        _change(folded[0], partition) is FusionChange.SAME for partition in folded[1:]
    )


def _folded(partition: list[_Kernel]) -> list[_Kernel]:
    kernels = [kernel for kernel in partition if _quantised_main(kernel[1], partition) is None]
    for nodes, row in partition:
        main = _quantised_main(row, partition)
        if main is not None:
            place = next(index for index, kernel in enumerate(kernels) if kernel[1] is main)
            own = tuple(name for name in nodes if name not in kernels[place][0])
            kernels[place] = ((*kernels[place][0], *own), main)
    return kernels


def _quantised_main(row: Row, partition: list[_Kernel]) -> Row | None:
    """Return the quantised conv or gemm whose epilogue this row is."""
    for _, other in partition:
        if row.epilogue_of is not None and row.epilogue_of in other.matmuls and other.operand in _QUANTISED:
            return other
    return None
