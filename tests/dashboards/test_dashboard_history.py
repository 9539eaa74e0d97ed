from __future__ import annotations

import re
from dataclasses import replace

from trtprof.dashboards import history
from trtprof.history import PastEngine, PastFinding, PastRun
from trtprof.model import Estimate, Provenance

HOSTILE = "</script><img src=x onerror=alert(1)>"


def engine(name: str, median_ns: float | None, *findings: PastFinding) -> PastEngine:
    total = Estimate(1e6, 2e6, 3e6)
    return PastEngine(
        name, None, Provenance.MODELLED, total, median_ns, median_ns, 0.5 if median_ns else None, findings
    )


def runs() -> tuple[PastRun, PastRun]:
    q101 = PastFinding("Q101", f"skip {HOSTILE}", "major", Estimate(1e5, 2e5, 3e5))
    note = PastFinding("R404", "note", "note", None)
    first = PastRun(
        "aaaa1111bbbb",
        "2026-01-01T00:00:00Z",
        "net",
        "A100",
        "trtexec",
        "10.0",
        "slow",
        (engine("int8", 2e6, q101, note),),
    )
    second = replace(
        first,
        id="cccc2222dddd",
        created="2026-02-01T00:00:00Z",
        engines=(engine("int8", 1e6, note), engine("fp8", None)),
    )
    return first, second  # fmt: skip


def test_the_change_from_the_first_run_is_said() -> None:
    assert history.latency_panel(runs()).text == (
        "int8: 1.000 ms measured, 50.0 % less than in the first run; fp8: 1.000 to 3.000 ms modelled."
    )


def test_measured_and_modelled_times_have_charts_of_their_own() -> None:
    measured, modelled = history.latency_panel(runs()).figures
    assert [trace["y"] for trace in measured["data"]] == [[2.0, 1.0]]
    assert [trace["y"] for trace in modelled["data"]] == [[None, 2.0]]


def test_a_finding_that_went_is_counted_as_gone() -> None:
    panel = history.findings_panel(runs())
    assert panel.text == "2 findings over 2 runs, 1 of them gone in the last."
    assert "0.100 to 0.300" in str(panel.html)


def test_the_page_is_whole_the_same_and_escaped() -> None:
    page = history.render_history(runs())
    assert page == history.render_history(runs())
    assert "<img" not in page
    assert re.findall(r'<section class="panel" id="([^"]*)"', page) == [
        "latency", "tensor-cores", "history-findings", "runs"
    ]  # fmt: skip


def test_no_runs_are_no_error_of_the_page() -> None:
    assert "Found nothing: there is no run." in history.render_history(())
