"""Convolutions that INT8 seldom helps (grouped, transposed, 3-D): is one slower than in 16 bits, all told?

All told means: with its own quantise and reformat layers, against the 16-bit engine's time for the same nodes and the
two conversions that a 16-bit layer would need between quantised neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trtprof.analysis.findings.asked import engine_ns, sum_ns
from trtprof.analysis.findings.flow import QUANTISED, result_of
from trtprof.analysis.findings.rule import ALL, Claim, Outcome, Share, Subject, row_evidence, row_ns
from trtprof.analysis.findings.savings import NO_TIMES
from trtprof.analysis.findings.sibling_times import group_rows
from trtprof.analysis.rows import is_matmul_type
from trtprof.comparison import Row
from trtprof.model import LayerKind, Unit, Unknown
from trtprof.units import dims, ms, percent, plural

NOTEWORTHY = 0.02
"""Share of the engine's time from which such rows are worth a note without a sibling to hold them against."""
_NO_SIBLING = Unknown("whether 16 bits would be faster needs the FP16 engine; between INT8 layers it costs conversions")


@dataclass(frozen=True, slots=True)
class _Loss:
    """One group of nodes that is slower quantised: its rows, conversions of its own, and times in ns."""

    rows: tuple[Row, ...]
    own: tuple[Row, ...]
    half_ns: float
    added_ns: float


def slower_claims(subject: Subject, chosen: Callable[[Row], bool], noun: str) -> Outcome:
    """Return one claim with the chosen quantised convolutions that lose time, or a note where no sibling tells."""
    rows = [row for row in subject.rows if subject.flow.is_quantised_main(row) and chosen(row)]
    if not rows:
        return ()
    if not any(row_ns(row) for row in rows):
        return Unknown(NO_TIMES)
    pairs = [(row, _same_work(subject, row)) for row in rows]
    losses = [loss for row, same in pairs if same is not None and (loss := _loss(subject, row, *same)) is not None]
    if losses:
        return (_claim(losses, noun),)
    return _note(subject, [row for row, same in pairs if same is None], noun)


def rows_of_node(subject: Subject, row: Row) -> tuple[Row, ...]:
    """Return the rows that multiply for a row's node: one, or one for each group where TensorRT split it."""
    return tuple(item for item in subject.rows if item is row or _multiplies_for(row, item))


def _multiplies_for(row: Row, other: Row) -> bool:
    return row.matmuls[0] in other.nodes and is_matmul_type(other.layer.type)


def _same_work(subject: Subject, row: Row) -> tuple[tuple[Row, ...], float] | None:
    """Return the row with what its node group needs beside it, and what the 16-bit engine takes for the same.

    A group with other convolutions in it would mix their gains and losses in: then only the row itself is compared,
    with the one of the 16-bit engine that multiplies for the same nodes.
    """
    theirs = subject.sibling_rows(row, subject.half)
    mine = tuple(item for item in group_rows(subject, row) if item.time_ns is not None)
    if {name for item in mine for name in item.matmuls} != set(row.matmuls):
        mine = (row,)
        theirs = tuple(item for item in theirs if set(item.matmuls) == set(row.matmuls))
    time = sum_ns(theirs)
    return (mine, time) if time and sum_ns(mine) else None


def _loss(subject: Subject, row: Row, mine: tuple[Row, ...], half: float) -> _Loss | None:
    """Return what the row loses, ``None`` where it is no slower all told."""
    own = tuple({item.layer.index: item for main in mine for item in _own_conversions(subject, main)}.values())
    added = _added_ns(subject, row, own)
    slower = sum_ns(mine) + sum_ns(own) > half + added
    return _Loss(mine, own, half, added) if slower else None


def _claim(losses: Sequence[_Loss], noun: str) -> Claim:
    savings: dict[int, Share] = {}
    said: dict[int, str] = {}
    for loss in losses:
        savings.update({row.layer.index: ALL for row in loss.own})
        time = sum_ns(loss.rows)
        most = max(0.0, 1.0 - loss.half_ns / time)
        likely = max(0.0, 1.0 - (loss.half_ns + loss.added_ns) / time)
        share = Share(likely / 2, likely, max(most, likely))
        savings.update({row.layer.index: share for row in loss.rows})
        beside = f" with {plural(len(loss.own), 'conversion')} of its own" if loss.own else ""
        words = f"takes {ms(time + sum_ns(loss.own))} ms{beside}, {ms(loss.half_ns)} ms in the 16-bit engine"
        said.update({row.layer.index: words for row in loss.rows})
    mains = [row for loss in losses for row in loss.rows]
    return Claim(
        cause=f"{plural(len(losses), f'{noun} is', f'{noun}s are')} slower quantised than in 16 bits",
        evidence=row_evidence(mains, lambda row: said[row.layer.index]),
        savings=savings,
        explains=frozenset(savings),
    )


def _note(subject: Subject, rows: Sequence[Row], noun: str) -> Outcome:
    """Without a sibling: only what is not known to use Tensor Cores, and only where it takes time."""
    slow = [row for row in rows if row.kernel is None or row.kernel.unit is not Unit.TENSOR_CORE]
    slow = list({item.layer.index: item for row in slow for item in rows_of_node(subject, row)}.values())
    total = engine_ns(subject)
    if not slow or sum_ns(slow) < NOTEWORTHY * total:
        return ()
    part = percent(sum_ns(slow) / total)
    cause = f"{part} of the time is in {plural(len(slow), f'quantised {noun}')} not known to use Tensor Cores"
    return (Claim(cause=cause, evidence=row_evidence(slow, _words), saving=_NO_SIBLING, aside=True),)


def _words(row: Row) -> str:
    source = row.layer.inputs[0].dims if row.layer.inputs else None
    unit = row.kernel.unit.value.replace("_", " ") if row.kernel else "a kernel without a name"
    return f"{row.layer.tactic or row.layer.type or 'convolution'} on {dims(source)} ({unit})"


def _own_conversions(subject: Subject, row: Row) -> tuple[Row, ...]:
    """The conversions that only this row reads, and the dequantise of its result; the engine's own ends stay."""
    before = [item for item in subject.flow.before(row) if item.kind.is_conversion]
    before = [item for item in before if subject.flow.after(item) == (row,) and not subject.flow.enters(item)]
    after = [item for item in subject.flow.after(row) if item.kind is LayerKind.DEQUANTIZE]
    return tuple(item for item in (*before, *after) if item.time_ns is not None)


def _added_ns(subject: Subject, row: Row, own: Sequence[Row]) -> float:
    """What a dequantise before and a quantise behind would cost.

    Each moves its bytes at the best rate any row of the engine reaches, and takes no less than the engine's shortest
    row. A border where the values are float needs none.
    """
    kinds = {item.kind for item in own}
    source, result = row.layer.inputs[0] if row.layer.inputs else None, result_of(row)
    borders = [
        *([] if LayerKind.QUANTIZE in kinds else [source]),
        *([] if LayerKind.DEQUANTIZE in kinds else [result]),
    ]
    rate = max((_rate(item) for item in subject.rows), default=0.0)
    floor = min((time for item in subject.rows if (time := row_ns(item))), default=0.0)
    # A dequantise reads one byte a value and writes two, a quantise the other way round.
    moved = [3 * (item.elements or 0) for item in borders if item is not None and item.dtype in QUANTISED]
    return sum(max(floor, count / rate if rate else 0.0) for count in moved)


def _rate(row: Row) -> float:
    time = row_ns(row)
    if not time or row.read_bytes is None or row.written_bytes is None:
        return 0.0
    return (row.read_bytes + row.written_bytes) / time
