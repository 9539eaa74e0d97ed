"""Every rule there is: those that explain an engine, and those on the ONNX model for ``trtprof lint`` alone."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings import lint_placement, lint_scales
from trtprof.analysis.findings.registry import RULES
from trtprof.analysis.findings.rule import Rule

LINT_RULES: Final[tuple[Rule, ...]] = (*lint_scales.RULES, *lint_placement.RULES)
CATALOGUE: Final[tuple[Rule, ...]] = (*RULES, *LINT_RULES)
