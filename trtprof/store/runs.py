"""Putting a comparison into the store, and listing what is there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trtprof.comparison import Built, Comparison, Latency, NotBuilt
from trtprof.model import Estimate, Unknown
from trtprof.store.database import open_store, read_store

if TYPE_CHECKING:
    from sqlite_utils import Database

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run in the store; ``engines`` are the precisions in it, those that could not be built included."""

    id: str
    created: str
    model: str
    target: str
    device: str
    tool: str
    tool_version: str
    engines: tuple[str, ...]
    verdict: str
    capture: str
    store: str


def prepare() -> None:
    """Import what :func:`import_comparison` needs, which takes longer than the import of a comparison itself."""
    import sqlite_utils  # noqa: F401


def run_id(comparison: Comparison) -> str:
    """Return the name of a comparison's run: the same for the same capture, however often it is rendered."""
    made, model = comparison.made, comparison.model
    parts = (model.sha256 or "", made.created, made.target, made.calibration, made.tool_version, made.capture)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def import_comparison(path: Path, comparison: Comparison) -> str:
    """Write a comparison into the store in one transaction, in place of an earlier import of it; return its id.

    Raises:
        InputError: the file is no store.
        BuildError: it cannot be written.
    """
    name = run_id(comparison)
    database = open_store(path)
    try:
        with database.conn:
            database.execute("DELETE FROM run WHERE id = ?", [name])
            database.table("run").insert(_run(name, comparison))
            _insert_engines(database, name, comparison)
    finally:
        database.close()
    return name


def list_runs(path: Path) -> tuple[RunSummary, ...]:
    """Return the runs of a store, newest first; an empty tuple when there are none.

    Raises:
        InputError: the file is absent or no store.
    """
    database = read_store(path)
    try:
        runs = list(database.query("SELECT * FROM run ORDER BY created DESC, id"))
        engines: dict[str, list[str]] = {}
        for row in database.query("SELECT run_id, name FROM engine ORDER BY run_id, position, name"):
            engines.setdefault(row["run_id"], []).append(row["name"])
    finally:
        database.close()
    return tuple(
        RunSummary(
            **{key: run[key] for key in ("id", "created", "model", "target", "device", "tool", "tool_version")},
            engines=tuple(engines.get(run["id"], ())),
            verdict=run["verdict"],
            capture=run["capture"],
            store=str(path),
        )
        for run in runs
    )


def _run(name: str, comparison: Comparison) -> Record:
    made = comparison.made
    return {
        "id": name,
        "created": made.created,
        "model": comparison.model.name,
        "model_sha256": comparison.model.sha256,
        "target": made.target,
        "device": comparison.device.name,
        "backend": made.backend,
        "tool": made.tool,
        "tool_version": made.tool_version,
        "calibration": made.calibration,
        "verdict": comparison.verdict.sentence,
        "winner": comparison.verdict.winner,
        "capture": made.capture if made.backend == "files" else str(Path(made.capture).resolve()),
    }


def _insert_engines(database: Database, run: str, comparison: Comparison) -> None:
    items: list[Built | NotBuilt] = [*comparison.engines, *comparison.missing]
    database.table("engine").insert_all(_engine(run, place, item) for place, item in enumerate(items))
    database.table("finding").insert_all(_findings(run, comparison))
    for built in comparison.engines:
        key = {"run_id": run, "engine": built.name}
        database.table("layer").insert_all(_layers(key, built))
        database.table("layer_node").insert_all(_layer_nodes(key, built))
        database.table("conversion").insert_all(_conversions(key, built))
        if not isinstance(built.accuracy, Unknown):
            database.table("accuracy").insert_all(
                {
                    **key,
                    "output": item.output,
                    "samples": item.samples,
                    "cosine": item.cosine,
                    "sqnr_db": item.sqnr_db,
                    "max_abs_error": item.max_abs_error,
                    "top1_agreement_ratio": item.top1_agreement,
                }
                for item in built.accuracy
            )


def _engine(run: str, place: int, item: Built | NotBuilt) -> Record:
    common: Record = {
        "run_id": run,
        "name": item.name,
        "position": place,
        "precision": item.precision.value if item.precision else None,
    }
    if isinstance(item, NotBuilt):
        return {**common, "unknown": item.reason.reason}
    return {
        **common,
        "remainder": item.remainder.value if item.remainder else None,
        "row_count": len(item.rows),
        "plan_bytes": item.engine.size_bytes,
        "build_ns": item.engine.build_ns,
        "activation_bytes": item.activation_bytes,
        "provenance": item.provenance.value,
        **_time("total", item.total_ns),
        "accuracy_unknown": item.accuracy.reason if isinstance(item.accuracy, Unknown) else None,
        **(_latency(item.latency) if item.latency else {}),
    }


def _latency(latency: Latency) -> Record:
    return {f"latency_{part.name}": getattr(latency, part.name) for part in fields(latency)}


def _findings(run: str, comparison: Comparison) -> Iterator[Record]:
    for place, item in enumerate(comparison.diagnosis.findings):
        saving = item.saving_ns
        yield {
            "run_id": run,
            "engine": item.engine,
            "position": place,
            "code": item.code,
            "title": item.title,
            "severity": item.severity.value,
            "cause": item.cause,
            "cure": item.cure,
            **_time("saving", None if isinstance(saving, Unknown) else saving),
            "provenance": item.saving_provenance.value,
        }


def _layers(key: Record, built: Built) -> Iterator[Record]:
    for row in built.rows:
        yield {
            **key,
            "position": row.layer.index,
            "name": row.layer.name,
            "type": row.layer.type,
            "kind": row.kind.value,
            "operand_dtype": row.operand.value if row.operand else None,
            "result_dtype": row.result.value if row.result else None,
            "read_bytes": row.read_bytes,
            "written_bytes": row.written_bytes,
            "constant_bytes": row.constant_bytes,
            "flops": row.flops,
            "node_group": row.group,
            "epilogue_of": row.epilogue_of,
            "tactic": row.layer.tactic,
            "has_matmul": int(row.has_matmul),
            "kernel_unit": row.kernel.unit.value if row.kernel else None,
            **_time("time", row.time_ns),
        }


def _layer_nodes(key: Record, built: Built) -> Iterator[Record]:
    for row in built.rows:
        for node in dict.fromkeys((*row.nodes, *row.added_nodes)):
            yield {**key, "position": row.layer.index, "node": node, "added": int(node not in row.nodes)}


def _conversions(key: Record, built: Built) -> Iterator[Record]:
    for item in built.conversions:
        yield {
            **key,
            "position": item.row,
            "what": " ".join(item.what),
            "from_dtype": item.from_dtype.value if item.from_dtype else None,
            "to_dtype": item.to_dtype.value if item.to_dtype else None,
            "bytes_moved": item.bytes_moved,
            "reason": item.reason,
            "removable": None if item.removable is None else int(item.removable),
        }


def _time(prefix: str, time: Estimate | float | None) -> Record:
    low, mid, high = (time.low, time.mid, time.high) if isinstance(time, Estimate) else (None, time, None)
    return {f"{prefix}_low_ns": low, f"{prefix}_mid_ns": mid, f"{prefix}_high_ns": high}
