"""A linter's report as SARIF 2.1.0 (OASIS), which code hosts and editors show."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from trtprof import __version__
from trtprof.lint_report import LintFinding, LintReport

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(report: LintReport) -> dict[str, Any]:
    """Return the report as a SARIF log with one run; nodes are logical locations in the model's file.

    What was set aside is a suppressed result with its reason; what could not be looked for a notification.
    """
    found = [*report.findings, *(item.finding for item in report.set_aside)]
    rules = list({item.code: item for item in found}.values())
    places = {item.code: place for place, item in enumerate(rules)}
    results = [_result(report, item, places) for item in report.findings]
    for item in report.set_aside:
        suppressed = _result(report, item.finding, places)
        suppressed["suppressions"] = [{"kind": "external", "justification": item.reason}]
        results.append(suppressed)
    notifications = [
        {"level": "note", "message": {"text": f"cannot tell ({', '.join(item.codes)}): {item.reason.reason}"}}
        for item in report.not_looked
    ]
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "trtprof", "version": __version__, "rules": [_rule(item) for item in rules]}},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notifications}],
        "results": results,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(finding: LintFinding) -> dict[str, Any]:
    return {
        "id": finding.code,
        "name": finding.name,
        "shortDescription": {"text": finding.title},
        "help": {"text": f"{finding.cure} Source: {finding.source}"},
    }


def _result(report: LintReport, finding: LintFinding, places: dict[str, int]) -> dict[str, Any]:
    # An ONNX file has no lines; code hosts refuse a place without one.
    physical = {"artifactLocation": {"uri": quote(report.model.replace("\\", "/"))}, "region": {"startLine": 1}}
    location: dict[str, Any] = {"physicalLocation": physical}
    message = finding.what
    if finding.node is not None:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.node, "kind": "node"}]
        message = f"{finding.node}: {finding.what}"
    return {
        "ruleId": finding.code,
        "ruleIndex": places[finding.code],
        "level": finding.level.value,
        "message": {"text": message},
        "locations": [location],
    }
