"""What the doctor says of one thing: its state, what was found, why that matters for a measurement, what cures it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(str, Enum):
    """How a thing stands. ``bad`` makes a measurement worthless; ``unknown`` could not be looked at."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor. ``why`` and ``cure`` are ``None`` where nothing needs either."""

    topic: str
    subject: str
    state: State
    found: str
    why: str | None = None
    cure: str | None = None


def ok(topic: str, subject: str, found: str) -> Check:
    """Return a line about a thing that is as it should be."""
    return Check(topic, subject, State.OK, found)


def unknown(topic: str, subject: str, reason: str, why: str | None = None, cure: str | None = None) -> Check:
    """Return a line about a thing that could not be looked at."""
    return Check(topic, subject, State.UNKNOWN, f"cannot tell: {reason}", why, cure)
