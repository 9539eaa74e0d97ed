"""Which findings somebody wants to see: codes selected or ignored, and places set aside with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from trtprof.analysis.findings.healthy import healthy, sentence
from trtprof.comparison import Built
from trtprof.diagnosis import Diagnosis, Finding, Suppressed


@dataclass(frozen=True, slots=True)
class Suppression:
    """A rule set aside for layers whose names match one of ``layers`` (shell patterns), or for all where it is empty.

    ``reason`` is the comment on its line in the project's settings, ``where`` that file and line.
    """

    code: str
    layers: tuple[str, ...]
    reason: str
    where: str

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is of this rule, and all its layers match."""
        if not _matches(finding.code, (self.code,)):
            return False
        names = [item.layer or item.what for item in finding.evidence]
        return not self.layers or all(any(fnmatchcase(name, item) for item in self.layers) for name in names)

    def covers_place(self, code: str, node: str | None) -> bool:
        """Whether it is about this rule at this node of a model; ``None`` is the model as a whole."""
        if not _matches(code, (self.code,)):
            return False
        return not self.layers or (node is not None and any(fnmatchcase(node, item) for item in self.layers))


@dataclass(frozen=True, slots=True)
class Choices:
    """Codes or their beginnings (``Q``, ``K201``) to show alone, and to leave out; and what is set aside."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    suppressions: tuple[Suppression, ...] = ()


def choose(diagnosis: Diagnosis, engines: Sequence[Built], choices: Choices) -> Diagnosis:
    """Return the diagnosis with what was not chosen left out, and with its sentence made anew from what is left."""
    kept: list[Finding] = []
    suppressed: list[Suppressed] = []
    for finding in diagnosis.findings:
        if not is_chosen(finding.code, choices):
            continue
        found = next((item for item in choices.suppressions if item.covers(finding)), None)
        if found is None:
            kept.append(finding)
        else:
            suppressed.append(Suppressed(finding, found.reason, found.where))
    return replace(
        diagnosis,
        findings=tuple(kept),
        answers=tuple(item for item in diagnosis.answers if is_chosen(item.code, choices)),
        suppressed=tuple(suppressed),
        healthy=healthy(engines, kept),
        sentence=sentence(engines, kept),
    )


def is_chosen(code: str, choices: Choices) -> bool:
    """Whether findings of a code are to be shown."""
    if choices.select and not _matches(code, choices.select):
        return False
    return not _matches(code, choices.ignore)


def _matches(code: str, beginnings: Sequence[str]) -> bool:
    return any(code.startswith(item.upper()) for item in beginnings)
