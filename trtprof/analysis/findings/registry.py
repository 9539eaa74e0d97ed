"""The rules, in the order of ``trtprof rules``: causes in the model, kernels, fusion, conversions, measurement, GPU."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings import (
    add_apart,
    attention,
    batch_norm,
    concat_scales,
    consumer_scales,
    conv_3d,
    engine_io,
    float_activation,
    float_epilogue,
    float_operation,
    grouped_conv,
    int8_islands,
    int8_on_cuda_cores,
    int32_bias,
    lone_dequantize,
    lone_quantize,
    never_quantised,
    pad_between,
    pooling_apart,
    refit,
    reformats,
    remainder_fp32,
    scale_shape,
    skip_not_quantised,
    transposed_conv,
    zero_point,
)
from trtprof.analysis.findings.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    skip_not_quantised.RULE,
    float_activation.RULE,
    pad_between.RULE,
    batch_norm.RULE,
    float_operation.RULE,
    concat_scales.RULE,
    consumer_scales.RULE,
    int8_islands.RULE,
    remainder_fp32.RULE,
    never_quantised.RULE,
    int32_bias.RULE,
    zero_point.RULE,
    scale_shape.RULE,
    attention.RULE,
    refit.RULE,
    int8_on_cuda_cores.RULE,
    grouped_conv.RULE,
    transposed_conv.RULE,
    conv_3d.RULE,
    float_epilogue.RULE,
    pooling_apart.RULE,
    add_apart.RULE,
    lone_quantize.RULE,
    lone_dequantize.RULE,
    reformats.RULE,
    engine_io.RULE,
)
