"""What drawing a page of traced engines costs beside loading plotly, at 300 and 3,000 layers; ratios from one run.

Run with ``make bench`` or ``python benchmarks/bench_page.py``. Needs the test group.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "dashboards"))


def main() -> None:
    import trace_sample

    from trtprof.dashboards.page import prepare, render

    started = time.process_time()
    prepare()
    loading = time.process_time() - started
    print(f"loading and packing plotly: {loading:.2f} s of CPU")
    for layers in (300, 3_000):
        comparison = trace_sample.large(layers)
        started = time.process_time()
        page = render(comparison)
        drawing = time.process_time() - started
        print(
            f"{layers:,} layers at 3 precisions: {drawing:.2f} s, {drawing / loading:.2f} of that; "
            f"{len(page.encode()) / 1e6:.2f} MB"
        )


if __name__ == "__main__":
    main()
