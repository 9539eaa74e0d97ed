"""What a verbose build log tells of autotuning: which kernels were timed for a layer, and which one won.

Three forms are read: 8.0 to 8.2 (``X Set Tactic Name: … Tactic: …`` before the line with the time, decimal tactics),
8.4 and later (``Tactic Name: … Tactic: 0x… Time: …``), and Myelin's tables (``(foreignNode) 0, 0.0188, 1.0, …, kernel,
…``). Times are milliseconds in the log. Lines in, records out; imports the readers of words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from trtprof.parsers.document import milliseconds, parse_number
from trtprof.parsers.layer_listing import tactic_value

_NO_TACTIC: Final = "0xd15ea5edd15ea5ed"
_TIMED: Final = re.compile(r"(?:Tactic Name: (\S+) )?Tactic: (-?\w+) Time: (\S+)$")
_SKIPPED: Final = re.compile(r"Tactic: (-?\w+) (skipped\..*)$")
_NAMED: Final = re.compile(r"(.*) Set Tactic Name: (\S+) Tactic: (-?\w+)$")
_RUNNER: Final = re.compile(r"--------------- Timing Runner: (.*) \((\w+)(?:\[0x[0-9a-f]+\])?\)$")
_FORMATS: Final = re.compile(r"\*{15} Autotuning (format combination|Reformat): ?(.*?) ?\*{15}$")
_CHOSEN: Final = re.compile(r">{15} Chose Runner Type: (\w+) Tactic: (-?\w+)$")
_FASTEST: Final = re.compile(r"(?:.* profiling completed in \S+ seconds\. )?Fastest Tactic: (-?\w+) Time: (\S+)$")
_CACHED: Final = "] got cached result: "
_CACHED_RESULT: Final = re.compile(r"(\w+), tactic (-?\w+), (\S+) ms$")
_MYELIN_OPERATION: Final = re.compile(r" ?\(foreignNode\) Autotuning op (.*?): ")
_MYELIN_ROW: Final = re.compile(r" ?\(foreignNode\)\s+\d+, (\S+), \S+, \S+, ([^,\s]+), (0x[0-9a-f]+)")
_COSTS: Final = "=============== Computing costs for"
_REFORMAT: Final = re.compile(r"Optimizer Reformat\((.*) -> (.*)\)$")


class Subject(str, Enum):
    """What was timed: a layer in one combination of formats, a conversion the builder may need, a Myelin operation."""

    LAYER = "layer"
    REFORMAT = "reformat"
    MYELIN = "myelin"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One tactic that was tried. ``time_ns`` is ``None`` when it was not run, ``note`` then says why."""

    runner: str
    tactic: str
    name: str | None
    time_ns: float | None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Autotuning:
    """The trial of one operation in one combination of formats (``Half(784,784,28,1) -> Half(…)``, strides not dims).

    ``chosen`` is ``None`` when no tactic works for this combination. ``cached`` means that the timing cache answered.
    """

    operation: str
    subject: Subject
    formats: str | None
    candidates: tuple[Candidate, ...]
    chosen: Candidate | None
    cached: bool = False


