"""How a command ends when a signal comes: in order at the first, at once at the second, not at all where ignored."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

BUSY = """
import sys, time
import trtprof.store.runs as module
def busy(path):
    try:
        print("busy", flush=True)
        BODY
    except KeyboardInterrupt:
        time.sleep(TIDYING)
        raise
    return ()
module.list_runs = busy
sys.argv[1:] = ["runs", "--db", "x.db"]
from trtprof.cli import main
main()
"""
WAITING = "while True: time.sleep(0.01)"


def start(folder: Path, body: str = WAITING, tidying_s: float = 0.0, before: str = "") -> subprocess.Popen[str]:
    """Return a command that has got to its work."""
    (folder / "x.db").touch()
    code = BUSY.replace("BODY", body).replace("TIDYING", str(tidying_s))
    process = subprocess.Popen(
        [sys.executable, "-c", before + code], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "busy\n"
    return process


@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGINT, ""), (signal.SIGTERM, " by SIGTERM"), (signal.SIGHUP, " by SIGHUP")],
)
def test_the_first_signal_ends_a_command_in_order(tmp_path: Path, number: int, words: str) -> None:
    process = start(tmp_path)
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    hint = "hint: run the same command again; every file that was written is whole\n"
    assert errors == f"error: interrupted{words}\n{hint}"


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    process = start(tmp_path, tidying_s=60)
    process.send_signal(signal.SIGINT)
    time.sleep(0.6)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "error: ended at once\n")


def test_a_signal_that_comes_twice_at_a_time_is_one(tmp_path: Path) -> None:
    """As `timeout` and `uv run` make of it: they pass on what the whole group gets."""
    process = start(tmp_path, tidying_s=0.8)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 143
    assert errors.startswith("error: interrupted by SIGTERM\n")


def test_what_the_parent_ignores_stays_ignored(tmp_path: Path) -> None:
    """`nohup` and a shell's background jobs."""
    ignored = "import signal\nfor n in (signal.SIGHUP, signal.SIGINT): signal.signal(n, signal.SIG_IGN)\n"
    process = start(tmp_path, "time.sleep(0.6)", before=ignored)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors


def test_a_signal_that_python_would_drop_in_a_destructor_is_not_lost(tmp_path: Path) -> None:
    body = (
        "import os, signal\n"
        "        class Slow:\n"
        "            def __del__(self):\n"
        "                os.kill(os.getpid(), signal.SIGTERM)\n"
        "                time.sleep(0.01)\n"
        "        Slow()\n"
        "        while True: time.sleep(0.01)"
    )
    process = start(tmp_path, body)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 143
    assert "Exception ignored" not in errors
    assert errors.startswith("error: interrupted by SIGTERM\n")


def test_an_interruption_that_passes_through_exec_keeps_its_code(tmp_path: Path) -> None:
    """Python notes a plain KeyboardInterrupt there, and ends by SIGINT whatever became of it."""
    process = start(tmp_path, "exec('while True: time.sleep(0.01)', {'time': time})")
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=20)
    assert process.returncode == 129


def test_an_error_that_a_library_makes_of_it_is_no_bug(tmp_path: Path) -> None:
    body = (
        "try:\n"
        "            while True: time.sleep(0.01)\n"
        "        except KeyboardInterrupt:\n"
        "            raise RuntimeError('a callback failed') from None"
    )
    process = start(tmp_path, body)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors.startswith("error: interrupted\n")


def test_an_import_is_not_interrupted_in_its_midst(tmp_path: Path) -> None:
    """A module in C may crash when an exception comes up while it is made."""
    (tmp_path / "slow_module.py").write_text(
        "import time\nprint('importing', flush=True)\n"
        "for _ in range(60):\n    time.sleep(0.01)\nprint('imported', flush=True)\n"
    )
    process = start(tmp_path, "import slow_module\n        while True: time.sleep(0.01)")
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGTERM)
    said, errors = process.communicate(timeout=20)
    assert said == "imported\n"
    assert process.returncode == 143
    assert errors.startswith("error: interrupted by SIGTERM\n")
