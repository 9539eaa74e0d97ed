"""Places of the ONNX model that keep layers from being quantised, and what that costs where the engine shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trtprof.analysis.findings.asked import quantised_type, reads_quantised
from trtprof.analysis.findings.model_evidence import model_evidence
from trtprof.analysis.findings.rule import Claim, Outcome, Share, Subject, row_evidence
from trtprof.analysis.findings.words import type_word
from trtprof.comparison import Row
from trtprof.graph_facts import Fact, GraphFact
from trtprof.model import Unknown
from trtprof.units import plural

_QUANTISED_GAIN: Final = Share(0.08, 0.3, 0.45)
"""INT8 over FP16 for whole engines, 1.09x to 1.83x; what one layer gains lies around that."""
_NOT_BUILT: Final = Unknown("there is no engine of it to be measured")
_NOT_SEEN: Final = Unknown("the layers do not show which of them stay in float because of it")


def places_claim(subject: Subject, fact: Fact, one: str, several: str) -> Outcome:
    """Return one claim for all places of one kind; the saving is of those rows that indeed multiply float values.

    Without its model an engine that was to be in float, or that a calibrator quantised, has no such place.
    ``one`` and ``several`` are what is said behind the number of places.
    """
    if isinstance(subject.facts, Unknown):
        may_have_nodes = subject.explicit is not False and (subject.is_quantised or quantised_type(subject) is not None)
        return subject.facts if may_have_nodes else ()
    found = subject.facts.of(fact)
    if not found:
        return ()
    rows = _float_mains(subject, found)
    savings = {row.layer.index: _QUANTISED_GAIN for row in rows}
    return (
        Claim(
            cause=plural(len(found), one, several),
            evidence=(*model_evidence(subject, fact), *row_evidence(rows, _words)),
            savings=savings,
            explains=frozenset(savings),
            saving=None if rows else _NOT_SEEN if subject.rows else _NOT_BUILT,
            modelled=True,
        ),
    )


def _float_mains(subject: Subject, found: Sequence[GraphFact]) -> list[Row]:
    """The rows with one of the named nodes that multiply float values."""
    if not subject.types_known:
        return []
    names = {name for item in found for name in (item.node, *item.others)}
    return [
        row
        for row in subject.rows
        if row.has_matmul and not reads_quantised(row) and names & {*row.nodes, *row.matmuls, *row.layer.onnx_nodes}
    ]


def _words(row: Row) -> str:
    return f"multiplies {type_word(row.operand)}"
