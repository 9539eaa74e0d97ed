"""F303: convolutions that the 16-bit engine runs as one, and the quantised engine apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from trtprof.analysis.findings.asked import sum_ns
from trtprof.analysis.findings.rule import NONE, Claim, Outcome, Role, Rule, Share, Subject, row_evidence
from trtprof.comparison import Row
from trtprof.model import Unknown
from trtprof.units import ms, plural

_APART: Final = Share(0.0, 0.2, 0.5)
"""Of each further convolution: its launch and its own reading of the shared input."""


def check(subject: Subject) -> Outcome:
    """Return one claim with the convolutions of a quantised engine that its 16-bit sibling merges side by side."""
    if not subject.has_quantised_rows:
        return ()
    if subject.half is None:
        return Unknown("needs the 16-bit engine: only it shows what may be merged")
    found = list(_apart(subject, subject.half.rows))
    if not found:
        return ()
    savings: dict[int, Share] = {}
    said: dict[int, str] = {}
    for merged, rows in found:
        here, there = ms(sum_ns(rows)), ms(sum_ns((merged,)))
        words = f"{plural(len(rows), 'convolution')} here, {here} ms; one row in the 16-bit engine, {there} ms"
        said.update({row.layer.index: words for row in rows})
        savings.update({row.layer.index: NONE if place == 0 else _APART for place, row in enumerate(rows)})
    return (
        Claim(
            cause=f"{plural(len(found), 'set')} of convolutions on one input run apart; the 16-bit engine merges them",
            evidence=row_evidence((row for _, rows in found for row in rows), lambda row: said[row.layer.index]),
            savings=savings,
            explains=frozenset(),
            modelled=True,
        ),
    )


def _apart(subject: Subject, half: tuple[Row, ...]) -> Iterator[tuple[Row, list[Row]]]:
    """Yield each merged row of the sibling with the quantised rows that do its convolutions one by one."""
    for merged in half:
        if len(merged.matmuls) < 2 or "||" not in merged.layer.name:
            continue
        rows = [row for row in subject.rows if set(row.matmuls) & set(merged.matmuls)]
        if len(rows) > 1 and all(subject.flow.is_quantised_main(row) for row in rows) and _one_input(subject, rows):
            yield merged, rows


def _one_input(subject: Subject, rows: list[Row]) -> bool:
    """Whether the rows read values of one origin, conversions looked through."""
    sources = set()
    for row in rows:
        tensor = row.layer.inputs[0] if row.layer.inputs else None
        if tensor is None:
            return False
        writer, passed = subject.flow.origin(tensor)
        first = passed[-1].layer.inputs if passed else None
        sources.add(writer.layer.name if writer is not None else (first[0].name if first else tensor.name))
    return len(sources) == 1


RULE = Rule(
    code="F303",
    name="horizontal-merge-lost",
    title="Convolutions on one input are no longer merged",
    role=Role.CAUSE,
    why=(
        "TensorRT runs convolutions of one input and one shape as a single wider one. With Q/DQ it does so only while "
        "they agree in what they read and write: another scale at an input or at an output keeps them apart."
    ),
    needs="layer information of the quantised and of the 16-bit engine",
    looks_like=(
        ("layer information", "'Conv_a || Conv_b' in one row of the FP16 engine, two rows in the quantised one"),
        ("profile", "two short layers instead of one, each with its launch"),
        ("ONNX model", "several QuantizeLinear with other scales behind one tensor"),
        ("build log", "no 'Merging layers: Conv_a || Conv_b' for them, which the verbose FP16 build has"),
    ),
    cure="Let these convolutions read one Q/DQ, and quantise their results with the same scale or not at all.",
    saving="none to half of every further convolution's time, for its launch and its own reading of the input",
    false_positives=(
        "Merged or not differs between builds of one network too, and two INT8 convolutions may be faster than one "
        "merged FP16 row."
    ),
    source="NVIDIA/TensorRT#1602, #2823; TensorRT developer guide, layer fusion",
    check=check,
)
