"""The check that the rules on float islands share: sorting islands by what they do, and putting them into words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from trtprof.analysis.findings.islands import Island, islands
from trtprof.analysis.findings.model_evidence import model_claim, model_evidence
from trtprof.analysis.findings.rule import NO_TYPES, Claim, Outcome, Subject, no_types, row_evidence
from trtprof.analysis.findings.words import types_words
from trtprof.comparison import Row
from trtprof.graph_facts import Fact
from trtprof.units import plural

ACTIVATIONS: Final = frozenset({
    "LeakyRelu", "PRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Swish", "Mish", "Elu", "Selu", "Celu", "Gelu", "Erf",
    "Tanh", "Softplus", "Softsign", "ThresholdedRelu", "Mul", "Div", "Abs", "Exp", "Pow", "Sqrt", "Relu", "Clip",
    "Sub", "Neg", "Min", "Max", "Add", "Sum",
})  # fmt: skip
ANY: Final = "an operation"
"""The noun of a rule on any operation: each finding names its own."""
_POINTWISE_TYPES: Final = ("pointwise", "elementwise", "activation", "kgen")


def kind_of(subject: Subject, island: Island) -> str:
    """Return ``pad``, ``batch-norm``, ``concat``, ``activation`` or ``other``, in this order of precedence."""
    operators = frozenset(name for row in island.members for name in subject.flow.operators(row))
    types = {(row.layer.type or "").lower() for row in island.members}
    if "Pad" in operators or "padding" in types:
        return "pad"
    if "BatchNormalization" in operators or "scale" in types:
        return "batch-norm"
    if "Concat" in operators or any("concat" in word for word in types):
        return "concat"
    known = operators - {"MaxPool"}
    if known <= ACTIVATIONS and (known or any(word in kind for kind in types for word in _POINTWISE_TYPES)):
        return "activation"
    return "other"


def island_check(
    kind: str, noun: str, fact: Fact, by_name: Callable[[Subject], Outcome] = lambda _: NO_TYPES
) -> Callable[[Subject], Outcome]:
    """Return the check of a rule on islands of one kind: by the layers, or by the ONNX model for TensorRT-RTX.

    ``by_name`` answers where a profile gives the layers' names and nothing else does.
    """

    def check(subject: Subject) -> Outcome:
        if subject.ahead_of_time:
            return model_claim(subject, f"{noun} computes in float between quantised layers", fact)
        if not subject.types_known:
            return by_name(subject) if no_types(subject) else ()
        if not subject.has_quantised_rows:
            return ()
        found = [item for item in islands(subject) if kind_of(subject, item) == kind]
        return (_claim(subject, found, noun, fact),) if found else ()

    return check


def _claim(subject: Subject, found: list[Island], noun: str, fact: Fact) -> Claim:
    words = _operations(subject, found) if noun == ANY else noun
    savings = {index: share for island in found for index, share in island.savings(subject).items()}
    members = [row for island in found for row in island.members]
    count = plural(len(found), "place")
    why = "" if subject.explicit else ", for want of a quantised kernel or of a range for its tensors"
    return Claim(
        cause=f"{words} computes in float between quantised convolutions in {count}{why}",
        evidence=(*row_evidence(members, lambda row: _words(subject, row)), *model_evidence(subject, fact)),
        savings=savings,
        explains=frozenset(index for island in found for index in island.rows),
    )


def _operations(subject: Subject, found: list[Island]) -> str:
    """Name what works in float: the operators of its nodes, else the builder's word for the layer."""
    names: dict[str, None] = {}
    for row in (row for island in found for row in island.members):
        operators = sorted(subject.flow.operators(row) - {"?"})
        names.update(dict.fromkeys(operators or [row.layer.type or "a layer"]))
    shown = list(names)
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")


def _words(subject: Subject, row: Row) -> str:
    operators = " + ".join(sorted(subject.flow.operators(row))) or row.layer.type or "it"
    return f"{operators} from {types_words(row)}"
