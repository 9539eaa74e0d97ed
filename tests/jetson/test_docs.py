"""The commands of docs/jetson.md are commands, and its Python runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from trtprof.jetson.boards import BOARDS, JETPACKS

TEXT = (ROOT / "docs" / "jetson.md").read_text()
COMMANDS = [line.strip() for line in TEXT.splitlines() if line.strip().startswith("trtprof ")]


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("trtprof recipe")])
def test_each_recipe_is_written(line: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "trtprof", *shlex.split(line)[1:]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "capture.sh").read_text().startswith("#!/bin/sh\n")


def test_each_command_and_option_exists() -> None:
    from trtprof.cli.app import ENTRIES

    commands = {entry.name: entry.load() for entry in ENTRIES}
    assert len(COMMANDS) >= 8
    for line in COMMANDS:
        _, name, *words = shlex.split(line)
        known = {option for parameter in commands[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known, line


def test_the_python_of_the_page_runs(models: Path, tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "model.onnx").symlink_to(models / "residual_micro.onnx")
    done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_board_and_series_is_in_the_tables() -> None:
    for board in BOARDS:
        assert f"`{board.key}`" in TEXT
    for jetpack in JETPACKS:
        assert ".".join(map(str, jetpack.trt)) in TEXT, jetpack.version
