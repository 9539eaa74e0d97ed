"""Float islands: what computes in float between quantised convolutions, found from the quantise that ends it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from trtprof.analysis.findings.epilogues import epilogue_share
from trtprof.analysis.findings.flow import is_float
from trtprof.analysis.findings.rule import ALL, Share, Subject
from trtprof.comparison import Row
from trtprof.model import LayerKind

_WORK: Final = frozenset({LayerKind.COMPUTE, LayerKind.COPY, LayerKind.PLUGIN})
_CONVERT: Final = frozenset({LayerKind.REFORMAT, LayerKind.CAST})
_IN_INT8: Final = Share(0.0, 0.3, 0.6)
"""An operation that turns from float to INT8 moves a half or a quarter of the bytes; launches stay."""
_TYPE_CHANGE: Final = Share(0.5, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Island:
    """Rows that work in float (``members``) with the quantises, dequantises and conversions at their shores.

    ``sources`` are the quantised convs and gemms that write float into it.
    """

    members: tuple[Row, ...]
    quantises: tuple[Row, ...]
    dequantises: tuple[Row, ...]
    conversions: tuple[Row, ...]
    sources: tuple[Row, ...]

    @property
    def rows(self) -> frozenset[int]:
        """Indices of every row the island explains."""
        parts = (self.members, self.quantises, self.dequantises, self.conversions, self.sources)
        return frozenset(row.layer.index for part in parts for row in part)

    def savings(self, subject: Subject) -> Mapping[int, Share]:
        """Return what goes when its members compute in the quantised type."""
        shares = {row.layer.index: epilogue_share(subject, row) for row in self.sources}
        shares |= {row.layer.index: _IN_INT8 for row in self.members}
        shares |= {row.layer.index: _TYPE_CHANGE for row in self.conversions}
        return shares | {row.layer.index: ALL for row in (*self.quantises, *self.dequantises)}


def islands(subject: Subject) -> tuple[Island, ...]:
    """Return the float islands between quantised convs and gemms, in execution order; empty where there is none.

    Poolings that Q/DQ commutes with make no island by themselves: what keeps them in float lies elsewhere.
    """
    parts = [_island(subject, row) for row in subject.rows if row.kind is LayerKind.QUANTIZE]
    merged: list[Island] = []
    for part in (item for item in parts if item is not None):
        same = [other for other in merged if _share_work(other, part)]
        merged = [other for other in merged if other not in same]
        merged.append(_merge([*same, part]))
    return tuple(sorted(merged, key=lambda item: min(item.rows)))


def _island(subject: Subject, quantise: Row) -> Island | None:
    """Walk back from a quantise through everything that is no conv or gemm."""
    source = quantise.layer.inputs[0] if quantise.layer.inputs else None
    if not is_float(source) or not subject.flow.feeds_quantised(quantise):
        return None
    members: dict[int, Row] = {}
    dequantises: dict[int, Row] = {}
    conversions: dict[int, Row] = {}
    sources: dict[int, Row] = {}
    waiting = list(subject.flow.before(quantise))
    while waiting:
        row = waiting.pop()
        index = row.layer.index
        if index in members or index in conversions:
            continue
        if row.has_matmul:
            if subject.flow.is_quantised_main(row):
                sources[index] = row
            continue
        if row.kind is LayerKind.DEQUANTIZE:
            dequantises[index] = row
            continue
        if row.kind in _WORK:
            members[index] = row
        elif row.kind in _CONVERT:
            conversions[index] = row
        elif row.kind is not LayerKind.NOOP:
            continue
        if is_float((row.layer.inputs or (None,))[0]):
            waiting.extend(subject.flow.before(row))
    work = [row for row in members.values() if not subject.flow.is_max_pool(row)]
    if not work or not (sources or dequantises):
        return None
    for row in sources.values():
        dequantises.update({item.layer.index: item for item in _dequantised_residuals(subject, row)})
    return Island(_listed(members), (quantise,), _listed(dequantises), _listed(conversions), _listed(sources))


def _dequantised_residuals(subject: Subject, main: Row) -> Iterator[Row]:
    """A residual that is quantised, but dequantised first because the sum is wanted in float."""
    for tensor in subject.flow.side_inputs(main):
        source, passed = subject.flow.origin(tensor)
        yield from (row for row in (*passed, source) if row is not None and row.kind is LayerKind.DEQUANTIZE)


def _share_work(one: Island, other: Island) -> bool:
    return bool({row.layer.index for row in one.members} & {row.layer.index for row in other.members})


def _merge(parts: Iterable[Island]) -> Island:
    every = list(parts)
    return Island(
        *(
            _listed({row.layer.index: row for part in every for row in getattr(part, name)})
            for name in ("members", "quantises", "dequantises", "conversions", "sources")
        )
    )


def _listed(rows: Mapping[int, Row]) -> tuple[Row, ...]:
    return tuple(rows[index] for index in sorted(rows))
