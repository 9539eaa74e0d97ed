"""The figures of a stored run's engines, for gates against it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trtprof.comparison import Latency, OutputAccuracy
from trtprof.figures import EngineFigures, Known, LayerFacts, NamedFinding, device_name, engine_figures
from trtprof.model import DType, Estimate, Provenance, Severity, Unit, Unknown
from trtprof.store.database import reading
from trtprof.store.names import named

if TYPE_CHECKING:
    from sqlite_utils import Database

_NOT_KEPT: Final = Unknown("the run was stored before that was kept: import it again")


def read_figures(path: Path, name: str) -> tuple[str, tuple[EngineFigures, ...]]:
    """Return the model of a run, named by the start of its id or ``@-1`` for the last, and its engines' figures.

    Raises:
        InputError: the store is absent or no store, or the name is of no run, or of several.
    """
    with reading(path) as database:
        run = named(name, list(database.query("SELECT * FROM run ORDER BY created, id")), path)
        engines = database.query("SELECT * FROM engine WHERE run_id = ? ORDER BY position, name", [run["id"]])
        source = f"{path.name}#{run['id']}"
        return run["model"], tuple(_figures(database, engine, source, run) for engine in list(engines))


def _figures(database: Database, engine: dict[str, Any], source: str, run: dict[str, Any]) -> EngineFigures:
    if engine["unknown"] is not None:
        unknown = Unknown(engine["unknown"])
        return EngineFigures(engine["name"], engine["precision"], source, None, {}, (), unknown)
    key = [engine["run_id"], engine["name"]]
    layers = list(database.query("SELECT * FROM layer WHERE run_id = ? AND engine = ? ORDER BY position", key))
    (count,) = database.query("SELECT count(*) AS rows FROM conversion WHERE run_id = ? AND engine = ?", key)
    figures: dict[str, Known] = dict(
        engine_figures(
            latency=_latency(engine),
            total_ns=_total(engine),
            provenance=Provenance(engine["provenance"]),
            layers=[_layer(row) for row in layers],
            conversions=count["rows"],
            activation_bytes=engine["activation_bytes"],
            plan_bytes=engine["plan_bytes"],
            accuracy=_accuracy(database, engine),
        )
    )
    old = any(row["has_matmul"] is None for row in layers)
    if old:
        figures.update(dict.fromkeys(("tensor-core-share", "quantised-layers"), _NOT_KEPT))
    findings = database.query("SELECT * FROM finding WHERE run_id = ? AND engine = ? ORDER BY position", key)
    return EngineFigures(
        name=engine["name"],
        precision=engine["precision"],
        source=source,
        device=device_name(run["device"]),
        figures=figures,
        findings=_NOT_KEPT
        if old
        else tuple(NamedFinding(item["code"], Severity(item["severity"]), item["title"]) for item in findings),
    )


def _latency(engine: dict[str, Any]) -> Latency | Unknown | None:
    if engine["latency_median_ns"] is None:
        return None
    if engine["latency_what"] is None:
        return _NOT_KEPT
    keys = ("min_ns", "median_ns", "p90_ns", "p99_ns", "max_ns", "mean_ns", "spread_ratio")
    return Latency(
        what=engine["latency_what"],
        iterations=engine["latency_iterations"],
        **{key: engine[f"latency_{key}"] for key in keys},
    )


def _total(engine: dict[str, Any]) -> Estimate | float | None:
    low, mid, high = (engine[f"total_{end}_ns"] for end in ("low", "mid", "high"))
    return mid if low is None else Estimate(low, mid, high)


def _layer(row: dict[str, Any]) -> LayerFacts:
    operand, unit = row["operand_dtype"], row["kernel_unit"]
    return LayerFacts(
        has_matmul=bool(row["has_matmul"]),
        operand=DType(operand) if operand else None,
        unit=Unit(unit) if unit else None,
        time_ns=row["time_mid_ns"],
    )


def _accuracy(database: Database, engine: dict[str, Any]) -> tuple[OutputAccuracy, ...] | Unknown:
    key = [engine["run_id"], engine["name"]]
    rows = list(database.query("SELECT * FROM accuracy WHERE run_id = ? AND engine = ? ORDER BY output", key))
    if not rows:
        return Unknown(engine["accuracy_unknown"]) if engine["accuracy_unknown"] else _NOT_KEPT
    return tuple(
        OutputAccuracy(
            row["output"], row["samples"], row["cosine"], row["sqnr_db"], row["max_abs_error"],
            row["top1_agreement_ratio"],
        )
        for row in rows
    )  # fmt: skip
