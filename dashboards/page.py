"""The page: every panel in one file that opens anywhere, asks no network and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from trtprof.comparison import Comparison
from trtprof.dashboards.drawing import draw, source, visible
from trtprof.dashboards.packing import ALPHABET, packed
from trtprof.dashboards.panel import Panel
from trtprof.dashboards.said import Said, html_code, said, sans, script_words
from trtprof.dashboards.theme import css_variables, to_dark
from trtprof.dashboards.words import row_time, shorten

if TYPE_CHECKING:
    from markupsafe import Markup

_NAME_LIMIT: Final = 60


def render(comparison: Comparison) -> str:
    """Return the page of a comparison as HTML to be written as UTF-8; the same comparison gives the same bytes."""
    from trtprof.dashboards.panels import panels_of

    names = ", ".join([*(built.name for built in comparison.engines), *(item.name for item in comparison.missing)])
    # Engines alone are named after themselves.
    beside = "" if comparison.model.path is None else Said(f"{said('at')} {names}")
    return assemble(
        comparison.model.name, beside, _subtitle(comparison), panels_of(comparison), layers=layers(comparison)
    )


def assemble(
    title: str, beside: str, subtitle: str, panels: Sequence[Panel], *, layers: Sequence[Mapping[str, Any]] = ()
) -> str:
    """Return a page of these panels; ``beside`` stands in the heading after the title, in paler ink.

    ``layers`` are what can be selected on the page.
    """
    from markupsafe import Markup

    plotly, plotly_hash = _plotly() if any(panel.figures for panel in panels) else ("", None)
    script = _bare(source("select.js") + source("page.js"))
    hashes = [source_hash(str(script)), *([plotly_hash] if plotly_hash else [])]
    page = draw(
        "page.html",
        model=title,
        beside=beside,
        subtitle=subtitle,
        policy=policy(hashes),
        language=html_code(),
        style=draw("page.css", themes=css_variables(), places=range(7), fonts=Markup(sans('"').replace(", ", ","))),
        script=script,
        words=Markup(_json(words)) if (words := script_words(str(script))) else "",
        panels=panels,
        data=packed(_json(page_data(panels, layers))),
        plotly=plotly,
        alphabet=ALPHABET,
    )
    return str.__str__(page)  # a Markup would escape whatever a caller adds to it


def prepare() -> None:
    """Import what :func:`render` draws with and pack plotly.js, which takes longer than a page's own drawing."""
    import plotly.graph_objects  # noqa: F401

    from trtprof.dashboards.panels import PANELS  # noqa: F401

    _plotly()


def page_data(panels: Sequence[Panel], layers: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Return what the page's script needs: figures by the id of their element, the dark colour of each light one."""
    figures = {f"{panel.id}-chart-{place}": figure for panel in panels for place, figure in enumerate(panel.figures)}
    return {"dark": to_dark(), "figures": figures, "layers": list(layers)}


def layers(comparison: Comparison) -> list[dict[str, Any]]:
    """Return what is said of a selected layer: for each engine its rows' numbers, names, times and node groups."""
    return [
        {
            "name": built.name,
            "rows": [row.layer.index for row in built.rows],
            "names": [shorten(row.layer.name, _NAME_LIMIT) for row in built.rows],
            "times": [said(row_time(row.time_ns)) for row in built.rows],
            "groups": [row.group for row in built.rows],
        }
        for built in comparison.engines
    ]


def policy(hashes: Sequence[str]) -> str:
    """Return a Content-Security-Policy under which only the scripts with these hashes run and nothing is fetched.

    Styles are free because Plotly sets them from code; with no source allowed but ``data:`` and ``blob:`` images (for
    its PNG button) they cannot fetch anything.
    """
    scripts = " ".join(f"'{item}'" for item in hashes)
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def source_hash(script: str) -> str:
    """Return the hash by which a policy names an inline script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _subtitle(comparison: Comparison) -> str:
    made = comparison.made
    where = "no GPU was used, times are modelled for" if comparison.device_is_modelled else "measured on"
    target = f", target {made.target}" if comparison.device_is_modelled else ""
    return f"{made.tool} {made.tool_version}{target}; {where} {comparison.device.name}"


def _bare(script: Markup) -> Markup:
    """The script without its lines of comments, which every page would carry."""
    return type(script)(re.sub(r"^ *//.*\n", "", script, flags=re.MULTILINE))


def _json(data: object) -> str:
    return visible(json.dumps(data, ensure_ascii=True, allow_nan=False, sort_keys=True, separators=(",", ":")))


@cache
def _plotly() -> tuple[str, str]:
    """Return plotly.js compressed as base-85 text, and the hash of its source."""
    from plotly.offline import get_plotlyjs

    source = get_plotlyjs()
    return packed(source), source_hash(source)
