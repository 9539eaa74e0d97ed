"""What a panel of the page is. Imported by every panel; knows none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

Figure = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """One question of the page and its answer.

    ``text`` answers in a sentence with the numbers: it stands under the title and is what a screen reader says for the
    charts. ``figures`` are Plotly figures (``data`` and ``layout``); whatever they show stands in ``html`` as well,
    because a page whose charts cannot be drawn must still carry everything.
    """

    id: str
    title: str
    text: str
    how_to_read: str = ""
    caveat: str = ""
    html: Markup | None = None
    figures: tuple[Figure, ...] = ()
