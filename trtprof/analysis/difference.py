"""Two engines of one model held against each other: which layers changed, in which kernel, and by how much.

The order of the two matters: *base* is what was, *head* what is. Swapping them swaps every sign.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from trtprof.analysis.align import align
from trtprof.analysis.engine_graph import unify
from trtprof.analysis.findings.subjects import diagnose
from trtprof.analysis.fusion import fusion_table, mark_epilogues
from trtprof.analysis.latency import BUILD_NOISE_RATIO
from trtprof.analysis.layer_names import is_qdq
from trtprof.analysis.rows import read_rows
from trtprof.analysis.surroundings import Circumstance, circumstances
from trtprof.comparison import Built, Conversion, FusionChange, Row
from trtprof.diagnosis import Finding
from trtprof.model import DType, Graph, Provenance, Unit, Unknown
from trtprof.units import ms, percent

Said = tuple[Finding, ...]
_HASH: Final = re.compile(r"_0x[0-9a-f]{8,}")


@dataclass(frozen=True, slots=True)
class GroupSide:
    """How one engine runs a group of nodes: its rows in order, without those that only convert, and their time.

    ``time_ns`` is the measured sum over all rows, conversions with them, ``None`` without a profile. ``tactics``,
    ``units`` and ``types`` (operand, result) go with ``rows``.
    """

    rows: tuple[int, ...]
    layers: tuple[str, ...]
    tactics: tuple[str | None, ...]
    units: tuple[Unit | None, ...]
    types: tuple[tuple[DType | None, DType | None], ...]
    conversions: int
    time_ns: float | None


@dataclass(frozen=True, slots=True)
class GroupChange:
    """A group of nodes in both engines; ``group`` and ``fusion`` are ``None`` for rows that belong to no node."""

    group: int | None
    nodes: tuple[str, ...]
    base: GroupSide
    head: GroupSide
    fusion: FusionChange | None

    @property
    def delta_ns(self) -> float | None:
        """Head's time less base's; ``None`` where one is unknown."""
        if self.base.time_ns is None or self.head.time_ns is None:
            return None
        return self.head.time_ns - self.base.time_ns

    @property
    def same_kernels(self) -> bool:
        """Whether kernels, types and the number of rows and conversions are the same in both."""
        parts = [(tuple(map(_kernel_name, s.tactics)), s.types, s.conversions) for s in (self.base, self.head)]
        return parts[0] == parts[1] and self.fusion in (FusionChange.SAME, None)


def _kernel_name(tactic: str | None) -> str | None:
    """A generated kernel's name without its hash, which changes with every scale and version."""
    return None if tactic is None else _HASH.sub("", tactic)


@dataclass(frozen=True, slots=True)
class TimeChange:
    """Measured time of both engines: ``what`` was timed.

    ``threshold_ratio`` is what two builds, or the iterations of one engine, differ by.
    """

    what: str
    base_ns: float
    head_ns: float
    threshold_ratio: float

    @property
    def change_ratio(self) -> float:
        """Return head over base, less 1: negative where head is faster."""
        return self.head_ns / self.base_ns - 1

    @property
    def is_noise(self) -> bool:
        """Whether the change is less than what two builds, or the iterations, differ by."""
        return abs(self.head_ns - self.base_ns) < self.threshold_ratio * min(self.base_ns, self.head_ns)


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything ``trtprof diff`` found out. ``changes`` are all groups, largest change of time first.

    Their times add up to the layer sums of the engines. ``conversions_added`` are those of head that base has not,
    ``conversions_gone`` the other way round. ``findings_new`` and ``findings_gone`` compare what the rules say of each
    engine by itself, by code.
    """

    base: Built
    head: Built
    sentence: str
    time: TimeChange | Unknown
    layer_sum: TimeChange | Unknown
    differs: tuple[Circumstance, ...]
    untold: tuple[Circumstance, ...]
    changes: tuple[GroupChange, ...]
    conversions_added: tuple[Conversion, ...]
    conversions_gone: tuple[Conversion, ...]
    findings_new: tuple[Finding, ...]
    findings_gone: tuple[Finding, ...]
    findings_kept: tuple[Finding, ...]

    def delta_ns(self, *, same_kernels: bool) -> float | None:
        """Return the layers' change of time in groups whose kernels stayed, or in those whose kernels changed."""
        deltas = [change.delta_ns for change in self.changes if change.same_kernels is same_kernels]
        return None if None in deltas else sum(delta or 0.0 for delta in deltas)


