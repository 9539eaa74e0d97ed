"""The page: every panel in one file that opens anywhere, asks no network and runs no script but its own."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from trtprof.comparison import Comparison
from trtprof.dashboards.drawing import draw, source, visible
from trtprof.dashboards.panel import Panel
from trtprof.dashboards.theme import css_variables, to_dark

if TYPE_CHECKING:
    from markupsafe import Markup

_IN_SCRIPT: Final = {
    ord("<"): "\\u003c",
    ord(">"): "\\u003e",
    ord("&"): "\\u0026",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}

_B85: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
"""The digits of :func:`base64.b85encode`; three of them mean something in HTML and are swapped for ones it has not."""
_SAFE: Final = str.maketrans("<>&", ",.:")


def render(comparison: Comparison) -> str:
    """Return the page of a comparison as HTML to be written as UTF-8; the same comparison gives the same bytes."""
    from trtprof.dashboards.panels import panels_of

    names = ", ".join([*(built.name for built in comparison.engines), *(item.name for item in comparison.missing)])
    return assemble(comparison.model.name, f"at {names}", _subtitle(comparison), panels_of(comparison))


def assemble(title: str, beside: str, subtitle: str, panels: Sequence[Panel]) -> str:
    """Return a page of these panels; ``beside`` stands in the heading after the title, in paler ink."""
    plotly, plotly_hash = _plotly() if any(panel.figures for panel in panels) else ("", None)
    script = source("page.js")
    hashes = [source_hash(str(script)), *([plotly_hash] if plotly_hash else [])]
    page = draw(
        "page.html",
        model=title,
        beside=beside,
        subtitle=subtitle,
        policy=policy(hashes),
        style=draw("page.css", themes=css_variables(), places=range(7)),
        script=script,
        panels=panels,
        data=_safe_json(page_data(panels)),
        plotly=plotly,
        alphabet=_B85.translate(_SAFE),
    )
    return str.__str__(page)  # a Markup would escape whatever a caller adds to it


def prepare() -> None:
    """Import what :func:`render` draws with and pack plotly.js, which takes longer than a page's own drawing."""
    import plotly.graph_objects  # noqa: F401

    from trtprof.dashboards.panels import PANELS  # noqa: F401

    _plotly()


def page_data(panels: Sequence[Panel]) -> dict[str, Any]:
    """Return what the page's script needs: figures by the id of their element, the dark colour of each light one."""
    figures = {f"{panel.id}-chart-{place}": figure for panel in panels for place, figure in enumerate(panel.figures)}
    return {"dark": to_dark(), "figures": figures}


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


def _safe_json(data: object) -> Markup:
    """Return JSON that cannot end the script element it stands in."""
    from markupsafe import Markup

    text = json.dumps(data, ensure_ascii=True, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return Markup(visible(text).translate(_IN_SCRIPT))


@cache
def _plotly() -> tuple[str, str]:
    """Return plotly.js compressed as base-85 text, and the hash of its source."""
    from plotly.offline import get_plotlyjs

    source = get_plotlyjs()
    packed = gzip.compress(source.encode(), compresslevel=9, mtime=0)
    return base64.b85encode(packed).decode("ascii").translate(_SAFE), source_hash(source)
