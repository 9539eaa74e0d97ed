"""``trtprof report``: several runs of the store as one page, as pictures, or as data."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trtprof.cli.output import Format, FormatOption, note
from trtprof.cli.safe_text import CsvWriter
from trtprof.errors import InputError, UsageError
from trtprof.language import shown

if TYPE_CHECKING:
    from trtprof.history import PastRun

HISTORY_PAGE = "history.html"


def report(  # noqa: PLR0917 - Typer calls it by name
    run: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN...", help="Runs by the start of their id, @-1 for the last, MODEL@-1. [default: all]"
        ),
    ] = None,
    history: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL", help="All runs of a model, by name, file, or the file's SHA-256; repeat."),
    ] = None,
    db: Annotated[
        Path | None,
        typer.Option(metavar="FILE", envvar="TRTPROF_DB", help="The SQLite store. [default: trtprof-out/trtprof.db]"),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where to write the page. [default: history.html beside the store; with --format none]"
        ),
    ] = None,
    png: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each chart as PNG and SVG. Needs the extra png.")
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    output: FormatOption = Format.TABLE,
) -> None:
    """Write several runs of the store as one page: latency, Tensor Core share and findings over time.

    With --format json, csv or markdown the same history goes to stdout as data.
    """
    if run and history:
        raise UsageError("RUN and --history are two ways to choose runs", hint="give one of them")
    runs = _runs(run or [], history or [], db)
    page = html or (_store(db).with_name(HISTORY_PAGE) if output is Format.TABLE or open_page else None)
    if page is not None:
        _write_page(page, runs)
    if png is not None:
        from trtprof.dashboards.images import write_history_images

        note(f"wrote {len(write_history_images(runs, png))} files in {png}")
    _print(runs, output)
    if open_page:
        typer.launch(str(page))


def _runs(names: list[str], models: list[str], db: Path | None) -> tuple[PastRun, ...]:
    from trtprof.store.history import read_history, read_model_history

    store = _store(db)
    runs = read_model_history(store, models) if models else read_history(store, names)
    if not runs:
        raise InputError("expected a run in it, found none", path=store, hint="trtprof compare MODEL adds one")
    return runs


def _store(db: Path | None) -> Path:
    from trtprof.cli.stores import default_store

    return db or default_store()


def _write_page(page: Path, runs: tuple[PastRun, ...]) -> None:
    from trtprof.backends.capture import write_text
    from trtprof.dashboards.history import render_history

    write_text(page, render_history(runs))
    note(f"wrote {page}")


def _print(runs: tuple[PastRun, ...], output: Format) -> None:
    if output is Format.JSON:
        from trtprof.history_json import history_json

        sys.stdout.write(json.dumps(history_json(runs), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    elif output is Format.CSV:
        from trtprof.cli.history_words import CSV_COLUMNS, csv_rows

        writer = CsvWriter()
        writer.writerow(CSV_COLUMNS)
        writer.writerows(csv_rows(runs))
    elif output is Format.MARKDOWN:
        from trtprof.cli.history_words import COLUMNS, said_rows
        from trtprof.cli.markdown_text import all_shown, table

        sys.stdout.writelines(f"{line}\n" for line in table(all_shown(*COLUMNS), said_rows(runs)))
    else:
        for item in runs:
            typer.echo(f"{item.id}  {item.created}  {item.model}{shown(': ')}{shown(item.verdict)}")
