"""How TensorRT's optimizer rewrites the graph, from a verbose build log: fusions, merges, removals, swaps and copies.

Wordings of TensorRT 8.2 to 10.16: ``ConvReluFusion: Fusing A with B``, ``QuantizeDoubleInputNodes: fusing (A and B)
into C``, ``Merging layers: A || B``, ``Eliminating A which duplicates (Q) B``, ``Generating copy for A to B because``.
Lines in, records out.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from trtprof.engine_facts import GraphRewrite, Rewrite

_RUNNING: Final = re.compile(r"Running: (\w+)(?: on .*)?$")
_FUSING: Final = re.compile(r"(\w+): [Ff]using (.*?) (?:with|into) (.*)$")
_DUPLICATE: Final = re.compile(r"Eliminating (.*) which duplicates \((\w+)\) (.*)$")
_RETARGETED: Final = re.compile(r"Eliminating (slice|concatenation) (.*?)(?: by retargeting .*)?$")
_SWAP: Final = re.compile(r"Swapping (.*) with (.*)$")
_RETYPE: Final = re.compile(r"Swap the layer type of (.*) from (\w+) to (\w+)$")


class RewriteReader:
    """Collects rewrites as a log passes by."""

    def __init__(self) -> None:
        self._rule: str | None = None
        self._done: list[GraphRewrite] = []

    def feed(self, message: str) -> bool:
        """Take a line without its log prefix; return whether it is about a rewrite."""
        word = message.partition(" ")[0]
        if word == "Running:":
            found = _RUNNING.match(message)
            self._rule = found[1] if found else None
            return True
        if word == "After":  # "After vertical fusions: 88 layers" ends a pass
            self._rule = None
            return False
        read = _READERS.get(word)
        if read is None and word.endswith(":") and "sing " in message:
            read = _fusion
        step = read(message) if read is not None else None
        if step is not None:
            self._done.append(step if step.rule else replace(step, rule=self._rule))
        return step is not None

    def result(self) -> tuple[GraphRewrite, ...]:
        """Return every step in the order of the log."""
        return tuple(self._done)


def _fusion(message: str) -> GraphRewrite | None:
    found = _FUSING.match(message)
    if found is None:
        return None
    first = found[2]
    grouped = (
        first[1:-1].split(" and ") if first.startswith("(") and first.endswith(")") and " and " in first else [first]
    )
    return GraphRewrite(Rewrite.FUSE, found[1], (*grouped, found[3]))


def _merge(message: str) -> GraphRewrite | None:
    _, colon, layers = message.partition("Merging layers: ")
    return GraphRewrite(Rewrite.MERGE, None, tuple(layers.split(" || "))) if colon else None


def _removal(message: str) -> GraphRewrite | None:
    name = message.removeprefix("Removing ")
    return GraphRewrite(Rewrite.REMOVE, None, (name,)) if name else None


def _elimination(message: str) -> GraphRewrite | None:
    if found := _DUPLICATE.match(message):
        return GraphRewrite(Rewrite.REMOVE, None, (found[1], found[3]), "duplicate")
    found = _RETARGETED.match(message)
    return GraphRewrite(Rewrite.REMOVE, None, (found[2],), f"{found[1]} in place") if found else None


def _swap(message: str) -> GraphRewrite | None:
    found = _SWAP.match(message)
    return GraphRewrite(Rewrite.SWAP, None, (found[1], found[2])) if found else None


def _retype(message: str) -> GraphRewrite | None:
    found = _RETYPE.match(message)
    return GraphRewrite(Rewrite.RETYPE, None, (found[1],), f"{found[2]} to {found[3]}") if found else None


def _copy(message: str) -> GraphRewrite | None:
    copied, because, reason = message.removeprefix("Generating copy for ").partition(" because ")
    source, to, target = copied.partition(" to ")
    return GraphRewrite(Rewrite.COPY, None, (source, target), reason.removesuffix(".")) if because and to else None


_READERS: Final = {
    "Merging": _merge,
    "Removing": _removal,
    "Eliminating": _elimination,
    "Swapping": _swap,
    "Swap": _retype,
    "Generating": _copy,
}
