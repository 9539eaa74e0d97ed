"""One input through one reader: what comes of it, in how much time and memory. Shared by the long and the short run."""

from __future__ import annotations

import hashlib
import re
import signal
import time
import traceback
import tracemalloc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.fuzz.readers import READERS, Reader
from trtprof.errors import InputError, TrtprofError

BASE_S: Final = 2.0
S_PER_MEGABYTE: Final = 20.0
"""The longest an input may take in the long run, on a busy machine: far above what a sound reader needs."""
BASE_BYTES: Final = 24 << 20
BYTES_PER_BYTE: Final = 400
"""The most memory an input may take. Python needs some 60 bytes for a small number and 100 for a short text in a row,
and a JSON document of ``[[],[],…`` becomes 30 bytes of Python for each of its own."""


class Slow(Exception):  # noqa: N818 - what it says
    """An input took longer than its size allows."""


@dataclass(frozen=True)
class Finding:
    """What a reader may not do, with the input that makes it do so."""

    reader: str
    what: str
    place: str
    data: bytes

    @property
    def name(self) -> str:
        """A short name for the kind of finding: the same for every input that ends at the same place."""
        digest = hashlib.sha256(f"{self.what.partition(':')[0]} {self.place}".encode()).hexdigest()[:8]
        return f"{self.reader}-{digest}"

    def line(self) -> str:
        """Return the finding in a line."""
        return f"{self.name}: {self.what} at {self.place} ({len(self.data)} bytes)"


def mutated(reader: Reader, data: bytes, random: Random) -> bytes:
    """Return the input, changed by one or two of the reader's mutations."""
    for _ in range(random.choice((1, 1, 2))):
        data = random.choice(reader.mutations)(data, random)
    return data


def check(name: str, data: bytes, folder: Path, *, watch_time: bool = False, memory: bool = False) -> Finding | None:
    """Feed an input to a reader and return what it did wrong, ``None`` for a result or a well-made refusal."""
    reader = READERS[name]
    path = folder / f"input{reader.suffix}"
    path.write_bytes(data)
    if memory:
        tracemalloc.start()
    try:
        with warnings.catch_warnings(), _deadline(BASE_S + S_PER_MEGABYTE * len(data) / 1e6 if watch_time else None):
            warnings.simplefilter("ignore")
            reader.read(path)
    except TrtprofError as error:
        return _badly_said(name, error, data)
    except Slow:
        return Finding(name, "too slow", _where_slow(), data)
    except BaseException as error:  # whatever it is: that is what is looked for
        if isinstance(error, KeyboardInterrupt):
            raise
        return Finding(name, f"{type(error).__name__}: {str(error)[:120]!r}", _place(error), data)
    finally:
        peak = tracemalloc.get_traced_memory()[1] if memory else 0
        if memory:
            tracemalloc.stop()
    if memory and peak > BASE_BYTES + BYTES_PER_BYTE * len(data):
        return Finding(name, f"too much memory: {peak >> 20} MiB", "-", data)
    return None


def _badly_said(name: str, error: TrtprofError, data: bytes) -> Finding | None:
    """An error must be one line of a length one can read; a file's must say what to do."""
    if "\n" in error.message or len(error.message) > 2000:
        return Finding(name, f"message too long: {len(error.message)} characters", _place(error), data)
    if isinstance(error, InputError) and error.path and not error.hint:
        return Finding(name, f"no hint: {error.message[:80]!r}", _place(error), data)
    return None


def _place(error: BaseException) -> str:
    """The innermost place of ours: one finding a place, whatever the library below raises."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if re.search(r"/(?:trtprof|parsers|dashboards)/", frame.filename)] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"


_slow_at = "-"


def _where_slow() -> str:
    return _slow_at


@contextmanager
def _deadline(seconds: float | None) -> Iterator[None]:
    if seconds is None:
        yield
        return

    def ring(_: int, frame: Any) -> None:
        global _slow_at  # noqa: PLW0603 - a signal handler has no other way to say where
        while frame.f_back and not re.search(r"/(?:trtprof|parsers|dashboards)/", frame.f_code.co_filename):
            frame = frame.f_back
        _slow_at = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
        raise Slow

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Corpus:
    """Inputs kept on disk between runs, and the findings beside them."""

    def __init__(self, root: Path, name: str) -> None:
        self.folder = root / "corpus" / name
        self.findings = root / "findings"
        for folder in (self.folder, self.findings):
            folder.mkdir(parents=True, exist_ok=True)

    def fill(self, reader: Reader) -> None:
        """Put the reader's seeds among the inputs, each once."""
        for seed in reader.seeds():
            self.add(seed)

    def add(self, data: bytes) -> None:
        """Keep an input under its hash."""
        path = self.folder / hashlib.sha256(data).hexdigest()[:16]
        if not path.exists():
            path.write_bytes(data)

    def inputs(self) -> list[bytes]:
        """Return every input kept, in the order of their names."""
        return [path.read_bytes() for path in sorted(self.folder.iterdir()) if path.is_file()]

    def keep(self, finding: Finding) -> Path | None:
        """Save the input of a finding; ``None`` where one of its kind as small is known."""
        path = self.findings / finding.name
        if path.exists() and path.stat().st_size <= len(finding.data):
            return None
        path.write_bytes(finding.data)
        path.with_suffix(".txt").write_text(f"{finding.line()}\n", encoding="utf-8")
        return path


def search(name: str, seconds: float, corpus: Corpus, folder: Path, seed: int) -> tuple[int, int]:
    """Change inputs at random for a while, without coverage; return how many were tried and how many were findings."""
    random, reader, inputs = Random(seed), READERS[name], corpus.inputs()
    end, tried, found = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        tried += 1
        data = mutated(reader, random.choice(inputs), random)
        finding = check(name, data, folder, watch_time=True, memory=tried % 50 == 0)
        if finding is not None:
            found += 1
            if corpus.keep(finding):
                print(finding.line(), flush=True)  # noqa: T201 - the answer of the command
    return tried, found
