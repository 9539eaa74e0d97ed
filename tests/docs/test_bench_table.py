"""The table of the benchmarks: what a promise is, and where the table goes. Nothing is timed here."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import ROOT

BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return SimpleNamespace(**runpy.run_path(str(BENCHMARKS / "run.py")))


def test_a_miss_is_said_as_one(bench: SimpleNamespace) -> None:
    kept, missed, told, broken = (
        bench.Measure("a", "x", "y", ratio, promise) for ratio, promise in ((2, 2), (2.1, 2), (3, None), (None, 2))
    )
    assert [item.met for item in (kept, missed, told, broken)] == [True, False, None, None]
    assert bench.cells(missed, "nsys")[2:6] == ("≤ 2", "2.10", "**missed**", "`make bench ONLY=nsys`")
    assert bench.cells(broken, "nsys")[3:5] == ("not measured", "")


def test_pairs_give_a_median_and_its_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    measures = runpy.run_path(str(BENCHMARKS / "measures.py"))
    times = iter([0, 2, 2, 3, 3, 4, 4, 6])  # calls take 2 1 1 2: other, ours, then ours, other
    ratio, words = measures["paired"](int, int, 2, lambda: next(times))
    assert (ratio, words) == (0.5, "2 pairs, quartiles 0.50 to 0.50")


def test_the_table_replaces_what_stood_between_the_marks(bench: SimpleNamespace) -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert len(bench.MARKS.findall(page)) == 1
    assert set(bench.names()) >= {"compare", "inspect", "kernels", "nsys", "page", "peers", "sensitivity"}


def test_the_machine_has_no_name_and_no_path(bench: SimpleNamespace) -> None:
    words = bench.machine()
    assert "cores" in words and str(Path.home()) not in words and "/" not in words
