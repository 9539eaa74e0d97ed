"""``trtprof runs``: what was compared so far."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trtprof.cli.output import Format, FormatOption, note
from trtprof.cli.safe_text import CsvWriter
from trtprof.language import shown

if TYPE_CHECKING:
    from trtprof.store.runs import RunSummary


def runs(
    where: Annotated[
        list[Path] | None,
        typer.Argument(help="Stores, or directories that hold one. [default: trtprof-out, here and one level down]"),
    ] = None,
    db: Annotated[
        Path | None, typer.Option(metavar="FILE", envvar="TRTPROF_DB", help="The SQLite store to read.")
    ] = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """List the comparisons in the store, newest first."""
    from trtprof.store.runs import list_runs

    stores = [db] if db is not None else _stores(where or [])
    found = sorted((run for store in stores for run in list_runs(store)), key=lambda run: (run.created, run.id))[::-1]
    _print(found, output)
    if not found:
        note("no runs yet" if stores else "no store found here")
        note("next: trtprof compare MODEL.onnx")


def _stores(places: list[Path]) -> list[Path]:
    from trtprof.api import STORE_NAME
    from trtprof.errors import InputError

    if not places:
        here = [Path("trtprof-out") / STORE_NAME, Path(STORE_NAME), *sorted(Path().glob(f"*/{STORE_NAME}"))]
        return list(dict.fromkeys(path for path in here if path.is_file()))
    stores = []
    for place in places:
        inside = [path for path in (place / STORE_NAME, *sorted(place.glob(f"*/{STORE_NAME}"))) if path.is_file()]
        if not place.is_dir():
            stores.append(place)
        elif inside:
            stores.extend(inside)
        else:
            raise InputError(
                f"expected a {STORE_NAME} in it, found none", path=place, hint="trtprof compare MODEL makes one"
            )
    return stores


def _print(found: list[RunSummary], output: Format) -> None:
    if output is Format.JSON:
        sys.stdout.write(json.dumps({"schema_version": 1, "runs": [asdict(run) for run in found]}, indent=1) + "\n")
    elif output is Format.CSV:
        writer = CsvWriter()
        writer.writerow(_COLUMNS)
        writer.writerows(_cells(run) for run in found)
    elif output is Format.MARKDOWN:
        from trtprof.cli.markdown_text import all_shown, table

        sys.stdout.writelines(f"{line}\n" for line in table(all_shown(*_COLUMNS), map(_cells, found)))
    elif found:
        _table(found)


def _table(found: list[RunSummary]) -> None:
    from rich.table import Table

    from trtprof.cli.output import terminal

    table = Table(box=None, pad_edge=False)
    for name in _COLUMNS:
        table.add_column(shown(name), no_wrap=name in ("run", "created"), overflow="fold")
    for run in found:
        table.add_row(*_cells(run))
    terminal().print(table)


_COLUMNS = ("run", "created", "model", "target", "engines", "tool", "capture")


def _cells(run: RunSummary) -> tuple[str, ...]:
    return (
        run.id,
        run.created,
        run.model,
        run.target,
        " ".join(run.engines),
        f"{run.tool} {run.tool_version}",
        _here(run.capture),
    )


def _here(path: str) -> str:
    """A path below the working directory is shorter without it."""
    with suppress(ValueError):
        return str(Path(path).relative_to(Path.cwd()))
    return path
