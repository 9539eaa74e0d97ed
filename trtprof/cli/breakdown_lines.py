"""The identity of two engines as lines of text, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trtprof.comparison import Breakdown, Gain, SpeedupTerm, add_gains
from trtprof.model import Estimate, Provenance
from trtprof.units import ms, ms_range, signed_ms


def breakdown_words(item: Breakdown) -> str:
    """Return where the times of a breakdown come from."""
    if item.provenance is Provenance.DERIVED:
        return "layer times scaled to each latency"
    words: str = item.provenance.value
    return words


def breakdown_columns(item: Breakdown) -> tuple[str, ...]:
    """Return the headings of :func:`breakdown_lines`: both engines' times, and the gain with its middle if modelled."""
    middle = ("mid",) if item.provenance is Provenance.MODELLED else ()
    return ("term", "rows", item.reference, item.engine, "gain", *middle)


def breakdown_lines(item: Breakdown) -> Iterator[tuple[str, ...]]:
    """Yield a line for each term, with the two parts of ``gain_math`` below it, and one for the whole."""
    maths = [term for term in item.terms if term.key in item.MATH]
    modelled = item.provenance is Provenance.MODELLED
    yield _line("arithmetic", maths, modelled)
    for term in maths:
        yield _line(f"  {term.label}", [term], modelled)
    for term in item.terms:
        if term not in maths:
            yield _line(term.label, [term], modelled)
    yield _line("all", item.terms, modelled)


def _line(label: str, terms: Sequence[SpeedupTerm], modelled: bool) -> tuple[str, ...]:
    rows = [sum(term.rows[side] for term in terms) for side in (0, 1)]
    times = [_time(terms, side) for side in (0, 1)]
    return (label, f"{rows[0]} → {rows[1]}", *times, *_gain(add_gains(term.gain_ns for term in terms), modelled))


def _time(terms: Sequence[SpeedupTerm], side: int) -> str:
    """No rows take no time at all, which is no measurement."""
    times = [term.times_ns[side] for term in terms if term.rows[side]]
    if not times:
        return "0"
    if None in times:
        return ms(None)
    ranges = [time for time in times if isinstance(time, Estimate)]
    if ranges:
        total = Estimate.total(ranges)
        return ms_range(total.low, total.high)
    return ms(sum(time for time in times if isinstance(time, float | int)))


def _gain(gain: Gain, modelled: bool) -> tuple[str, ...]:
    if isinstance(gain, tuple):
        return (f"{signed_ms(gain[0])} to {signed_ms(gain[2])}" if any(gain) else "0", signed_ms(gain[1]))
    return (signed_ms(gain), *([""] if modelled else []))
