"""Q101: the skip input of a residual Add has no Q/DQ."""

from __future__ import annotations

from collections.abc import Iterator

from trtprof.analysis.findings.epilogues import POOL_FUSED, epilogue_share
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
from trtprof.analysis.findings.words import type_word
from trtprof.comparison import Row
from trtprof.diagnosis import Evidence
from trtprof.graph_facts import Fact
from trtprof.model import LayerKind, Tensor, Unknown
from trtprof.units import plural

_MAY_STAY = Share(0.0, 0.0, 1.0)
_COMMUTING = frozenset({"MaxPool", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Identity"})
"""What Q/DQ may move across (developer guide: Q commutes with max-pooling and with what only moves values)."""


def check(subject: Subject) -> Outcome:
    """Return one claim for all residual Adds of an engine whose skip input is float without need."""
    if subject.ahead_of_time:
        return model_claim(subject, "the skip input of a residual Add has no Q/DQ", Fact.SKIP_NOT_QUANTISED)
    if not subject.types_known:
        return no_types(subject)
    if not subject.has_quantised_rows or subject.explicit is False:
        return ()
    if subject.explicit is None:
        return Unknown("the layers do not tell whether quantisation came from Q/DQ nodes or from a calibrator")
    adds = list(_float_skips(subject))
    return (_claim(subject, adds, model_evidence(subject, Fact.SKIP_NOT_QUANTISED)),) if adds else ()


def _float_skips(subject: Subject) -> Iterator[tuple[Row, Tensor]]:
    """Yield quantised convolutions that add a float residual which was never quantised, with that residual.

    A residual that a stand-alone DequantizeLinear made was quantised: then it is the Add's output that is wanted in
    float, which is another rule's business.
    """
    for row in subject.rows:
        if not subject.flow.is_quantised_main(row) or not subject.flow.is_conv(row):
            continue
        for tensor in subject.flow.side_inputs(row):
            if not is_float(tensor) or not is_float(result_of(row)):
                continue
            source, passed = subject.flow.origin(tensor)
            if source is None or any(item.kind is LayerKind.DEQUANTIZE for item in (source, *passed)):
                continue
            yield row, tensor
            break


def _claim(subject: Subject, adds: list[tuple[Row, Tensor]], named: tuple[Evidence, ...]) -> Claim:
    savings: dict[int, Share] = {}
    explains: set[int] = set()
    for row, tensor in adds:
        savings.setdefault(row.layer.index, epilogue_share(subject, row))
        explains.add(row.layer.index)
        for index, share in _after(subject, row):
            savings.setdefault(index, share)
        for index, share in _behind(subject, tensor):
            savings.setdefault(index, share)
    explains.update(savings)
    count = plural(len(adds), "residual Add")
    before = "the convolution before it" if len(adds) == 1 else "the convolutions before them"
    return Claim(
        cause=f"{count} without Q/DQ on the skip input: {before} must write float",
        evidence=(*row_evidence((row for row, _ in adds), lambda row: _words(subject, row)), *named),
        savings=savings,
        explains=frozenset(explains),
    )


def _after(subject: Subject, row: Row) -> Iterator[tuple[int, Share]]:
    """The quantise that its float result needs before the next convolution.

    A quantise behind a float operation that reads the result (the pooling before a classifier) is float for the same
    reason, but may have to stay.
    """
    for reader in subject.flow.spread(row):
        if reader.kind is LayerKind.QUANTIZE and subject.flow.feeds_quantised(reader):
            yield reader.layer.index, ALL
        elif reader.kind is LayerKind.COMPUTE and not reader.has_matmul:
            for later in subject.flow.spread(reader):
                if later.kind is LayerKind.QUANTIZE and subject.flow.feeds_quantised(later):
                    yield later.layer.index, _MAY_STAY


def _behind(subject: Subject, tensor: Tensor) -> Iterator[tuple[int, Share]]:
    """What the float skip brought about where it comes from.

    Its writer has a second, float reader now, so the quantise of the other readers stands alone and cannot move back
    through a max-pooling; the convolution behind that pooling stays apart from it and writes float.
    """
    source, passed = subject.flow.origin(tensor)
    while source is not None:
        yield from ((row.layer.index, ALL) for row in passed if row.kind is not LayerKind.NOOP)
        yield from _after(subject, source)
        if subject.flow.is_quantised_main(source):
            yield source.layer.index, epilogue_share(subject, source)
            return
        if not _commutes(subject, source) or not source.layer.inputs:
            return
        before, between = subject.flow.origin(source.layer.inputs[0])
        if before is None or not subject.flow.is_quantised_main(before):
            return
        yield source.layer.index, POOL_FUSED
        source, passed = before, between


def _commutes(subject: Subject, row: Row) -> bool:
    operators = subject.flow.operators(row)
    return (bool(operators) and operators <= _COMMUTING) or subject.flow.is_max_pool(row)


def _words(subject: Subject, row: Row) -> str:
    skip = next(tensor for tensor in subject.flow.side_inputs(row) if is_float(tensor))
    source, _ = subject.flow.origin(skip)
    wrote = f" from '{source.layer.name}'" if source is not None else ""
    result = result_of(row)
    wrote_type = type_word(result.dtype if result else None)
    return (
        f"reads its residual in {type_word(skip.dtype)}{wrote} and writes {wrote_type}, though it multiplies "
        f"{type_word(row.operand)}"
    )


RULE = Rule(
    code="Q101",
    name="skip-not-quantised",
    title="Skip input of a residual Add is not quantised",
    role=Role.CAUSE,
    why=(
        "TensorRT fuses a residual Add into the convolution before it, and the fused kernel writes the type of the "
        "residual it adds. A float residual makes it write float: the next convolution needs a quantise of its own, "
        "and since the tensor the residual comes from must be kept in float too, its own quantise cannot be fused or "
        "move back through a max-pooling either."
    ),
    needs="layer information with types, and quantisation by Q/DQ nodes; or the ONNX model",
    looks_like=(
        ("layer information", "a convolution with Int8 input, a second input and an output in Half or Float"),
        (
            "profile",
            "stand-alone QuantizeLinear entries behind residual blocks; the convolution is slower than its "
            "Int8-to-Int8 twin",
        ),
        ("nsys", "kernel names with i8f16 or i8f32 instead of i8i8"),
        ("ONNX model", "an Add whose skip input does not come from DequantizeLinear"),
        ("build log", "no 'QuantizeDoubleInputNodes: fusing …' for the QuantizeLinear behind the Add"),
    ),
    cure=(
        "Put QuantizeLinear and DequantizeLinear on the skip input of each residual Add, and not on the convolution's "
        "output. Where the block has no downsampling the scale of the block's first convolution input may be shared. "
        "`trtprof compare` does so by default (--residual-qdq); pytorch-quantization calls it a residual quantizer. "
        "Check the accuracy afterwards."
    ),
    saving="quantises that go, convolutions as fast as their twins that write INT8, poolings that fuse",
    false_positives=(
        "In a transformer the Add carries the residual stream, whose outliers INT8 cannot hold: a ViT fell from 84.5 "
        "to 5 % top-1. Only convolutions are reported. The last Add before a float output gains little."
    ),
    source=(
        "TensorRT developer guide, Q/DQ placement recommendations (quantize the residual input of element-wise "
        "addition); pytorch-quantization, quant_resnet50 tutorial; NVIDIA/TensorRT#1992, #1144; measured on TREx's "
        "ResNet-18 on A100, 0.883 to 0.546 ms"
    ),
    check=check,
)
