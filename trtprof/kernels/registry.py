"""The families in the order they are asked, and the classifier that asks them.

A new family is one module and one line in `FAMILIES`. A name goes first to the family whose ``ident`` pattern matches
its identifier, in this order, then to the one whose ``scope`` matches its namespaces, then to those with neither; a
family that returns None passes it on. The last family reads plain words and never passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from trtprof.kernels import (
    attention,
    cublas,
    cudnn,
    cutlass,
    cutlass_types,
    dla,
    dp4a,
    ggml,
    lapack,
    legacy,
    memory,
    myelin,
    nvjet,
    primitives,
    pytorch,
    serving,
    tensorrt,
    triton,
    trtllm_gen,
    words,
    xla,
    xmma,
)
from trtprof.kernels.family import Family
from trtprof.kernels.symbol import Symbol, take_apart
from trtprof.kernels.verdict import Verdict
from trtprof.model import KernelClass

FAMILIES: Final[tuple[Family, ...]] = (
    xmma.FAMILY,
    legacy.FAMILY,
    nvjet.FAMILY,
    cutlass.FAMILY,
    myelin.FAMILY,
    trtllm_gen.FAMILY,
    attention.FAMILY,
    memory.FAMILY,
    triton.FAMILY,
    xla.FAMILY,
    tensorrt.FAMILY,
    pytorch.FAMILY,
    cudnn.FAMILY,
    cublas.FAMILY,
    primitives.FAMILY,
    lapack.FAMILY,
    serving.FAMILY,
    ggml.FAMILY,
    dla.FAMILY,
    dp4a.FAMILY,
    cutlass_types.FAMILY,
    words.FAMILY,
)

_BY_IDENT: Final = tuple(family for family in FAMILIES if family.ident is not None)
_BY_SCOPE: Final = tuple(family for family in FAMILIES if family.scope is not None)
_ALWAYS: Final = tuple(family for family in FAMILIES if family.ident is None and family.scope is None)
# One regular expression finds the candidate: lastindex is the number of the alternative, so no pattern may hold groups.
_IDENT: Final = re.compile("|".join(f"({family.ident})" for family in _BY_IDENT))
_SCOPE: Final = re.compile("|".join(f"({family.scope})" for family in _BY_SCOPE))


def classify(name: str) -> KernelClass:
    """Return what the name of one kernel says about it; a name that cannot tell has unit unknown, confidence 0.

    Takes demangled, mangled, base and truncated names, and TensorRT tactic names. Never raises.
    """
    symbol = take_apart(name)
    # Templates share few identifiers, so the look-up is remembered for them; a plain name is its own identifier.
    find = _first if symbol.end == len(name) else _remembered
    family = find(symbol.ident, symbol.scope)
    verdict = family.read(symbol) if family is not None else None
    if family is None or verdict is None:
        family, verdict = _ask_everyone(symbol, family)
    return KernelClass(name, family.name, *verdict)


def classify_all(names: Iterable[str]) -> dict[str, KernelClass]:
    """Return the class of every distinct name, in the order of first appearance; repeats cost a dictionary look-up."""
    return {name: classify(name) for name in dict.fromkeys(names)}


def family_of(symbol: Symbol) -> Family:
    """Return the family whose verdict on the symbol counts."""
    first = _first(symbol.ident, symbol.scope)
    if first is not None and first.read(symbol) is not None:
        return first
    return _ask_everyone(symbol, first)[0]


def _first(ident: str, scope: str) -> Family | None:
    """Return the first family whose pattern fits the identifier, else the scope; None where no pattern does."""
    found = _IDENT.match(ident)
    if found is not None:
        return _BY_IDENT[(found.lastindex or 1) - 1]
    found = _SCOPE.match(scope) if scope else None
    return _BY_SCOPE[(found.lastindex or 1) - 1] if found is not None else None


_remembered: Final = lru_cache(maxsize=16384)(_first)


def _ask_everyone(symbol: Symbol, first: Family | None) -> tuple[Family, Verdict]:
    """Return the family with a verdict after ``first`` passed, and the verdict; `words` always has one."""
    for family in _later(symbol, first) if first is not None else _ALWAYS:
        verdict = family.read(symbol)
        if verdict is not None:
            return family, verdict
    raise AssertionError("the last family never passes")


def _later(symbol: Symbol, first: Family) -> Iterator[Family]:
    """Yield the other families whose pattern fits: by identifier, by scope, and those asked about every name."""
    for family in _BY_IDENT:
        if family is not first and family.ident is not None and re.match(family.ident, symbol.ident):
            yield family
    for family in _BY_SCOPE:
        if family is not first and family.scope is not None and re.match(family.scope, symbol.scope):
            yield family
    yield from _ALWAYS
