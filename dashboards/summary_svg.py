"""A small picture of a comparison for a pull request: one bar an engine, as SVG that needs no script and no font."""

from __future__ import annotations

from html import escape
from typing import Final

from trtprof.comparison import Built, Comparison
from trtprof.dashboards.drawing import visible
from trtprof.dashboards.said import about, html_code, sans
from trtprof.dashboards.theme import LIGHT, dtype_colour
from trtprof.dashboards.words import shorten, total_words, wanted_operand
from trtprof.model import Estimate, Provenance
from trtprof.units import ms

_WIDTH: Final = 640
_LEFT: Final = 12
_STEP: Final = 46
_BAR: Final = 16
_NAME: Final = 60


def summary_svg(comparison: Comparison) -> str:
    """Return the SVG; a modelled time has its range as a line, an engine without a time has no bar."""
    times = {place: time for place, built in enumerate(comparison.engines) if (time := _time(built)) is not None}
    most = max((time.high for time in times.values()), default=0.0) or 1.0
    scale = (_WIDTH - 2 * _LEFT) / most
    height = 14 + _STEP * len(comparison.engines)
    title = _text(about(comparison.model.name, comparison.verdict.sentence))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        f'role="img" font-family="{_fonts()}" font-size="13"><title>{title}</title>',
        f'<rect width="{_WIDTH}" height="{height}" rx="8" fill="{LIGHT["page"]}" stroke="{LIGHT["line"]}"/>',
    ]
    for place, built in enumerate(comparison.engines):
        parts.append(_engine(built, times.get(place), 8 + _STEP * place, scale))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _fonts() -> str:
    """A picture in a pull request has the fonts of whoever looks at it."""
    return "system-ui, sans-serif" if html_code() == "en" else sans("'")


def _engine(built: Built, time: Estimate | None, top: int, scale: float) -> str:
    label = about(shorten(built.name, _NAME), _words(built))
    text = f'<text x="{_LEFT}" y="{top + 13}" fill="{LIGHT["ink"]}">{_text(label)}</text>'
    if time is None:
        return text
    colour, bar_top = dtype_colour(wanted_operand(built.precision)), top + 19
    bar = (
        f'<rect x="{_LEFT}" y="{bar_top}" width="{time.mid * scale:.1f}" height="{_BAR}" rx="2" fill="{colour}" '
        f'stroke="{LIGHT["soft"]}"/>'
    )
    if time.low == time.high:
        return text + bar
    low, high, middle = _LEFT + time.low * scale, _LEFT + time.high * scale, bar_top + _BAR / 2
    line = f'<path d="M{low:.1f} {middle:g}H{high:.1f}" stroke="{LIGHT["ink"]}" stroke-width="2"/>'
    return text + bar + line


def _time(built: Built) -> Estimate | None:
    """The latency where it was timed, else the sum over rows; a time without a range has three equal ends."""
    time = built.latency.median_ns if built.latency else built.total_ns
    return time if time is None or isinstance(time, Estimate) else Estimate(time, time, time)


def _words(built: Built) -> str:
    if built.latency is None:
        return total_words(built.total_ns, built.provenance)
    return f"{ms(built.latency.median_ns)} ms {built.latency.what}, {Provenance.MEASURED.value}"


def _text(text: str) -> str:
    return escape(visible(text).replace("\n", " "))
