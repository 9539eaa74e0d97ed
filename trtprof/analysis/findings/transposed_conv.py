"""K203: a quantised transposed convolution that is slower than in 16 bits."""

from __future__ import annotations

from trtprof.analysis.findings.asked import is_grouped
from trtprof.analysis.findings.odd_convs import slower_claims
from trtprof.analysis.findings.rule import Outcome, Role, Rule, Subject
from trtprof.comparison import Row


def check(subject: Subject) -> Outcome:
    """Return one claim with the quantised transposed convolutions that lose time, all told."""
    return slower_claims(subject, lambda row: is_transposed(subject, row), "transposed convolution")


def is_transposed(subject: Subject, row: Row) -> bool:
    """Whether a row is a transposed convolution without groups, by its node, the builder's word or its kernel."""
    named = "ConvTranspose" in subject.flow.operators(row) or "deconv" in (row.layer.type or "").lower()
    return (named or (row.kernel is not None and row.kernel.operation == "deconvolution")) and not is_grouped(row)


RULE = Rule(
    code="K203",
    name="transposed-conv",
    title="Transposed convolution loses by quantisation",
    role=Role.CAUSE,
    why=(
        "TensorRT has few INT8 kernels for transposed convolutions. They do not take a batch normalisation or the "
        "quantise of a concatenation into themselves, so they write float and pay for conversions around them."
    ),
    needs="layer information with types and times; the FP16 engine to be sure",
    looks_like=(
        ("layer information", "CaskDeconvolution or GemmDeconvolution with Int8 input and Half or Float output"),
        ("profile", "slower than in the FP16 engine, with its quantise and reformat"),
        ("nsys", "nhwkuv_to_nkpq_ker, or a kernel without a Tensor Core tile"),
        ("ONNX model", "ConvTranspose followed by BatchNormalization, Identity or a Concat"),
    ),
    cure=(
        "Fold batch normalisation into the transposed convolution, put Q/DQ right behind it (weights per channel on "
        "axis 0), or leave it in FP16."
    ),
    saving="quantised time with its conversions, less the FP16 time and the two conversions FP16 would add there",
    false_positives="Between INT8 layers FP16 adds two conversions; they are reckoned in.",
    source="NVIDIA/TensorRT#1699, #2597, #3412, #1694; NVIDIA-AI-IOT/torch2trt#601",
    check=check,
)
