"""The DLA's documented limits as a linter's findings, under the code of the rule on layers that fall back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trtprof.analysis.lint import finding_of
from trtprof.jetson.boards import DLA_AGAIN
from trtprof.jetson.dla_rules import check_dla
from trtprof.lint_report import Level, LintFinding
from trtprof.units import plural

if TYPE_CHECKING:
    import onnx

    from trtprof.backends.trtexec_flags import Version

DLA: Final = "D702"
_QUANTISATION: Final = "quantisation"


def dla_findings(model: onnx.ModelProto, trt: Version) -> list[LintFinding]:
    """Return the limits that nodes of the model break; Q/DQ, which a version takes or does not, are one finding."""
    found = check_dla(model, trt)
    pairs = [item for item in found if item.rule == _QUANTISATION]
    findings = []
    if pairs:
        said = (
            f"TensorRT {trt} takes no Q/DQ on the DLA, here {plural(len(pairs), 'node')}: before {DLA_AGAIN} it takes"
        )
        said += " a calibration table"
        findings.append(finding_of(DLA, Level.WARNING, None, said))
    for item in found:
        if item.rule != _QUANTISATION:
            said = f"{item.op_type}, {item.rule}: {item.found}; the DLA takes {item.limit}"
            findings.append(finding_of(DLA, Level.WARNING, item.node, said))
    return findings
