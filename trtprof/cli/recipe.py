"""``trtprof recipe``: a shell script that measures a model on a board without Python."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from trtprof.cli import complete
from trtprof.cli.output import note
from trtprof.cli.version_word import version_word
from trtprof.errors import UsageError
from trtprof.privacy import shown_command

if TYPE_CHECKING:
    from trtprof.jetson.boards import Board

_BOARD: Final = "The board"
_RUN: Final = "What is measured"


def recipe(  # noqa: PLR0917
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The ONNX model, as it is named on the board.")],
    board: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_BOARD,
            autocompletion=complete.boards,
            help="Like nano, xavier-nx, orin-nano, agx-orin, thor.",
        ),
    ],
    trt: Annotated[
        str, typer.Option(metavar="VERSION", rich_help_panel=_BOARD, help="TensorRT on the board, like 8.2 or 10.3.")
    ],
    precision: Annotated[
        list[str] | None,
        typer.Option(
            "--precision",
            "-p",
            rich_help_panel=_RUN,
            autocompletion=complete.precisions,
            help="fp32, tf32, fp16, bf16, int8, int8-fp32, fp8, best; repeat. [default: those the board has]",
        ),
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="P=FILE", rich_help_panel=_RUN, help="Use this ONNX file for P; it lies beside the model there."
        ),
    ] = None,
    shapes: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:DIMS", rich_help_panel=_RUN, help="Shape of a dynamic input, like x:1x3x640x640."),
    ] = None,
    dla: Annotated[
        int | None, typer.Option(metavar="CORE", rich_help_panel=_RUN, help="Also FP16 and INT8 on this DLA core.")
    ] = None,
    duration: Annotated[
        int | None, typer.Option(metavar="SECONDS", rich_help_panel=_RUN, min=1, help="Time inferences for so long.")
    ] = None,
    flag: Annotated[
        list[str] | None,
        typer.Option(metavar="--FLAG=VALUE", rich_help_panel=_RUN, help="A flag of trtexec for every step; repeat."),
    ] = None,
    nsys: Annotated[
        bool, typer.Option("--nsys/--no-nsys", rich_help_panel=_RUN, help="Trace each engine where nsys is there.")
    ] = True,
    lock_clocks: Annotated[
        bool,
        typer.Option("--lock-clocks", rich_help_panel=_BOARD, help="Lock clocks with sudo, and put them back after."),
    ] = False,
    power_mode: Annotated[
        int | None,
        typer.Option(metavar="N", rich_help_panel=_BOARD, min=0, help="Set this nvpmodel with sudo, and put it back."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to write the script. [default: stdout]")
    ] = None,
) -> None:
    """Write a POSIX shell script that measures MODEL on a Jetson and packs capture.tgz for trtprof import.

    The board needs trtexec and a shell, no Python. The script runs trtexec for each precision with the flags of its
    version, tegrastats beside it, nsys where it is there, and the doctor's probes. It never needs root unless asked.
    """  # fmt: skip
    from trtprof.backends.capture import write_text
    from trtprof.graph.shapes import parse_shapes
    from trtprof.jetson.recipe import Recipe, default_precisions, write_recipe

    kind, version = _board(board), version_word("--trt", trt)
    given = dict(_pair(text) for text in variant or [])
    names = tuple(dict.fromkeys([*(precision or default_precisions(kind, version)), *given]))
    text = write_recipe(
        Recipe(
            model=model, board=kind, trt=version, precisions=names, shapes=tuple(parse_shapes(shapes or []).items()),
            given=given, dla=dla, lock=lock_clocks, power_mode=power_mode, duration_s=duration,
            extra=tuple(flag or ()), nsys=nsys,
        ),
        command=shown_command(["trtprof", *sys.argv[1:]]),
    )  # fmt: skip
    if out is None:
        sys.stdout.write(text)
    else:
        write_text(out, text)
        note(f"wrote {out}")
    note(f"next: copy it and {', '.join([model.name, *(path.name for path in given.values())])} to the board; "
         "there: sh capture.sh; here: trtprof import capture.tgz")  # fmt: skip


def _board(name: str) -> Board:
    from trtprof.jetson.boards import BOARDS, board_called

    found = board_called(name)
    if found is None:
        raise UsageError(f"no board '{name}'", hint=f"known are {', '.join(board.key for board in BOARDS)}")
    return found


def _pair(text: str) -> tuple[str, Path]:
    name, separator, file = text.partition("=")
    if not (name and separator and file):
        raise UsageError(f"--variant {text}: expected P=FILE", hint="for example --variant int8=qat.onnx")
    return name, Path(file)
