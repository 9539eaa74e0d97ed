"""An nsys without Nsight Systems: its help has the form and the options of the release it stands in for.

The order of things, the words and the statuses are those of nsys 2025.3.1, run on an H100: the traced program's output
comes between "Collecting data..." and "Generating", its exit status is nsys's own, and reports hold environments in
four tables. Imports nothing of trtprof.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

OPTIONS = {
    "2022.4.2.1": "-t, --trace= -s, --sample= --cpuctxsw= --cuda-graph-trace= "
    "-f, --force-overwrite= --export= --stats= -o, --output=",
    "2025.3.1.0": "-t, --trace= -s, --sample= --cpuctxsw= --cuda-graph-trace=<granularity>[:<launch_origin>] "
    "-f, --force-overwrite= --export=<format>[,<format>...] --stats= -o, --output= --nvtx-domain-[include|exclude]=",
    "2026.2.1.0": "-t, --trace= -s, --sample= --cpuctxsw= --cuda-graph-trace= --discard-environment= "
    "-f, --force-overwrite= --export= --stats= -o, --output=",
}  # fmt: skip
TRACES = {
    "2022.4.2.1": "'cuda', 'nvtx', 'cublas', 'cublas-verbose', 'cudnn', 'opengl' or 'none'",
    "2025.3.1.0": "'cuda', 'cuda-hw', 'nvtx', 'cublas', 'cublas-verbose', 'cudnn', 'gds'(experimental) or 'none'",
    "2026.2.1.0": "'cuda', 'cuda-sw', 'nvtx', 'cublas-verbose', 'osrt' or 'none'",
}


def out(text: str) -> None:
    """Write to stdout at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(version: str, arguments: list[str]) -> int:
    """Do what nsys would; return its exit status."""
    if arguments == ["--version"]:
        out(f"NVIDIA Nsight Systems version {version}")
        return 0
    command, *rest = arguments
    if rest == ["--help"]:
        return show_help(version)
    flags = {}
    while rest and rest[0].startswith("-"):
        name, _, value = rest.pop(0).partition("=")
        flags[name] = value
    if command == "export":
        return export(flags, Path(rest[0]))
    known = {word.partition("=")[0] for word in OPTIONS[version].split() if word.startswith("--")}
    unknown = sorted(set(flags) - known)
    if unknown:
        out(f"unrecognised option '{unknown[0]}'\n\nusage: nsys profile [<args>] [application] [<application args>]")
        return 1
    return profile(version, flags, rest)


def show_help(version: str) -> int:
    """Print the help of ``nsys profile``."""
    out("\nusage: nsys profile [<args>] [application] [<application args>]\n")
    out("\t--dask=\n\n            Implies '--trace=nvtx'.\n")
    short = ""
    for word in OPTIONS[version].split():
        if not word.startswith("--"):
            short = word + " "
            continue
        out(f"\t{short}{word}\n")
        if word == "--trace=":
            out(f"\t   Possible values are {TRACES[version]}.\n\t   Default is 'cuda,nvtx,osrt,opengl'.\n")
        short = ""
    return 0


def profile(version: str, flags: dict[str, str], program: list[str]) -> int:
    """Run the program and write a report of its environment, and the export where one is asked for."""
    out("Collecting data...")
    done = subprocess.run(program, check=False)
    out("Generating '/tmp/nsys-report-4d8b.qdstrm'")
    stem = Path(flags["--output"])
    if os.environ.get("NSYS_WITHOUT_IMPORTER"):
        stem.with_suffix(".qdstrm").write_text("")
        out("Importer error status: The importer binary and its dependencies were not found.")
        return 0
    report = stem.with_suffix(".nsys-rep")
    discarded = flags.get("--discard-environment") == "true"
    report.write_text("" if discarded else "\0".join(f"{name}={value}" for name, value in os.environ.items()))
    out(f"[1/2] [========================100%] {report.name}")
    if flags.get("--export") == "sqlite" and not os.environ.get("NSYS_FORGETS_EXPORT"):
        export({"--output": str(stem.with_suffix(".sqlite"))}, report)
    out(f"Generated:\n\t{report}")
    return done.returncode


def export(flags: dict[str, str], report: Path) -> int:
    """Write the tables that hold environments, and one that does not."""
    text = report.read_text()
    if text == "broken":
        out(f"Processing [{report}]\nExportation error: Cannot read from stream.")
        return 1
    database = sqlite3.connect(flags["--output"])
    database.executescript(
        "CREATE TABLE META_DATA_CAPTURE (name TEXT, value TEXT); CREATE TABLE StringIds (id INTEGER, value TEXT);"
        "CREATE TABLE TARGET_INFO_SYSTEM_ENV (name TEXT, value TEXT); CREATE TABLE NVTX_EVENTS (text TEXT);"
    )
    database.execute("INSERT INTO META_DATA_CAPTURE VALUES ('PROCESS_0:ENVIRONMENT_VARIABLE', ?)", (text,))
    database.execute("INSERT INTO META_DATA_CAPTURE VALUES ('COMMAND', 'python')")
    database.execute("INSERT INTO TARGET_INFO_SYSTEM_ENV VALUES ('DeviceEnvironment', ?)", (text,))
    database.execute("INSERT INTO TARGET_INFO_SYSTEM_ENV VALUES ('CpuCores', '16')")
    database.execute("INSERT INTO StringIds VALUES (1, 'cudaLaunchKernel_v7000')")
    database.execute("INSERT INTO StringIds VALUES (2, ?)", (text + "\0OTHER=process",))
    database.execute("INSERT INTO NVTX_EVENTS VALUES ('iteration')")
    database.commit()
    database.close()
    return 0


def install(folder: Path, version: str) -> Path:
    """Return an executable nsys of this version, put into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "nsys"
    here = Path(__file__).resolve()
    path.write_text(
        f"#!{sys.executable} -IS\nimport sys\nsys.path.insert(0, {str(here.parent)!r})\n"
        f"from {here.stem} import main\nsys.exit(main({version!r}, sys.argv[1:]))\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