def difference(base: Built, head: Built, findings: tuple[Said, Said] | None = None) -> Difference:
    """Return how ``head`` differs from ``base``, two engines that were each read for themselves.

    ``findings`` are those of each where they are known already, as of a comparison that had the ONNX model too.
    """
    graph, built = aligned(base, head)
    changes = _changes(graph, built)
    time, layer_sum = time_change(*built), _layer_sum(*built)
    differs, untold = circumstances(*built)
    said = findings or [diagnose([item], graph).findings for item in built]
    codes = [{finding.code for finding in findings} for findings in said]
    return Difference(
        base=built[0],
        head=built[1],
        sentence=sentence(built[0].name, built[1].name, time, changes),
        time=time,
        layer_sum=layer_sum,
        differs=differs,
        untold=untold,
        changes=changes,
        conversions_added=_unmatched(built[1], built[0]),
        conversions_gone=_unmatched(built[0], built[1]),
        findings_new=tuple(finding for finding in said[1] if finding.code not in codes[0]),
        findings_gone=tuple(finding for finding in said[0] if finding.code not in codes[1]),
        findings_kept=tuple(finding for finding in said[1] if finding.code in codes[0]),
    )


def aligned(base: Built, head: Built) -> tuple[Graph, tuple[Built, Built]]:
    """Return both engines with their rows read against one graph and placed in common groups; times stay theirs."""
    graph, engines = unify([replace(item.engine, name=item.name) for item in (base, head)])
    tables = mark_epilogues([read_rows(engine, graph) for engine in engines])
    _, placed = align(tables, graph)
    pair = []
    for item, engine, rows in zip((base, head), engines, placed, strict=True):
        own = {row.layer.index: row for row in item.rows}
        timed = tuple(_with_measures(row, own.get(row.layer.index)) for row in rows)
        pair.append(replace(item, engine=engine, rows=timed))
    return graph, (pair[0], pair[1])


def _with_measures(row: Row, known: Row | None) -> Row:
    return row if known is None else replace(row, time_ns=known.time_ns, kernel=known.kernel)


def _changes(graph: Graph, pair: tuple[Built, Built]) -> tuple[GroupChange, ...]:
    groups, placed = align([item.rows for item in pair], graph)
    rows = [_by_group(table) for table in placed]
    fusions = {
        item.group: item.cells[1].change
        for item in fusion_table(groups, [(b.name, t) for b, t in zip(pair, placed, strict=True)], rtx=False)
    }
    nodes: dict[int | None, tuple[str, ...]] = {group.index: group.nodes for group in groups}
    if None in rows[0] or None in rows[1]:
        nodes[None] = ()
    changes = [
        GroupChange(
            group=index,
            nodes=tuple(name for name in names if not is_qdq(name)) or names,
            base=_side(pair[0], rows[0].get(index, [])),
            head=_side(pair[1], rows[1].get(index, [])),
            fusion=None if index is None else fusions[index],
        )
        for index, names in nodes.items()
    ]
    return tuple(sorted(changes, key=lambda item: (-abs(item.delta_ns or 0.0), item.same_kernels)))


def _by_group(rows: Sequence[Row]) -> dict[int | None, list[Row]]:
    found: dict[int | None, list[Row]] = {}
    for row in rows:
        found.setdefault(row.group, []).append(row)
    return found


