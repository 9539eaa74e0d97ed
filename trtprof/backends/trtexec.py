"""trtexec: TensorRT's own command line, where it is installed.

Finds it, asks it for its version, runs the steps of :mod:`trtprof.backends.trtexec_commands` one after another and
says why a step failed. Imports no TensorRT.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from trtprof.backends import artefacts
from trtprof.backends.base import Progress
from trtprof.backends.calibration_table import fit_table
from trtprof.backends.capture import sha256_of
from trtprof.backends.process import Ending, run_logged
from trtprof.backends.programs import given_or_on_path, is_executable
from trtprof.backends.trtexec_commands import Command, TrtexecRequest, plan_commands, typing_notices
from trtprof.backends.trtexec_flags import Version
from trtprof.backends.trtexec_log import read_failure, said_failed
from trtprof.errors import BuildError, MissingDependency
from trtprof.model import Notice
from trtprof.scratch import Scratch

__all__ = ["TrtexecRecord", "TrtexecRequest", "TrtexecTool", "find_trtexec", "open_trtexec", "parse_version", "run"]

TOOL: Final = "trtexec"
PLACES: Final = (
    Path("/usr/src/tensorrt/bin"),  # Debian packages and JetPack, where it is not on PATH
    Path("/opt/tensorrt/bin"),  # NVIDIA's containers
    Path("/usr/local/tensorrt/bin"),
)
_ROOTS: Final = ("TRT_ROOT", "TENSORRT_ROOT", "TRT_LIBPATH")
_BANNER: Final = re.compile(r"&&&& RUNNING TensorRT\.trtexec \[TensorRT v(\d+)\]")
_VERSION_LINE: Final = re.compile(r"TensorRT version: (\d+)\.(\d+)\.(\d+)")
_HELP_TIMEOUT_S: Final = 60.0
_STEP_WORDS: Final = {"build": "building", "latency": "timing inferences", "profile": "timing layers"}
_TACTICS: Final = "Computing costs for"


@dataclass(frozen=True, slots=True)
class TrtexecTool:
    """A trtexec and its version."""

    path: Path
    version: Version


@dataclass(frozen=True, slots=True)
class TrtexecRecord:
    """What a measured engine left. Files are in the request's folder; ``build_ns`` is the wall time of the build step.

    ``commands`` are the command lines as run, quoted for a POSIX shell.
    """

    tool: str
    tool_version: str
    plan: Path
    plan_bytes: int
    plan_sha256: str
    build_ns: int
    layers: Path
    times: Path
    profile: Path
    logs: tuple[Path, ...]
    commands: tuple[str, ...]
    notices: tuple[Notice, ...] = ()


def find_trtexec(
    explicit: Path | str | None = None,
    environ: Mapping[str, str] | None = None,
    places: Sequence[Path] = PLACES,
) -> Path:
    """Return the trtexec to use: the one given, ``$TRTEXEC``, ``PATH``, then where TensorRT's packages put it.

    Raises:
        UsageError: the one given, or in ``$TRTEXEC``, is no executable file.
        MissingDependency: there is none.
    """
    env = os.environ if environ is None else environ
    found = given_or_on_path(TOOL, [("--trtexec", explicit), ("$TRTEXEC", env.get("TRTEXEC"))], env)
    if found is not None:
        return found
    candidates = [*_below_roots(env), *places]
    for place in candidates:
        if is_executable(place / TOOL):
            return place / TOOL
    raise MissingDependency(
        f"trtexec was not found on PATH nor in {', '.join(map(str, candidates))}",
        hint="give it with --trtexec or in TRTEXEC; it comes with TensorRT's tar, containers and libnvinfer-bin "
        "package, not with pip",
    )


def _below_roots(env: Mapping[str, str]) -> list[Path]:
    places: list[Path] = []
    for name in _ROOTS:
        if env.get(name):
            root = Path(env[name]).expanduser()
            root = root.parent if root.name == "lib" else root
            places += [root / "bin", *sorted(root.glob("targets/*/bin"))]
    return places


def open_trtexec(path: Path) -> TrtexecTool:
    """Return a trtexec with its version, which the first line of its help tells.

    Raises:
        MissingDependency: it does not start, a library is missing most often, or it is no trtexec.
    """
    with Scratch() as folder:
        log = folder / "help.txt"
        ending = run_logged([path, "--help"], log, timeout_s=_HELP_TIMEOUT_S)
        text = log.read_text(encoding="utf-8", errors="replace")
    version = parse_version(text)
    if version is not None:
        return TrtexecTool(path, version)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = f": {lines[-1][:200]}" if lines else ""
    if ending.expired:
        said = f": no answer within {_HELP_TIMEOUT_S:g} s"
    if ending.code != 0:
        raise MissingDependency(
            f"{path} does not start{said}",
            hint="its libraries must be found: add TensorRT's lib folder to LD_LIBRARY_PATH",
        )
    raise MissingDependency(f"{path} does not say which TensorRT it is of", hint="give another with --trtexec")


def parse_version(text: str) -> Version | None:
    """Return the version that trtexec's output tells, ``None`` where it tells none.

    The banner writes 8.6.1 and 9.x as ``v8601`` (major * 1000 + minor * 100 + patch) and 10.16.1 as ``v101601``
    (major * 10000); ``TensorRT version: 10.16.1`` is written in full.
    """
    found = _BANNER.search(text)
    if found:
        number = int(found[1])
        scale = 1000 if number < 10_000 else 10_000
        version = Version(number // scale, number % scale // 100, number % 100)
        return version if version.major >= (10 if scale == 10_000 else 1) else None
    line = _VERSION_LINE.search(text)
    return Version(int(line[1]), int(line[2]), int(line[3])) if line else None


def run(request: TrtexecRequest, tool: TrtexecTool, progress: Progress | None = None) -> TrtexecRecord:
    """Build and measure one engine, and return what it left; the logs are whole also when a step fails.

    Raises:
        UsageError: this trtexec cannot do what is asked.
        InputError: the calibration table is not there, or is none.
        MissingDependency: it does not start.
        BuildError: a step fails, crashes, takes too long, or leaves a file out; the message names the cause.
    """
    plan_commands(tool.version, request)  # refuses before anything is written
    notices = typing_notices(tool.version, request)
    if request.calib is not None:
        table, notice = fit_table(request.calib, tool.version, request.folder)
        request = replace(request, calib=table)
        notices = (*notices, notice) if notice else notices
    if request.timing_cache is not None:
        _make_folder(request.timing_cache.parent)
    commands = plan_commands(tool.version, request)
    for command in commands:
        for path in command.makes:
            with suppress(OSError):  # so that what is there afterwards is of this run
                path.unlink()
    endings = [
        _step(request, tool, command, _Steps(progress, command.step, number, len(commands)))
        for number, command in enumerate(commands, start=1)
    ]
    folder = request.folder
    plan = folder / artefacts.PLAN
    return TrtexecRecord(
        tool=TOOL,
        tool_version=str(tool.version),
        plan=plan,
        plan_bytes=plan.stat().st_size,
        plan_sha256=sha256_of(plan),
        build_ns=endings[0].wall_ns,
        layers=folder / artefacts.LAYERS,
        times=folder / artefacts.TIMES,
        profile=folder / artefacts.PROFILE,
        logs=tuple(command.log for command in commands),
        commands=tuple(shlex.join([str(tool.path), *command.arguments]) for command in commands),
        notices=notices,
    )


def _make_folder(folder: Path) -> None:
    """Make a folder that trtexec writes to and does not make."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BuildError(f"{folder}: cannot be made: {error.strerror or error}") from error


