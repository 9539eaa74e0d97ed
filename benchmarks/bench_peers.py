"""trtprof beside other tools on the same files: TREx and nsys-ai, each in an environment of its own in ``build/peers``.

They are installed when first needed; what cannot be installed or run is said in the note of a row without a ratio.
Times are processor times of whole processes: nsys-ai asks the network for a DuckDB extension at every start, and where
there is none it waits for that, which is not its work.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench_inspect import engine_files
from measures import Measure, summary

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "build" / "peers"
ROUNDS = 3
TIMES = 20  # 212,000 kernels
TIMEOUT_S = 120
INSTALL_S = 600
# The re-upload on PyPI pins versions that no Python from 3.11 on can install together; these do.
TREX = (
    "pandas<2.2", "numpy<2", "plotly<6", "ipywidgets<8", "ipython<8", "ipyfilechooser", "qgrid", "dtale", "dash<3",
    "flask<3", "werkzeug<3", "graphviz", "onnx<1.17", "xlsxwriter",
)  # fmt: skip
READ_TREX = "import sys; from trex.engine_plan import EnginePlan; assert len(EnginePlan(*sys.argv[1:]).df)"
READ_OURS = (
    "import sys; from pathlib import Path; from trtprof.parsers.engine_assembly import read_engines; "
    "assert read_engines([Path(word) for word in sys.argv[1:]])"
)


class CannotRunError(Exception):
    """A peer that cannot be installed or run here; the message says why."""


def install(name: str, package: str, needs: Sequence[str] = ()) -> Path:
    """Return the ``bin`` of an environment with the package; ``needs`` take the place of what it asks for itself."""
    place = PEERS / name
    if not (place / "ready").exists():
        steps = [[sys.executable, "-m", "venv", "--clear", str(place)]]
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        steps += [[*pip, "--no-deps", package], [*pip, *needs]] if needs else [[*pip, package]]
        for step in steps:
            run(step, f"{package} cannot be installed", INSTALL_S)
        (place / "ready").touch()
    return place / "bin"


def run(words: Sequence[str], complaint: str, timeout_s: float = TIMEOUT_S) -> None:
    """Run a command; what fails or takes too long is :class:`CannotRunError`."""
    environment = {**os.environ, "COLUMNS": "120"}
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=timeout_s,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotRunError(f"{complaint}: {type(error).__name__}") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise CannotRunError(f"{complaint}: {last}")


def processor_seconds(words: Sequence[str]) -> float:
    """Return the processor time of a whole process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(words, f"{Path(words[0]).name} failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def against(name: str, ours: Sequence[str], other: Sequence[str], words: tuple[str, str]) -> Measure:
    """Return the ratio of two processes, run turn and turn about."""
    ratios = [processor_seconds(ours) / processor_seconds(other) for _ in range(ROUNDS)]
    ratio, spread = summary(ratios)
    return Measure(name, *words, ratio, None, f"{spread}; processor time of whole processes, imports included")


def trex(folder: Path) -> Measure:
    """Reading one engine of 1,309 layers."""
    info, profile, which = engine_files(folder)
    bin_ = install("trex", "trt-engine-explorer==0.1.5", TREX)
    paths = [str(info), str(profile)]
    return against(
        "beside TREx", [sys.executable, "-c", READ_OURS, *paths], [str(bin_ / "python"), "-c", READ_TREX, *paths],
        (f"reading an engine ({which})", "EnginePlan of TREx 0.1.5, as re-uploaded to PyPI"),
    )  # fmt: skip


def nsys_ai(folder: Path) -> Iterator[Measure]:
    """The kernels of a trace, and its layers."""
    sys.path.insert(0, str(ROOT))
    from tests.nsys.multiply_export import base_export, multiply

    trace = base_export().write(folder / "trace.sqlite")
    multiply(trace, TIMES)
    bin_ = install("nsys-ai", "nsys-ai==0.3.0")
    ours = [sys.executable, "-m", "trtprof", "kernels", str(trace)]
    for skill in ("top_kernels", "nvtx_layer_breakdown"):
        yield against(
            f"beside nsys-ai, {skill}", ours, [str(bin_ / "nsys-ai"), "skill", "run", skill, str(trace)],
            ("trtprof kernels: units, types, layers and gaps of 212,000 kernels", f"nsys-ai 0.3.0, {skill} alone"),
        )  # fmt: skip


def measures() -> Iterator[Measure]:
    """Yield a row for each peer and task."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            yield trex(Path(folder))
        except CannotRunError as error:
            yield Measure("beside TREx", "", "", None, None, str(error))
        try:
            yield from nsys_ai(Path(folder))
        except CannotRunError as error:
            yield Measure("beside nsys-ai", "", "", None, None, str(error))
