"""One target of ``trtprof diff`` becomes one engine: a capture, a directory or a file."""

from __future__ import annotations

from dataclasses import replace

from trtprof.backends.capture import find_capture
from trtprof.comparison import Built
from trtprof.errors import InputError, UsageError
from trtprof.pipeline.measured import inspect
from trtprof.pipeline.read import read_capture
from trtprof.pipeline.targets import Target


def engine_of(target: Target, default: str) -> Built:
    """Return the one engine that a target tells of, called by the target's name or the default.

    Raises:
        InputError: the target cannot be read, or tells of no engine or of several.
    """
    name, path = target
    root = find_capture(path)
    found = read_capture(root).engines if root is not None else inspect([path])
    if len(found) != 1:
        listing = ", ".join(built.name for built in found[:3]) + (", …" if len(found) > 3 else "")
        raise InputError(
            f"expected one engine, found {len(found)} ({listing})" if found else "expected one engine, found none",
            path=path,
            hint="name the files of one engine, or compare one precision: trtprof compare -p int8 …",
        )
    return replace(found[0], name=name or default)


def pair_of(base: Target, head: Target) -> tuple[Built, Built]:
    """Return both engines of a difference.

    Raises:
        InputError: see :func:`engine_of`.
        UsageError: both are given the same name.
    """
    if base[0] is not None and base[0] == head[0]:
        raise UsageError(f"both engines are called '{base[0]}'", hint="name them apart: old=PATH new=PATH")
    return engine_of(base, "base"), engine_of(head, "head")
