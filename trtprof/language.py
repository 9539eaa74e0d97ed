"""Sentences in another language, at the place where they are shown.

Everything here is composed and kept in English: records, JSON, the store. A drawing layer hands each finished sentence
to :func:`translate`, which finds it in a catalogue. An entry of the catalogue is an English sentence with holes, ``{}``
for any words, ``{w}`` for one and ``{n}`` for a figure, and its translation with the holes by number: ``{1}``, itself
translated, or ``{1!s}``, taken over as it is, which is right for names. What no entry fits is shown in English.

So nothing that computes knows of languages, a comparison read from a file or from the store is translated like a fresh
one, and no result can depend on the reader's language. Imports nothing of ours.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache, partial
from typing import Final

CATALOGUES: Final = (
    "rules", "findings", "verdict", "terminal", "lint", "notices", "kernels", "gates", "names", "commands", "machine",
    "page",
)  # fmt: skip
"""The files of a language in ``trtprof/languages``, one for each part of the program."""
_HOLE: Final = re.compile(r"(\{[nw]?\})")
_PLACE: Final = re.compile(r"\{(\d+)(!s)?\}")
_FILLS: Final = {"{}": re.compile(r".*", re.DOTALL), "{w}": re.compile(r"\S+"), "{n}": re.compile(r"[-+−×<]?[\d.,]+|–")}
"""What may stand in each kind of hole."""
_SENTENCE_END: Final = re.compile(r"(?<=[.。]) (?=\S)")
_JOINTS: Final = (("; ", "；"), (": ", "："), (", ", "，"), (" + ", " + "))
"""How the program joins sentences that are entries of their own, and how Chinese does."""
_WORDS: Final = re.compile(r"\b[a-z]+ [a-z]+\b")
"""What tells a sentence from a name or a figure."""
_SEAM: Final = re.compile(r"[\u4e00-\u9fff][A-Za-z0-9%]|[A-Za-z0-9%][\u4e00-\u9fff]")
_SEEN: Final = 8192
_DEEPEST: Final = 12


class Language(str, Enum):
    """The languages there are: English and Simplified Chinese, by their ISO 639 codes."""

    EN = "en"
    ZH = "zh"


_shown: ContextVar[Language | None] = ContextVar("shown", default=None)


def show_in(language: Language) -> None:
    """Let :func:`shown` use this language from here on. Only what is printed depends on it."""
    _shown.set(language)


def shown_language() -> Language:
    """Return the language that :func:`show_in` chose, English by default."""
    return _shown.get() or Language.EN


@contextmanager
def showing(language: Language) -> Iterator[None]:
    """Use a language within the block, and afterwards what was used before."""
    before = _shown.set(language)
    try:
        yield
    finally:
        _shown.reset(before)


def shown(text: str) -> str:
    """Return a text in the language that :func:`show_in` chose."""
    return translate(text, shown_language())


def language_of(environment: Mapping[str, str]) -> Language:
    """Return the language of the locale, by ``LC_ALL``, ``LC_MESSAGES`` and ``LANG`` in the order of POSIX."""
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := environment.get(name))), "")
    word = re.split(r"[_.@-]", locale.lower(), maxsplit=1)[0]
    return Language.ZH if word == Language.ZH.value else Language.EN


def reader_language(environment: Mapping[str, str]) -> Language:
    """Return the language that :func:`show_in` chose; where nothing did, ``TRTPROF_LANG``, else that of the locale."""
    named = environment.get("TRTPROF_LANG", "").lower()
    known = {language.value: language for language in Language}
    return _shown.get() or known.get(named) or language_of(environment)


def translate(text: str, language: Language) -> str:
    """Return a text in a language, what the catalogue does not have as it is."""
    return text if language is Language.EN or not text else _translated(text, language, _DEEPEST)


@dataclass(frozen=True, slots=True)
class Entry:
    """A sentence of the catalogue: the words around its holes, what may stand in each hole, and its translation."""

    words: tuple[str, ...]
    fills: tuple[re.Pattern[str], ...]
    translation: str
    longest: str

    @classmethod
    def of(cls, english: str, translation: str) -> Entry:
        """Return the entry of a sentence with holes."""
        parts = _HOLE.split(english)
        words = tuple(parts[::2])
        return cls(words, tuple(_FILLS[hole] for hole in parts[1::2]), translation, max(words, key=len))

    @property
    def weight(self) -> int:
        """How much of a sentence the entry fixes: of several that fit, the one with most words is meant."""
        return sum(map(len, self.words))

    def fits(self, text: str) -> tuple[str, ...] | None:
        """Return what stands in the holes of a text, ``None`` where it is another sentence.

        Every hole ends where the words behind it first come, or else begins where those before it last come. No more
        is tried, so the time is linear in the text, whatever it holds.
        """
        if self.longest not in text:
            return None
        first, last = self.words[0], self.words[-1]
        end = len(text) - len(last)
        if end < len(first) or not text.startswith(first) or not text.endswith(last):
            return None
        body = text[len(first) : end]
        for found in (self._from_left(body), self._from_right(body)):
            if found is None:
                return None
            if all(fill.fullmatch(hole) for fill, hole in zip(self.fills, found, strict=True)):
                return tuple(found)
        return None

    def _from_left(self, body: str) -> list[str] | None:
        found = []
        for words in self.words[1:-1]:
            hole, joint, body = body.partition(words)
            if not joint:
                return None
            found.append(hole)
        return [*found, body]

    def _from_right(self, body: str) -> list[str] | None:
        found: list[str] = []
        for words in reversed(self.words[1:-1]):
            body, joint, hole = body.rpartition(words)
            if not joint:
                return None
            found.insert(0, hole)
        return [body, *found]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries of a language: whole sentences, and those with holes, most words first."""

    whole: Mapping[str, str]
    holed: Sequence[Entry]


