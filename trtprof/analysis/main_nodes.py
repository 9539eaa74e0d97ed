"""Which conv or gemm of one engine is which of another's, by what it keeps in every precision and every builder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from trtprof.analysis.rows import MATMUL_OPS

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A node as one engine shows it; ``key`` is what the same node has in common across engines.

    ``depth`` is the longest chain of multiplying layers to what it multiplies, ``None`` where layers have no
    tensors.
    """

    name: str
    op_type: str
    key: Key
    depth: int | None = None

    @property
    def multiplies(self) -> bool:
        """Whether it is a conv or gemm."""
        return self.op_type in MATMUL_OPS


_FLAT: Final = frozenset({"Gemm", "MatMul"})
_POINT: Final = (1, 1)


def paired_mains(left: Sequence[Node], right: Sequence[Node]) -> list[tuple[Node, Node]]:
    """Return the pairs of multiplying nodes, in the order of the first engine.

    Nodes of one shape are paired by depth and execution order where both engines have as many of them: builders
    run the branches of a network in different order, so that the order of all nodes says less. Where one has more,
    the order of what is left decides; and a node whose layer tells no shape takes the only one that it can be.
    """
    pairs = [
        pair
        for key in dict.fromkeys(node.key for node in left)
        if len(mine := _of(left, key)) == len(theirs := _of(right, key))
        for pair in zip(*_by_depth(mine, theirs), strict=True)
    ]
    pairs += _in_order(*_unpaired(left, right, pairs))
    pairs += _only_choice(*_unpaired(left, right, pairs))
    places = {node.name: place for place, node in enumerate(left)}
    return sorted(pairs, key=lambda pair: places[pair[0].name])


def _of(nodes: Sequence[Node], key: Key) -> list[Node]:
    return [node for node in nodes if node.key == key]


def _by_depth(mine: list[Node], theirs: list[Node]) -> tuple[list[Node], list[Node]]:
    if any(node.depth is None for node in (*mine, *theirs)):
        return mine, theirs
    return sorted(mine, key=_depth), sorted(theirs, key=_depth)


def _depth(node: Node) -> int:
    return node.depth or 0


def _unpaired(
    left: Sequence[Node], right: Sequence[Node], pairs: Sequence[tuple[Node, Node]]
) -> tuple[list[Node], list[Node]]:
    taken = {before.name for before, _ in pairs}, {after.name for _, after in pairs}
    return [node for node in left if node.name not in taken[0]], [node for node in right if node.name not in taken[1]]


def _in_order(left: Sequence[Node], right: Sequence[Node]) -> list[tuple[Node, Node]]:
    matcher = SequenceMatcher(None, [node.key for node in left], [node.key for node in right], autojunk=False)
    return [
        (left[block.a + offset], right[block.b + offset])
        for block in matcher.get_matching_blocks()
        for offset in range(block.size)
    ]


def _only_choice(left: Sequence[Node], right: Sequence[Node]) -> list[tuple[Node, Node]]:
    pairs = []
    for node in left:
        candidates = [other for other in right if _may_be(node, other)]
        if len(candidates) == 1 and sum(_may_be(other, candidates[0]) for other in left) == 1:
            pairs.append((node, candidates[0]))
    return pairs


def _may_be(node: Node, other: Node) -> bool:
    """Whether nothing known of two nodes speaks against their being one: ``None`` and no extents are not known."""
    (operator, *shape), (operation, *form) = node.key, other.key
    if operator != operation and not (_is_flat(node) and _is_flat(other)):
        return False
    if operator != operation:
        shape, form = shape[:1], form[:1]  # a gemm run as a convolution of 1x1 keeps its filters only
    return all(a == b or not a or not b for a, b in zip(shape, form, strict=True))


def _is_flat(node: Node) -> bool:
    return node.op_type in _FLAT or (len(node.key) > 2 and node.key[2] == _POINT)
