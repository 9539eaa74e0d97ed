"""Putting a comparison into the store, and listing what is there."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from trtprof.comparison import Built, Comparison, Latency, NotBuilt, OutputAccuracy
from trtprof.model import Estimate, Unknown
from trtprof.privacy import KEEP_HOST, shown_path
from trtprof.store.database import reading, writing

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


@dataclass(frozen=True, slots=True)
class Imported:
    """The run that a comparison is in the store; ``again`` where it was there already, and took its own place."""

    id: str
    again: bool

    def __str__(self) -> str:
        return f"run {self.id}, imported before" if self.again else f"run {self.id}"


def run_id(comparison: Comparison) -> str:
    """Return the name of a comparison's run: the same for the same capture, wherever it is named from."""
    made, model = comparison.made, comparison.model
    parts = (model.sha256 or "", made.created, made.target, made.calibration, made.tool_version, _place(comparison))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def import_comparison(path: Path, comparison: Comparison) -> Imported:
    """Write a comparison into the store, whole or not at all, in place of an earlier import of it.

    Raises:
        InputError: the file is no store.
        BuildError: it cannot be written.
    """
    name = run_id(comparison)
    with writing(path) as connection:
        again = connection.execute("DELETE FROM run WHERE id = ?", [name]).rowcount > 0
        for table, records in _records(name, comparison, path):
            _insert(connection, table, records)
    return Imported(name, again)


def _insert(connection: sqlite3.Connection, table: str, records: Iterable[Record]) -> None:
    """Insert records, which may leave out different columns; their names are this module's own."""
    for record in records:
        columns, marks = ", ".join(record), ", ".join("?" * len(record))
        connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(record.values()))


def list_runs(path: Path) -> tuple[RunSummary, ...]:
    """Return the runs of a store, newest first; an empty tuple when there are none.

    Raises:
        InputError: the file is absent or no store.
    """
    with reading(path) as database:
        runs = list(database.query("SELECT * FROM run ORDER BY created DESC, id"))
        engines: dict[str, list[str]] = {}
        for row in database.query("SELECT run_id, name FROM engine ORDER BY run_id, position, name"):
            engines.setdefault(row["run_id"], []).append(row["name"])
        return tuple(
            RunSummary(
                **{key: run[key] for key in ("id", "created", "model", "target", "device", "tool", "tool_version")},
                engines=tuple(engines.get(run["id"], ())),
                verdict=run["verdict"],
                capture=_from_here(run["capture"], path),
                store=str(path),
            )
            for run in runs
        )


def _run(name: str, comparison: Comparison, store: Path) -> Record:
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
        "capture": _shown_place(comparison, store),
    }


def _shown_place(comparison: Comparison, store: Path) -> str:
    """Where the capture lies as seen from the store, which may be handed on: nothing of what is above it."""
    place = _place(comparison)
    if KEEP_HOST.get():
        return place
    if comparison.made.backend == "files":
        return ", ".join(shown_path(path) for path in place.split(", "))
    folder = store.resolve().parent
    return str(Path(place).relative_to(folder)) if Path(place).is_relative_to(folder) else Path(place).name


def _from_here(capture: str, store: Path) -> str:
    """The path of a capture that is still where the store says, else what the store says."""
    place = store.parent / capture
    return str(place) if not Path(capture).is_absolute() and place.exists() else capture


def _place(comparison: Comparison) -> str:
    """Where the capture lies, the same from every working directory; files are named as they were typed."""
    made = comparison.made
    return made.capture if made.backend == "files" else str(Path(made.capture).resolve())


def _records(run: str, comparison: Comparison, store: Path) -> Iterator[tuple[str, Iterable[Record]]]:
    """Yield the tables of a run with their records, referenced ones first."""
    items: list[Built | NotBuilt] = [*comparison.engines, *comparison.missing]
    yield "run", [_run(run, comparison, store)]
    yield "engine", (_engine(run, place, item) for place, item in enumerate(items))
    yield "finding", _findings(run, comparison)
    for built in comparison.engines:
        key = {"run_id": run, "engine": built.name}
        yield "layer", _layers(key, built)
        yield "layer_node", _layer_nodes(key, built)
        yield "conversion", _conversions(key, built)
        if not isinstance(built.accuracy, Unknown):
            yield "accuracy", _accuracies(key, built.accuracy)


def _accuracies(key: Record, accuracy: Iterable[OutputAccuracy]) -> Iterator[Record]:
    for item in accuracy:
        yield {
            **key,
            "output": item.output,
            "samples": item.samples,
            "cosine": item.cosine,
            "sqnr_db": item.sqnr_db,
            "max_abs_error": item.max_abs_error,
            "top1_agreement_ratio": item.top1_agreement,
        }


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
