"""The rules, in the order of ``trtprof rules``: causes in the model, kernels, fusion, conversions, measurement, GPU."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings import lone_quantize, skip_not_quantised
from trtprof.analysis.findings.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    skip_not_quantised.RULE,
    lone_quantize.RULE,
)
