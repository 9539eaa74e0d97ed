"""What a capture script brought, unpacked: which engines it measured, when, and what the board did meanwhile.

A directory with ``capture.txt`` (``key: value`` lines), ``marks.txt`` (uptime and what began or ended then),
``tegrastats.txt``, ``board/`` and ``after/`` (for ``trtprof doctor --root``), and a directory for each engine with the
files of trtexec. Files in, records out.
"""

from __future__ import annotations

import filecmp
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trtprof.backends.capture import sha256_of
from trtprof.errors import InputError, UsageError
from trtprof.jetson.archive import put, unpacked
from trtprof.jetson.boards import Board, board_called
from trtprof.model import Notice, Unknown
from trtprof.parsers.document import parse_number
from trtprof.parsers.tegrastats import TimedSample, read_tegrastats

INFO: Final = "capture.txt"
_MARKS: Final = "marks.txt"
_SAMPLES: Final = "tegrastats.txt"
_FAILURE: Final = "failed.txt"
_HEAD: Final = "trtprof-capture"
_VERSION: Final = "1"
_MOST_BYTES: Final = 1 << 20
_NAME: Final = re.compile(r"[^A-Za-z0-9._-]")
_HINT: Final = "run the script of trtprof recipe again, to its end"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that began or ended, in seconds of the board's uptime: ``fp16 latency start``."""

    uptime_s: float
    engine: str
    what: str


@dataclass(frozen=True, slots=True)
class CapturedEngine:
    """An engine that the script set out to measure; ``failure`` is ``None`` where it was measured to the end."""

    name: str
    folder: Path
    failure: str | None


@dataclass(frozen=True, slots=True)
class BoardCapture:
    """An unpacked capture. ``samples`` is :class:`~trtprof.model.Unknown` where tegrastats was not recorded."""

    folder: Path
    info: Mapping[str, str]
    engines: tuple[CapturedEngine, ...]
    marks: tuple[Mark, ...]
    samples: tuple[TimedSample, ...] | Unknown
    notices: tuple[Notice, ...] = ()

    @property
    def board(self) -> Board | None:
        """The board the script was written for."""
        return board_called(self.info.get("board", ""))

    @property
    def model(self) -> str:
        """File name of the model."""
        return self.info.get("model", "an unnamed model")

    @property
    def complete(self) -> bool:
        """Whether the script ran to its end and every step succeeded."""
        return self.info.get("status") == "complete"

    @property
    def measured(self) -> tuple[CapturedEngine, ...]:
        """The engines that were measured to the end."""
        return tuple(engine for engine in self.engines if engine.failure is None)


def find_board_capture(path: Path) -> Path | None:
    """Return the directory of an unpacked capture that ``path`` is, or ``None``."""
    try:
        with (path / INFO).open("rb") as file:
            return path if file.read(len(_HEAD)) == _HEAD.encode() else None
    except OSError:
        return None


def read_board_capture(folder: Path) -> BoardCapture:
    """Return what a capture holds.

    Raises:
        InputError: it is none, or is of a form this version does not know.
    """
    info = _info(folder)
    engines = tuple(_engine(folder, name) for name in info.get("engines", "").split())
    if not engines:
        raise InputError("expected a line 'engines: …', found none", path=folder / INFO, hint=_HINT)
    path = folder / _SAMPLES
    notices: tuple[Notice, ...] = ()
    samples: tuple[TimedSample, ...] | Unknown
    if not path.is_file() or not path.stat().st_size:
        samples = Unknown("tegrastats was not recorded")
    else:
        try:
            log = read_tegrastats(path)
            samples, notices = tuple(item for item in log.samples if item.uptime_s is not None), log.notices
        except InputError as error:  # tegrastats that only complains costs no time that trtexec measured
            samples = Unknown(error.message)
    return BoardCapture(folder, info, engines, _marks(folder), samples, notices)


def _info(folder: Path) -> dict[str, str]:
    text = _text(folder / INFO)
    if text is None:
        raise InputError(
            f"expected a capture of a board (a directory with {INFO}), found none", path=folder, hint=_HINT
        )
    info = {}
    for line in text.splitlines():
        key, separator, value = line.partition(": ")
        if separator:
            info[key.strip()] = value.strip()
    if info.get(_HEAD) != _VERSION:
        found = info.get(_HEAD, "none")
        raise InputError(
            f"expected '{_HEAD}: {_VERSION}', found {found[:40]}",
            path=folder / INFO,
            hint="use the trtprof that wrote it",
        )
    return info


def _engine(folder: Path, name: str) -> CapturedEngine:
    if "/" in name or name in (".", ".."):
        raise InputError(f"expected the name of an engine, found '{name[:40]}'", path=folder / INFO, hint=_HINT)
    place = folder / name
    failure = _text(place / _FAILURE)
    if failure is not None:
        return CapturedEngine(name, place, " ".join(failure.split()) or "a step failed")
    missing = [file for file in ("layers.json", "times.json", "profile.json") if not (place / file).is_file()]
    if missing:
        return CapturedEngine(name, place, f"the script was ended before it wrote {', '.join(missing)}")
    return CapturedEngine(name, place, None)


def _marks(folder: Path) -> tuple[Mark, ...]:
    marks = []
    for line in (_text(folder / _MARKS) or "").splitlines():
        time, _, words = line.partition(" ")
        engine, _, what = words.partition(" ")
        uptime = parse_number(time)
        if uptime is not None and engine:
            marks.append(Mark(uptime, engine, what))
    return tuple(marks)


def _text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return None


def import_capture(archive: Path, out: Path | None, workspace: Path) -> tuple[Path, bool]:
    """Unpack an archive into ``out``, or below ``workspace`` under a name of its own; return the directory.

    The second value says whether it was unpacked now: the same archive is not unpacked twice into the same place.

    Raises:
        InputError: the archive is refused, or holds no capture; nothing is left then.
        UsageError: ``out`` is there already, and is not of this archive.
        BuildError: the files cannot be written.
    """
    if not archive.is_file():
        raise InputError("expected an archive, found a directory" if archive.is_dir() else "no such file",
                         path=archive, hint="give the capture.tgz that the script of trtprof recipe wrote")  # fmt: skip
    digest = sha256_of(archive)[:6]
    if out is None:
        earlier = [path for path in workspace.glob(f"*-{digest}") if find_board_capture(path)]
        if earlier:
            return earlier[0], False
    with unpacked(archive, out.parent if out else workspace) as folder:
        capture = _read(folder, archive)
        place = out or workspace / _name(capture, digest)
        if place.exists():
            if _holds(place, folder):
                return place, False
            raise UsageError(f"{place} is there already", hint="name another directory with --out, or remove it")
        put(folder, place)
    return place, True


def _read(folder: Path, archive: Path) -> BoardCapture:
    """Read a capture that is still where it was unpacked, which nobody should be told of."""
    try:
        return read_board_capture(folder)
    except InputError as error:
        raise InputError(error.message.replace(str(folder), str(archive)), hint=error.hint) from None


def _name(capture: BoardCapture, digest: str) -> str:
    words = (Path(capture.model).stem, capture.info.get("board", "board"), digest)
    return "-".join(_NAME.sub("_", word)[:60] for word in words)


def _holds(place: Path, folder: Path) -> bool:
    """Whether every file below ``folder`` is below ``place`` as well, with the same content."""
    pairs = [(place / path.relative_to(folder), path) for path in folder.rglob("*") if path.is_file()]
    return all(there.is_file() and filecmp.cmp(there, here, shallow=False) for there, here in pairs)
