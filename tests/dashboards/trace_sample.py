"""The sample comparison as if its engines had been traced: kernels of every unit, gaps, two streams."""

from __future__ import annotations

import random
from dataclasses import replace

import sample

from trtprof.comparison import Built, Comparison
from trtprof.gpu_timeline import EngineTimeline, GapCause, RunBins, TracedGap, TracedKernel
from trtprof.kernels import classify
from trtprof.model import Unit, Unknown

UNITS = (Unit.TENSOR_CORE, Unit.CUDA_CORE, Unit.NONE, Unit.UNKNOWN)
CAUSES = (GapCause.LAUNCH, GapCause.HOST, GapCause.QUEUED, GapCause.COPY)
LAUNCHES = 50_000


def kernel_name(place: int) -> str:
    tile = f"{64 << place % 3}x{64 << place % 2}x32"
    family = "sm80_xmma_fprop_implicit_gemm_indexed_f16f16_f16f16_f16_nhwckrsc_nhwc"
    return f"{family}_tilesize{tile}_stage{place % 7}_v{place}"


def timeline(built: Built, *, kernels: int, seed: int = 0) -> EngineTimeline:
    """A trace of so many kernels an inference, of which the rows of the engine are some each."""
    rng = random.Random(seed)
    at, found, gaps = 0, [], []
    rows = [row.layer for row in built.rows]
    for place in range(kernels):
        layer = rows[place * len(rows) // kernels] if place % 11 else None
        duration = rng.randrange(2_000, 90_000)
        name = kernel_name(place % 60) if place % 5 else sample.HOSTILE
        found.append(
            TracedKernel(
                name, at, duration, 7 + (place % 9 == 0), UNITS[place % 4], layer.name if layer else None,
                layer.index if layer else None,
            )
        )  # fmt: skip
        at += duration
        if place % 3 == 0 and place + 1 < kernels:
            length = rng.randrange(500, 20_000)
            gaps.append(TracedGap(at, length, CAUSES[place % 4], "cudaLaunchKernel_v7000"))
            at += length
    causes = tuple((cause, sum(gap.duration_ns for gap in gaps if gap.cause is cause)) for cause in CAUSES)
    return EngineTimeline(
        "trace.sqlite", f"GPU{sample.HOSTILE}", 40, 3, 12, at * 1.01, at, tuple(found), tuple(gaps[:300]), len(gaps),
        tuple(item for item in causes if item[1]), run_bins(rng, at),
    )  # fmt: skip


def run_bins(rng: random.Random, shown_ns: int) -> RunBins:
    parts = [[rng.random() for _ in range(8)] for _ in range(400)]
    shares = [[round(part / sum(line), 3) for part in line] for line in parts]
    columns = [tuple(line[place] for line in shares) for place in range(8)]
    return RunBins(
        shown_ns / 10, shown_ns * 40, LAUNCHES, tuple(zip(UNITS, columns[:4], strict=True)),
        tuple(zip(CAUSES, columns[4:], strict=True)), (shown_ns * 11, shown_ns * 12),
    )  # fmt: skip


def comparison() -> Comparison:
    """Two engines traced, one not."""
    base = sample.comparison()
    first, second, third = base.engines
    traced = (
        replace(first, timeline=timeline(first, kernels=24)),
        replace(second, timeline=Unknown(f"damaged {sample.HOSTILE}")),
        replace(third, timeline=timeline(third, kernels=40, seed=1)),
    )
    return replace(base, engines=traced)


def large(layers: int) -> Comparison:
    """A long model at three precisions, each row with the name of its kernel and each engine traced."""
    base = sample.large(layers)
    engines = []
    for seed, built in enumerate(base.engines):
        rows = tuple(
            replace(row, kernel=classify(kernel_name(row.layer.index % 60)), group=row.layer.index // 2 * 2)
            for row in built.rows
        )
        named = replace(built, rows=rows)
        engines.append(replace(named, timeline=timeline(named, kernels=layers, seed=seed)))
    return replace(base, engines=tuple(engines))
