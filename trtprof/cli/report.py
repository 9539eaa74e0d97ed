"""``trtprof report``: several runs of the store as one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trtprof.cli.output import note
from trtprof.errors import InputError, UsageError

if TYPE_CHECKING:
    from trtprof.history import PastRun

HISTORY_PAGE = "history.html"


def report(
    run: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN...", help="Runs by the start of their id, or @-1 for the last. [default: all]"),
    ] = None,
    db: Annotated[
        Path | None,
        typer.Option(metavar="FILE", envvar="TRTPROF_DB", help="The SQLite store. [default: trtprof-out/trtprof.db]"),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write the page. [default: history.html beside the store]"),
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Write several runs of the store as one page: latency, Tensor Core share and findings over time."""
    from trtprof.backends.capture import write_text
    from trtprof.dashboards.history import render_history
    from trtprof.store.history import read_history

    store = db or _store()
    runs = read_history(store, run or [])
    if not runs:
        raise InputError("expected a run in it, found none", path=store, hint="trtprof compare MODEL adds one")
    page = html or store.with_name(HISTORY_PAGE)
    write_text(page, render_history(runs))
    for item in runs:
        typer.echo(_line(item))
    note(f"wrote {page}")
    if open_page:
        typer.launch(str(page))


def _store() -> Path:
    from trtprof.api import STORE_NAME

    found = [path for path in (Path("trtprof-out") / STORE_NAME, Path(STORE_NAME)) if path.is_file()]
    if not found:
        raise UsageError("no store is here", hint="name one with --db FILE; trtprof compare MODEL makes one")
    return found[0]


def _line(run: PastRun) -> str:
    return f"{run.id}  {run.created}  {run.model}: {run.verdict}"
