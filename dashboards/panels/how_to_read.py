"""What the words of the page mean and how far its numbers can be trusted."""

from __future__ import annotations

from trtprof.comparison import Comparison
from trtprof.dashboards.categories import CATEGORIES
from trtprof.dashboards.drawing import draw
from trtprof.dashboards.panel import Panel
from trtprof.dashboards.panels.limits import lines_of
from trtprof.dashboards.said import Said, said
from trtprof.dashboards.words import CHANGES
from trtprof.units import ABSENT

_MEANINGS = {
    "same": "the same kernels",
    "split": "kernels of the reference in several parts",
    "merged": "several kernels of the reference in one",
    "different": "cut otherwise",
}


def panel(comparison: Comparison) -> Panel:
    """Return the glossary and the limits that the comparison itself noted."""
    limits = tuple(notice for notice in comparison.notices if notice.where is None)
    return Panel(
        id="how-to-read",
        title="How is this page read?",
        text=(
            f"A modelled number is never a measurement, {ABSENT} is a number that is absent and not 0, and “cannot "
            "tell” comes with its reason."
        ),
        html=draw(
            "how_to_read.html",
            terms=terms(),
            categories=CATEGORIES,
            limits=draw("list.html", lines=lines_of(limits)) if limits else "No limit was noted.",
        ),
    )


def terms() -> list[tuple[str, str]]:
    """Return the words of the page with their meanings."""
    return [
        ("measured", "a tool or a file says so: a timer on the GPU, onnxruntime on the CPU, the size of a file"),
        ("counted", "read from the engine that was really built: its rows, their types and their tensors"),
        ("derived", "computed from measured numbers and nothing else"),
        (
            "modelled",
            "computed from operations, bytes and a launch cost, with the parts of a GPU's peaks that kernels are known "
            "to reach. The low end takes the best of these parts, the high end the worst, mid the likely one. It shows "
            "where time can go; it cannot show which of two close engines is faster.",
        ),
        ("range", "low to high. Ends of sums add up, as if all errors pointed the same way"),
        ("row", "one step of an engine in execution order; the builder calls it a layer"),
        (
            "operand type",
            "the storage type of a row's main input. It decides what a conv or gemm multiplies in, whatever the engine "
            "is called",
        ),
        (
            "conversion",
            "a row that only changes type or layout: quantise, dequantise, cast, reformat. It computes nothing of the "
            "model",
        ),
        *(
            (Said(f"{symbol} {said(word)}"), f"against the first engine: {_MEANINGS[word]}")
            for symbol, word in CHANGES.values()
        ),
        ("found nothing", "it was looked for, and there is none"),
        ("cannot tell", "it could not be looked for, because of the reason given"),
    ]
