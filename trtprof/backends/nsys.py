"""Nsight Systems around a run: finds nsys, writes its command line, exports what it collected to SQLite.

Flags are taken from the help of the nsys there is: they come, go and are renamed with its releases (2021 to 2026 read).
A report holds whole environments, tokens included: the traced program's and those of other processes on the machine.
They are taken out of the export; the report itself keeps what nsys put there.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trtprof.backends.process import Ending, run_logged
from trtprof.backends.programs import given_or_on_path
from trtprof.errors import BuildError, MissingDependency
from trtprof.files import cannot_write
from trtprof.scratch import Scratch

PLACES: Final = (
    "/opt/nvidia/nsight-systems/*/bin/nsys",
    "/opt/nvidia/nsight-systems/*/target-linux-*/nsys",
    "/opt/nvidia/nsight-systems-cli/*/bin/nsys",
    "/opt/nvidia/nsight-compute/*/host/target-linux-x64/nsys",
    "/usr/local/cuda/bin/nsys",
    "/usr/lib/nsight-systems/bin/nsys",
)
TRACES: Final = ("cuda", "nvtx", "cudnn", "cublas")
_ALWAYS: Final = frozenset({"cuda", "nvtx"})
_VERSION: Final = re.compile(r"version (\d+)\.(\d+)\.(\d+)(?:\.(\d+))?")
_OPTION: Final = re.compile(r"^\s*(?:-\w, )?(--[\w-]+)", re.MULTILINE)
_TRACE_HELP: Final = re.compile(r"^\s*(?:-t, )?--trace=(.*?)(?=^\s*(?:-\w, )?--|\Z)", re.MULTILINE | re.DOTALL)
_SECRET: Final = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|ACCESS_KEY|PRIVATE|AUTH|COOKIE", re.IGNORECASE)
_HELP_TIMEOUT_S: Final = 60.0
_GRACE_S: Final = 20.0  # nsys writes its report when it is asked to stop
_ENVIRONMENT: Final = (
    ("META_DATA_CAPTURE", "DELETE FROM META_DATA_CAPTURE WHERE name LIKE '%ENVIRONMENT_VARIABLE'"),
    ("EXPORT_META_DATA", "DELETE FROM EXPORT_META_DATA WHERE name LIKE '%ENVIRONMENT_VARIABLE'"),
    ("TARGET_INFO_SYSTEM_ENV", "DELETE FROM TARGET_INFO_SYSTEM_ENV WHERE name = 'DeviceEnvironment'"),
    # Whole environments, of the traced process and of others on the machine; no other string holds a NUL.
    (
        "StringIds",
        "UPDATE StringIds SET value = '(environment removed)' WHERE instr(CAST(value AS BLOB), X'00') > 0",
    ),
)
"""Where nsys 2024 to 2026 were seen to keep environment variables, by table, and what takes them out."""


@dataclass(frozen=True, slots=True)
class Nsys:
    """An nsys: its version, the options of its ``profile`` command, and which of our traces it takes."""

    path: Path
    version: tuple[int, ...]
    options: frozenset[str]
    traces: tuple[str, ...]

    @property
    def version_text(self) -> str:
        """The version as nsys writes it."""
        return ".".join(map(str, self.version))


def find_nsys(
    explicit: Path | str | None = None,
    environ: Mapping[str, str] | None = None,
    places: Sequence[str] = PLACES,
) -> Path:
    """Return the nsys to use: the one given, ``$NSYS``, ``PATH``, then the newest where its packages put it.

    Raises:
        UsageError: the one given, or in ``$NSYS``, is no executable file.
        MissingDependency: there is none.
    """
    env = os.environ if environ is None else environ
    found = given_or_on_path("nsys", [("--nsys-path", explicit), ("$NSYS", env.get("NSYS"))], env)
    if found is not None:
        return found
    for pattern in places:
        packaged = [path for path in Path("/").glob(pattern.lstrip("/")) if os.access(path, os.X_OK)]
        if packaged:
            return max(packaged, key=_release)
    raise MissingDependency(
        "Nsight Systems was not found: no nsys on PATH nor where NVIDIA's packages put it",
        hint="install nsight-systems-cli (on Jetson: apt install nsight-systems-2024.5.4 or newer), or set NSYS",
    )


def _release(path: Path) -> tuple[int, ...]:
    """The numbers in a path such as ``…/2025.3.2/bin/nsys``: releases in order."""
    return tuple(int(number) for number in re.findall(r"\d+", str(path)))


def open_nsys(path: Path) -> Nsys:
    """Return an nsys with its version and options, as it tells them.

    Raises:
        MissingDependency: it does not start, a library is missing most often, or it is no nsys.
    """
    said = _ask(path, "--version")
    found = _VERSION.search(said)
    if found is None:
        last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "")
        raise MissingDependency(
            f"{path} does not tell its version{': ' + last[:200] if last else ''}",
            hint="run it by hand: nsys --version; a library may be missing",
        )
    version = tuple(int(part) for part in found.groups() if part is not None)
    text = _ask(path, "profile", "--help")
    section = _TRACE_HELP.search(text)
    words = set(re.findall(r"[\w-]+", section[1])) if section else set()
    traces = tuple(name for name in TRACES if name in _ALWAYS or name in words)
    return Nsys(path, version, frozenset(_OPTION.findall(text)), traces)


def _ask(path: Path, *arguments: str) -> str:
    with Scratch() as folder:
        log = folder / "said.txt"
        run_logged([path, *arguments], log, timeout_s=_HELP_TIMEOUT_S)
        return log.read_text(encoding="utf-8", errors="replace")


def profile_command(nsys: Nsys, child: Sequence[str | Path], report: Path) -> tuple[str, ...]:
    """Return the command that runs ``child`` and writes ``report`` (``….nsys-rep``) and the ``.sqlite`` beside it.

    CUDA graphs are traced node by node, since a whole graph is one opaque block otherwise; CPU sampling and context
    switches are off, which need privileges and slow the host.
    """
    optional = {
        "--cuda-graph-trace": "node",
        "--discard-environment": "true",
        "--stats": "false",
        "--force-overwrite": "true",
        "--export": "sqlite",
    }
    return (
        str(nsys.path),
        "profile",
        f"--trace={','.join(nsys.traces)}",
        "--sample=none",
        "--cpuctxsw=none",
        *(f"{name}={value}" for name, value in optional.items() if name in nsys.options),
        f"--output={report.with_suffix('')}",
        *map(str, child),
    )


def profile(
    nsys: Nsys,
    child: Sequence[str | Path],
    report: Path,
    *,
    log: Path,
    timeout_s: float,
    environ: Mapping[str, str] | None = None,
) -> Path:
    """Run ``child`` under nsys and return the SQLite export, without the environment of the run in it.

    Raises:
        MissingDependency: nsys does not start or lacks its importer.
        BuildError: the child fails, nothing was collected, or it takes too long.
    """
    sqlite, stream = report.with_suffix(".sqlite"), report.with_suffix(".qdstrm")
    for path in (report, sqlite, stream):
        with suppress(OSError):
            path.unlink()
    # Elsewhere first: what nsys is still writing, or has written with this environment in it, is no result.
    with _scratch(report.parent) as folder:
        made, export = folder / report.name, folder / sqlite.name
        _collect(nsys, profile_command(nsys, child, made), log, timeout_s, environ)
        if made.is_file():
            made.replace(report)
        elif (folder / stream.name).is_file():
            raise _no_importer(nsys, (folder / stream.name).replace(stream))
        else:
            raise BuildError(f"nsys wrote no report{_said(log)}", hint=f"the whole log is {log}")
        if export.is_file():
            redact(export)
        else:
            export_sqlite(nsys, report, export, log=log, timeout_s=timeout_s)
        return export.replace(sqlite)


def _scratch(folder: Path) -> Scratch:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Scratch(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error


def _collect(
    nsys: Nsys, command: Sequence[str], log: Path, timeout_s: float, environ: Mapping[str, str] | None
) -> None:
    env = traced_environment(nsys, os.environ if environ is None else environ)
    ending = run_logged(command, log, timeout_s=timeout_s, grace_s=_GRACE_S, env=env)
    if ending.expired:
        raise BuildError(
            f"the run under nsys took longer than {timeout_s:g} s and was ended",
            hint="allow it more with --build-timeout, or trace fewer inferences",
        )
    if ending.code != 0:
        raise BuildError(f"the run under nsys {_how(ending)}{_said(log)}", hint=f"the whole log is {log}")


def export_sqlite(nsys: Nsys, report: Path, out: Path, *, log: Path, timeout_s: float = 600.0) -> Path:
    """Export a report to SQLite, take the environment of the run out of it, and return ``out``.

    Raises:
        MissingDependency: nsys does not start.
        BuildError: nsys cannot read the report, which an older one than wrote it cannot, or takes too long.
    """
    with suppress(OSError):
        out.unlink()
    command: list[str | Path] = [
        nsys.path,
        "export",
        "--type=sqlite",
        "--force-overwrite=true",
        f"--output={out}",
        report,
    ]
    ending = run_logged(command, log, timeout_s=timeout_s)
    if ending.expired:
        raise BuildError(f"{report}: nsys export took longer than {timeout_s:g} s and was ended")
    if ending.code != 0 or not out.is_file():
        raise BuildError(
            f"{report}: nsys {nsys.version_text} cannot export it{_said(log)}",
            hint="export with the nsys that wrote the report, or a newer one",
        )
    return redact(out)


def redact(sqlite: Path) -> Path:
    """Take environment variables out of an export, also out of the free pages of the file; return it.

    Raises:
        BuildError: it is no SQLite file, or cannot be written.
    """
    try:
        with closing(sqlite3.connect(sqlite, isolation_level=None)) as database:
            known = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for table, statement in _ENVIRONMENT:
                if table in known:
                    database.execute(statement)
            # Pages keep what was moved or deleted in them, by nsys already; only a rewritten file has none of it.
            database.execute("VACUUM")
    except sqlite3.Error as error:
        raise BuildError(f"{sqlite}: the environment cannot be taken out of the export: {error}") from error
    return sqlite


def traced_environment(nsys: Nsys, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a traced run: without variables that look like secrets, unless nsys discards all.

    The report keeps every variable, and reports are passed around.
    """
    if "--discard-environment" in nsys.options:
        return dict(environ)
    return {name: value for name, value in environ.items() if not _SECRET.search(name)}


def _how(ending: Ending) -> str:
    return f"ended with {ending.signal_name}" if ending.signal_name else f"failed with status {ending.code}"


def _said(log: Path) -> str:
    """The last line of what the traced program, or nsys itself, had to say before nsys wrote its report."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = text.partition("Generating '")[0].splitlines()
    last = next((line.strip() for line in reversed(lines) if line.strip() and line != "Collecting data..."), "")
    return f": {last[:200]}" if last else ""


def _no_importer(nsys: Nsys, stream: Path) -> MissingDependency:
    return MissingDependency(
        f"nsys {nsys.version_text} collected a run but has no importer, so there is no report",
        hint=f"open {stream} with the full Nsight Systems of that version",
    )
