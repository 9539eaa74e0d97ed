"""Names for what is added to an ONNX graph."""

from __future__ import annotations


def fresh_name(name: str, taken: set[str]) -> str:
    """Return the name, numbered if it is taken, and take it."""
    fresh, number = name, 1
    while fresh in taken:
        fresh, number = f"{name}_{number}", number + 1
    taken.add(fresh)
    return fresh
