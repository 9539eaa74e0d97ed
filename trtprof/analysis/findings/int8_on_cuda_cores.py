"""K201: a quantised convolution or matrix product whose kernel does not use Tensor Cores."""

from __future__ import annotations

from trtprof.analysis.findings.asked import is_grouped
from trtprof.analysis.findings.epilogues import cuda_core_share
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Share, Subject, row_evidence, row_ns
from trtprof.comparison import Row
from trtprof.model import Unit, Unknown
from trtprof.units import dims, plural

_FEW_CHANNELS = 16


def check(subject: Subject) -> Outcome:
    """Return one claim with the ungrouped quantised rows whose kernel's name says CUDA cores."""
    mains = [row for row in subject.rows if subject.flow.is_quantised_main(row)]
    if not mains:
        return ()
    if subject.ahead_of_time:
        return Unknown("TensorRT-RTX names no kernels ahead of time")
    if not any(row.kernel is not None for row in mains):
        return Unknown("no layer names its kernel: build with detailed profiling verbosity")
    rows = [
        row for row in mains if row.kernel is not None and row.kernel.unit is Unit.CUDA_CORE and not is_grouped(row)
    ]
    if not rows:
        return ()
    verb = "runs" if len(rows) == 1 else "run"
    return (
        Claim(
            cause=f"{plural(len(rows), 'quantised conv or gemm', 'quantised convs and gemms')} {verb} on CUDA cores",
            evidence=row_evidence(rows, _words),
            savings={row.layer.index: _share(subject, row) for row in rows},
        ),
    )


def _share(subject: Subject, row: Row) -> Share:
    """With few channels there may be no Tensor Core kernel to be had: only what the 16-bit engine shows is sure."""
    share = cuda_core_share(subject, row, row_ns(row) or 0.0)
    source = row.layer.inputs[0] if row.layer.inputs else None
    few = source is not None and source.dims is not None and len(source.dims) > 1 and source.dims[1] < _FEW_CHANNELS
    return Share(share.low, share.low, share.high) if few else share


def _words(row: Row) -> str:
    source = row.layer.inputs[0] if row.layer.inputs else None
    channels = source.dims[1] if source is not None and source.dims is not None and len(source.dims) > 1 else None
    few = f", {channels} input channels" if channels is not None and channels < _FEW_CHANNELS else ""
    why = row.kernel.why if row.kernel else ""
    return f"{row.layer.tactic} on {dims(source.dims if source else None)}{few} ({why})"


RULE = Rule(
    code="K201",
    name="int8-on-cuda-cores",
    title="INT8 convolution does not run on Tensor Cores",
    role=Role.SYMPTOM,
    why=(
        "Where no Tensor Core kernel fits its types and layouts, TensorRT multiplies INT8 with dp4a on CUDA cores, at "
        "a quarter to a sixteenth of the rate. The usual reasons are few input channels (a stem with three) and a "
        "float output that something behind it asks for."
    ),
    needs="layer information with tactic names (detailed profiling verbosity)",
    looks_like=(
        ("layer information", "a TacticName with int8x4_icudnn, dp4a or _simt_ in it"),
        ("profile", "the layer is slower than the same layer of the FP16 engine"),
        ("nsys", "a kernel that `trtprof explain` calls CUDA core"),
    ),
    cure=(
        "If its output is float, find out who asks for that first. If it is the stem: let convolution and max-pooling "
        "fuse (quantise what reads them), or leave the stem in FP16. Else give it channels in multiples of 32."
    ),
    saving="down to the 16-bit engine's time for the same nodes, or half of it; without that engine up to 75 %",
    false_positives="On GPUs without INT8 Tensor Cores (6.1, 7.0) dp4a is all there is. Small layers may not matter.",
    source="kernel names by grammar, checked against hardware counters; NVIDIA/TensorRT#983; TREx ResNet-18 on A100",
    check=check,
)
