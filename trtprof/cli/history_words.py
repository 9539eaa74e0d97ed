"""Several runs of the store as rows, one an engine, for CSV and Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from trtprof.cli.compare_table import time_words
from trtprof.history import PastEngine, PastRun
from trtprof.language import shown
from trtprof.model import Estimate
from trtprof.units import ABSENT, NS_PER_MS, ms, percent

CSV_COLUMNS: Final = (
    "run", "created", "model", "device", "tool", "tool_version", "engine", "unknown", "time_low_ms", "time_ms",
    "time_high_ms", "time_provenance", "p99_ms", "tensor_core_ratio", "findings",
)  # fmt: skip
COLUMNS: Final = (
    "run",
    "created",
    "model",
    "device",
    "tool",
    "engine",
    "time, ms",
    "p99, ms",
    "on Tensor Cores",
    "findings",
)


def csv_rows(runs: Sequence[PastRun]) -> Iterator[tuple[str, ...]]:
    """Yield an engine a row, oldest run first, absent figures as empty text."""
    for run in runs:
        for engine in run.engines:
            time = engine.time_ns
            ends = (time.low, time.mid, time.high) if isinstance(time, Estimate) else (None, time, None)
            kind = engine.time_provenance
            yield (
                run.id, run.created, run.model, run.device, run.tool, run.tool_version, engine.name,
                engine.unknown or "",
                *("" if end is None else f"{end / NS_PER_MS:.6f}" for end in ends),
                kind.value if kind and time is not None else "",
                "" if engine.latency_p99_ns is None else f"{engine.latency_p99_ns / NS_PER_MS:.6f}",
                "" if engine.tensor_core_ratio is None else f"{engine.tensor_core_ratio:.6f}",
                _codes(engine),
            )  # fmt: skip


def said_rows(runs: Sequence[PastRun]) -> Iterator[tuple[str, ...]]:
    """Yield the same for a reader, in the order of the columns and the language in use."""
    for run in runs:
        for engine in run.engines:
            kind = f" {engine.time_provenance.value}" if engine.time_provenance and engine.time_ns is not None else ""
            time = f"cannot tell: {engine.unknown}" if engine.unknown else f"{time_words(engine.time_ns)}{kind}"
            yield (
                run.id, run.created, run.model, run.device, f"{run.tool} {run.tool_version}", engine.name,
                shown(time), ms(engine.latency_p99_ns), percent(engine.tensor_core_ratio),
                shown(_codes(engine) or ABSENT),
            )  # fmt: skip


def _codes(engine: PastEngine) -> str:
    if not engine.findings_kept:
        return "not kept"
    return " ".join(dict.fromkeys(item.code for item in engine.findings))
