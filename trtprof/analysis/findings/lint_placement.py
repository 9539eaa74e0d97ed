"""L811 to L817: places where Q/DQ nodes are missing, superfluous or in the way."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.lint_rule import lint_rule
from trtprof.analysis.findings.rule import Rule

_GUIDE: Final = "TensorRT developer guide, Q/DQ layer-placement recommendations"

RULES: Final[tuple[Rule, ...]] = (
    lint_rule(
        "L811",
        "one-operand",
        "Only one operand of a convolution is quantised",
        why="A convolution runs in INT8 only where both its input and its weights come from DequantizeLinear.",
        model="a Conv or ConvTranspose with Q/DQ on its input or on its weights, not on both",
        cure="Quantise the other operand too, or take the lone Q/DQ away.",
        wrong="Weight-only quantisation keeps activations in float on purpose; it is for matrix products.",
        source=f"{_GUIDE}, 1: quantize all inputs of weighted operations",
    ),
    lint_rule(
        "L812",
        "output-quantised",
        "Q/DQ stand between a convolution and what it fuses with",
        why=(
            "TensorRT fuses bias, residual Add and activation into a quantised convolution. Q/DQ on its own output ask "
            "for a rounding to INT8 before these."
        ),
        model="QuantizeLinear on the output of Conv, MatMul or Gemm whose DequantizeLinear feeds Add or an activation",
        cure="Quantise behind the Add or the activation; on a residual Add quantise the skip input alone.",
        wrong=(
            "TensorRT takes Q/DQ on both inputs of a residual Add too, as `trtprof compare` writes them by default; "
            "the guide calls it suboptimal."
        ),
        source=f"{_GUIDE}, 2: do not quantize outputs of weighted operations by default; NVIDIA/TensorRT#3270",
    ),
    lint_rule(
        "L813",
        "left-in-float",
        "A convolution or matrix product has no Q/DQ",
        why="It runs in float among quantised ones, and may pay for a conversion on each side.",
        model="a Conv, ConvTranspose, MatMul or Gemm of a quantised model without DequantizeLinear on its inputs",
        cure="Quantise it, or leave out a contiguous region rather than single layers.",
        wrong="Left in float for accuracy, as first and last layers often are, or because INT8 has no kernel for it.",
        source=f"{_GUIDE}, 1: quantize all inputs of weighted operations",
    ),
    lint_rule(
        "L814",
        "weight-per-tensor",
        "Weights have one scale for all channels",
        why="One scale for each output channel costs nothing at run time and keeps more accuracy.",
        model="DequantizeLinear with a single scale on the weights of Conv or ConvTranspose",
        cure="Quantise weights per channel, along axis 0.",
        wrong="Where all channels have the same range, nothing is lost. It is about accuracy, not about time.",
        source=f"{_GUIDE}: per-tensor quantization for activations, per-channel for weights",
    ),
    lint_rule(
        "L815",
        "dangling",
        "QuantizeLinear or DequantizeLinear stands alone",
        why="A pair that is not closed cannot be fused or cancelled; the one node becomes a layer of its own.",
        model="a QuantizeLinear that no DequantizeLinear reads, or a DequantizeLinear behind something else",
        cure="Close the pair right before the layer that reads it, or remove the lone node.",
        wrong="INT8 inputs and outputs of a model are asked for by some applications.",
        source="TREx, engine lint: Scale layers that are Int8 on one side; NVIDIA/TensorRT#1293",
    ),
    lint_rule(
        "L816",
        "cast-beside",
        "A Cast stands beside Q/DQ",
        why="A Cast behind DequantizeLinear or before QuantizeLinear hides the pair from fusion.",
        model="Cast before QuantizeLinear, or between DequantizeLinear and a convolution or matrix product",
        cure="Take the Cast out and give the scales the type the layer computes in (16-bit scales, opset 19).",
        wrong="A Cast from an integer input of the model has to be there.",
        source="NVIDIA/Model-Optimizer#1289",
    ),
    lint_rule(
        "L817",
        "plugin-between",
        "A plugin stands between DequantizeLinear and QuantizeLinear",
        why="TensorRT fuses Q/DQ into its own layers, not into a plugin: the pairs around it run by themselves.",
        model="an operator of another domain with DequantizeLinear before and QuantizeLinear behind it",
        cure="Let the plugin take INT8 tensors and their scales, and take its Q/DQ away.",
        wrong="A plugin without INT8 arithmetic needs them.",
        source=f"{_GUIDE}: fold Q/DQ into plugins that take INT8",
    ),
)