def _side(built: Built, rows: Sequence[Row]) -> GroupSide:
    kept = [row for row in rows if not row.kind.is_conversion]
    return GroupSide(
        rows=tuple(row.layer.index for row in kept),
        layers=tuple(row.layer.name for row in kept),
        tactics=tuple(row.layer.tactic for row in kept),
        units=tuple(row.kernel.unit if row.kernel else None for row in kept),
        types=tuple((row.operand, row.result) for row in kept),
        conversions=len(rows) - len(kept),
        time_ns=_spent(built, rows),
    )


def _spent(built: Built, rows: Sequence[Row]) -> float | None:
    """A profile leaves out rows that ran in no time; without a profile nothing is known."""
    if built.engine.timings is None or built.provenance is Provenance.MODELLED:
        return None
    return sum(row.time_ns for row in rows if isinstance(row.time_ns, float | int))


def time_change(base: Built, head: Built) -> TimeChange | Unknown:
    """Return the change of the whole engines' time: of their queries, else of the sum of their layers."""
    before, after = base.latency, head.latency
    if before is None or after is None:
        # A modelled engine has no latency either.
        return _layer_sum(base, head)
    if before.what != after.what:
        return Unknown(f"times of different things: {before.what} of {base.name}, {after.what} of {head.name}")
    spread = max(before.spread_ratio or 0.0, after.spread_ratio or 0.0)
    threshold = max(BUILD_NOISE_RATIO, spread)
    return TimeChange(before.what, before.median_ns, after.median_ns, threshold)


def _layer_sum(base: Built, head: Built) -> TimeChange | Unknown:
    if Provenance.MODELLED in (base.provenance, head.provenance):
        return Unknown("modelled times are too coarse to compare two builds of one model by; structure is compared")
    sums = [_spent(item, item.rows) for item in (base, head)]
    if not sums[0] or not sums[1]:
        lacking = " and ".join(item.name for item, time in zip((base, head), sums, strict=True) if not time)
        return Unknown(f"no times of {lacking}: give trtexec --exportTimes and --exportProfile")
    return TimeChange("layer sum", sums[0], sums[1], BUILD_NOISE_RATIO)


def sentence(base: str, head: str, time: TimeChange | Unknown, changes: Sequence[GroupChange]) -> str:
    """Return the verdict: how the time changed, whether that is noise, and which group has the largest part in it."""
    if isinstance(time, Unknown):
        return f"Whether {head} is faster or slower cannot be told: {time.reason}."
    times = f"{ms(time.head_ns)} ms against {ms(time.base_ns)} ms of {time.what}"
    if time.head_ns == time.base_ns:
        return f"{head} is as fast as {base}: {times}."
    apart = percent(abs(time.change_ratio), 1)
    word = "slower" if time.head_ns > time.base_ns else "faster"
    if time.is_noise:
        spread = (
            "two builds of one network differ by" if time.threshold_ratio <= BUILD_NOISE_RATIO else "one run varies"
        )
        limit = percent(time.threshold_ratio)
        return f"{head} cannot be told from {base}: {times}, {apart} {word}, and {spread} about {limit}."
    share = "more" if word == "slower" else "less"
    said = f"{head} is {word} than {base}: {times}, {apart} {share}."
    worst = next(
        (c for c in changes if c.nodes and c.delta_ns is not None and (c.delta_ns > 0) == (word == "slower")), None
    )
    if worst is None or not worst.delta_ns:
        return said
    part = f"{worst.nodes[0]}, {ms(worst.base.time_ns)} to {ms(worst.head.time_ns)} ms as profiled"
    return f"{said} The largest part is {part}."


def _unmatched(mine: Built, other: Built) -> tuple[Conversion, ...]:
    """Conversions of one engine that the other has not, in the same group, of the same kind, from and to the same."""
    left = Counter(_key(other, item) for item in other.conversions)
    found = []
    for item in mine.conversions:
        key = _key(mine, item)
        if left[key] > 0:
            left[key] -= 1
        else:
            found.append(item)
    return tuple(found)


def _key(built: Built, item: Conversion) -> tuple[object, ...]:
    group = next((row.group for row in built.rows if row.layer.index == item.row), None)
    return (group, item.what, item.from_dtype, item.to_dtype, item.from_layout, item.to_layout)
