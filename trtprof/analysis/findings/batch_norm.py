"""Q104: batch normalisation was left unfolded behind a quantised convolution."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.island_rule import island_check
from trtprof.analysis.findings.rule import (
    NO_TYPES,
    Claim,
    Outcome,
    Role,
    Rule,
    Share,
    Subject,
    row_evidence,
    runs_alone,
)
from trtprof.graph_facts import Fact

_ALONE: Final = frozenset({"BatchNormalization", "Relu", "LeakyRelu", "Sigmoid", "Mul", "Add"})


def _by_name(subject: Subject) -> Outcome:
    """A layer of a quantised engine that is named after a batch normalisation and holds no convolution."""
    if not subject.is_quantised and not subject.explicit:
        return NO_TYPES
    rows = [row for row in subject.rows if _is_alone(subject.flow.operators(row))]
    if not rows:
        return ()
    return (
        Claim(
            cause=runs_alone(len(rows), "batch normalisation"),
            evidence=row_evidence(rows, lambda row: f"named after {', '.join(sorted(subject.flow.operators(row)))}"),
            savings={row.layer.index: Share(0.5, 0.9, 1.0) for row in rows},
            explains=frozenset(row.layer.index for row in rows),
        ),
    )


def _is_alone(operators: frozenset[str]) -> bool:
    return "BatchNormalization" in operators and operators <= _ALONE


RULE = Rule(
    code="Q104",
    name="batch-norm",
    title="Batch normalisation was left unfolded behind a quantised convolution",
    role=Role.CAUSE,
    why=(
        "Folded into the weights, batch normalisation costs nothing. Behind a convolution whose weights went through "
        "Q/DQ TensorRT cannot fold it: it stays a Scale layer in float, with a quantise behind it."
    ),
    needs="layer information with types; or the ONNX model",
    looks_like=(
        ("layer information", "a Scale layer in Half or Float behind an Int8 convolution"),
        ("ONNX model", "BatchNormalization right behind a convolution that reads DequantizeLinear"),
    ),
    cure=(
        "Fold batch normalisation before quantising (`trtprof compare` does; in PyTorch fuse_modules or a folded QAT "
        "export)."
    ),
    saving="the Scale layer, its quantise, and the float epilogue of the convolution",
    false_positives=(
        "A Scale that is the model's own multiplication cannot be folded away in the same manner, but costs the same."
    ),
    source=(
        "Cityscapes pipeline on Orin Nano (27.9 to 24.6 ms by folding and Q placement); Model-Optimizer export notes; "
        "NVIDIA/TensorRT#1699, #3412 for transposed convolutions"
    ),
    check=island_check("batch-norm", "batch normalisation", Fact.BATCH_NORM, _by_name),
)
