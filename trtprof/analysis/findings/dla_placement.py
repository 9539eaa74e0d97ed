"""Which parts of an engine run on the DLA, and what lies between them, from its build log and its rows."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Final

from trtprof.analysis.dla import TRANSFER
from trtprof.analysis.findings.rule import Subject
from trtprof.comparison import Row
from trtprof.engine_facts import EngineFacts
from trtprof.model import LayerKind, Unknown
from trtprof.units import plural

_SILENT: Final = frozenset({LayerKind.NOOP, LayerKind.CONSTANT, LayerKind.SIGNAL, LayerKind.SHAPE})
_WITH_DLA: Final = ((7, 2), (8, 7))
"""Compute capabilities of the chips that have a DLA TensorRT can use: Xavier and Orin."""
NO_LOG: Final = Unknown("without its build log a {ForeignNode[…]} may run on the DLA or be a fused region on the GPU")


def facts_of(subject: Subject) -> EngineFacts:
    """Return what the logs say of an engine, empty where there are none."""
    return subject.built.engine.facts or EngineFacts()


def dla_rows(subject: Subject) -> tuple[Row, ...]:
    """Return the rows that run on the DLA, in execution order."""
    named = set(facts_of(subject).dla_layers)
    return tuple(row for row in subject.rows if row.kind is LayerKind.DLA or row.layer.name in named)


def dla_groups(subject: Subject) -> tuple[str, ...]:
    """Return the names of what runs on the DLA, each group being one loadable, from the log or the rows."""
    return facts_of(subject).dla_layers or tuple(row.layer.name for row in dla_rows(subject))


def no_dla(subject: Subject) -> bool | Unknown:
    """Return whether it is certain that an engine has no part on a DLA; Unknown where no file tells."""
    facts = facts_of(subject)
    if dla_groups(subject) or facts.dla_refusals:
        return False
    device = subject.built.engine.device
    capability = device.compute_capability if device else None
    if (capability is not None and capability not in _WITH_DLA) or facts.logged or facts.gpu_layers:
        return True
    opaque = not subject.rows or any(row.kind is LayerKind.FOREIGN and row.layer.type is None for row in subject.rows)
    return NO_LOG if opaque else True


def between(subject: Subject) -> tuple[Row, ...]:
    """Return the rows that run between the first and the last DLA row on the GPU, without handing over itself."""
    on_dla = {row.layer.index for row in dla_rows(subject)}
    if len(on_dla) < 2:
        return ()
    return tuple(
        row
        for row in subject.rows
        if min(on_dla) < row.layer.index < max(on_dla)
        and row.layer.index not in on_dla
        and row.kind not in _SILENT
        and not TRANSFER.search(row.layer.name)
    )


def boundary_conversions(subject: Subject) -> tuple[Row, ...]:
    """Return the conversions between two DLA rows that read from one or write for one.

    Those at the engine's own input and output stay, however the rest is placed.
    """
    on_dla = dla_rows(subject)
    names = {row.layer.name for row in on_dla}
    beside = {
        other.layer.index for row in on_dla for other in (*subject.flow.before(row), *subject.flow.after(row))
    } | _next_to(subject, {row.layer.index for row in on_dla})
    return tuple(
        row
        for row in between(subject)
        if row.kind.is_conversion and (row.layer.index in beside or any(name in row.layer.name for name in names))
    )


def gpu_words(names: tuple[str, ...]) -> str:
    """Return the layers of a log's list by type: ``3 SHUFFLE, 2 SCALE``; without types, their number."""
    kinds = Counter(name.partition(": ")[0] for name in names if ": " in name)
    if sum(kinds.values()) < len(names):
        return plural(len(names), "layer")
    return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())


def _next_to(subject: Subject, on_dla: set[int]) -> set[int]:
    """Neighbours in execution order, for files that name layers without their tensors."""
    order = [row.layer.index for row in subject.rows if row.kind not in _SILENT and not TRANSFER.search(row.layer.name)]
    found = set()
    for before, after in pairwise(order):
        if before in on_dla:
            found.add(after)
        if after in on_dla:
            found.add(before)
    return found
