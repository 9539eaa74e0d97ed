"""What drawing a page of traced engines costs beyond loading plotly, at 300 and 3,000 layers, in processor time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from time import process_time

from measures import Measure, seconds

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "dashboards"))

PROMISED_S = 2.0
PROMISED_MB = 2.2


def measures() -> Iterator[Measure]:
    """Yield what each size of page takes, and how large the page of 300 layers is."""
    import trace_sample

    from trtprof.dashboards.page import prepare, render

    loading = seconds(prepare, process_time)
    for layers in (300, 3_000):
        comparison = trace_sample.large(layers)
        started = process_time()
        page = render(comparison)
        drawing = process_time() - started
        note = f"{drawing:.2f} s; loading and packing plotly takes {loading:.2f} s; {len(page.encode()) / 1e6:.2f} MB"
        yield Measure(
            f"drawing a page, {layers:,} layers at 3 precisions",
            "all panels and tables",
            f"{PROMISED_S:g} s",
            drawing / PROMISED_S,
            1.0,
            note,
        )
        if layers == 300:
            size = len(page.encode()) / 1e6
            yield Measure("size of that page", "with plotly", f"{PROMISED_MB} MB", size / PROMISED_MB, 1.0)
