"""A desk as the reader of the documentation has it: a model, images, engines, a trace, a capture of a board.

The names are those that the pages use. Models and images are made; engines are NVIDIA's published ones where they are
beside the checkout, else the made files of ``fixtures/trtexec``; a board's programs are stand-ins.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from tests.conftest import ROOT, SHARED
from tests.docs.markdown import Block
from tests.jetson import stand_ins

PUBLISHED = SHARED / "data" / "trex"
ENGINES = {
    "fp32": "fp32", "fp16": "fp16", "int8": "qat", "qat": "qat", "qat-residual": "qat-residual",
    "int8-before": "qat", "int8-after": "qat-residual",
}  # fmt: skip
BOARD = "stand-ins of a board"
_SHELL = re.compile(r"[|<>;&$*~]|^\w+=")
_TIMEOUT_S = 120
_IMAGES = 4


class Desk:
    """A directory in which the commands of one page run, one block after the other."""

    def __init__(self, folder: Path, models: Path) -> None:
        self.folder = folder
        self.programs = folder.parent / "programs"
        folder.mkdir()
        self.programs.mkdir()
        self._our_programs()
        for name, model in (
            ("model", "residual_micro"),
            ("qat", "residual_onesided_qdq"),
            ("model_int8", "residual_onesided_qdq"),
        ):
            shutil.copy(models / f"{model}.onnx", folder / f"{name}.onnx")
        shutil.copytree(ROOT / "fixtures", folder / "fixtures", ignore=shutil.ignore_patterns("*.onnx", "__pycache__"))
        for model_path in models.glob("*.onnx"):
            (folder / "fixtures" / "models" / model_path.name).symlink_to(model_path)
        self._samples()
        self._engines()
        shutil.copy(ROOT / "fixtures/nsys/h100_graph_node.sqlite", folder / "trace.sqlite")
        shutil.copy(ROOT / "fixtures/nsys/h100_ncu_raw.csv", folder / "counters.csv")

    def _our_programs(self) -> None:
        stand_ins.install(self.programs, "python", f'exec "{sys.executable}" "$@"\n')
        stand_ins.install(self.programs, "trtprof", f'exec "{sys.executable}" -m trtprof "$@"\n')

    def _samples(self) -> None:
        from PIL import Image

        rng = np.random.default_rng(0)
        np.savez(self.folder / "samples.npz", input=rng.standard_normal((_IMAGES, 3, 56, 56), dtype=np.float32))
        (self.folder / "images").mkdir()
        for number in range(_IMAGES):
            pixels = rng.integers(0, 256, (56, 56, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(self.folder / "images" / f"{number:03}.png")

    def _engines(self) -> None:
        for name, published in ENGINES.items():
            place = self.folder / "runs" / name
            place.mkdir(parents=True)
            files = list(PUBLISHED.glob(f"examples__pytorch__resnet__A100__{published}__*"))
            for path in files or (ROOT / "fixtures/trtexec").glob("tiny_v86.*"):
                shutil.copy(path, place / path.name.split("__")[-1])

    def board(self) -> None:
        """Put the programs of a board on the desk; its recipe is then run on the same desk."""
        stand_ins.board(self.folder.parent / "board", (10, 3))
        self.programs = self.folder.parent / "board"
        self._our_programs()

    def run(self, command: str) -> tuple[int, str, str]:
        """Run one command line and return its exit code, stdout and stderr."""
        command = self._newest(command)
        words = shlex.split(command, comments=True)
        if words[:1] == ["trtprof"] and not _SHELL.search(command.partition(" #")[0]):
            return self._in_process(words[1:])
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.environment(), timeout=_TIMEOUT_S,
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def _newest(self, command: str) -> str:
        """``trtprof-out/…`` stands for the directory that the last comparison of a model left there."""
        made = sorted((self.folder / "trtprof-out").glob("*/capture"), key=lambda path: path.stat().st_mtime_ns)
        return command.replace("trtprof-out/…", f"trtprof-out/{made[-1].parent.name}") if made else command

    def environment(self) -> dict[str, str]:
        """Return the environment of the programs on the desk."""
        state = {"STATE": str(self.folder.parent / "state"), "STAND_IN_RUN_S": "0.2"}
        return {**os.environ, **state, "PATH": f"{self.programs}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)}

    @staticmethod
    def _in_process(arguments: Iterable[str]) -> tuple[int, str, str]:
        """What a command line of trtprof itself does, without a new interpreter for each."""
        from trtprof.cli.app import app

        done = CliRunner().invoke(app, list(arguments), prog_name="trtprof")
        return done.exit_code, done.stdout, done.stderr

    def run_python(self, block: Block) -> str:
        """Run a block of Python in a namespace of its own and return what it printed."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block.text, block.place, "exec"), {"__name__": "__main__"})
        return out.getvalue()


def commands(text: str) -> list[str]:
    """Return the command lines of a block for a shell, continued lines joined, comments left out."""
    joined = re.sub(r"\\\n\s*", "", text)
    return [line.strip() for line in joined.split("\n") if line.strip() and not line.lstrip().startswith("#")]


def session(text: str) -> list[tuple[str, str]]:
    """Return the command lines of a ``console`` block, each with the output that is shown below it."""
    parts = re.split(r"^\$ ", re.sub(r"\\\n\s*", "", text), flags=re.MULTILINE)[1:]
    return [(part.partition("\n")[0], part.partition("\n")[2].rstrip("\n")) for part in parts]


def misfit(shown: str, out: str) -> str:
    """Return the first line of what a page shows that the output does not go on with, empty where all fits."""
    lines = shown.split("\n")
    for count in range(1, len(lines) + 1):
        begin = "\n".join(lines[:count])
        if not as_pattern(begin if count == len(lines) else f"{begin}\n…").fullmatch(out):
            return lines[count - 1] or "(an empty line)"
    return ""


def as_pattern(shown: str) -> re.Pattern[str]:
    """Return what fits an output as a page shows it; a line of ``…`` is any lines, ``…`` in a line any text."""
    parts = []
    for line in shown.split("\n"):
        if line.strip() == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(re.escape(word) for word in line.rstrip().split("…")) + r" *\n")
    return re.compile("".join(parts))
