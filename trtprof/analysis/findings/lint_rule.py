"""What the rules have in common that only ``trtprof lint`` looks for."""

from __future__ import annotations

from trtprof.analysis.findings.rule import Outcome, Role, Rule, Subject


def lint_rule(
    code: str, name: str, title: str, *, why: str, model: str, cure: str, wrong: str, source: str, log: str = ""
) -> Rule:
    """Return a rule on the ONNX model alone; ``model`` and ``log`` say what it looks like in these."""
    return Rule(
        code=code,
        name=name,
        title=title,
        role=Role.MODEL,
        why=why,
        needs="the ONNX model",
        looks_like=(("ONNX model", model), *((("build log", log),) if log else ())),
        cure=cure,
        saving="not estimated: nothing is built; compare the model before and after the cure",
        false_positives=wrong,
        source=source,
        check=_no_engine,
    )


def _no_engine(_: Subject) -> Outcome:
    """An engine says nothing of it."""
    return ()
