"""Reading several runs of the store, to see how one model fared over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trtprof.history import PastEngine, PastFinding, PastRun
from trtprof.model import Estimate, Provenance
from trtprof.store.database import reading
from trtprof.store.names import named, runs_of

if TYPE_CHECKING:
    from sqlite_utils import Database

_RUNS = "SELECT * FROM run ORDER BY created, id"
_SHARE = """
SELECT sum(CASE WHEN kernel_unit = 'tensor_core' THEN time_mid_ns ELSE 0 END) AS tensor_ns,
       sum(time_mid_ns) AS all_ns,
       count(*) = count(time_mid_ns) AS whole,
       count(CASE WHEN kernel_unit IN ('tensor_core', 'cuda_core') THEN 1 END) AS known
FROM layer WHERE run_id = ? AND engine = ? AND has_matmul = 1
"""
_NOT_KEPT = "SELECT count(*) AS layers FROM layer WHERE run_id = ? AND engine = ? AND has_matmul IS NULL"


def read_history(path: Path, names: Sequence[str]) -> tuple[PastRun, ...]:
    """Return the named runs, oldest first; all runs of the store where none is named.

    A name is the start of a run's id, ``@-1`` for the last, or ``MODEL@-2`` for the last but one of a model.

    Raises:
        InputError: the store is absent or no store, or a name is of no run, or of several.
    """
    with reading(path) as database:
        runs = list(database.query(_RUNS))
        chosen = {named(name, runs, path)["id"] for name in names} or {run["id"] for run in runs}
        return tuple(_run(database, run) for run in runs if run["id"] in chosen)


def read_model_history(path: Path, models: Sequence[str]) -> tuple[PastRun, ...]:
    """Return the runs of models, oldest first; a model is called by its name, its file, or the file's SHA-256.

    Raises:
        InputError: the store is absent or no store, or has no run of a model.
    """
    with reading(path) as database:
        runs = list(database.query(_RUNS))
        chosen = {run["id"] for model in models for run in runs_of(model, runs, path)}
        return tuple(_run(database, run) for run in runs if run["id"] in chosen)


def _run(database: Database, run: dict[str, Any]) -> PastRun:
    engines = database.query("SELECT * FROM engine WHERE run_id = ? ORDER BY position, name", [run["id"]])
    keys = ("id", "created", "model", "device", "tool", "tool_version", "verdict")
    return PastRun(**{key: run[key] for key in keys}, engines=tuple(_engine(database, engine) for engine in engines))


def _engine(database: Database, engine: dict[str, Any]) -> PastEngine:
    key = [engine["run_id"], engine["name"]]
    share = next(iter(database.query(_SHARE, key)))
    findings = database.query("SELECT * FROM finding WHERE run_id = ? AND engine = ? ORDER BY position", key)
    known = share["known"] and share["whole"] and share["all_ns"] and engine["provenance"] != Provenance.MODELLED
    (old,) = database.query(_NOT_KEPT, key)
    return PastEngine(
        name=engine["name"],
        unknown=engine["unknown"],
        provenance=Provenance(engine["provenance"]) if engine["provenance"] else None,
        total_ns=_time(engine, "total"),
        latency_median_ns=engine["latency_median_ns"],
        latency_p99_ns=engine["latency_p99_ns"],
        tensor_core_ratio=share["tensor_ns"] / share["all_ns"] if known else None,
        findings=tuple(PastFinding(item["code"], item["title"], item["severity"], _saving(item)) for item in findings),
        findings_kept=not old["layers"],
    )


def _time(row: dict[str, Any], prefix: str) -> Estimate | float | None:
    low, mid, high = (row[f"{prefix}_{end}_ns"] for end in ("low", "mid", "high"))
    return mid if low is None else Estimate(low, mid, high)


def _saving(row: dict[str, Any]) -> Estimate | None:
    time = _time(row, "saving")
    return time if isinstance(time, Estimate) else None
