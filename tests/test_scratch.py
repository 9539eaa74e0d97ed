"""Temporary directories: gone in the end, swept after a kill, and nobody else's is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trtprof.scratch import Scratch, sweep

HOLDER = """
import sys, time
from pathlib import Path
from trtprof.scratch import Scratch
with Scratch(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("written")
    print(folder, flush=True)
    time.sleep(60)
"""


def holder(place: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(place)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_it_is_gone_after_the_block_and_after_an_error(tmp_path: Path) -> None:
    with Scratch(tmp_path) as folder:
        (folder / "below").mkdir()
        assert folder.parent == tmp_path
    try:
        with Scratch(tmp_path):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    dead, left = holder(tmp_path)
    living, held = holder(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([left, held])
    dead.send_signal(signal.SIGKILL)
    dead.communicate()
    with Scratch(tmp_path):
        assert not left.exists()
        assert (held / "half").exists()
    living.send_signal(signal.SIGKILL)
    living.communicate()


def test_what_only_bears_such_a_name_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "trtprof-scratch-results"
    mine.mkdir()
    (mine / "table.csv").write_text("mine")
    (tmp_path / "trtprof-scratch-file").write_text("mine")
    (tmp_path / "trtprof-scratch-link").symlink_to(mine)
    young, old = tmp_path / "trtprof-scratch-young", tmp_path / "trtprof-scratch-old"
    for path in (young, old):
        path.mkdir()
    for path in (old, mine):
        os.utime(path, (time.time() - 7200,) * 2)
    sweep(tmp_path)
    assert (mine / "table.csv").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {
        mine.name,
        "trtprof-scratch-file",
        "trtprof-scratch-link",
        young.name,
    }


def test_a_removal_that_is_cut_short_leaves_what_the_next_one_sweeps(tmp_path: Path, monkeypatch) -> None:
    scratch = Scratch(tmp_path)
    for number in range(3):
        (scratch.path / f"below{number}").mkdir()
    gone = []

    def killed(path: Path, **_: object) -> None:
        gone.append(path)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("trtprof.scratch.shutil.rmtree", killed)
        scratch.remove()
    (left,) = tmp_path.iterdir()
    assert gone[0].parent == left
    assert (left / ".trtprof-scratch").is_file()


def test_what_was_killed_before_its_mark_or_after_it_is_swept_once_its_maker_is_gone(tmp_path: Path) -> None:
    maker = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    empty, half = (tmp_path / f"trtprof-scratch-{maker.pid}-{name}" for name in ("empty", "half"))
    for path in (empty, half):
        path.mkdir()
    (half / ".trtprof-scratch.new").touch()
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == [empty, half], "its maker is at work"
    maker.communicate(b"\n")
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
