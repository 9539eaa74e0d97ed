"""Charts of a page as PNG and SVG files, drawn by kaleido in a browser without a window."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from trtprof.comparison import Comparison
from trtprof.dashboards.panel import Panel
from trtprof.dashboards.theme import LIGHT
from trtprof.dependencies import require
from trtprof.errors import MissingDependency, UsageError
from trtprof.files import cannot_write
from trtprof.history import PastRun

WIDTH_PX: Final = 1000
_SCALE: Final = 2
_KINDS: Final = ("png", "svg")
CHARTED: Final = (
    "precision-mix", "time-by-kind", "breakdown", "order", "layer-speedup", "roofline", "conversion-map", "inside",
    "timeline", "iterations", "memory", "power", "placement",
)  # fmt: skip
"""The panels that have charts, in the order of the page, by the name in their address (``#breakdown``)."""


def check_panels(names: Sequence[str]) -> None:
    """Check that each name is that of a panel with charts, before anything is built.

    Raises:
        UsageError: one is not; the hint lists them.
    """
    for name in names:
        if name not in CHARTED:
            near = get_close_matches(name, CHARTED, n=1)
            raise UsageError(
                f"--panel {name}: expected a panel with charts, found none of that name",
                hint=(f"did you mean {near[0]}? " if near else "") + f"panels with charts: {', '.join(CHARTED)}",
            )


def write_images(comparison: Comparison, folder: Path, names: Sequence[str] = ()) -> tuple[Path, ...]:
    """Write each chart of the comparison's page into the folder as PNG and as SVG; return the files.

    With ``names`` only those of the panels so called. A file is named after its panel, with a number for each of its
    charts.

    Raises:
        UsageError: a name is not that of a panel with charts, or its panel has no chart here.
        MissingDependency: kaleido is not installed, or finds no browser.
        BuildError: the folder cannot be written.
    """
    from trtprof.dashboards.panels import panels_of

    check_panels(names)
    panels = panels_of(comparison)
    drawn = {panel.id: panel for panel in panels}
    for name in names:
        if name not in drawn or not drawn[name].figures:
            reason = drawn[name].text if name in drawn else "no engine ran on a board, or on a DLA"
            raise UsageError(f"--panel {name}: nothing to draw here", hint=reason)
    return _write([panel for panel in panels if not names or panel.id in names], folder)


def write_history_images(runs: Sequence[PastRun], folder: Path) -> tuple[Path, ...]:
    """Write each chart of the page of several runs in the same way."""
    from trtprof.dashboards.history import panels_of

    return _write(panels_of(runs), folder)


def _write(panels: Sequence[Panel], folder: Path) -> tuple[Path, ...]:
    from trtprof.dashboards.page import page_data

    require("kaleido", extra="png", purpose="--png")
    figures = page_data(panels)["figures"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    files = {name: name.replace("-chart-", "-") for name in figures}
    jobs = [(figures[name], folder / f"{files[name]}.{kind}") for name in figures for kind in _KINDS]
    _draw([(_on_paper(figure), path) for figure, path in jobs])
    return tuple(path for _, path in jobs)


def _on_paper(figure: dict[str, object]) -> dict[str, object]:
    """A file stands alone: it has a background and a width."""
    layout = figure["layout"]
    assert isinstance(layout, dict)
    return {**figure, "layout": {**layout, "width": WIDTH_PX, "paper_bgcolor": LIGHT["page"]}}


def _draw(jobs: list[tuple[dict[str, object], Path]]) -> None:
    import plotly.graph_objects as go
    import plotly.io as pio

    try:
        pio.write_images(
            fig=[go.Figure(figure) for figure, _ in jobs], file=[str(path) for _, path in jobs], scale=_SCALE
        )
    except Exception as error:  # kaleido and choreographer raise errors of their own for a browser they do not find
        if "chrome" not in f"{type(error).__name__} {error}".lower():
            raise
        raise MissingDependency(
            f"--png needs Chrome or Chromium, which kaleido did not find: {str(error).splitlines()[0].strip()}",
            hint="install chromium, or set BROWSER_PATH to its program",
        ) from error
