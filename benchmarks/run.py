"""Runs the benchmarks, each in a process of its own, and prints every promise as a ratio in one table.

``make bench`` runs it. ``--report docs/performance.md`` puts table and machine between the marks of that page;
``--only`` names benchmarks (``nsys``, ``inspect``). A promise that is not kept does not fail the run: it is said.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

from measures import Measure

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MARKS = re.compile(r"(<!-- bench: [^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)


def names() -> list[str]:
    """Return the names of the benchmarks."""
    return [path.stem.removeprefix("bench_") for path in sorted(HERE.glob("bench_*.py"))]


def one(name: str) -> None:
    """Print the measures of one benchmark, a JSON object a line."""
    for measure in importlib.import_module(f"bench_{name}").measures():
        print(json.dumps(dataclasses.asdict(measure)), flush=True)


def run(name: str) -> list[Measure]:
    """Return what a benchmark measured in a process of its own; what breaks it becomes a note without a ratio."""
    started = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{ROOT}", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, __file__, "--one", name],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    measures = [Measure(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        measures.append(Measure(name, "", "", None, None, f"broke off: {last}"))
    print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return measures


def machine() -> str:
    """Return processor, cores and memory, and the versions that times depend on; no name, no path."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"^model name\s*: (.*)$", info, re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ", ".join(f"{name} {version}" for name, version in versions().items())
    return (
        f"{model[1] if model else platform.machine()}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, "
        f"Python {platform.python_version()}; {libraries}"
    )


def versions() -> dict[str, str]:
    """Return the versions of the libraries that the other side of a ratio stands for."""
    from importlib import metadata

    found = {}
    for name in ("numpy", "pandas", "onnx", "onnxruntime", "tensorrt-rtx-cu13"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def cells(measure: Measure, name: str) -> tuple[str, ...]:
    """Return a row of the table; a promise is at most, so a ratio above it is missed."""
    met = {True: "yes", False: "**missed**", None: ""}[measure.met]
    return (
        measure.name,
        f"{measure.ours} against {measure.other}" if measure.ours else "",
        "" if measure.promise is None else f"≤ {measure.promise:g}",
        "not measured" if measure.ratio is None else f"{measure.ratio:.2f}",
        met,
        f"`make bench ONLY={name}`",
        measure.note,
    )


def markdown(rows: list[tuple[str, ...]]) -> str:
    """Return the table as Markdown."""
    head = ("name", "what against what", "promise", "ratio", "met?", "command", "note")
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def main() -> int:
    """Run the benchmarks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="*", default=[], help="names of benchmarks")
    parser.add_argument("--report", type=Path, help="a page with the marks of the table")
    options = parser.parse_args()
    if options.one:
        one(options.one)
        return 0
    rows = [cells(measure, name) for name in options.only or names() for measure in run(name)]
    text = f"Machine: {machine()}. Load when it began: {os.getloadavg()[2]:.1f}.\n\n{markdown(rows)}"
    print(text, end="")
    if options.report:
        page, count = MARKS.subn(lambda found: f"{found[1]}\n{text}\n{found[2]}", options.report.read_text("utf-8"))
        if count != 1:
            sys.exit(f"{options.report}: expected one place for the table, found {count}")
        options.report.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
