"""A POSIX shell script that measures a model on a board where there is no Python, and packs what trtprof reads.

The commands are those of the trtexec backend for the board's TensorRT, the probes those of the doctor. Nothing is run
here.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Final

from trtprof.backends import artefacts
from trtprof.backends.nsys import Nsys, profile_command
from trtprof.backends.trtexec import PLACES
from trtprof.backends.trtexec_commands import Command, TrtexecRequest, plan_commands, trace_command
from trtprof.backends.trtexec_flags import Version, knows
from trtprof.backends.weak_typing import Typing
from trtprof.errors import UsageError
from trtprof.jetson.boards import Board, dla_reason
from trtprof.jetson.machine import COMMANDS, FILES, PRESENCES
from trtprof.jetson.precisions import Hardware, hardware_for
from trtprof.model import Precision

_TEMPLATE: Final = "capture.sh"
_MODEL: Final = "@THE-MODEL@"
"""Stands for the model's path in a command, which only the board knows."""
_INTERVAL_MS: Final = 200
_IDLE_S: Final = 3
_DLA_TYPES: Final = ("fp16", "int8")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a script is to measure: the model's file name, the board, its TensorRT, and the engines.

    ``given`` are ONNX files of the user's own by precision; they and the model must lie where the script finds them.
    ``dla`` adds an engine for that DLA core beside each FP16 and INT8 engine of the GPU. ``lock`` and ``power_mode``
    change the board with sudo, and the script puts back what it changed.
    """

    model: Path
    board: Board
    trt: Version
    precisions: tuple[str, ...]
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    given: Mapping[str, Path] = field(default_factory=dict)
    dla: int | None = None
    lock: bool = False
    power_mode: int | None = None
    duration_s: int | None = None
    extra: tuple[str, ...] = ()
    nsys: bool = True


def default_precisions(board: Board, trt: Version) -> tuple[str, ...]:
    """Return the precisions worth measuring: FP32, and FP16 and INT8 where the board multiplies them faster.

    TensorRT 11 takes types from ONNX files alone, so only those that are given can be measured with it.
    """
    if not knows(trt, "--int8"):
        return ("fp32",)
    useful = (
        name
        for name, precision in (("fp16", Precision.FP16), ("int8", Precision.INT8))
        if hardware_for(board.chip.gpu, precision) not in (None, Hardware.NONE)
    )
    return ("fp32", *useful)


def write_recipe(recipe: Recipe, command: str) -> str:
    """Return the script. ``command`` is the command line that made it.

    Raises:
        UsageError: the board cannot have this TensorRT, or the precisions, flags or DLA core asked for.
        BuildError: this TensorRT lacks the type that a precision needs.
    """
    _check(recipe)
    text = (files("trtprof.jetson") / _TEMPLATE).read_text(encoding="utf-8")
    version = f"{recipe.trt.major}.{recipe.trt.minor}"
    changes = recipe.lock or recipe.power_mode is not None
    values = {
        "MODEL_NAME": recipe.model.name,
        "BOARD_TITLE": recipe.board.title,
        "BOARD": recipe.board.key,
        "TRT": version,
        "COMMAND": " ".join(command.split()),
        "ROOT_NEED": "root only to set what you asked for" if changes else "no root",
        "INTERVAL_MS": str(_INTERVAL_MS),
        "IDLE_S": str(_IDLE_S),
        "FILES": " \\\n    ".join(FILES),
        "PRESENCES": " \\\n    ".join(PRESENCES),
        "PROBES": "\n".join(_probe(name, words) for name, words in COMMANDS.items()),
        "PLACES": " ".join(str(place / "trtexec") for place in PLACES),
        "CHECK_MODELS": "\n".join(_check_model(word) for word in _model_words(recipe)),
        "SETUP": "\n".join(_setup(recipe)) or ":",
        "DESCRIBE": "\n".join(_describe(recipe)),
        "ENGINES": "\n".join(_engine(recipe, request) for request in _requests(recipe)),
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def _check(recipe: Recipe) -> None:
    chip, trt = recipe.board.chip, recipe.trt
    if trt.series < chip.first_trt or (chip.last_trt is not None and trt.series > chip.last_trt):
        last = "" if chip.last_trt is None else f" to {_dotted(chip.last_trt)}"
        since = f"from {_dotted(chip.first_trt)}" + (last or " on")
        raise UsageError(
            f"no JetPack for {recipe.board.title} brings TensorRT {_dotted(trt.series)}",
            hint=f"it has TensorRT {since}; trtprof doctor or trtexec --help on the board tells which",
        )
    if not all(character.isalnum() or character in "._-+" for character in recipe.model.name):
        raise UsageError(
            f"the name of the model, '{recipe.model.name}', has characters that mean something to a shell",
            hint="rename it: letters, digits, '.', '_', '-' and '+'",
        )
    typed = not knows(trt, "--int8")
    untyped = [name for name in recipe.precisions if typed and name not in ("fp32", "tf32", *recipe.given)]
    if untyped:
        raise UsageError(
            f"TensorRT {_dotted(trt.series)} takes types from the ONNX file alone: {', '.join(untyped)} needs one",
            hint=f"trtprof compare {recipe.model.name} makes them; then --variant {untyped[0]}=FILE",
        )
    if recipe.dla is not None:
        reason = dla_reason(recipe.board, trt)
        if reason is None and not 0 <= recipe.dla < recipe.board.dla_cores:
            reason = f"{recipe.board.title} has DLA cores 0 to {recipe.board.dla_cores - 1}"
        if reason:
            raise UsageError(f"--dla {recipe.dla}: {reason}", hint="leave --dla out")


def _dotted(series: Sequence[int]) -> str:
    return ".".join(map(str, series))


def _requests(recipe: Recipe) -> list[TrtexecRequest]:
    requests = [_request(recipe, name, name, recipe.extra) for name in recipe.precisions]
    if recipe.dla is not None:
        flags = (f"--useDLACore={recipe.dla}", "--allowGPUFallback")
        names = [name for name in recipe.precisions if name in _DLA_TYPES]
        requests += [_request(recipe, f"{name}-dla{recipe.dla}", name, (*recipe.extra, *flags)) for name in names]
    return requests


def _request(recipe: Recipe, name: str, precision: str, extra: tuple[str, ...]) -> TrtexecRequest:
    # A user's own file has its types in it; one plain model is typed by flags, where TensorRT has them.
    typing: Typing = "strong" if precision in recipe.given or not knows(recipe.trt, "--int8") else "weak"
    return TrtexecRequest(
        name=name,
        onnx=Path(f"{_MODEL}{recipe.given[precision].name}" if precision in recipe.given else _MODEL),
        folder=Path(name),
        precision=precision,
        typing=typing,
        shapes=recipe.shapes,
        duration_s=recipe.duration_s,
        extra=extra,
    )


def _engine(recipe: Recipe, request: TrtexecRequest) -> str:
    """The lines that measure one engine; a step that fails ends this engine and no other."""
    build, latency, profile = plan_commands(recipe.trt, request)
    name = shlex.quote(request.name)
    lines = [
        "",
        f"mkdir {name}",
        f"if build {name} {_log(build)} \\\n  {_run(build)} &&",
        f"  step {name} latency {_log(latency)} \\\n  {_run(latency)} &&",
        f"  step {name} profile {_log(profile)} \\\n  {_run(profile)}; then",
    ]
    if recipe.nsys:
        trace = trace_command(recipe.trt, request)
        lines.append(f"  trace {name} {_log(trace)} \\\n  {_traced(trace, request)}")
    return "\n".join([*lines, f"  say {shlex.quote(f'{request.name}: done')}", "fi"])


def _log(command: Command) -> str:
    return shlex.quote(command.log.as_posix())


def _run(command: Command) -> str:
    return " \\\n  ".join(['"$trtexec"', *map(_quote, command.arguments)])


def _traced(command: Command, request: TrtexecRequest) -> str:
    """The command under nsys, with options of every release since 2020: the script cannot ask this one for its own."""
    plain = Nsys(Path("nsys"), (), frozenset({"--force-overwrite"}), ("cuda", "nvtx"))
    report = request.folder / "trace.nsys-rep"
    words = profile_command(plain, ["@TRTEXEC-PATH@", *command.arguments], report)
    return " \\\n  ".join('"$trtexec"' if word == "@TRTEXEC-PATH@" else _quote(word) for word in words)


def _quote(word: str) -> str:
    """A word for the shell; the model's path is only known on the board."""
    head, found, tail = word.partition(_MODEL)
    if not found:
        return shlex.quote(word)
    return f'{head}"${{model%/*}}"/{shlex.quote(tail)}' if tail else f'{head}"$model"'