class _Steps:
    """Tells the progress of one step: which it is, and how many layers the builder has timed."""

    def __init__(self, progress: Progress | None, step: str, number: int, count: int) -> None:
        self._progress, self._words = progress, _STEP_WORDS[step]
        self._number, self._count, self._layers = number, count, 0
        self._say(self._words)

    def _say(self, words: str) -> None:
        if self._progress is not None:
            self._progress(words, self._number, self._count)

    def line(self, line: str) -> None:
        """Take a line of the log."""
        if _TACTICS in line:
            self._layers += 1
            self._say(f"{self._words} ({self._layers} layers timed)")


def _step(request: TrtexecRequest, tool: TrtexecTool, command: Command, steps: _Steps) -> Ending:
    ending = run_logged([tool.path, *command.arguments], command.log, timeout_s=request.timeout_s, on_line=steps.line)
    what = f"{request.name}: {_STEP_WORDS[command.step]} with trtexec"
    if ending.expired:
        raise BuildError(
            f"{what} took longer than {request.timeout_s:g} s and was ended",
            hint="allow it more with --build-timeout, or compare a smaller input shape",
        )
    if ending.code != 0 or said_failed(command.log):
        raise _failure(what, tool, command, ending)
    for path in command.makes:
        if not path.is_file() or path.stat().st_size == 0:
            raise BuildError(f"{what} ended well but left no {path.name}", hint=f"the log is {_short(command.log)}")
    return ending


def _failure(what: str, tool: TrtexecTool, command: Command, ending: Ending) -> BuildError:
    log = f"the whole log is {_short(command.log)}"
    failure = read_failure(command.log, tool.version)
    said = f": {failure.cause}" if failure else ""
    if ending.signal_name == "SIGKILL":
        return BuildError(
            f"{what} was killed, most often because memory ran out{said}",
            hint="close other programs, add swap, or use a smaller shape",
        )
    if ending.signal_name:
        return BuildError(f"{what} crashed with {ending.signal_name}{said}", hint=log)
    if failure:
        return BuildError(f"{what} failed: {failure.cause}", hint=failure.hint or log)
    return BuildError(f"{what} ended with status {ending.code} and gave no reason", hint=log)


def _short(path: Path) -> str:
    with suppress(ValueError):
        return str(path.resolve().relative_to(Path.cwd()))
    return str(path)
