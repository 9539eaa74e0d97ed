"""Checks what would be released: builds it, looks into it, installs it into fresh environments and runs it there.

Run with ``make release-check``. Needs the dependency group ``release``; leaves ``dist/`` with sdist, wheel and SBOM.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
NEEDED = (
    "trtprof/py.typed",
    "trtprof/jetson/capture.sh",
    "trtprof/store/migrations/0001_runs.sql",
    "trtprof/dashboards/templates/",
    "trtprof/parsers/__init__.py",
    "trtprof/backends/supervisor.py",
    ".data/data/share/man/man1/trtprof.1",
    ".dist-info/licenses/LICENSE",
)
"""What of a wheel must be there: the end of a name, or a part of it where it ends in a slash."""
UNWANTED = re.compile(
    r"(^|/)(tests?|fixtures|benchmarks|__pycache__|\.[a-z_]+_cache|[^/]*-out)/|\.pyc$|\.onnx$|\.part$"
)


def main() -> int:
    """Check everything; return 0 when all is well, else 1 with what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", action="append", help="only these versions, like 3.10; repeat")
    arguments = parser.parse_args()
    shutil.rmtree(DIST, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="release-") as name:
        folder = Path(name)
        sdist, wheel = build(folder)
        wrong = [*check_contents(sdist, wheel)]
        run([sys.executable, "-m", "twine", "check", "--strict", str(sdist), str(wheel)])
        model = make_model(folder)
        found = [(version, path) for version in arguments.python or PYTHONS if (path := find_python(version))]
        for version, python in found:
            say(f"Python {version}: {python}")
            check_install(python, wheel, model, folder / version)
        check_pipx(wheel, folder)
        write_sbom(folder / found[-1][0] / "venv")
    for line in wrong:
        say(f"wrong: {line}")
    say(f"checked on Python {', '.join(version for version, _ in found)}; not found: "
        f"{', '.join(sorted(set(PYTHONS) - {version for version, _ in found})) or 'none'}")  # fmt: skip
    return 1 if wrong else 0


def build(folder: Path) -> tuple[Path, Path]:
    """Build the sdist from a clean copy of what git has, and the wheel from that sdist; return both."""
    source = folder / "source"
    source.mkdir()
    listing = run(["git", "ls-files", "-z", "--cached"], cwd=ROOT)
    for name in filter(None, listing.split("\0")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name, follow_symlinks=False)
    run([sys.executable, "-m", "build", "--outdir", str(DIST), str(source)])
    (sdist,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    return sdist, wheel


def check_contents(sdist: Path, wheel: Path) -> list[str]:
    """Return what is missing in the files, and what should not be there."""
    names = zipfile.ZipFile(wheel).namelist()
    wrong = [
        f"{wheel.name} lacks {item}"
        for item in NEEDED
        if not any(name.endswith(item) or (item.endswith("/") and item in name) for name in names)
    ]
    with tarfile.open(sdist) as tar:
        packed = tar.getnames()
    wrong += [f"{wheel.name} has {name}" for name in names if UNWANTED.search(name)]
    wrong += [f"{sdist.name} has {name}" for name in packed if UNWANTED.search(name)]
    wrong += [f"{sdist.name} lacks {name}" for name in ("LICENSE", "README.md", "docs/trtprof.1", "pyproject.toml")
              if not any(item.endswith(f"/{name}") for item in packed)]  # fmt: skip
    say(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size:,} bytes; {sdist.name}: {len(packed)} names")
    return wrong


def make_model(folder: Path) -> Path:
    """Write the micro model and return it."""
    script = ROOT / "fixtures" / "models" / "make_models.py"
    run([sys.executable, str(script), "--out", str(folder)])
    return folder / "residual_micro.onnx"


def find_python(version: str) -> Path | None:
    """Return the interpreter of a version: on PATH, or where pyenv keeps them."""
    on_path = shutil.which(f"python{version}")
    places = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    for path in [*([Path(on_path)] if on_path else []), *places]:
        said = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=False)
        if said.stdout.startswith(f"Python {version}."):
            return path
    return None


def check_install(python: Path, wheel: Path, model: Path, folder: Path) -> None:
    """Install the wheel into a fresh environment and use it from outside the checkout."""
    folder.mkdir()
    run([str(python), "-m", "venv", str(folder / "venv")])
    pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    run([*pip, "--upgrade", "pip"])
    run([*pip, f"{wheel}[cpu]"])
    trtprof = str(folder / "venv" / "bin" / "trtprof")
    work = folder / "work"
    work.mkdir()
    names = ROOT / "fixtures" / "nsys" / "h100_eager_cuda_gpu_kern_sum.csv"
    assert run([trtprof, "--version"], cwd=work).startswith("trtprof ")
    assert "compare" in run([trtprof, "--help"], cwd=work)
    run([trtprof, "compare", str(model), "--out", "out"], cwd=work)
    assert (work / "out" / "report.html").stat().st_size > 100_000
    answer = json.loads(run([trtprof, "compare", "out", "--format", "json"], cwd=work))
    assert [engine["name"] for engine in answer["engines"]] == ["fp32", "fp16", "int8"]
    assert " layers: " in run([trtprof, "inspect", "out"], cwd=work)
    assert "Tensor Cores" in run([trtprof, "kernels", str(names)], cwd=work)
    page = folder / "venv" / "share" / "man" / "man1" / "trtprof.1"
    assert page.is_file(), page
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # the shell is the one named, whoever calls
    shown = run([trtprof, "--show-completion", "bash"], cwd=work, env=named)
    assert "_TRTPROF_COMPLETE" in shown, shown


def check_pipx(wheel: Path, folder: Path) -> None:
    """Run the wheel as pipx does for someone who only wants to try it."""
    home = {"PIPX_HOME": str(folder / "pipx"), "PIPX_BIN_DIR": str(folder / "pipx-bin")}
    said = run([sys.executable, "-m", "pipx", "run", "--spec", str(wheel), "trtprof", "--version"], env=home)
    assert said.startswith("trtprof "), said


def write_sbom(venv: Path) -> None:
    """Write what an installation with the extra ``cpu`` holds, as CycloneDX."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--of", "JSON", "--output-reproducible"]
    run([*command, "-o", str(DIST / "trtprof.cdx.json"), str(venv / "bin" / "python")])
    parts = json.loads((DIST / "trtprof.cdx.json").read_text())["components"]
    assert any(part["name"] == "trtprof" for part in parts)
    say(f"trtprof.cdx.json: {len(parts)} components")


def run(command: Sequence[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command to its end and return what it wrote on stdout.

    Raises:
        SystemExit: it failed; what it said is shown.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TRTPROF_"))}
    done = subprocess.run(
        list(command), cwd=cwd, env={**clean, **(env or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
