"""What the commands share on the way out: the formats, the terminal, and progress on stderr."""

from __future__ import annotations

import os
import sys
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from trtprof.cli.safe_text import trusted, visible
from trtprof.language import shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status
    from rich.text import Text


_PIPE_WIDTH = 120


class Format(str, Enum):
    """How an answer is printed on stdout."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"


FormatOption = Annotated[Format, typer.Option("--format", help="How to print the answer on stdout.")]


def terminal() -> Console:
    """Return the console for stdout; rich decides on colour and honours NO_COLOR and COLUMNS."""
    from trtprof.cli.console import NameConsole

    # Into a file or a pipe there is no width to fit; 120 columns keep each row on a line.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
    return NameConsole(file=trusted(sys.stdout), highlight=False, width=width)


def worded(text: str, console: Console, style: str = "") -> Text:
    """Return a line of words in the language in use; rich wraps at blanks alone, which Chinese does not write."""
    return folded(shown(text), console, style)


def folded(said: str, console: Console, style: str = "") -> Text:
    """Return a line that is in the language in use already."""
    from rich.text import Text

    from trtprof.cli.wide import fold, is_wide

    return Text(fold(said, console.width) if is_wide(said) else said, style=style)


def note(text: str) -> None:
    """Print a line on stderr."""
    sys.stderr.write(text + "\n")


class Progress:
    """Progress of a comparison on stderr: a spinner on a terminal, a line a stage elsewhere."""

    def __init__(self) -> None:
        self._text = ""
        self._status: Status | None = None
        if sys.stderr.isatty():
            from trtprof.cli.console import NameConsole

            self._status = NameConsole(file=trusted(sys.stderr)).status("")
            self._status.start()

    def stage(self, text: str) -> None:
        """Show that a stage starts."""
        self._text = text
        if self._status is None:
            note(text)
        else:
            self._show(text)

    def progress(self, phase: str, step: int, steps: int) -> None:
        """Show how far the stage is; lines elsewhere than on a terminal would only be noise."""
        if self._status is not None:
            self._show(f"{self._text}: {phase.lower()} {step}/{steps}")

    def _show(self, text: str) -> None:
        """Show a line beside the spinner: text, never markup."""
        from rich.text import Text

        if self._status is not None:
            self._status.update(Text(visible(text)))

    def idle(self) -> None:
        """Import what the answer is written with while a builder has the other core."""
        from trtprof.dashboards.page import prepare

        prepare()

    def done(self) -> None:
        """Clear the spinner."""
        if self._status is not None:
            self._status.stop()


class Bar(Progress):
    """Progress in many equal steps: a bar with the time left on a terminal, a line each tenth elsewhere."""

    _WIDTH = 30

    def __init__(self) -> None:
        super().__init__()
        self._tenths = 0
        self._started: tuple[float, int] | None = None

    def progress(self, phase: str, step: int, steps: int) -> None:
        """Show how far the stage is, and how long the rest will take at the pace so far."""
        import time

        now = time.monotonic()
        first = self._started is None
        began, already = self._started or (now, step)
        self._started = began, already
        if self._status is not None:
            filled = self._WIDTH * step // steps
            left = "" if first else f", {(now - began) / (step - already) * (steps - step):.0f} s left"
            bar = "━" * filled + "╌" * (self._WIDTH - filled)
            self._show(f"{self._text}: {bar} {phase} {step}/{steps}{left}")
        elif 10 * step // steps > self._tenths:
            self._tenths = 10 * step // steps
            note(f"{phase} {step}/{steps}")
