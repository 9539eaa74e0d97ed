"""What must be known beside the answer: limits, assumptions, skipped rows."""

from __future__ import annotations

from dataclasses import dataclass

from trtprof.comparison import Comparison
from trtprof.dashboards.drawing import draw
from trtprof.dashboards.panel import Panel
from trtprof.model import Notice
from trtprof.units import plural


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the list."""

    text: str
    where: str | None = None
    code: str | None = None


def panel(comparison: Comparison) -> Panel:
    """Return the notices of the comparison, in its order."""
    lines = lines_of(comparison.notices)
    return Panel(
        id="limits",
        title="What must be known before the numbers are used?",
        text=(
            f"{plural(len(lines), 'notice')}, the ones that matter most first."
            if lines
            else "Found nothing: no limit was noted for this comparison."
        ),
        html=draw("list.html", lines=lines),
    )


def lines_of(notices: tuple[Notice, ...]) -> list[Line]:
    """Return a line for each notice; one that was noted again at the same place is said once."""
    return [Line(notice.message, notice.where, notice.code) for notice in dict.fromkeys(notices)]