@cache
def catalogue(language: Language) -> Catalogue:
    """Return the catalogue of a language, read once from the files of the package."""
    pairs = {english: said for name in CATALOGUES for english, said in entries(language, name).items()}
    holed = [Entry.of(english, said) for english, said in pairs.items() if _HOLE.search(english)]
    whole = {english: said for english, said in pairs.items() if not _HOLE.search(english)}
    return Catalogue(whole, sorted(holed, key=lambda entry: -entry.weight))


def entries(language: Language, name: str) -> dict[str, str]:
    """Return one file of a language as it is: English sentences and their translations."""
    import json
    from importlib.resources import files

    text = (files("trtprof") / "languages" / language.value / f"{name}.json").read_text(encoding="utf-8")
    read: dict[str, str] = json.loads(text)
    return read


@lru_cache(maxsize=_SEEN)
def _translated(text: str, language: Language, depth: int) -> str:
    """An entry for the whole text, else its sentences one by one, else an entry with holes, else its parts.

    ``depth`` is how many more times a part of a part is looked at: a name may hold whatever its author liked.
    """
    body = text.lstrip(" ")
    if not depth or not body:
        return text
    if len(text) - len(body) > 1:
        # A line that is indented; a single blank belongs to a sentence that is appended to another.
        return text[: len(text) - len(body)] + _translated(body, language, depth - 1)
    known = catalogue(language).whole
    if text in known:
        return known[text]
    if text.endswith(".") and text[:-1] in known:
        return known[text[:-1]] + "。"
    part = partial(_part, language=language, depth=depth - 1)
    for attempt in (_sentences, _best, _listed):
        said = attempt(text, language, part)
        if said is not None:
            return said
    return text


def _part(text: str, *, language: Language, depth: int) -> str:
    return _translated(text, language, depth)


def _sentences(text: str, _: Language, part: Callable[[str], str]) -> str | None:
    """Several sentences in a row, if each is known: an entry with holes must not reach over a full stop by chance."""
    pieces = _SENTENCE_END.split(text)
    said = [part(piece) for piece in pieces] if len(pieces) > 1 else []
    return "".join(said) if said and all(map(operator.ne, pieces, said)) else None


def _best(text: str, language: Language, part: Callable[[str], str]) -> str | None:
    """An entry with holes for the whole, or one for a label and one for its text: the reading that fixes most words."""
    fitting = _fitting(text, language)
    label, joint, rest = text.partition(": ")
    of_label, of_rest = (_weight(words, language) if joint else 0 for words in (label, rest))
    a_name = not _WORDS.search(label)
    if of_rest and (of_label or a_name) and of_label + len(joint) + of_rest > (fitting[0].weight if fitting else 0):
        return f"{part(label)}：{part(rest)}"
    return _filled(*fitting, part) if fitting else None


def _weight(text: str, language: Language) -> int:
    """How many letters of a text are an entry's; 0 where none fits."""
    if text in catalogue(language).whole:
        return len(text)
    fitting = _fitting(text, language)
    return fitting[0].weight if fitting else 0


@lru_cache(maxsize=_SEEN)
def _fitting(text: str, language: Language) -> tuple[Entry, tuple[str, ...]] | None:
    """Return the entry with most words that fits, and what stands in its holes."""
    for entry in catalogue(language).holed:
        found = entry.fits(text)
        if found is not None:
            return entry, found
    return None


def _filled(entry: Entry, found: Sequence[str], part: Callable[[str], str]) -> str:
    """Return a translation with its holes filled; Chinese leaves a blank between its characters and Latin words."""
    said, end = "", 0
    for place in _PLACE.finditer(entry.translation):
        value = found[int(place[1]) - 1]
        said = _joined(_joined(said, entry.translation[end : place.start()]), value if place[2] else part(value))
        end = place.end()
    return _joined(said, entry.translation[end:])


def _joined(before: str, after: str) -> str:
    return f"{before} {after}" if _SEAM.search(before[-1:] + after[:1]) else before + after


def _listed(text: str, _: Language, part: Callable[[str], str]) -> str | None:
    """What the program joined, a label and its text or a list: every part is known, or data without words."""
    for joint, theirs in _JOINTS:
        # A label ends at its first colon, lists have any number of items.
        pieces = text.split(joint, 1 if joint == ": " else -1)
        if len(pieces) < 2:
            continue
        said = [part(piece) for piece in pieces]
        known = list(map(operator.ne, pieces, said))
        if any(known) and all(now or not _WORDS.search(piece) for now, piece in zip(known, pieces, strict=True)):
            return theirs.join(said)
    return None
