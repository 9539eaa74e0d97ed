"""F304: a large part of the time is one region whose inside cannot be seen."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.asked import engine_ns, sum_ns
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject, row_evidence
from trtprof.analysis.findings.savings import NO_TIMES
from trtprof.model import LayerKind, Unknown
from trtprof.units import percent, plural

_LARGE: Final = 0.2


def check(subject: Subject) -> Outcome:
    """Return a note where opaque regions take a fifth of the engine's time or more."""
    rows = [row for row in subject.rows if row.kind is LayerKind.FOREIGN]
    if not rows:
        return ()
    total = engine_ns(subject)
    if not total:
        return Unknown(NO_TIMES)
    part = sum_ns(rows) / total
    if part < _LARGE:
        return ()
    return (
        Claim(
            cause=f"{plural(len(rows), 'opaque region takes', 'opaque regions take')} {percent(part)} of the time",
            evidence=row_evidence(rows, lambda _: "a region compiled as a whole; its layers are not listed"),
            saving=Unknown("what happens inside is not shown"),
        ),
    )


RULE = Rule(
    code="F304",
    name="opaque-region",
    title="A large region cannot be seen into",
    role=Role.CONDITION,
    why=(
        "TensorRT compiles attention and other chains as one region (ForeignNode, Myelin). Where the layer list shows "
        "it as one row, neither its types nor its conversions are known, and no other rule can speak about it."
    ),
    needs="layer information and times",
    looks_like=(
        ("layer information", "a row '{ForeignNode[first...last]}', LayerType Myelin"),
        ("profile", "one entry that takes most of the time"),
        ("nsys", "myelin ranges with many kernels inside one layer's range"),
    ),
    cure=(
        "Build with --profilingVerbosity=detailed on TensorRT 10 or later, which lists the kernels of a region; or "
        "trace with nsys, where the kernels of the region have names."
    ),
    saving="unknown: the files do not show the inside",
    false_positives="A region that INT8 and FP16 engines share need not be at fault; look at its time in both.",
    source="NVIDIA/TensorRT#2843, #3186, #4397; TensorRT developer guide, engine inspector",
    check=check,
)
