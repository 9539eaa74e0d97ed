"""What is said of a rule, in order: one text for ``trtprof rules CODE`` and for the docs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from trtprof.analysis.findings.rule import Role, Rule

SOURCE: Final = "Source"
"""The heading over what a rule cites; titles of documents are not translated."""
_ROLES = {
    Role.CAUSE: "A cause: it leads the report, with its effects under it.",
    Role.SYMPTOM: "A symptom: shown under its cause, and by itself only where no cause explains it.",
    Role.CONDITION: "A condition of the measurement or the machine.",
    Role.MODEL: "A fault of the ONNX model: `trtprof lint` reports it, before anything is built.",
}


def parts_of(rule: Rule) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the headings of a rule's text with the lines below each."""
    return (
        ("What it is", (_ROLES[rule.role],)),
        ("Why it costs time", (rule.why,)),
        ("What it looks like", tuple(f"{artefact}: {what}" for artefact, what in rule.looks_like)),
        ("What cures it", (rule.cure,)),
        ("How the saving is estimated", (rule.saving,)),
        ("When it is wrong", (rule.false_positives,)),
        ("What it needs", (rule.needs,)),
        (SOURCE, (rule.source,)),
    )


def rule_markdown(rule: Rule, said: Callable[[str], str] = str) -> str:
    """Return the rule as a section of Markdown; ``said`` puts a text into another language."""
    lines = [f"## {rule.code} {rule.name}", "", f"**{said(f'{rule.title}.')}**", ""]
    for heading, text in parts_of(rule):
        lines += [f"### {said(heading)}", ""]
        words = [line if heading == SOURCE else said(line) for line in text]
        lines += [f"- {line}" for line in words] if len(words) > 1 else words
        lines.append("")
    return "\n".join(lines)
