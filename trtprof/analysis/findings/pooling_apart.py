"""F302: a max-pooling that runs in float, apart from the quantised convolution before it."""

from __future__ import annotations

from trtprof.analysis.findings.epilogues import POOL_FUSED
from trtprof.analysis.findings.flow import is_float
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject, no_types, row_evidence
from trtprof.analysis.findings.words import type_word
from trtprof.comparison import Row
from trtprof.units import plural


def check(subject: Subject) -> Outcome:
    """Return one claim with the float max-poolings right behind quantised convolutions."""
    if subject.ahead_of_time:
        return ()
    if not subject.types_known:
        return no_types(subject)
    rows = [row for row in subject.rows if subject.flow.is_max_pool(row) and _apart(subject, row)]
    if not rows:
        return ()
    verb = "runs" if len(rows) == 1 else "run"
    return (
        Claim(
            cause=f"{plural(len(rows), 'max-pooling')} {verb} in float behind a quantised convolution",
            evidence=row_evidence(rows, lambda row: _words(subject, row)),
            savings={row.layer.index: POOL_FUSED for row in rows},
        ),
    )


def _apart(subject: Subject, row: Row) -> bool:
    source = row.layer.inputs[0] if row.layer.inputs else None
    if source is None or not is_float(source):
        return False
    before, _ = subject.flow.origin(source)
    return before is not None and subject.flow.is_quantised_main(before)


def _words(subject: Subject, row: Row) -> str:
    before, _ = subject.flow.origin((row.layer.inputs or ())[0])
    wrote = before.layer.name if before else "?"
    return f"pools in {type_word(row.operand)} what '{wrote}' writes"


RULE = Rule(
    code="F302",
    name="pooling-apart",
    title="Max-pooling runs in float, unfused from its quantised convolution",
    role=Role.SYMPTOM,
    why=(
        "Q commutes with max-pooling: TensorRT moves the quantise before it, so that convolution and pooling run as "
        "one INT8 kernel (ConvActPool). One float reader of the pooling's output is enough to forbid that."
    ),
    needs="layer information with types",
    looks_like=(
        ("layer information", "a Pooling layer in Half or Float behind a convolution with Int8 input"),
        ("build log", "no fusion of the convolution with the pooling"),
    ),
    cure="Quantise every reader of the pooling's output with one scale.",
    saving="all of the pooling where it fuses, half of it where it only turns INT8",
    false_positives="Not every convolution has a kernel that pools; then only the bytes shrink.",
    source="TensorRT developer guide, Q/DQ placement (Q commutes with max-pooling); developer forum thread 208983",
    check=check,
)
