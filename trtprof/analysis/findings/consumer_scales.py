"""Q107: one tensor is quantised more than once, or is also read in float."""

from __future__ import annotations

from collections.abc import Iterator

from trtprof.analysis.findings.concat_scales import at_concat
from trtprof.analysis.findings.epilogues import epilogue_share
from trtprof.analysis.findings.flow import is_float, result_of
from trtprof.analysis.findings.model_evidence import model_claim, model_evidence
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
)
from trtprof.analysis.findings.words import types_words
from trtprof.comparison import Row
from trtprof.graph_facts import Fact
from trtprof.model import LayerKind
from trtprof.units import plural

_FACTS = (Fact.CONSUMER_SCALES, Fact.FLOAT_CONSUMER)


def check(subject: Subject) -> Outcome:
    """Return one claim for tensors with several quantises, or a quantise and a float reader, and for requantises."""
    if subject.ahead_of_time:
        return model_claim(subject, "a tensor is quantised with several scales, or also read in float", *_FACTS)
    if not subject.types_known:
        return no_types(subject)
    if not subject.has_quantised_rows or not subject.explicit:
        return ()
    clones = list(_quantised_twice(subject))
    again = [row for row in subject.rows if subject.flow.rescales(row) and not at_concat(subject, row)]
    mixed = list(_read_in_both(subject))
    if not (clones or again or mixed):
        return ()
    savings: dict[int, Share] = {row.layer.index: ALL for row in again}
    for group in clones:
        savings.update({row.layer.index: ALL for row in group[1:]})
    for source, quantise in mixed:
        savings[quantise.layer.index] = ALL
        savings[source.layer.index] = epilogue_share(subject, source)
    rows = [*(row for group in clones for row in group), *again, *(row for pair in mixed for row in pair)]
    parts = [
        f"{plural(len(clones), 'tensor')} quantised more than once" if clones else "",
        f"{plural(len(again), 'change')} of scale from INT8 to INT8" if again else "",
        f"{plural(len(mixed), 'tensor')} read quantised and in float" if mixed else "",
    ]
    return (
        Claim(
            cause=", ".join(part for part in parts if part),
            evidence=(*row_evidence(dict.fromkeys(rows), _words), *model_evidence(subject, *_FACTS)),
            savings=savings,
            explains=frozenset(row.layer.index for row in rows),
        ),
    )


def _quantised_twice(subject: Subject) -> Iterator[list[Row]]:
    """Stand-alone quantises that read the same float tensor."""
    groups: dict[str, list[Row]] = {}
    for row in subject.rows:
        source = row.layer.inputs[0] if row.layer.inputs else None
        if row.kind is LayerKind.QUANTIZE and source is not None and is_float(source):
            groups.setdefault(source.name, []).append(row)
    yield from (group for group in groups.values() if len(group) > 1)


def _read_in_both(subject: Subject) -> Iterator[tuple[Row, Row]]:
    """A quantised conv without a float residual whose float result is quantised, and read in float by another."""
    for row in subject.rows:
        if not subject.flow.is_quantised_main(row) or not is_float(result_of(row)):
            continue
        if any(is_float(tensor) for tensor in subject.flow.side_inputs(row)):
            continue
        readers = subject.flow.spread(row)
        quantise = next((reader for reader in readers if reader.kind is LayerKind.QUANTIZE), None)
        # A residual Add that reads it in float is another rule's business.
        others = [reader for reader in readers if reader.kind in (LayerKind.COMPUTE, LayerKind.COPY)]
        if quantise is not None and any(not subject.flow.is_quantised_main(reader) for reader in others):
            yield row, quantise


def _words(row: Row) -> str:
    source = (row.layer.inputs or (None,))[0]
    return f"{types_words(row)}, reads '{source.name if source else '?'}'"


RULE = Rule(
    code="Q107",
    name="consumer-scales",
    title="The consumers of one tensor do not quantise it alike",
    role=Role.CAUSE,
    why=(
        "A tensor that all consumers quantise with one scale is written once, in INT8, by the layer that makes it. "
        "With different scales, or one consumer in float, it is written in float and quantised for each."
    ),
    needs="layer information with types, and quantisation by Q/DQ nodes; or the ONNX model",
    looks_like=(
        ("layer information", "QuantizeLinear_clone_n, several quantises of one tensor, a Reformat from Int8 to Int8"),
        ("profile", "several QuantizeLinear entries of one shape in a row"),
        ("ONNX model", "several QuantizeLinear with different scales, or another node, read one tensor"),
    ),
    cure="Let all consumers share one QuantizeLinear, with the largest of the scales.",
    saving="all quantises of a tensor but one, changes of scale, and the float epilogue before them",
    false_positives="Where a consumer must stay in float for accuracy, one float copy has to be written.",
    source="TensorRT developer guide, Q/DQ fusion; NVIDIA-AI-IOT/yolo_deepstream, QAT performance guidance; #1862",
    check=check,
)
