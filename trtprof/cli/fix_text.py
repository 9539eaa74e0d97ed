"""A repair in words and as JSON: what was made and left, what the check and the two builds say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from trtprof.cli.markdown_text import cell, said, table
from trtprof.cli.wide import cells, padded
from trtprof.language import shown
from trtprof.model import Unknown
from trtprof.privacy import shown_path
from trtprof.units import ABSENT, decibel, mib, percent, plural

if TYPE_CHECKING:
    from trtprof.pipeline.fix import FixReport
    from trtprof.pipeline.repair_check import OutputCheck, PlaceCheck, RepairCheck
    from trtprof.pipeline.repair_proof import EngineCounts

_TITLES: Final = (
    "rows",
    "only conversions",
    "quantised convs and gemms",
    "activations read and written, MiB",
    "engine, MiB",
)


def print_fix(report: FixReport, *, markdown: bool) -> None:
    """Print the report, as lines and a table for a terminal, or as Markdown."""
    from rich.text import Text

    from trtprof.cli.output import terminal

    console = terminal()
    for line in _markdown(report) if markdown else _lines(report):
        console.print(Text(line), soft_wrap=True)


def report_json(report: FixReport) -> dict[str, Any]:
    """Return the report as the JSON object of ``--format json``; infinite decibels are the text ``inf``."""
    return {
        "schema_version": 1,
        "model": report.model,
        "written": report.written,
        "repairs": [
            {"code": item.code, "node": item.node, "what": item.what, "exact": item.exact} for item in report.repairs
        ],
        "left": [{"code": item.code, "node": item.node, "why": item.why} for item in report.left],
        "check": _check_json(report.check),
        "build": {"before": _counts_json(report.before), "after": _counts_json(report.after)},
        "findings": {"before": dict(report.findings_before), "after": dict(report.findings_after)},
    }


def _lines(report: FixReport) -> list[str]:
    """In the language in use, names of nodes as they are."""
    rounds = shown(" (rounds)")
    lines = [f"{item.code} {item.node}: {shown(item.what)}{'' if item.exact else rounds}" for item in report.repairs]
    lines += [f"{shown('left')} {item.code} {item.node}: {shown(item.why)}" for item in report.left]
    if not report.repairs:
        nothing = f"nothing to repair; {plural(len(report.left), 'place')} left" if lines else "nothing to repair"
        return [*lines, shown(nothing)]
    check, findings = map(shown, _check_lines(report.check)), map(shown, _findings(report))
    return [*lines, "", *check, "", *_table(_build_rows(report)), *findings]


def _markdown(report: FixReport) -> list[str]:
    lines = [f"## {said(f'Repairs of {shown_path(report.model)}')}", ""]
    lines += [f"- {cell(line)}" for line in _lines(report) if line and not line.startswith(" ") and "  " not in line]
    rows = _build_rows(report)
    if report.repairs and len(rows) > 1:
        lines += ["", *table(rows[0], rows[1:])]
    return lines


def _check_lines(check: RepairCheck | Unknown) -> list[str]:
    if isinstance(check, Unknown):
        return [f"not checked: {check.reason}"]
    lines = [f"checked with onnxruntime on {check.data}{', which says nothing of accuracy' if check.synthetic else ''}"]
    lines += [_place(item) for item in check.places]
    lines += [_output(item) for item in check.outputs]
    return lines


def _place(item: PlaceCheck) -> str:
    before = "" if item.before_steps is None else f", before {item.before_steps:.2f}"
    cut = "" if not item.clipped_ratio else f", {percent(item.clipped_ratio, 2)} cut off"
    return (
        f"at {item.node}: '{item.tensor}' off by at most {item.error_steps:.2f} steps of {item.scale:.3g}{before}{cut}"
    )


def _output(item: OutputCheck) -> str:
    steps = "" if item.change_steps is None else f", at most {item.change_steps:.2f} steps of it as INT8"
    return (
        f"output '{item.name}': {decibel(item.change.sqnr_db)} between before and after{steps}; against the float "
        f"function {decibel(item.before_db)} before, {decibel(item.after_db)} after"
    )


def _build_rows(report: FixReport) -> list[tuple[str, str, str]]:
    """The two builds side by side; a heading alone where there is none."""
    before, after = report.before, report.after
    tool = next((item.tool for item in (before, after) if not isinstance(item, Unknown)), None)
    if tool is None:
        return [("build", "before", "after")]
    old, new = _cells(before), _cells(after)
    rows = ((shown(title), shown(old[title]), shown(new[title])) for title in _TITLES)
    return [(tool, shown("before"), shown("after")), *rows]


def _cells(counts: EngineCounts | Unknown) -> dict[str, str]:
    if isinstance(counts, Unknown):
        return dict.fromkeys(_TITLES, ABSENT)
    values = (
        str(counts.rows),
        str(counts.conversions),
        f"{counts.quantised_matmuls} of {counts.matmuls}",
        mib(counts.activation_bytes),
        mib(counts.plan_bytes),
    )
    return dict(zip(_TITLES, values, strict=True))


def _table(rows: list[tuple[str, str, str]]) -> list[str]:
    if len(rows) == 1:
        return []
    widths = [max(cells(row[place]) for row in rows) for place in range(3)]
    return [
        "  ".join((padded(row[0], widths[0]), *(padded(row[place], widths[place], left=True) for place in (1, 2))))
        for row in rows
    ]


def _findings(report: FixReport) -> list[str]:
    lines = []
    for name, item in (("before", report.before), ("after", report.after)):
        if isinstance(item, Unknown):
            lines.append(f"no build {name}: {item.reason}")
    after = dict(report.findings_after)
    before = dict(report.findings_before)
    changed = [
        f"{code} {before.get(code, 0)} to {after.get(code, 0)}"
        for code in sorted({*before, *after})
        if before.get(code, 0) != after.get(code, 0)
    ]
    lines.append(f"findings of trtprof lint: {', '.join(changed) or 'as before'}")
    return lines


def _check_json(check: RepairCheck | Unknown) -> dict[str, Any]:
    if isinstance(check, Unknown):
        return {"unknown": check.reason}
    return {
        "provenance": "measured",
        "data": check.data,
        "synthetic": check.synthetic,
        "samples": check.samples,
        "kept": check.kept,
        "places": [
            {
                "node": item.node, "tensor": item.tensor, "scale": item.scale, "error_steps": item.error_steps,
                "error_steps_before": item.before_steps, "clipped_ratio": item.clipped_ratio,
            }
            for item in check.places
        ],
        "outputs": [
            {
                "name": item.name, "change_sqnr_db": _number(item.change.sqnr_db),
                "change_max_abs": item.change.max_abs_error, "change_steps": item.change_steps,
                "float_sqnr_db_before": _number(item.before_db), "float_sqnr_db_after": _number(item.after_db),
            }
            for item in check.outputs
        ],
    }  # fmt: skip


def _number(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)


def _counts_json(counts: EngineCounts | Unknown) -> dict[str, Any]:
    if isinstance(counts, Unknown):
        return {"unknown": counts.reason}
    return {
        "provenance": "derived",
        "tool": counts.tool,
        "rows": counts.rows,
        "conversions": counts.conversions,
        "matmuls": counts.matmuls,
        "quantised_matmuls": counts.quantised_matmuls,
        "activation_bytes": counts.activation_bytes,
        "plan_bytes": counts.plan_bytes,
    }
