"""K205: channel counts that Tensor Core kernels must pad."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.asked import engine_ns, is_grouped
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Share, Subject, row_evidence, row_ns
from trtprof.analysis.findings.sibling_times import group_rows, half_ns
from trtprof.comparison import Row
from trtprof.model import DType, Unit
from trtprof.units import percent, plural

_MULTIPLE: Final = {
    DType.INT8: 32, DType.UINT8: 32, DType.FP8: 16, DType.FP16: 8, DType.BF16: 8, DType.FP32: 4, DType.TF32: 4,
}  # fmt: skip
_DP4A: Final = 4
_FEW: Final = 4
"""A stem reads so few channels that another rule (INT8 on CUDA cores) is about it."""
_LEAST_SHARE: Final = 0.02
_LEAST_NS: Final = 10_000.0
"""A shorter layer is bound by its launch, and padding does not lengthen that."""
_LEAST_WASTE: Final = 0.1
_WELL_SPED_UP: Final = 0.6
"""A quantised layer that takes less than this of its 16-bit time does not suffer from its padding."""


def check(subject: Subject) -> Outcome:
    """Return one claim with the convolutions and products that pad a tenth of their work away and take time."""
    total = engine_ns(subject)
    rows = [row for row in subject.rows if _matters(subject, row, total) and waste(row) >= _LEAST_WASTE]
    if not rows:
        return ()
    return (
        Claim(
            cause=f"the channels of {plural(len(rows), 'convolution')} do not fill the tiles of their kernels",
            evidence=row_evidence(rows, _words),
            savings={row.layer.index: _share(subject, row) for row in rows},
            modelled=True,
        ),
    )


def waste(row: Row) -> float:
    """Return the share of a row's products that multiply padding, 0 to 1; 0 where channels are not known."""
    multiple = _multiple(row)
    counts = _channels(row)
    if multiple is None or counts is None or min(counts) <= _FEW:
        return 0.0
    useful = 1.0
    for count in counts:
        useful *= count / (-(-count // multiple) * multiple)
    return 1.0 - useful


def _matters(subject: Subject, row: Row, total: float) -> bool:
    time = row_ns(row)
    if time is None or not subject.flow.is_conv(row) or is_grouped(row):
        return False
    if row.kernel is not None and row.kernel.unit is Unit.CUDA_CORE and row.operand not in (DType.INT8, DType.UINT8):
        return False
    half = half_ns(subject, row)
    sped_up = half is not None and sum(row_ns(item) or 0.0 for item in group_rows(subject, row)) < _WELL_SPED_UP * half
    return time >= max(_LEAST_SHARE * total, _LEAST_NS) and not sped_up


def _share(subject: Subject, row: Row) -> Share:
    """At most the padding's share; how much of it is hidden behind memory traffic is not known."""
    part = waste(row)
    return Share(0.0, part / 2 if half_ns(subject, row) is not None else part / 4, part)


def _multiple(row: Row) -> int | None:
    on_cuda_cores = row.kernel is not None and row.kernel.unit is Unit.CUDA_CORE
    return _DP4A if on_cuda_cores else _MULTIPLE.get(row.operand) if row.operand else None


def _channels(row: Row) -> tuple[int, int] | None:
    source = row.layer.inputs[0].dims if row.layer.inputs else None
    result = row.layer.outputs[0].dims if row.layer.outputs else None
    if source is None or result is None or len(source) < 2 or len(result) < 2:
        return None
    maps = row.layer.parameters.get("OutMaps")
    counts = (source[1], maps if isinstance(maps, int) and maps > 0 else result[1])
    return counts if min(counts) > 0 else None


def _words(row: Row) -> str:
    counts, multiple = _channels(row), _multiple(row)
    said = f"{counts[0]} channels in, {counts[1]} out" if counts else "channels unknown"
    return f"{said}: padded to multiples of {multiple}, {percent(waste(row))} of the products are padding"


RULE = Rule(
    code="K205",
    name="channel-alignment",
    title="Channel counts do not fill the kernel's tiles",
    role=Role.CAUSE,
    why=(
        "Tensor Core kernels work on whole tiles of channels: 32 in INT8, 8 in FP16, 4 in TF32. Other counts are "
        "padded, and INT8 pads most: 18 channels cost as much as 32, but as 24 in FP16."
    ),
    needs="layer information with shapes and times",
    looks_like=(
        ("layer information", "channels in or out that are no multiple of 32 (INT8), 8 (FP16) or 4 (TF32)"),
        ("profile", "INT8 gains little over FP16 in just these layers"),
        ("nsys", "a share of Tensor Core work above what the model needs"),
    ),
    cure="Choose multiples of 32 when the network is designed or pruned; else leave these layers in FP16.",
    saving="none up to the share of padding in the products; half of it, a quarter without the FP16 engine, is likely",
    false_positives=(
        "Counts of 24 or 144 are padded and fast all the same where memory is the limit. Layers under 2 % of the time, "
        "under 10 microseconds, or well sped up by INT8 are left out, and so is a stem with three channels."
    ),
    source="TensorRT developer guide, performance: channel alignment for Tensor Cores; NVIDIA/TensorRT#1310 (HRNet-18)",
    check=check,
)
