"""Rows that exist only because a fusion was lost which another engine of the same nodes has."""

from __future__ import annotations

from collections.abc import Sequence

from trtprof.comparison import Row


def lost_fusions(rows: Sequence[Row], others: Sequence[Row]) -> frozenset[int]:
    """Return the indices of the rows that the other engine has no row of its own for.

    Such a row computes nothing but nodes that the other engine computes in one row together with a node that this
    engine computes elsewhere: in its conv or gemm row, or where the other's row has none, in the earliest of the rows
    it was cut into. So it sees an epilogue beside its convolution, a pool that was fused into one, and a chain of
    elementwise nodes cut in two. The row that multiplies is never one of them, nor is one that only converts.
    """
    fused = _owners(others)
    kept = {other.epilogue_of for other in others if other.epilogue_of is not None}
    multiplied = {name for other in others for name in other.matmuls}
    owner = _owners(rows)
    lost = set()
    for row in rows:
        if row.has_matmul or row.kind.is_conversion or not row.nodes:
            continue
        if row.epilogue_of is not None:
            if row.epilogue_of in multiplied and row.epilogue_of not in kept:
                lost.add(row.layer.index)
            continue
        own = [name for name in row.nodes if owner[name] is row and name in fused]
        if own and all(fused[name] is fused[own[0]] for name in own):
            whole = [name for name in fused[own[0]].nodes if fused[name] is fused[own[0]] and name in owner]
            parts = [owner[name] for name in whole if owner[name] is not row]
            if any(part.has_matmul or part.layer.index < row.layer.index for part in parts):
                lost.add(row.layer.index)
    return frozenset(lost)


def _owners(rows: Sequence[Row]) -> dict[str, Row]:
    """Map each node to the row that computes it; TensorRT names a node in every row it left a trace in."""
    owner: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: (not row.has_matmul, row.layer.index)):
        if not row.kind.is_conversion:
            for name in row.nodes:
                owner.setdefault(name, row)
    return owner
