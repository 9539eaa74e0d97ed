"""What stands on either side of ``trtprof diff``: an engine, a comparison, a committed baseline, or a stored run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from trtprof.analysis.built_figures import figures_of, figures_of_missing
from trtprof.analysis.engine_graph import unify
from trtprof.analysis.findings.subjects import diagnose
from trtprof.backends.capture import find_capture
from trtprof.comparison import Built
from trtprof.diagnosis import Finding
from trtprof.errors import InputError, UsageError
from trtprof.figures import EngineFigures
from trtprof.model import Unknown
from trtprof.parsers.comparison_json import is_comparison_json, read_comparison_json
from trtprof.pipeline.measured import inspect
from trtprof.pipeline.read import read_capture
from trtprof.pipeline.targets import parse_target
from trtprof.store.database import is_store
from trtprof.store.figures import read_figures

_RUN_MARK: Final = "#"
_RUN_NAME: Final = re.compile(r".*@-\d+|[0-9a-f]{4,12}", re.DOTALL)
"""What a run of the store may be called where the store is named apart; anything else is a file that is not there."""
_SQLITE_HINT: Final = "name a run of it: {path}#@-1 is the last, {path}#MODEL@-1 the last of a model"


@dataclass(frozen=True, slots=True)
class Side:
    """The engines of one side by figures, and by layers where its files hold them (a baseline or a run does not).

    ``name`` is what the user called the one engine of it, ``text`` what he typed.
    """

    text: str
    name: str | None
    engines: tuple[EngineFigures, ...]
    built: Mapping[str, Built] = field(default_factory=dict)
    findings: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnginePair:
    """An engine of both sides; ``built`` and ``findings`` where the layers of both can be held against each other."""

    name: str
    base: EngineFigures
    head: EngineFigures
    built: tuple[Built, Built] | None
    findings: tuple[tuple[Finding, ...], tuple[Finding, ...]] = ((), ())


def read_side(text: str, db: Path | None) -> Side:
    """Return what a target holds; ``@-1`` and ``MODEL@-1`` are runs of the store ``db``.

    Raises:
        InputError: it is none of these, or cannot be read.
    """
    name, path = parse_target(text)
    place = str(path)
    if not path.exists() and _RUN_MARK in place:
        store, _, run = place.rpartition(_RUN_MARK)
        return Side(text, name, read_figures(Path(store), run)[1])
    if not path.exists() and db is not None and _RUN_NAME.fullmatch(place):
        return Side(text, name, read_figures(db, place)[1])
    if path.is_file() and path.suffix == ".json" and is_comparison_json(content := path.read_bytes()):
        return Side(text, name, read_comparison_json(content, path).engines)
    if path.is_file() and is_store(path):
        raise InputError("expected a run of the store", path=path, hint=_SQLITE_HINT.format(path=path))
    root = find_capture(path)
    return _comparison(text, name, path, root) if root is not None else _files(text, name, path)


def _comparison(text: str, name: str | None, path: Path, root: Path) -> Side:
    found = read_capture(root)
    figures = (figures_of(built, found.diagnosis.of(built.name), path.name, found.device) for built in found.engines)
    missing = (figures_of_missing(item, path.name) for item in found.missing)
    findings = {built.name: found.diagnosis.of(built.name) for built in found.engines}
    return Side(text, name, (*figures, *missing), {built.name: built for built in found.engines}, findings)


def _files(text: str, name: str | None, path: Path) -> Side:
    found = inspect([path])
    findings = {}
    for built in found:
        graph, (engine,) = unify([built.engine])
        findings[built.name] = diagnose([replace(built, engine=engine)], graph).findings
    figures = tuple(figures_of(built, findings[built.name], path.name) for built in found)
    return Side(text, name, figures, {built.name: built for built in found}, findings)


def pair_sides(base: Side, head: Side, wanted: Sequence[str]) -> tuple[tuple[EnginePair, ...], tuple[str, ...]]:
    """Return the engines that base has with their counterparts, and the names of those that head alone has.

    One engine of each side makes a pair whatever they are called. Of several, those of one name do; an engine that
    head lacks is in a pair too, as one that cannot be told anything of. ``wanted`` are names or precisions.

    Raises:
        InputError: a side is empty, a wanted engine is not in it, or the sides have none in common.
        UsageError: both sides are given the same name.
    """
    if base.name is not None and base.name == head.name:
        raise UsageError(f"both engines are called '{base.name}'", hint="name them apart: old=PATH new=PATH")
    for side in (base, head):
        if not side.engines:
            raise InputError("expected an engine, found none", path=side.text)
    if wanted:
        return tuple(_pair(name, base, head, _chosen(base, name), _chosen(head, name)) for name in wanted), ()
    if len(base.engines) == len(head.engines) == 1:
        one, other = base.engines[0], head.engines[0]
        same = one.precision if one.precision and one.precision == other.precision else other.name
        return (_pair(same, base, head, one, other),), ()
    return _pairs_by_name(base, head)


def _pairs_by_name(base: Side, head: Side) -> tuple[tuple[EnginePair, ...], tuple[str, ...]]:
    after = {item.name: item for item in head.engines}
    names = [item.name for item in base.engines]
    if not set(names) & set(after):
        raise InputError(
            f"expected an engine that both have, found {_listed(names)} in {base.text} and {_listed(list(after))} in "
            f"{head.text}",
            hint="name one that both have by precision: --engine int8",
        )
    pairs = tuple(
        _pair(item.name, base, head, item, after.get(item.name) or _absent(item, head)) for item in base.engines
    )
    return pairs, tuple(name for name in after if name not in names)


def _absent(item: EngineFigures, head: Side) -> EngineFigures:
    there = _listed([other.name for other in head.engines])
    reason = Unknown(f"head has no engine '{item.name}', only {there}")
    return EngineFigures(item.name, item.precision, head.text, None, {}, (), reason)


def _pair(name: str, base: Side, head: Side, one: EngineFigures, other: EngineFigures) -> EnginePair:
    before, after = base.built.get(one.name), head.built.get(other.name)
    if before is None or after is None:
        return EnginePair(name, one, other, None)
    built = (replace(before, name=base.name or "base"), replace(after, name=head.name or "head"))
    return EnginePair(name, one, other, built, (base.findings[one.name], head.findings[other.name]))


def _chosen(side: Side, name: str) -> EngineFigures:
    found = [item for item in side.engines if item.name == name] or [
        item for item in side.engines if item.precision == name
    ]
    alone = len(side.engines) == 1 and side.engines[0].precision is None
    if len(found) == 1 or alone:
        return (found or list(side.engines))[0]
    names = _listed([item.name for item in side.engines])
    raise InputError(
        f"expected an engine '{name}', found {names}", path=side.text, hint=f"--engine takes one of {names}"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
