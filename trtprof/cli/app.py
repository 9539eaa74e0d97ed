"""The ``trtprof`` command: what it says when called alone, and its subcommands."""

from __future__ import annotations

import os
from typing import Annotated, Final

import typer

from trtprof.cli.group import Entry, Group, add_commands
from trtprof.language import Language, language_of, show_in, shown

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
  trtprof diff BASE NEW --fail-if latency:+3%     a gate for CI, that knows noise; exit code 1 where it fails
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

app = typer.Typer(
    cls=Group,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Why is my INT8 engine not faster? Compares TensorRT engines layer by layer across precisions.",
)
ENTRIES: Final = (
    Entry(
        "compare",
        "compare",
        "compare",
        "Compare the engines of one ONNX model across precisions, layer by layer.",
    ),
    Entry(
        "diff",
        "diff",
        "diff",
        "Show what changed between two engines of one model: which layers, in which kernel, and by how much.",
    ),
    Entry(
        "doctor",
        "doctor",
        "doctor",
        "Say what is here, what follows for a measurement, and how to cure it. Changes nothing, needs no root.",
    ),
    Entry(
        "explain",
        "explain",
        "explain",
        "Say what a kernel's name tells: which core computes, in which types, and what each part of the name means.",
    ),
    Entry(
        "import",
        "import_",
        "import_",
        "Unpack a capture from a board, safely, and list its engines; compare, inspect and doctor read the directory.",
    ),
    Entry(
        "extract",
        "extract",
        "extract",
        "Cut out the part of a model around nodes or tensors, with recorded inputs and outputs.",
    ),
    Entry(
        "fix",
        "fix",
        "fix",
        "Repair what can be repaired safely in a quantised model, into a new file.",
    ),
    Entry(
        "inspect",
        "inspect",
        "inspect",
        "Show an engine: its layers with types, tactics and times, its conversions, and what it was measured at.",
    ),
    Entry(
        "kernels",
        "kernels",
        "kernels",
        "Show GPU time by unit, type and operation, the share of Tensor Cores, and where the GPU waited.",
    ),
    Entry(
        "lint",
        "lint",
        "lint",
        "Check an ONNX model against the documented Q/DQ rules, before anything is built.",
    ),
    Entry(
        "run",
        "kernels",
        "run",
        "Run any CUDA program under Nsight Systems and show its kernels: trtprof run -- python infer.py.",
        of_a_program=True,
    ),
    Entry(
        "recipe",
        "recipe",
        "recipe",
        "Write a POSIX shell script that measures MODEL on a Jetson and packs capture.tgz for trtprof import.",
    ),
    Entry(
        "verify",
        "verify",
        "verify",
        "Hold what kernel names say against what Tensor Core counters measured.",
        of_a_program=True,
    ),
    Entry(
        "plan",
        "plan",
        "plan",
        "Choose which layers to run in INT8: accuracy kept against milliseconds saved, conversions paid.",
    ),
    Entry(
        "quantize",
        "quantize",
        "quantize",
        "Quantise a float ONNX model to INT8 with Q/DQ, from calibration data or from ranges you have.",
    ),
    Entry(
        "rules",
        "rules",
        "rules",
        "List the rules behind the findings; with a code, explain one: why, what it looks like, what cures it.",
    ),
    Entry(
        "runs",
        "runs",
        "runs",
        "List the comparisons in the store, newest first.",
    ),
    Entry(
        "sensitivity",
        "sensitivity",
        "sensitivity",
        "Rank the layers of a float ONNX model by what INT8 costs in each, and show where they lie.",
    ),
    Entry(
        "report",
        "report",
        "report",
        "Write several runs of the store as one page: latency, Tensor Core share and findings over time.",
    ),
)
"""Every command in the order of the help. Its module is imported when it is called: ``--help`` must be quick."""
add_commands(app, ENTRIES)


def _said(line: str) -> str:
    """Return a line of the first screen in the language in use: the commands stay, what they are for is translated."""
    command, gap, purpose = line.rpartition("  ")
    return f"{command}{gap}{shown(purpose)}"


def _version(wanted: bool) -> None:
    if wanted:
        from trtprof.cli.versions import version_lines

        typer.echo("\n".join(version_lines()))
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_version,
            is_eager=True,
            help="Print the version, those of what results depend on, and exit.",
        ),
    ] = False,
    lang: Annotated[
        Language | None,
        typer.Option(
            envvar="TRTPROF_LANG",
            help="Language of what is printed for people; also behind a command. JSON and CSV stay English. "
            "[default: that of the locale]",
        ),
    ] = None,
    keep_host: Annotated[  # noqa: ARG001 - the group takes it from the command line, wherever it stands
        bool,
        typer.Option("--keep-host", help="Leave absolute paths in pages, JSON, CSV, Markdown and stores."),
    ] = False,
) -> None:
    """Why is my INT8 engine not faster? Compares TensorRT engines layer by layer across precisions."""
    show_in(lang or language_of(os.environ))
    if ctx.invoked_subcommand is None and not version:
        typer.echo("\n".join(map(_said, START.splitlines())))
