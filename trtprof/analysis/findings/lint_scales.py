"""L801 to L808: Q/DQ nodes that TensorRT refuses, or reads otherwise than they are meant."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.lint_rule import lint_rule
from trtprof.analysis.findings.rule import Rule

_GUIDE: Final = "TensorRT developer guide, Working with Quantized Types"
_API: Final = "TensorRT API, IQuantizeLayer and IDequantizeLayer"

RULES: Final[tuple[Rule, ...]] = (
    lint_rule(
        "L801",
        "refused-node",
        "TensorRT's parser refuses a node",
        why="With one such node no engine is built; a runtime that cuts the graph there runs the node elsewhere.",
        model="a node that TensorRT's own ONNX parser does not take, in the version that was asked",
        log="'While parsing node number … Invalid Node', 'No importer registered for op'",
        cure="Export the model without that operator, replace it by others that compute the same, or write a plugin.",
        wrong=(
            "TensorRT-RTX's parser was asked, whose list of operators is TensorRT's but for a few; a plugin that is "
            "loaded only when the engine is built is not known to it."
        ),
        source="onnx-tensorrt, list of supported operators; the parser's own message",
    ),
    lint_rule(
        "L802",
        "integer-operator",
        "An operator holds its quantisation inside",
        why=(
            "TensorRT takes quantisation as QuantizeLinear and DequantizeLinear around float operators. It has no "
            "importer for QLinearConv, QLinearMatMul, ConvInteger, MatMulInteger."
        ),
        model="QLinearConv, QLinearMatMul, ConvInteger, MatMulInteger or DynamicQuantizeLinear",
        log="'No importer registered for op: QLinearConv'",
        cure="Quantise again in the form of Q/DQ nodes (quant_format=QuantFormat.QDQ in onnxruntime.quantization).",
        wrong="None known.",
        source=f"{_GUIDE}, explicit quantization; onnx-tensorrt, list of supported operators",
    ),
    lint_rule(
        "L803",
        "scale-value",
        "A scale is not positive",
        why="A scale of zero or less stands for no range. The parser refuses the model.",
        model="QuantizeLinear or DequantizeLinear with a scale of 0, negative, infinite or not a number",
        log="'Scale coefficients must all be positive'",
        cure=(
            "Calibrate again, or give a channel of zeros any positive scale. In a model cast to FP16, scales below "
            "6e-8 became 0: clamp them before the cast."
        ),
        wrong="None known.",
        source=f"{_API}; builds with TensorRT-RTX 1.7",
    ),
    lint_rule(
        "L804",
        "scale-computed",
        "A scale is computed at run time",
        why="TensorRT folds scales into kernels when it builds, so they must be constants of the model.",
        model="the scale of QuantizeLinear or DequantizeLinear is the output of a node that is no Constant",
        cure=(
            "Fold constants (onnxsim, polygraphy surgeon sanitize --fold-constants), or calibrate static scales in "
            "place of dynamic quantisation."
        ),
        wrong="Dynamic quantisation to FP4 and to MXFP8 blocks computes scales by design.",
        source=_API,
    ),
    lint_rule(
        "L805",
        "opset",
        "The operator set is too old for a quantiser",
        why=(
            "Scales for each channel came with opset 13, 16-bit scales and FP8 with 19, INT4 and blocks with 21, FP4 "
            "with 23. In an older one the node means something else, or nothing."
        ),
        model="a QuantizeLinear or DequantizeLinear with what its opset does not have",
        cure="Export or convert the model to the opset named (onnx.version_converter), then quantise again.",
        wrong="Some exporters write newer attributes into older opsets, which parsers may accept.",
        source="ONNX operator documentation, QuantizeLinear and DequantizeLinear, versions 10 to 25",
    ),
    lint_rule(
        "L806",
        "activation-per-channel",
        "An activation has a scale for each channel",
        why="INT8 kernels take one scale for an activation tensor; scales for each channel are for weights.",
        model="QuantizeLinear on a computed tensor with a scale of several values",
        cure="Calibrate activations per tensor, weights per channel.",
        wrong="Blocks of FP4 and MXFP8 have several scales by design.",
        source=f"{_GUIDE}, quantization modes: activations per tensor, weights per tensor or per channel",
    ),
    lint_rule(
        "L807",
        "weight-axis",
        "Weight scales lie along the wrong axis",
        why="A convolution takes a scale for each output channel, along axis 0 of its weights.",
        model="DequantizeLinear on the weights of Conv or ConvTranspose with an axis other than 0",
        cure="Quantise weights along axis 0.",
        wrong="ModelOpt quantises ConvTranspose along other axes for newer versions.",
        source=f"{_GUIDE}, per-channel quantization; NVIDIA/TensorRT#1694",
    ),
    lint_rule(
        "L808",
        "pair-scales",
        "QuantizeLinear and its DequantizeLinear differ",
        why=(
            "TensorRT takes a pair as one change of type and moves or cancels it as a whole. A pair of two scales also "
            "multiplies the tensor, so it stays as two layers."
        ),
        model="a DequantizeLinear whose scale or zero point is not that of the QuantizeLinear it reads",
        cure="Give both the same scale; put a wanted factor into the next layer's weights.",
        wrong="None known for exported networks.",
        source=f"{_GUIDE}, Q/DQ propagation",
    ),
)
