"""From the facts of an ONNX model to a linter's findings: each under the code of the rule that explains it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Final

from trtprof.analysis.findings.catalogue import CATALOGUE
from trtprof.analysis.findings.choices import Choices, is_chosen
from trtprof.graph_facts import Fact, GraphFacts
from trtprof.lint_report import Level, LintFinding, NotLooked, SetAside
from trtprof.model import DType

_ERROR, _WARNING, _NOTE = Level.ERROR, Level.WARNING, Level.NOTE
RULE_OF: Final[dict[Fact, tuple[str, Level]]] = {
    Fact.SKIP_NOT_QUANTISED: ("Q101", _WARNING),
    Fact.FLOAT_BETWEEN: ("Q102", _WARNING),
    Fact.PAD_BETWEEN: ("Q103", _WARNING),
    Fact.BATCH_NORM: ("Q104", _WARNING),
    Fact.FLOAT_OPERATION: ("Q105", _WARNING),
    Fact.CONCAT_SCALES: ("Q106", _WARNING),
    Fact.CONSUMER_SCALES: ("Q107", _WARNING),
    Fact.FLOAT_CONSUMER: ("Q107", _WARNING),
    Fact.INT32_BIAS: ("Q111", _ERROR),
    Fact.ZERO_POINT: ("Q112", _ERROR),
    Fact.SCALE_SHAPE: ("Q113", _ERROR),
    Fact.BETWEEN_DQ_AND_MATMUL: ("Q114", _WARNING),
    Fact.ONE_QUANTISED_MATMUL_INPUT: ("Q114", _WARNING),
    Fact.GROUP_ALIGNMENT: ("K202", _WARNING),
    Fact.INTEGER_OPERATOR: ("L802", _ERROR),
    Fact.SCALE_VALUE: ("L803", _ERROR),
    Fact.SCALE_COMPUTED: ("L804", _ERROR),
    Fact.OPSET: ("L805", _ERROR),
    Fact.ACTIVATION_PER_CHANNEL: ("L806", _ERROR),
    Fact.WEIGHT_AXIS: ("L807", _WARNING),
    Fact.PAIR_SCALES: ("L808", _WARNING),
    Fact.ONE_QUANTISED_OPERAND: ("L811", _WARNING),
    Fact.OUTPUT_QUANTISED: ("L812", _NOTE),
    Fact.LEFT_IN_FLOAT: ("L813", _NOTE),
    Fact.WEIGHT_PER_TENSOR: ("L814", _NOTE),
    Fact.DANGLING: ("L815", _WARNING),
    Fact.CAST_BESIDE: ("L816", _WARNING),
    Fact.PLUGIN: ("L817", _WARNING),
}
"""The rule that explains each fact, and how bad it is."""
REFUSED: Final = "L801"
NEEDS_SHAPES: Final = ("Q101",)
"""Rules that know residual Adds, and these are known by shapes."""
_MEANT_AFTER_MATMUL: Final = frozenset({Fact.FLOAT_BETWEEN, Fact.FLOAT_OPERATION})
_REPAIRABLE: Final = frozenset({"Q101", "Q103", "Q104", "Q106", "Q107", "Q111", "Q112", "Q113"})
_RULES: Final = {rule.code: rule for rule in CATALOGUE}


def finding_of(
    code: str, level: Level, node: str | None, what: str, others: tuple[str, ...] = (), *, repairable: bool = True
) -> LintFinding:
    """Return the finding of a rule at a node, with the rule's own title, cure and source."""
    rule = _RULES[code]
    repairable = repairable and code in _REPAIRABLE
    return LintFinding(code, rule.name, rule.title, level, node, what, others, rule.cure, rule.source, repairable)


def findings_of(facts: GraphFacts, matmuls: Container[str] = ()) -> list[LintFinding]:
    """Return the findings of a model's facts, what is about the whole model first, then in the order of the graph.

    ``matmuls`` are the nodes that are matrix products: what follows these in float is a note, for softmax,
    normalisation and GELU of a transformer stay in float by design and run in one region with them.
    """
    found = list(_of_model(facts))
    for item in facts.facts:
        code, level = RULE_OF[item.fact]
        if item.fact in _MEANT_AFTER_MATMUL and all(name in matmuls for name in item.others):
            level = Level.NOTE
        repairable = item.fact is not Fact.FLOAT_CONSUMER
        found.append(finding_of(code, level, item.node, item.what, item.others, repairable=repairable))
    return found


def refusals_of(refused: Iterable[tuple[str, str, str]], found: Sequence[LintFinding]) -> list[LintFinding]:
    """Return what a parser refuses, as node, operator and message; not again what an error above explains already."""
    told = {name for item in found if item.level is Level.ERROR for name in (item.node, *item.others)}
    return [
        finding_of(REFUSED, Level.ERROR, node or None, f"{operator} is refused: {message}" if operator else message)
        for node, operator, message in refused
        if node not in told
    ]


def chosen(
    found: Iterable[LintFinding], not_looked: Iterable[NotLooked], choices: Choices
) -> tuple[tuple[LintFinding, ...], tuple[SetAside, ...], tuple[NotLooked, ...]]:
    """Return the findings somebody wants to see, those set aside, and the rules not looked for among these."""
    kept, aside = [], []
    for finding in found:
        if not is_chosen(finding.code, choices):
            continue
        reason = next((item for item in choices.suppressions if item.covers_place(finding.code, finding.node)), None)
        if reason is None:
            kept.append(finding)
        else:
            aside.append(SetAside(finding, reason.reason, reason.where))
    unseen = [item for item in not_looked if any(is_chosen(code, choices) for code in item.codes)]
    return tuple(kept), tuple(aside), tuple(unseen)


def _of_model(facts: GraphFacts) -> Iterable[LintFinding]:
    if facts.quantize_nodes + facts.dequantize_nodes and facts.weighted and not facts.quantised:
        said = f"none of {facts.weighted} convolutions and matrix products has Q/DQ on both operands"
        yield finding_of("Q110", Level.ERROR, None, said)
    elif facts.quantised and facts.float_type is DType.FP32:
        said = "scales are FP32, so what is not quantised runs in FP32 where types come from the model (TensorRT 11)"
        yield finding_of("Q109", Level.NOTE, None, said)
