"""Q108: quantised layers scattered in a float engine, each paying for its own conversions."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.rule import (
    ALL,
    Claim,
    Outcome,
    Role,
    Rule,
    Share,
    Subject,
    no_types,
    row_evidence,
    row_ns,
)
from trtprof.analysis.findings.words import types_words
from trtprof.comparison import Row
from trtprof.model import LayerKind
from trtprof.units import ms, percent

_MOST: Final = 0.9
_LEAST_ISLANDS: Final = 3
_WORTH: Final = 0.02
"""Share of the layer times that conversions at the shores take before islands are worth a word."""
_FLOAT_MAIN: Final = Share(0.0, 0.2, 0.5)
_SHORE: Final = frozenset({LayerKind.QUANTIZE, LayerKind.DEQUANTIZE, LayerKind.REFORMAT, LayerKind.CAST})


def check(subject: Subject) -> Outcome:
    """Return one claim where quantised convs and gemms lie in three islands or more among float ones."""
    if not subject.types_known and not subject.ahead_of_time:
        return no_types(subject)
    if subject.ahead_of_time or not subject.has_quantised_rows:
        return ()
    mains = [row for row in subject.rows if row.has_matmul]
    quantised = [row for row in mains if subject.flow.is_quantised_main(row)]
    if len(quantised) > _MOST * len(mains):
        return ()
    islands = _count(subject, quantised)
    shores = [row for row in subject.rows if row.kind in _SHORE and _is_shore(subject, row)]
    if islands < _LEAST_ISLANDS or not shores:
        return ()
    spent = sum(row_ns(row) or 0.0 for row in shores)
    total = sum(row_ns(row) or 0.0 for row in subject.rows)
    if total and spent < _WORTH * total:
        return ()
    between = [row for row in mains if row not in quantised and _is_between(subject, row)]
    said = f", {ms(spent)} ms ({percent(spent / total, 1)} of the layer times)" if total else ""
    return (
        Claim(
            cause=(
                f"{len(quantised)} of {len(mains)} convs and gemms are quantised, in {islands} separate islands with "
                f"{len(shores)} conversions at their shores{said}"
            ),
            evidence=row_evidence(shores, _words),
            savings={
                **{row.layer.index: _FLOAT_MAIN for row in between},
                **{row.layer.index: ALL for row in shores},
            },
            explains=frozenset(row.layer.index for row in shores),
        ),
    )


def _count(subject: Subject, quantised: list[Row]) -> int:
    """Return the number of groups of quantised rows that no quantised tensor connects."""
    parent = {row.layer.index: row.layer.index for row in quantised}

    def root(index: int) -> int:
        while parent[index] != index:
            index = parent[index]
        return index

    for row in quantised:
        waiting, seen = list(subject.flow.after(row)), set[int]()
        while waiting:
            reader = waiting.pop()
            index = reader.layer.index
            if index in seen:
                continue
            seen.add(index)
            if index in parent:
                parent[root(index)] = root(row.layer.index)
            elif not reader.has_matmul and reader.kind not in _SHORE:
                waiting.extend(subject.flow.after(reader))
    return len({root(index) for index in parent})


def _is_shore(subject: Subject, row: Row) -> bool:
    """Whether a conversion lies between a quantised conv or gemm and a float one, other work looked through."""
    if subject.flow.is_before_work(row) or subject.flow.is_after_work(row):
        return False
    return row.kind in (LayerKind.QUANTIZE, LayerKind.DEQUANTIZE)


def _is_between(subject: Subject, row: Row) -> bool:
    return any(item.kind in _SHORE for item in (*subject.flow.before(row), *subject.flow.after(row)))


def _words(row: Row) -> str:
    return f"converts {types_words(row)} at the shore of an island"


RULE = Rule(
    code="Q108",
    name="int8-islands",
    title="Quantised layers lie in islands",
    role=Role.CAUSE,
    why=(
        "Every border between quantised and float layers costs a conversion. Scattered quantised layers pay as much "
        "for conversions as they gain."
    ),
    needs="layer information with types; times to weigh them",
    looks_like=(
        ("layer information", "Int8 and Half convolutions in turn, with Reformats or quantises between them"),
        ("profile", "conversions of some percent in sum"),
        ("ONNX model", "Q/DQ around some convolutions, none around their neighbours"),
    ),
    cure=(
        "Quantise contiguous regions: leave out the head or the stem as a whole, not single layers. Quantise the float "
        "layers between two islands too, where accuracy allows."
    ),
    saving="the conversions at the shores, and up to half of the float layers next to them",
    false_positives="A layer left in float for accuracy is worth its conversions; then this is the price, not a fault.",
    source=(
        "Techn08055/tensorrt-precision-lab, INT8_SENSITIVITY_SWEEP: ResNet-50 on RTX 4050, 16 scattered of 53 "
        "convolutions in INT8 0.606 ms against 0.602 ms FP16 and 0.381 ms with 48 contiguous"
    ),
    check=check,
)