class AutotuningReader:
    """Collects autotuning as a log passes by."""

    def __init__(self) -> None:
        self._done: list[Autotuning] = []
        self._layer = ""
        self._named: tuple[str, str] | None = None
        self._myelin_operation = ""
        self._myelin_candidates: list[Candidate] = []
        self._begin(Subject.LAYER, None)

    def feed(self, message: str) -> bool:
        """Take a line without its log prefix; return whether it is about autotuning."""
        head = message[:1]
        if head == "T":
            return self._tactic(message)
        if head and head in "-*>=":
            return self._state(message)
        if "(foreignNode)" in message[:15]:
            return self._myelin(message)
        if "Fastest Tactic: " in message:
            return self._fastest(message)
        return self._named_or_cached(message)

    def result(self) -> tuple[Autotuning, ...]:
        """Return every trial in the order of the log."""
        self._end_myelin()
        self._end()
        return tuple(self._done)

    def _begin(self, subject: Subject, formats: str | None) -> None:
        self._subject = subject
        self._formats = formats
        self._operation = ""
        self._runner = ""
        self._candidates: list[Candidate] = []
        self._chosen: Candidate | None = None

    def _end(self) -> None:
        """Close the trial at hand. Before 8.4 only layers have a "Chose" line: of reformats the fastest is taken."""
        if self._candidates or self._chosen:
            chosen = self._chosen
            if chosen is None and self._subject is Subject.REFORMAT:
                chosen = _fastest(self._candidates)
            operation = self._operation or self._layer
            self._done.append(Autotuning(operation, self._subject, self._formats, tuple(self._candidates), chosen))

    def _tactic(self, message: str) -> bool:
        timed, skipped = _TIMED.match(message), _SKIPPED.match(message)
        if timed is not None:
            tactic, time = tactic_value(timed[2]), milliseconds(parse_number(timed[3]))
            if tactic is not None and tactic != _NO_TACTIC:
                name = timed[1] or (self._named[1] if self._named and self._named[0] == tactic else None)
                self._candidates.append(
                    Candidate(self._runner, tactic, name, time, None if time is not None else f"time {timed[3]}")
                )
        elif skipped is not None:
            tactic = tactic_value(skipped[1]) or skipped[1]
            self._candidates.append(Candidate(self._runner, tactic, None, None, skipped[2]))
        return timed is not None or skipped is not None

    def _state(self, message: str) -> bool:
        if found := _RUNNER.match(message):
            reformat = _REFORMAT.match(found[1])
            self._operation = f"{reformat[1]} -> {reformat[2]}" if reformat else found[1]
            self._runner = found[2]
        elif found := _FORMATS.match(message):
            self._end_myelin()
            self._end()
            self._begin(Subject.REFORMAT if found[1] == "Reformat" else Subject.LAYER, found[2])
        elif found := _CHOSEN.match(message):
            self._chosen = self._candidate(found[1], tactic_value(found[2]))
        elif message.startswith(_COSTS):
            self._end_myelin()
            self._end()
            self._layer = message[len(_COSTS) :].strip()
            self._begin(Subject.LAYER, None)
        else:
            return message.startswith("=============== Computing reformatting costs")
        return True

    def _candidate(self, runner: str, tactic: str | None, time_ns: float | None = None) -> Candidate | None:
        if tactic is None or tactic == _NO_TACTIC:
            return None
        same = [item for item in self._candidates if item.tactic == tactic and item.runner == runner]
        return same[-1] if same else Candidate(runner, tactic, None, time_ns)

    def _fastest(self, message: str) -> bool:
        found = _FASTEST.match(message)
        if found is not None and self._subject is Subject.REFORMAT and self._chosen is None:
            time = milliseconds(parse_number(found[2]))
            self._chosen = self._candidate(self._runner, tactic_value(found[1]), time)
        return found is not None

    def _named_or_cached(self, message: str) -> bool:
        if " Set Tactic Name: " in message and (found := _NAMED.match(message)):
            tactic = tactic_value(found[3])
            self._named = (tactic, found[2]) if tactic else None
            return True
        operation, cached, result = message.rpartition(_CACHED)
        return bool(cached) and self._cached(operation, result)

    def _cached(self, operation: str, result: str) -> bool:
        """A trial that the timing cache answered: ``X [formats`` before the words, runner, tactic and time behind."""
        found = _CACHED_RESULT.match(result)
        if found is None:
            return False
        name, _, formats = operation.rpartition(" [")
        reformat = _REFORMAT.match(name)
        tactic, time = tactic_value(found[2]), milliseconds(parse_number(found[3]))
        chosen = Candidate(found[1], tactic, None, time) if tactic and tactic != _NO_TACTIC else None
        self._end()
        self._begin(Subject.LAYER, None)
        self._done.append(
            Autotuning(
                f"{reformat[1]} -> {reformat[2]}" if reformat else name,
                Subject.REFORMAT if reformat else Subject.LAYER,
                formats,
                (),
                chosen,
                cached=True,
            )
        )
        return True

    def _myelin(self, message: str) -> bool:
        if found := _MYELIN_OPERATION.match(message):
            self._end_myelin()
            self._myelin_operation = found[1]
        elif found := _MYELIN_ROW.match(message):
            time = milliseconds(parse_number(found[1]))
            self._myelin_candidates.append(Candidate("Myelin", found[3], found[2], time))
        return True

    def _end_myelin(self) -> None:
        """Close the table of one operation inside a Myelin region, which stands amid the trial of the region."""
        if self._myelin_candidates:
            candidates = tuple(self._myelin_candidates)
            trial = Autotuning(self._myelin_operation, Subject.MYELIN, self._formats, candidates, _fastest(candidates))
            self._done.append(trial)
        self._myelin_operation, self._myelin_candidates = "", []


def _fastest(candidates: Sequence[Candidate]) -> Candidate | None:
    timed = [(item.time_ns, place) for place, item in enumerate(candidates) if item.time_ns is not None]
    return candidates[min(timed)[1]] if timed else None
