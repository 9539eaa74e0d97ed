"""How a run is named: by the start of its id, or counted from the last one, of all or of one model."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from trtprof.errors import InputError

_BACK: Final = re.compile(r"(?s)(.*)@-(\d+)")


def named(name: str, runs: Sequence[dict[str, Any]], path: Path) -> dict[str, Any]:
    """Return the run of that name; ``runs`` are all, oldest first.

    ``3f2a`` is the run whose id starts so, ``@-1`` the last, ``resnet18@-2`` the last but one of that model.

    Raises:
        InputError: no run has that name, or several.
    """
    hint = f"trtprof runs {path} lists them"
    back = _BACK.fullmatch(name)
    if back:
        of_model = [run for run in runs if not back[1] or is_model(run, back[1])]
        if 1 <= int(back[2]) <= len(of_model):
            return of_model[-int(back[2])]
    found = [run for run in runs if run["id"].startswith(name)] if name else []
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} runs whose id starts so" if found else "none"
    raise InputError(f"expected a run named {name!r}, found {what}", path=path, hint=hint)


def runs_of(model: str, runs: Sequence[dict[str, Any]], path: Path) -> list[dict[str, Any]]:
    """Return the runs of a model, oldest first; a file stands for its name and for its content.

    Raises:
        InputError: there is none.
    """
    names = [model]
    if Path(model).is_file():
        names.append(hashlib.sha256(Path(model).read_bytes()).hexdigest())
    found = [run for run in runs if any(is_model(run, name) for name in names)]
    if not found:
        there = ", ".join(dict.fromkeys(run["model"] for run in runs)) or "none"
        raise InputError(f"expected a run of the model '{model}', found none", path=path, hint=f"its models: {there}")
    return found


def is_model(run: dict[str, Any], model: str) -> bool:
    """Whether a run is of that model: by its name, its file's name, or the start of its file's SHA-256."""
    stem = model.rpartition("/")[2].removesuffix(".onnx")
    return run["model"] in (model, stem) or (len(model) >= 6 and (run["model_sha256"] or "").startswith(model))
