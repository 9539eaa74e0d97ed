"""The records of a linter's answer on one ONNX model. Built from ``trtprof.model`` alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from trtprof.model import Unknown


class Level(str, Enum):
    """How bad a finding is.

    An *error* keeps TensorRT from building the model, or the quantisation from taking effect; a *warning* costs time by
    a documented rule; a *note* is often meant.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class LintFinding:
    """A place of the model where a documented rule is broken.

    ``node`` is ``None`` for what is about the model as a whole. ``others`` are further nodes or tensors that take part.
    ``repairable`` says that ``trtprof fix`` has a repair for this rule; whether it can be made here, it says itself.
    """

    code: str
    name: str
    title: str
    level: Level
    node: str | None
    what: str
    others: tuple[str, ...]
    cure: str
    source: str
    repairable: bool


@dataclass(frozen=True, slots=True)
class SetAside:
    """A finding that the project's ``trtprof.toml`` sets aside, with the reason written there."""

    finding: LintFinding
    reason: str
    where: str


@dataclass(frozen=True, slots=True)
class NotLooked:
    """Rules that could not be looked for, and why."""

    codes: tuple[str, ...]
    reason: Unknown


@dataclass(frozen=True, slots=True)
class LintReport:
    """What a linter says of one model, findings in the order of the graph; an empty tuple means *found nothing*.

    ``quantised`` of ``weighted`` convolutions and matrix products have Q/DQ on both operands.
    """

    model: str
    quantize_nodes: int
    dequantize_nodes: int
    weighted: int
    quantised: int
    findings: tuple[LintFinding, ...]
    set_aside: tuple[SetAside, ...]
    not_looked: tuple[NotLooked, ...]

    def count(self, level: Level) -> int:
        """Return how many findings are of a level."""
        return sum(item.level is level for item in self.findings)