def _model_words(recipe: Recipe) -> list[str]:
    used = [recipe.given[name] for name in recipe.precisions if name in recipe.given]
    own = ['"$model"'] if any(name not in recipe.given for name in recipe.precisions) else []
    return [*own, *(f'"${{model%/*}}"/{shlex.quote(path.name)}' for path in used)]


def _check_model(word: str) -> str:
    return (
        f"[ -r {word} ] || fail 3 {word}': no such model'"
        " 'copy it beside this script, or name it: sh capture.sh MODEL.onnx'"
    )


def _probe(name: str, words: Sequence[str]) -> str:
    if words[0] == "trtexec":  # it was asked already, and its help is long
        return (
            f'  mkdir -p "$work/capture/$1/commands" && head -n 2 "$work/help.txt" '
            f'>"$work/capture/$1/commands/{name}.txt"'
        )
    line = f'  probe "$1" {name} {shlex.join(words)}'
    # What dpkg-query fills in is no variable of the shell.
    return f"  # shellcheck disable=SC2016\n{line}" if "$" in line.partition(name)[2] else line


def _setup(recipe: Recipe) -> list[str]:
    lines = [f"set_power_mode {recipe.power_mode}"] if recipe.power_mode is not None else []
    lines += ["lock_clocks"] if recipe.lock else []
    return [*lines, "examine locked"] if lines else []


def _describe(recipe: Recipe) -> list[str]:
    """The engines that the script sets out to measure, so that a missing one is known to be missing."""
    requests = _requests(recipe)
    lines = [f"  printf 'engines: %s\\n' {shlex.quote(' '.join(request.name for request in requests))}"]
    if recipe.duration_s is not None:
        lines.append(f"  printf 'duration_s: %s\\n' {recipe.duration_s}")
    if recipe.shapes:
        shapes = " ".join(f"{name}:{'x'.join(map(str, extents))}" for name, extents in recipe.shapes)
        lines.append(f"  printf 'shapes: %s\\n' {shlex.quote(shapes)}")
    return lines


ENGINE_FILES: Final = (artefacts.LAYERS, artefacts.TIMES, artefacts.PROFILE)
"""What an engine that was measured to the end leaves."""
