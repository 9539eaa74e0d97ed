"""Nsight Compute: running a program under it with the metrics that tell Tensor Cores, and reading its reports."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from trtprof.backends.process import run_logged
from trtprof.backends.programs import given_or_on_path
from trtprof.errors import BuildError, MissingDependency

PLACES: Final = (
    "/usr/local/cuda/bin/ncu",
    "/opt/nvidia/nsight-compute/*/ncu",
    "/opt/nvidia/nsight-compute/*/target/linux-desktop-*/ncu",
)
_EXPORT_TIMEOUT_S: Final = 600.0


def find_ncu(environ: Mapping[str, str] | None = None, places: Sequence[str] = PLACES) -> Path:
    """Return the ncu to use: ``$NCU``, ``PATH``, then where NVIDIA's packages put it.

    Raises:
        UsageError: ``$NCU`` is no executable file.
        MissingDependency: there is none.
    """
    env = os.environ if environ is None else environ
    chosen = given_or_on_path("ncu", [("$NCU", env.get("NCU"))], env)
    if chosen is not None:
        return chosen
    found = [path for pattern in places for path in Path("/").glob(pattern.lstrip("/")) if os.access(path, os.X_OK)]
    if found:
        return max(found)
    raise MissingDependency(
        "Nsight Compute was not found: no ncu on PATH nor where NVIDIA's packages put it",
        hint="install nsight-compute, or set NCU to its ncu",
    )


def profile_command(ncu: Path, child: Sequence[str], metrics: str, out: Path, *, nvtx: str | None) -> tuple[str, ...]:
    """Return the command that runs ``child`` under ncu and writes a raw CSV to ``out``.

    Clocks are left as they are: what is asked is which units worked, not how fast. ``nvtx`` keeps the run to an NVTX
    range, since ncu replays each kernel and a whole program takes hours.
    """
    only = ("--nvtx", "--nvtx-include", nvtx) if nvtx else ()
    return (
        str(ncu), "--clock-control", "none", *only, "--metrics", metrics,
        "--csv", "--page", "raw", "--log-file", str(out), *child,
    )  # fmt: skip


def profile(command: Sequence[str], out: Path, *, log: Path, timeout_s: float) -> Path:
    """Run a program under ncu and return the CSV.

    Raises:
        BuildError: the program or ncu fails, nothing was measured, or it takes too long.
    """
    ending = run_logged(list(command), log, timeout_s=timeout_s)
    text = out.read_text(encoding="utf-8", errors="replace") if out.is_file() else ""
    if ending.expired:
        raise BuildError(
            f"the run under ncu took longer than {timeout_s:g} s and was ended",
            hint="measure less of it: --nvtx RANGE keeps ncu to one NVTX range",
        )
    if "ERR_NVGPUCTRPERM" in text:
        raise BuildError(
            "ncu may not read the GPU's counters (ERR_NVGPUCTRPERM)",
            hint="run as root, or load the driver with NVreg_RestrictProfilingToAdminUsers=0",
        )
    said = next((line.partition("==ERROR==")[2].strip() for line in text.splitlines() if "==ERROR==" in line), "")
    if ending.code != 0 or said or not text.strip():
        reason = f": {said}" if said else ""
        raise BuildError(f"the run under ncu failed (status {ending.code}){reason}", hint=f"the whole log is {log}")
    return out


def export_csv(report: Path) -> str:
    """Return the raw page of an ``.ncu-rep`` as CSV.

    Raises:
        MissingDependency: ncu is not here.
        BuildError: it cannot read the report.
    """
    ncu = find_ncu()
    try:
        result = subprocess.run(
            [str(ncu), "--import", str(report), "--csv", "--page", "raw"],
            capture_output=True, text=True, errors="replace", timeout=_EXPORT_TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(
            f"{report}: ncu cannot read it: {error}", hint="export it with the ncu that wrote it"
        ) from error
    if result.returncode != 0:
        raise BuildError(f"{report}: ncu cannot read it", hint="export it with the ncu that wrote it, or a newer one")
    return result.stdout
