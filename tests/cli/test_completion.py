"""What the shells offer: commands, options, and values, in bash, zsh and fish themselves where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"pandas", "plotly", "onnx", "tensorrt_rtx", "numpy", "onnxruntime", "jinja2", "sqlite_utils", "rich.console"}
CASES = {
    "trtprof com": {"compare"},
    "trtprof compare --form": {"--format"},
    "trtprof compare --format ": {"table", "json", "csv", "markdown"},
    "trtprof compare -p in": {"int8", "int8-fp32"},
    "trtprof compare --target sm8": {"sm80", "sm86", "sm89"},
    "trtprof compare --backend t": {"tensorrt", "trtexec"},
    "trtprof recipe --board orin-na": {"orin-nano"},
    "trtprof rules Q10": {f"Q10{number}" for number in range(1, 10)},
    "trtprof sensitivity --mode ": {"alone", "leave-one-out"},
}


def offered(line: str) -> set[str]:
    words = line.split(" ")
    environment = {"_TRTPROF_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "trtprof"], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("line", CASES)
def test_what_is_offered(line: str) -> None:
    assert offered(line) == CASES[line]


def test_every_command_is_offered() -> None:
    from trtprof.cli.app import ENTRIES

    assert offered("trtprof ") == {entry.name for entry in ENTRIES}


def test_completion_loads_nothing_heavy() -> None:
    code = (
        "import atexit, os, sys\n"
        "atexit.register(lambda: sys.stderr.write(' '.join(sys.modules)))\n"
        "os.environ.update(_TRTPROF_COMPLETE='complete_bash', COMP_WORDS='trtprof compare -p ', COMP_CWORD='3')\n"
        "sys.argv[:] = ['trtprof']\n"
        "from trtprof.cli import main\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "fp32" in done.stdout
    assert not HEAVY & set(done.stderr.split())


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment of a user of whom nothing is known, with a ``trtprof`` on the path."""
    program = tmp_path / "bin" / "trtprof"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m trtprof "$@"\n')
    program.chmod(0o755)
    return {
        **os.environ,
        # The shell is the one named, not the one that the tests were started from.
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": "",
        "PATH": f"{program.parent}:{os.environ['PATH']}",
    }


def install(shell: str, home: dict[str, str]) -> None:
    assert f"{shell} completion installed" in ask(["trtprof", "--install-completion", shell], home)


def ask(command: list[str], home: dict[str, str]) -> str:
    done = subprocess.run(
        command, env=home, cwd=home["HOME"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    return done.stdout


def test_bash_offers_it_once_installed(home: dict[str, str]) -> None:
    install("bash", home)
    code = (
        "source ~/.bashrc; COMP_WORDS=(trtprof compare --format ''); COMP_CWORD=3; "
        "_trtprof_completion trtprof; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    assert ask(["bash", "--norc", "-c", code], home).split() == ["table", "json", "csv", "markdown"]


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_offers_it_once_installed(home: dict[str, str]) -> None:
    install("fish", home)
    told = ask(["fish", "-c", "complete -C 'trtprof compare -p int'"], home)
    assert told.split() == ["int8", "int8-fp32"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_takes_it_once_installed(home: dict[str, str]) -> None:
    install("zsh", home)
    code = (
        "fpath+=~/.zfunc; autoload -Uz compinit; compinit -u -D; print -r -- ${_comps[trtprof]}; "
        "autoload +X _trtprof; whence -w _trtprof"
    )
    assert ask(["zsh", "-f", "-c", code], home).splitlines() == ["_trtprof", "_trtprof: function"]
    asked = {**home, "_TRTPROF_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "trtprof compare -p int"}
    assert "int8-fp32" in ask(["trtprof"], asked)
