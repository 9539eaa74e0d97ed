"""Commands killed at random points, again and again: nothing runs on, nothing half passes for whole, a rerun finishes.

``TRTPROF_KILLS`` sets how many times in all (30 unless set), ``TRTPROF_KILL_SEED`` where (0); ``make soak`` sets both.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.interruption.scenes import SCENES, Pieces, Scene, prepare

KILLS = int(os.environ.get("TRTPROF_KILLS", "30"))
SEED = int(os.environ.get("TRTPROF_KILL_SEED", "0"))
IN_A_ROW = 3
"""How often a command is killed before it may finish."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGKILL)
TOLD = re.compile(
    r"error: interrupted(?: by SIG(?:TERM|HUP))?(?:; .+ (?:is|are) kept in .+)?\nhint: run the same command again.*\n\Z"
)
_MARK = "TRTPROF_KILL_TEST"
_END_S = 20.0
"""What a killed command leaves ends at once, but a loaded machine may take its time."""


@dataclass
class Desk:
    """A folder in which commands run, marked so that every process of theirs is known."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def start(self, scene: Scene) -> subprocess.Popen[str]:
        (self.folder / "tmp").mkdir(exist_ok=True)
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        extra = {_MARK: self.mark, "TMPDIR": str(self.folder / "tmp"), "PATH": path, "STAND_IN_RUN_S": "0.05"}
        return subprocess.Popen(
            [sys.executable, "-m", "trtprof", *scene.arguments],
            cwd=self.folder, env={**os.environ, **extra}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def left_running(self) -> list[str]:
        """Return what still runs of this desk, after it had time to end."""
        deadline = time.monotonic() + _END_S
        while (found := list(self._marked())) and time.monotonic() < deadline:
            time.sleep(0.02)
        return found

    def _marked(self) -> Iterator[str]:
        wanted = f"{_MARK}={self.mark}".encode()
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if wanted in (place / "environ").read_bytes():
                    yield (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue

    def leftovers(self) -> list[str]:
        """Return the temporary files of ours that are there."""
        places = [found for name in ("*.part", "*trtprof-scratch-*") for found in self.folder.rglob(name)]
        return sorted(str(path.relative_to(self.folder)) for path in places)


@pytest.fixture(scope="module")
def template(models: Path, micro_capture: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the commands need."""
    folder = tmp_path_factory.mktemp("template")
    costs = tmp_path_factory.mktemp("costs") / "costs"
    command = [sys.executable, "-m", "trtprof", "sensitivity", str(models / "residual_micro.onnx"), "--out", str(costs)]
    subprocess.run(command, check=True, capture_output=True)
    prepare(folder, models, micro_capture, costs)
    return folder


@pytest.fixture(scope="module")
def uninterrupted(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Pieces, float]]:
    """The outcome of each command that nobody kills, and how long it took; filled as commands come up."""
    return {}


def finish(desk: Desk, scene: Scene) -> tuple[Pieces, float]:
    started = time.monotonic()
    process = desk.start(scene)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    taken = time.monotonic() - started
    assert desk.left_running() == []
    assert desk.leftovers() == []
    return scene.outcome(desk.folder), taken


def kill(desk: Desk, scene: Scene, number: int, delay_s: float, whole: Pieces) -> float:
    """Kill a command after a while and check what it leaves; return how long it took to end."""
    process = desk.start(scene)
    time.sleep(delay_s)
    process.send_signal(number)
    sent = time.monotonic()
    _, errors = process.communicate(timeout=60)
    taken = time.monotonic() - sent
    at = f"{scene.name}, {signal.Signals(number).name} after {delay_s:.3f} s: {process.returncode}\n{errors}"
    assert desk.left_running() == [], at
    if process.returncode != 0:
        check_ending(process.returncode, number, errors, at)
    for name, piece in scene.outcome(desk.folder).items():
        if name in whole:
            assert piece == whole[name], f"{at}\n{name}"
    return taken


def check_ending(code: int, number: int, errors: str, at: str) -> None:
    """Check the exit status and the last words; a signal that comes before ours are set has the system's own."""
    if number == signal.SIGKILL:
        assert code == -number, at
        return
    if "init_import_site" in errors:  # Python itself, before any of ours
        return
    assert code in (128 + number, -number), at
    if code == 128 + number:
        assert TOLD.search(errors), at
        assert "Traceback" not in errors, at
        assert "Exception ignored" not in errors, at


def chains() -> list[tuple[Scene, int]]:
    """Return commands in turn, with how often each is killed before it may finish, until all kills are given out."""
    found = []
    left = KILLS
    while left > 0:
        count = min(IN_A_ROW, left)
        found.append((SCENES[(len(found) + SEED) % len(SCENES)], count))
        left -= count
    return found


@pytest.mark.parametrize(
    ("place", "scene", "count"),
    [pytest.param(place, *chain, id=f"{place}-{chain[0].name}") for place, chain in enumerate(chains())],
)
def test_killed_at_random_points_and_started_again(
    rtx: None, template: Path, uninterrupted: dict[str, tuple[Pieces, float]], tmp_path: Path,
    place: int, scene: Scene, count: int,
) -> None:  # fmt: skip
    if scene.name not in uninterrupted:
        shutil.copytree(template, tmp_path / "first")
        uninterrupted[scene.name] = finish(Desk(tmp_path / "first"), scene)
    whole, duration = uninterrupted[scene.name]
    shutil.copytree(template, tmp_path / "desk")
    desk = Desk(tmp_path / "desk")
    dice = random.Random(f"{SEED} {place}")
    for _ in range(count):
        kill(desk, scene, dice.choice(SIGNALS), dice.uniform(0.0, duration), whole)
    assert finish(desk, scene)[0] == whole
