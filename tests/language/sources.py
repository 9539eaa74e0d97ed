"""The sentences that the program composes, read from its source: constants, f-strings with holes, and plurals."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

_NOT_SAID = ("Rule", "lint_rule", "Option", "Argument", "compile")
"""Calls whose strings are help texts, patterns, or rules, which are read as records instead."""


def files(*patterns: str) -> list[Path]:
    found = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    assert found
    return found


def sentences(path: Path) -> Iterator[str]:
    """Yield every string with two words or more, holes as ``{}``; docstrings and what is raised are left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    yield from _of(tree, _docstrings(tree))


def constants(path: Path) -> Iterator[str]:
    """Yield every piece of text that stands in a file, whatever it is for; docstrings are left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    left_out = _docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield node.value


def _of(node: ast.AST, left_out: set[int]) -> Iterator[str]:
    called = node.func if isinstance(node, ast.Call) else None
    name = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
    if isinstance(node, ast.Raise | ast.ImportFrom) or name in _NOT_SAID:
        return
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and id(node) not in left_out and " " in node.value.strip():
            yield node.value
        return
    if isinstance(node, ast.JoinedStr):
        yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from _of(part.value, left_out)
        return
    if name == "plural" and isinstance(node, ast.Call):
        yield from _plurals(node)
        return
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.arguments):
            yield from _of(child, left_out)


def _plurals(call: ast.Call) -> Iterator[str]:
    nouns = [item.value for item in call.args[1:] if isinstance(item, ast.Constant)]
    if nouns:
        yield f"{{}} {nouns[0]}"
        yield f"{{}} {nouns[1] if len(nouns) > 1 else f'{nouns[0]}s'}"


def _docstrings(tree: ast.AST) -> set[int]:
    bodies = [node.body for node in ast.walk(tree) if isinstance(getattr(node, "body", None), list)]
    return {id(line.value) for body in bodies for line in body if isinstance(line, ast.Expr)}
