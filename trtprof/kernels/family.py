"""What a family of kernel names is: how to recognise one, read it and spell it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import Verdict


class Token(NamedTuple):
    """A piece of a kernel's name and what it means; separators and pieces nobody documents have an empty meaning."""

    text: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Family:
    """A grammar of kernel names.

    ``ident`` and ``scope`` are regular expressions matched from the start of the identifier and of its namespace
    path, and hold no groups; either one makes the family a candidate, and a family with neither is asked about every
    name that nobody else took. ``read`` then returns a verdict, or None to pass the name on.
    ``spell`` yields the tokens of the identifier; without it the common lexicon is used.
    """

    name: str
    title: str
    read: Callable[[Symbol], Verdict | None]
    ident: str | None = None
    scope: str | None = None
    spell: Callable[[str], Iterator[Token]] | None = None
