"""``trtprof doctor``: what is here, and whether a measurement would be worth something."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from trtprof.cli.output import Format, FormatOption
from trtprof.cli.safe_text import CsvWriter
from trtprof.cli.wide import padded
from trtprof.errors import EXIT_GATE
from trtprof.language import shown

if TYPE_CHECKING:
    from trtprof.jetson.checks import Check
    from trtprof.jetson.doctor import Diagnosis

_COLUMNS: Final = ("topic", "subject", "state", "found", "why", "cure")
_STYLES: Final = {"ok": "green", "note": "cyan", "warning": "yellow", "bad": "bold red", "unknown": "magenta"}
_WIDTH: Final = max(len(word) for word in _STYLES)
"""Cells of the state; the Chinese words are no wider."""


def doctor(
    root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Examine a recorded machine: the directory board/ that a capture script brings."
        ),
    ] = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Say what is here, what follows for a measurement, and how to cure it. Changes nothing, needs no root.

    GPU, compute capability, driver, CUDA, TensorRT, Nsight, permissions; on a Jetson also JetPack, power mode, clocks,
    heat, memory and DLA. Exits with 1 when a measurement would be worthless.
    """
    from trtprof.jetson.doctor import diagnose
    from trtprof.jetson.machine import open_machine

    diagnosis = diagnose(open_machine(root))
    if output is Format.JSON:
        sys.stdout.write(json.dumps(diagnosis_json(diagnosis), indent=1, ensure_ascii=False) + "\n")
    elif output is Format.CSV:
        writer = CsvWriter()
        writer.writerow(_COLUMNS)
        writer.writerows(_cells(check) for check in diagnosis.checks)
    elif output is Format.MARKDOWN:
        sys.stdout.write("\n".join(_markdown(diagnosis)) + "\n")
    else:
        _print(diagnosis)
    if diagnosis.worthless:
        raise typer.Exit(EXIT_GATE)


def diagnosis_json(diagnosis: Diagnosis) -> dict[str, object]:
    """Return the diagnosis as the JSON object that ``--format json`` prints."""
    jetson = diagnosis.jetson
    chip = jetson.chip if jetson else None
    return {
        "schema_version": 1,
        "machine": diagnosis.name,
        "recorded": diagnosis.source,
        "worthless": diagnosis.worthless,
        "board": None
        if jetson is None
        else {
            "model": jetson.model,
            "board": jetson.board.key if jetson.board else None,
            "soc": chip.soc if chip else None,
            "compute_capability": ".".join(map(str, chip.capability)) if chip else None,
            "dla_cores": jetson.board.dla_cores if jetson.board else None,
            "l4t": jetson.l4t,
            "jetpack": jetson.jetpack.version if jetson.jetpack else None,
        },
        "tensorrt": [{"place": item.place, "version": str(item.version)} for item in diagnosis.tensorrt],
        "checks": [{**asdict(check), "state": check.state.value} for check in diagnosis.checks],
    }


def _cells(check: Check) -> tuple[str, ...]:
    return (check.topic, check.subject, check.state.value, check.found, check.why or "", check.cure or "")


def _verdict(diagnosis: Diagnosis) -> str:
    if diagnosis.worthless:
        return "A measurement here would be worthless: " + "; ".join(
            f"{check.subject}: {check.found}" for check in diagnosis.spoilers
        )
    unknown = [check.subject for check in diagnosis.checks if check.state.value == "unknown"]
    rest = f" Not everything could be looked at: {', '.join(unknown)}." if unknown else ""
    return f"Nothing found that would spoil a measurement.{rest}"


def _print(diagnosis: Diagnosis) -> None:
    from rich.text import Text

    from trtprof.cli.output import terminal

    console = terminal()
    source = shown(f" (recorded in {diagnosis.source})") if diagnosis.source else ""
    console.print(Text(shown(diagnosis.name) + source, "bold"))
    topic = ""
    for check in diagnosis.checks:
        if check.topic != topic:
            topic = check.topic
            console.print(Text(f"\n{shown(topic)}", "dim"))
        state = padded(shown(check.state.value), _WIDTH)
        line = Text.assemble((f"  {state}", _STYLES[check.state.value]), f"  {shown(check.subject)}{shown(': ')}")
        console.print(line.append(shown(check.found)), soft_wrap=True)
        for word, text in (("why", check.why), ("cure", check.cure)):
            if text and check.state.value != "ok":
                said = f"  {'':<{_WIDTH}}    {shown(word)}{shown(': ')}{shown(text)}"
                console.print(Text(said, "" if word == "cure" else "dim"), soft_wrap=True)
    console.print(Text(f"\n{shown(_verdict(diagnosis))}", "bold"), soft_wrap=True)


def _markdown(diagnosis: Diagnosis) -> list[str]:
    from trtprof.cli.markdown_text import all_shown, said, said_line, table

    lines = [f"## {said(diagnosis.name)}", "", said_line(_verdict(diagnosis)), ""]
    return [*lines, *table(all_shown(*_COLUMNS), (all_shown(*_cells(check)) for check in diagnosis.checks))]
