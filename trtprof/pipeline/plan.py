"""Sensitivity and layer times become a plan: which layers to run in INT8, and the ONNX model of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from trtprof.analysis.devices import TARGET_DEVICES, Peaks
from trtprof.analysis.plan import Choices, front, knee, within
from trtprof.analysis.plan_units import place
from trtprof.analysis.roofline import folded_rows
from trtprof.backends.capture import find_capture, sha256_of
from trtprof.comparison import Built, Comparison
from trtprof.errors import InputError, UsageError
from trtprof.graph.onnx_file import save_onnx
from trtprof.graph.structure import graph_of
from trtprof.model import Graph, Notice, Precision, Provenance
from trtprof.pipeline.floats import FloatModel, edges_of, float_model, open_data
from trtprof.pipeline.measured import read_measured
from trtprof.pipeline.read import read_capture
from trtprof.pipeline.targets import Target
from trtprof.quantisation import Plan, PlanPoint, Sensitivity
from trtprof.sensitivity_json import read_sensitivity
from trtprof.units import decibel, ms, plural
from trtprof.variants.qdq import QuantisedType, insert_qdq

_QUANTISED = (Precision.INT8, Precision.FP8)


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What to plan for: at least so many dB, or at least so many ms saved, or the knee; and with which engines."""

    budget_db: float | None = None
    budget_ms: float | None = None
    float_engine: str | None = None
    int8_engine: str | None = None

    def check(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            UsageError: two budgets are given.
        """
        if self.budget_db is not None and self.budget_ms is not None:
            raise UsageError(
                "--budget-db and --budget-ms are two answers to one question", hint="give one; the plan shows the other"
            )


def make_plan(sensitivity: Sensitivity, comparison: Comparison, graph: Graph, options: PlanOptions) -> Plan:
    """Return the front and the chosen point; ``graph`` is the float model's, of :func:`plan_graph`.

    Raises:
        InputError: the sensitivity is no ranking of layers alone, or none of its layers is in the engines.
        UsageError: an engine that is named does not exist, there is no float or no INT8 engine, or no point fits.
    """
    options.check()
    if sensitivity.mode != "alone":
        raise InputError(
            f"expected a sensitivity of layers quantised alone, found '{sensitivity.mode}'",
            path=sensitivity.model,
            hint="measure it with --mode alone: noises of layers left out do not add up",
        )
    reference = _engine(comparison, options.float_engine, quantised=False)
    engine = _engine(comparison, options.int8_engine, quantised=True)
    peaks = TARGET_DEVICES.get(comparison.made.target) if comparison.device_is_modelled else None
    folded = _folded(engine, peaks)
    placed = place(comparison, graph, (reference, folded), sensitivity.rows, peaks)
    choices = placed.choices
    if not any(unit.layers for unit in choices.units):
        raise InputError(
            "none of the sensitivity's layers is in the engines",
            hint="times and sensitivity must be of one export of one model: names of nodes join them",
        )
    points = front(choices)
    chosen, why = _choose(choices, points, options)
    return Plan(
        model=sensitivity.model,
        float_engine=reference.name,
        int8_engine=engine.name,
        provenance=engine.provenance if comparison.device_is_modelled else Provenance.DERIVED,
        float_total_ns=reference.total_ns,
        int8_total_ns=engine.projected_ns or engine.total_ns,
        points=points,
        whole=choices.point(choices.everything()),
        choice=chosen,
        why=why,
        conversion=placed.conversion,
        unplaced=placed.unplaced,
        notices=_notices(sensitivity, placed.unplaced, folded is not engine),
    )


def _folded(engine: Built, peaks: Peaks | None) -> Built:
    """TensorRT-RTX gives a quantised convolution's epilogue a kernel of its own, which a plan must not pay for."""
    if peaks is None or engine.projected_ns is None:
        return engine
    rows = folded_rows(engine.rows, peaks, tf32=False)
    return engine if rows is None else replace(engine, rows=rows)


def _engine(comparison: Comparison, name: str | None, *, quantised: bool) -> Built:
    """The engine that is named, else the fastest kind there is: FP16 of the float ones, INT8 of the others."""
    what, option = ("INT8", "--int8") if quantised else ("float", "--float")
    names = ", ".join(built.name for built in comparison.engines)
    if name is not None:
        found = next((built for built in comparison.engines if built.name == name), None)
        if found is None:
            raise UsageError(f"{option} {name}: no engine has this name", hint=f"there are {names}")
        return found
    order = (
        (Precision.INT8, Precision.FP8)
        if quantised
        else (Precision.FP16, Precision.BF16, Precision.TF32, Precision.FP32)
    )
    for precision in order:
        for built in comparison.engines:
            if built.precision is precision:
                return built
    raise UsageError(
        f"there is no {what} engine among {names}", hint=f"name one with {option}, or compare the model with it"
    )


def _choose(choices: Choices, points: Sequence[PlanPoint], options: PlanOptions) -> tuple[PlanPoint, str]:
    if options.budget_db is not None:
        fitting = [point for point in points if point.sqnr_db >= options.budget_db]  # all in float always fits
        start = max(fitting, key=lambda point: point.saving_ns[1])
        limit = options.budget_db
        return within(choices, lambda point: point.sqnr_db >= limit, start), f"the most saved with {limit:g} dB kept"
    if options.budget_ms is not None:
        needed = options.budget_ms * 1e6
        enough = [point for point in points if point.saving_ns[1] >= needed]
        if not enough:
            most = max(point.saving_ns[1] for point in points)
            raise UsageError(
                f"--budget-ms {options.budget_ms:g}: no plan saves that much, the most is {ms(most)} ms",
                hint="ask for less, or for accuracy with --budget-db",
            )
        return max(enough, key=lambda point: point.sqnr_db), f"the most accurate that saves {options.budget_ms:g} ms"
    return points[knee(points)], "the knee: from here on a saving costs more than its share of the noise"


def _notices(sensitivity: Sensitivity, unplaced: Sequence[str], folded: bool) -> tuple[Notice, ...]:
    notices = []
    if sensitivity.synthetic:
        text = f"the sensitivity was measured on {sensitivity.data}: this plans for noise"
        notices.append(Notice("random-calibration", text))
    if unplaced:
        names = ", ".join(unplaced[:3])
        text = f"{plural(len(unplaced), 'layer')} stay in float, the engines have no times of them to compare: {names}"
        notices.append(Notice("unplaced", text))
    if folded:
        text = "INT8 times have epilogues folded into their convolutions, as TensorRT builds them and TensorRT-RTX not"
        notices.append(Notice("rtx-epilogues", text))
    return tuple(notices)


def read_times(targets: Sequence[Target], *, command: str) -> Comparison:
    """Return the comparison that the targets are: one finished comparison, or files of engines built elsewhere.

    Raises:
        InputError, UsageError: as the readers do.
    """
    if len(targets) == 1 and targets[0][0] is None:
        root = find_capture(targets[0][1])
        if root is not None:
            return read_capture(root)
    return read_measured(targets, command=command)


def plan_graph(model: Path, shapes: Mapping[str, tuple[int, ...]]) -> Graph:
    """Return the graph of the float model, its nodes named as in a comparison of it.

    Raises:
        InputError: the file is no usable float model.
    """
    with float_model(model, shapes) as ready:
        return graph_of(ready.model)


def find_sensitivity(path: Path) -> Sensitivity:
    """Return the sensitivity in a file, or in the directory that ``trtprof sensitivity`` left.

    Raises:
        InputError: there is none.
    """
    return read_sensitivity(path / "sensitivity.json" if path.is_dir() else path)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the plan's model: its accuracy against float where data was given, else why there is none."""

    path: Path
    accuracy: Any
    predicted_db: float


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Data to check the written model on; shapes of dynamic inputs."""

    calib: str | None = None
    preprocess: str | None = None
    seed: int = 0
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def write_plan(model: Path, plan: Plan, sensitivity: Sensitivity, out: Path, options: WriteOptions) -> Written:
    """Write the model with Q/DQ on the chosen layers and the ranges the sensitivity was measured with.

    Raises:
        InputError: the model is another than the sensitivity's.
        BuildError: it cannot be written.
    """
    from trtprof.variants.accuracy import compare_outputs

    if sha256_of(model) != sensitivity.model_sha256:
        raise InputError(
            f"expected the model the sensitivity was measured on ({Path(sensitivity.model).name}), found another",
            path=model,
            hint="give that model, or measure this one: trtprof sensitivity MODEL",
        )
    with float_model(model, options.shapes) as ready:
        _insert(ready, plan.choice.layers, sensitivity)
        save_onnx(ready.model, out, sync=True)
        accuracy = None
        if options.calib is not None:
            data = open_data(ready, options.calib, preprocess=options.preprocess, seed=options.seed)
            accuracy = compare_outputs(ready.path, out, data)
    return Written(out, accuracy, plan.choice.sqnr_db)


def _insert(ready: FloatModel, names: Sequence[str], sensitivity: Sensitivity) -> None:
    chosen = tuple(layer for layer in ready.layers if layer.name in set(names))
    insert_qdq(ready.model, edges_of(chosen), sensitivity.amax, QuantisedType.INT8, per_channel=sensitivity.per_channel)


def plan_words(plan: Plan) -> str:
    """Return the choice in a sentence."""
    point = plan.choice
    low, mid, high = (value / 1e6 for value in point.saving_ns)
    exact = low == high
    saved = f"{mid:.3f} ms ({plan.provenance.value})" if exact else f"{low:.3f} to {high:.3f} ms, middle {mid:.3f}"
    provenance = "" if exact else f" ({plan.provenance.value})"
    quality = "exact" if math.isinf(point.sqnr_db) else decibel(point.sqnr_db)
    return (
        f"{plural(len(point.layers), 'layer')} in INT8, in {plural(point.regions, 'region')} with "
        f"{plural(point.conversions, 'conversion')}: saves {saved}{provenance} against {plan.float_engine}, "
        f"SQNR {quality} by added noise; {plan.why}."
    )
