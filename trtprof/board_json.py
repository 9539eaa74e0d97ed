"""A board's run and a placement on the DLA as JSON; the form is in ``docs/compare.schema.json``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from trtprof.board_run import BoardRun, DlaPlacement
from trtprof.model import Provenance, Unknown

Json = dict[str, Any]


def board_run_json(run: BoardRun | None) -> Json | None:
    """Return what a board did during an engine's run, ``None`` where nothing was recorded."""
    if run is None:
        return None
    return {
        "board": run.board,
        "timed_s": run.end_s - run.start_s,
        "energy": _known(run.energy, Provenance.DERIVED),
        "throttles": [asdict(item) for item in run.throttles]
        if not isinstance(run.throttles, Unknown)
        else {"unknown": run.throttles.reason},
        "memory": _known(run.memory, Provenance.MEASURED),
        "state": None if run.state is None else {**asdict(run.state), "spoilers": list(run.state.spoilers)},
        "period": None if run.period is None else _known(run.period, Provenance.DERIVED),
        "samples": [asdict(item) for item in run.samples],
        "samples_provenance": Provenance.MEASURED.value,
    }


def dla_json(dla: DlaPlacement | None) -> Json | None:
    """Return where the layers of an engine ran, ``None`` where no DLA was meant."""
    if dla is None:
        return None
    cost = dla.cost_ns
    return {
        "dla_layers": list(dla.dla_layers),
        "gpu_layers": list(dla.gpu_layers),
        "refusals": [{"layer": layer, "reason": reason} for layer, reason in dla.refusals],
        "hops": {"unknown": dla.hops.reason}
        if isinstance(dla.hops, Unknown)
        else [
            {
                "to_dla": hop.to_dla,
                "before": hop.before,
                "after": hop.after,
                "conversions": list(hop.conversions),
                "bytes_moved": hop.bytes_moved,
                "cost_ns": [hop.cost_ns.low, hop.cost_ns.high],
            }
            for hop in dla.hops
        ],
        "cost_ns": None if cost is None else [cost.low, cost.high],
        "cost_provenance": Provenance.MODELLED.value,
    }


def _known(record: Any, provenance: Provenance) -> Json:
    if isinstance(record, Unknown):
        return {"unknown": record.reason}
    fields = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(record).items()}
    return {**fields, "provenance": provenance.value}
