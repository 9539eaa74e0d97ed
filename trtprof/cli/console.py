"""The consoles the commands draw on: rich's, with names made harmless before they are laid out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from trtprof.cli.safe_text import CONTROLS, visible


class NameConsole(Console):
    """A console that shows control characters in text as what they are; its own colours are not text."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Return the segments of a renderable."""
        return super().render(visible_text(renderable) if isinstance(renderable, Text) else renderable, options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string as text."""
        return super().render_str(visible(text), **options)


def visible_text(text: Text) -> Text:
    """Return styled text with control characters spelled out; itself where there is none."""
    found = list(CONTROLS.finditer(text.plain))
    if not found:
        return text
    spelled, done = text.blank_copy(), 0
    for control in found:
        if control.start() > done:
            spelled.append_text(text[done : control.start()])
        spelled.append(visible(control[0]))
        done = control.end()
    if done < len(text.plain):
        spelled.append_text(text[done:])
    return spelled
