"""R403: layers that only change type or layout between other layers."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Share, Subject, row_evidence
from trtprof.analysis.findings.words import types_words
from trtprof.comparison import Conversion, Row
from trtprof.model import LayerKind
from trtprof.units import plural

_TYPE: Final = Share(0.5, 0.9, 1.0)
_BY_NAME: Final = Share(0.0, 0.0, 1.0)
"""A profile alone does not tell whether it stands at an end of the engine, where one is needed."""
_LAYOUT: Final = Share(0.0, 0.25, 1.0)
"""TensorRT chose the layouts on both sides by time, this copy counted in; only a cause elsewhere makes it go."""


def check(subject: Subject) -> Outcome:
    """Return one claim with the reformats and casts that touch neither end of the engine."""
    if subject.ahead_of_time:
        return ()
    known = {item.row: item for item in subject.built.conversions}
    rows = [row for row in subject.rows if row.kind in (LayerKind.REFORMAT, LayerKind.CAST) and _inside(subject, row)]
    rows = [
        row for row in rows if (known.get(row.layer.index) is None or known[row.layer.index].removable is not False)
    ]
    if not rows:
        return ()
    return (
        Claim(
            cause=f"{plural(len(rows), 'layer')} only there to change type or layout between two others",
            evidence=row_evidence(rows, lambda row: _words(known.get(row.layer.index), row)),
            savings={row.layer.index: _share(row) for row in rows},
        ),
    )


def _inside(subject: Subject, row: Row) -> bool:
    return not subject.flow.is_before_work(row) and not subject.flow.is_after_work(row)


def _share(row: Row) -> Share:
    inputs, outputs = row.layer.inputs, row.layer.outputs
    if not inputs or not outputs:
        return _BY_NAME
    return _TYPE if inputs[0].dtype is not outputs[0].dtype else _LAYOUT


def _words(conversion: Conversion | None, row: Row) -> str:
    said = types_words(row, layouts=True)
    if not said:
        return conversion.reason if conversion else row.layer.name
    return said + (f": {conversion.reason}" if conversion else "")


RULE = Rule(
    code="R403",
    name="reformats",
    title="Layers only change type or layout",
    role=Role.SYMPTOM,
    why=(
        "Neighbouring kernels want their tensors in different types, layouts or vector widths (NC/4HW4, NC/32HW32, "
        "NHWC8). TensorRT then copies the tensor; it does so where the copy costs less than a slower kernel."
    ),
    needs="layer information with types and formats",
    looks_like=(
        ("layer information", "LayerType Reformat with Origin REFORMAT, or a kgen of Cast, Tran and Move"),
        ("profile", "entries named Reformatting CopyNode"),
        ("nsys", "genericReformat::copyPackedKernel, copyVectorizedKernel, permutationKernel"),
        ("build log", "Adding reformat layer: … (type) from strides to strides"),
    ),
    cure="Type changes go when the layers on both sides compute in one type. Layout changes are the builder's choice.",
    saving="a change of type nearly whole; a change of layout between nothing and all of it",
    false_positives="A reformat that implements the model's own Slice, Concat or Transpose is not counted.",
    source="NVIDIA/TensorRT#2136, #2921, #3976 (what Reformatting CopyNode is), #4028, #1762",
    check=check,
)
