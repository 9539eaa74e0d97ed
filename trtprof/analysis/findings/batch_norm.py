"""Q104: batch normalisation was left unfolded behind a quantised convolution."""

from __future__ import annotations

from trtprof.analysis.findings.island_rule import island_check
from trtprof.analysis.findings.rule import Role, Rule
from trtprof.graph_facts import Fact

RULE = Rule(
    code="Q104",
    name="batch-norm",
    title="Batch normalisation was left unfolded behind a quantised convolution",
    role=Role.CAUSE,
    why=(
        "Folded into the weights, batch normalisation costs nothing. Behind a convolution whose weights went through "
        "Q/DQ TensorRT cannot fold it: it stays a Scale layer in float, with a quantise behind it."
    ),
    needs="layer information with types; or the ONNX model",
    looks_like=(
        ("layer information", "a Scale layer in Half or Float behind an Int8 convolution"),
        ("ONNX model", "BatchNormalization right behind a convolution that reads DequantizeLinear"),
    ),
    cure=(
        "Fold batch normalisation before quantising (`trtprof compare` does; in PyTorch fuse_modules or a folded QAT "
        "export)."
    ),
    saving="the Scale layer, its quantise, and the float epilogue of the convolution",
    false_positives=(
        "A Scale that is the model's own multiplication cannot be folded away in the same manner, but costs the same."
    ),
    source=(
        "Cityscapes pipeline on Orin Nano (27.9 to 24.6 ms by folding and Q placement); Model-Optimizer export notes; "
        "NVIDIA/TensorRT#1699, #3412 for transposed convolutions"
    ),
    check=island_check("batch-norm", "batch normalisation", Fact.BATCH_NORM),
)
