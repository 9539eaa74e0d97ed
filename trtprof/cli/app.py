"""The ``trtprof`` command: what it says when called alone, and its subcommands."""

from __future__ import annotations

from typing import Annotated

import typer

from trtprof import __version__
from trtprof.cli import compare, runs
from trtprof.cli.group import Group

START = """\
trtprof compares TensorRT engines of one model across precisions and says why INT8 is not faster.

  trtprof compare model.onnx                      FP32, FP16 and INT8, side by side; needs no GPU
  trtprof compare model.onnx --calib images/ --preprocess imagenet
                                                  the same, INT8 calibrated on your data, with accuracy
  trtprof compare model.onnx --variant int8=qat.onnx
                                                  your own quantised model against FP32 and FP16
  trtprof compare trtprof-out/…                   show a finished comparison again
  trtprof runs                                    what was compared here so far

trtprof COMMAND --help tells the rest.
"""

app = typer.Typer(
    cls=Group,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Why is my INT8 engine not faster? Compares TensorRT engines layer by layer across precisions.",
)
app.command("compare")(compare.compare)
app.command("runs")(runs.runs)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"trtprof {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Why is my INT8 engine not faster? Compares TensorRT engines layer by layer across precisions."""
    if ctx.invoked_subcommand is None and not version:
        typer.echo(START, nl=False)
