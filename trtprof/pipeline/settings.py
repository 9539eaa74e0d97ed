"""A project's own settings, ``trtprof.toml``: which findings to show, and which are set aside for what reason.

    [findings]
    select = ["Q", "K"]
    ignore = ["R404"]

    [findings.suppress]
    Q102 = true                  # SiLU stays in float: INT8 cost 2 points of mAP
    K201 = ["*conv1*"]           # three channels, nothing to gain

The comment is the reason, and it is required: whoever reads the file later has to know why.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from trtprof.analysis.findings.catalogue import CATALOGUE
from trtprof.analysis.findings.choices import Choices, Suppression
from trtprof.errors import InputError, UsageError

NAME: Final = "trtprof.toml"


def find_settings(start: Path) -> Path | None:
    """Return the nearest ``trtprof.toml`` in a directory or above it."""
    return next((folder / NAME for folder in (start, *start.parents) if (folder / NAME).is_file()), None)


def read_settings(path: Path) -> Choices:
    """Return the choices a settings file makes.

    Raises:
        InputError: it is no TOML, names an unknown key or rule, or sets a rule aside without a reason.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", path=path, hint="it is a text file in UTF-8") from error
    except TOMLKitError as error:
        raise InputError(f"expected TOML: {error}", path=path, hint="see docs/findings.md for its form") from error
    _only(document, ("findings",), path, "top level")
    section = document.get("findings", {})
    _only(section, ("select", "ignore", "suppress"), path, "[findings]")
    return Choices(
        select=codes_of(_texts(section.get("select", []), path, "select"), f"{path}: select"),
        ignore=codes_of(_texts(section.get("ignore", []), path, "ignore"), f"{path}: ignore"),
        suppressions=_suppressions(section.get("suppress", {}), path),
    )


def choices_of(select: Sequence[str], ignore: Sequence[str], start: Path) -> Choices:
    """Return the choices of the command line; where it makes none, those of the nearest settings file.

    Suppressions always come from the file.

    Raises:
        InputError: the settings file is refused.
        UsageError: a code is unknown.
    """
    path = find_settings(start)
    settings = read_settings(path) if path is not None else Choices()
    return Choices(
        select=codes_of(select, "--select") or settings.select,
        ignore=codes_of(ignore, "--ignore") or settings.ignore,
        suppressions=settings.suppressions,
    )


def codes_of(given: Sequence[str], where: str) -> tuple[str, ...]:
    """Return codes in capitals, split at commas.

    Raises:
        UsageError: no rule's code begins with one of them.
    """
    codes = tuple(part.strip().upper() for item in given for part in item.split(",") if part.strip())
    for code in codes:
        if not any(rule.code.startswith(code) for rule in CATALOGUE):
            raise UsageError(f"{where}: no rule is called {code}", hint="trtprof rules lists them")
    return codes


def _suppressions(table: Any, path: Path) -> tuple[Suppression, ...]:
    if not hasattr(table, "items"):
        raise InputError("expected a table", path=path, where="[findings.suppress]", hint="CODE = true  # reason")
    found = []
    for code, value in table.items():
        where = f"[findings.suppress] {code}"
        codes_of([code], f"{path}: {where}")
        comment = getattr(getattr(value, "trivia", None), "comment", "") or _comment_of(table, code)
        reason = comment.lstrip("# ").strip()
        if not reason:
            raise InputError(
                "no reason is given", path=path, where=where, hint=f"write it behind: {code} = true  # because …"
            )
        if value is not True and not isinstance(value, list):
            raise InputError(
                f"expected true or a list of layer patterns, found {value!r}", path=path, where=where,
                hint=f'{code} = true  # …, or {code} = ["*/stem/*"]  # …',
            )  # fmt: skip
        layers = () if value is True else _texts(value, path, code)
        found.append(Suppression(code.upper(), tuple(layers), reason, f"{path}: {code}"))
    return tuple(found)


def _comment_of(table: Any, code: str) -> str:
    """The comment of a plain value: tomlkit gives booleans as such, and keeps the comment in the container."""
    item = table.item(code) if hasattr(table, "item") else None
    return str(item.trivia.comment) if item is not None else ""


def _texts(value: Any, path: Path, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InputError("expected a list of texts", path=path, where=where, hint=f'{where} = ["Q101"]')
    return [str(item) for item in value]


def _only(table: Any, known: Sequence[str], path: Path, where: str) -> None:
    for key in table:
        if key not in known:
            raise InputError(f"unknown key '{key}'", path=path, where=where, hint=f"known here: {', '.join(known)}")
