"""The ``trtprof`` command: what it says when called alone, and its subcommands."""

from __future__ import annotations

from typing import Annotated

import typer

from trtprof import __version__
from trtprof.cli import (
    compare,
    diff,
    doctor,
    explain,
    extract,
    fix,
    import_,
    inspect,
    kernels,
    lint,
    plan,
    quantize,
    recipe,
    report,
    rules,
    runs,
    sensitivity,
    verify,
)
from trtprof.cli.group import Group

START = """\
trtprof compares TensorRT engines of one model across precisions and says why INT8 is not faster.

  trtprof compare model.onnx                      FP32, FP16 and INT8, side by side; needs no GPU
  trtprof compare model.onnx --calib images/ --preprocess imagenet
                                                  the same, INT8 calibrated on your data, with accuracy
  trtprof compare model.onnx --variant int8=qat.onnx
                                                  your own quantised model against FP32 and FP16
  trtprof compare trtprof-out/…                   show a finished comparison again
  trtprof compare fp16=DIR int8=DIR               engines that trtexec built and measured
  trtprof diff OLD NEW                            two engines of one model: which layer, which kernel changed
  trtprof inspect PATH…                           one engine: layers, types, tactics, times
  trtprof kernels trace.sqlite                    an nsys trace: Tensor Core share, layers, gaps
  trtprof run -- python infer.py                  the same for any CUDA program, run under nsys
  trtprof verify counters.csv                     ncu's counters against kernel names
  trtprof explain KERNEL_NAME                     Tensor Core or CUDA core, and what each part of the name means
  trtprof lint model.onnx                         Q/DQ rules that a quantised model breaks, before any build
  trtprof fix model.onnx -o fixed.onnx            what of it can be repaired safely, checked and proven
  trtprof quantize model.onnx --calib images/ --preprocess imagenet -o int8.onnx
                                                  Q/DQ from your data, with what each range rests on
  trtprof sensitivity model.onnx --calib images/ --preprocess imagenet
                                                  what INT8 costs in each layer, ranked
  trtprof plan model.onnx --sensitivity DIR --times trtprof-out/…
                                                  which layers to run in INT8: accuracy against milliseconds
  trtprof rules [CODE]                            what is looked for, and why; Q101 explains one rule
  trtprof doctor                                  whether a measurement on this machine means anything
  trtprof recipe model.onnx --board orin-nano --trt 10.3
                                                  a shell script that measures on a Jetson, without Python
  trtprof import capture.tgz                      what that script brought, to be compared here
  trtprof runs                                    what was compared here so far
  trtprof report [RUN…]                           several runs as one page: latency, findings over time

trtprof COMMAND --help tells the rest.
"""

_PROGRAM = {"allow_extra_args": True, "ignore_unknown_options": True}
"""For commands that take another program's command line after ``--``."""

app = typer.Typer(
    cls=Group,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Why is my INT8 engine not faster? Compares TensorRT engines layer by layer across precisions.",
)
app.command("compare")(compare.compare)
app.command("diff")(diff.diff)
app.command("doctor")(doctor.doctor)
app.command("explain")(explain.explain)
app.command("import")(import_.import_)
app.command("extract")(extract.extract)
app.command("fix")(fix.fix)
app.command("inspect")(inspect.inspect)
app.command("kernels")(kernels.kernels)
app.command("lint")(lint.lint)
app.command("run", context_settings=_PROGRAM)(kernels.run)
app.command("recipe")(recipe.recipe)
app.command("verify", context_settings=_PROGRAM)(verify.verify)
app.command("plan")(plan.plan)
app.command("quantize")(quantize.quantize)
app.command("rules")(rules.rules)
app.command("runs")(runs.runs)
app.command("sensitivity")(sensitivity.sensitivity)
app.command("report")(report.report)


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
