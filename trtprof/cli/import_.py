"""``trtprof import``: unpacks what a capture script brought from a board, and says what can be done with it."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trtprof.cli.output import Format, FormatOption, note
from trtprof.cli.safe_text import CsvWriter
from trtprof.errors import TrtprofError
from trtprof.language import shown

if TYPE_CHECKING:
    from trtprof.jetson.board_capture import BoardCapture


def import_(
    archive: Annotated[Path, typer.Argument(metavar="CAPTURE.TGZ", help="The archive that a capture script wrote.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Directory to make. [default: trtprof-out/MODEL-BOARD-HASH]")
    ] = None,
    db: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", envvar="TRTPROF_DB", help="The SQLite store to add to. [default: beside the directory]"
        ),
    ] = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Unpack a capture from a board, safely, and list its engines; compare, inspect and doctor read the directory.

    An archive that holds anything but plain files below one folder is refused whole. What was measured goes into the
    store as a run; the same archive again is the same run.
    """
    from trtprof.api import STORE_NAME
    from trtprof.jetson.board_capture import import_capture, read_board_capture
    from trtprof.pipeline.options import DEFAULT_WORKSPACE

    folder, fresh = import_capture(archive, out, DEFAULT_WORKSPACE)
    capture = read_board_capture(folder)
    if output is Format.JSON:
        sys.stdout.write(json.dumps(capture_json(capture), indent=1, ensure_ascii=False) + "\n")
    else:
        _print(capture, output)
    place = shlex.quote(str(folder))
    note(f"wrote {folder}" if fresh else f"imported before: {folder}")
    unstored = _store(folder, db or folder.parent / STORE_NAME) if capture.measured else None
    if capture.measured:
        note(f"next: trtprof compare {place}")
    note(f"next: trtprof doctor --root {shlex.quote(str(folder / 'board'))}")
    if unstored is not None:
        raise unstored


def _store(folder: Path, store: Path) -> TrtprofError | None:
    """Put what was measured into the store; what hinders that is told last, since the directory is there already."""
    from trtprof.pipeline.measured import read_measured
    from trtprof.store.runs import import_comparison

    try:
        comparison = read_measured([(None, folder)], command=f"trtprof import {folder.name}")
        note(f"wrote {store} ({import_comparison(store, comparison)})")
    except TrtprofError as error:
        return error
    return None


def capture_json(capture: BoardCapture) -> dict[str, object]:
    """Return the capture as the JSON object that ``--format json`` prints."""
    from trtprof.model import Unknown

    samples = capture.samples
    return {
        "schema_version": 1,
        "capture": str(capture.folder),
        "model": capture.model,
        "board": capture.info.get("board"),
        "tensorrt": capture.info.get("trt"),
        "created": capture.info.get("created"),
        "complete": capture.complete,
        "tegrastats_samples": None if isinstance(samples, Unknown) else len(samples),
        "engines": [{"name": engine.name, "failure": engine.failure} for engine in capture.engines],
    }


def _facts(capture: BoardCapture) -> str:
    from trtprof.model import Unknown
    from trtprof.units import plural

    samples = capture.samples
    board = capture.board.title if capture.board else "an unknown board"
    watched = samples.reason if isinstance(samples, Unknown) else plural(len(samples), "sample") + " of tegrastats"
    ended = "" if capture.complete else f"; the script's status is {capture.info.get('status', 'unknown')}"
    return f"{capture.model} on {board}, TensorRT {capture.info.get('trt', 'unknown')}; {watched}{ended}"


def _print(capture: BoardCapture, output: Format) -> None:
    rows = [
        (engine.name, "failed" if engine.failure else "measured", engine.failure or "") for engine in capture.engines
    ]
    if output is Format.CSV:
        writer = CsvWriter()
        writer.writerow(("engine", "state", "failure"))
        writer.writerows(rows)
        return
    if output is Format.MARKDOWN:
        from trtprof.cli.markdown_text import all_shown, said_line, table

        said = [(name, *all_shown(state, failure)) for name, state, failure in rows]
        lines = [said_line(_facts(capture)), "", *table(all_shown("engine", "state", "failure"), said)]
        sys.stdout.write("\n".join(lines) + "\n")
        return
    sys.stdout.write(shown(_facts(capture)) + "\n")
    for name, state, failure in rows:
        sys.stdout.write(f"  {name}: {shown(state)}" + (f": {shown(failure)}" if failure else "") + "\n")
