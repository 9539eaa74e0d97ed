"""A model's layers ranked by what quantising them costs, each a step that is kept and not measured twice."""

from __future__ import annotations

import importlib
import math
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from trtprof.backends.capture import Capture, sha256_of
from trtprof.dependencies import version_of
from trtprof.errors import InputError, Interrupted, UsageError
from trtprof.model import Notice
from trtprof.pipeline.floats import FloatModel, activation_tensors, edges_of, float_model, open_data, synthetic_notice
from trtprof.quantisation import LayerSensitivity, Sensitivity
from trtprof.variants.layers import QuantisableLayer, Selection, select
from trtprof.variants.options import VariantOptions
from trtprof.variants.ranges import CalibrationMethod, collect, range_of
from trtprof.variants.sensitivity import Effect, Group, Metric, Mode, Sweep
from trtprof.variants.table import load_table

_STEP: Final = "layer:"


class Watcher(Protocol):
    """Whoever shows progress."""

    def stage(self, text: str) -> None:
        """A stage starts."""

    def progress(self, phase: str, step: int, steps: int) -> None:
        """The current stage has got so far."""


@dataclass(frozen=True, slots=True)
class SensitivityOptions:
    """How sensitivity is measured. ``group`` is a regular expression: layers it matches alike are taken together.

    ``metric`` names a function of the user's, ``module:function``. ``jobs`` is 0 for one a core; ``force`` replaces
    what another measurement left.
    """

    calib: str | None = None
    preprocess: str | None = None
    seed: int = 0
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    table: Path | None = None
    method: CalibrationMethod | None = None
    percentile: float = 99.99
    per_channel: bool = True
    mode: Mode = "alone"
    group: str | None = None
    metric: str | None = None
    selection: Selection = field(default_factory=Selection)
    jobs: int = 0
    force: bool = False

    def workers(self) -> int:
        """Return how many layers are measured side by side."""
        return self.jobs or len(os.sched_getaffinity(0))


def measure(model: Path, folder: Path, options: SensitivityOptions, watcher: Watcher) -> Sensitivity:
    """Return what each layer or group costs, in the order of the graph; what is finished is kept in ``folder``.

    Raises:
        InputError: the model, the data, the table or the metric cannot be used.
        UsageError: options contradict each other, or ``folder`` belongs to another model or other options.
        MissingDependency: onnxruntime is not installed.
        Interrupted: Ctrl-C; what was finished is kept.
    """
    VariantOptions(percentile=options.percentile)
    metric = load_metric(options.metric) if options.metric else None
    with float_model(model, options.shapes) as ready:
        layers = select(ready.model, ready.layers, options.selection)
        data = open_data(ready, options.calib, preprocess=options.preprocess, seed=options.seed)
        capture = Capture.open(folder, _identity(model, data, options), replace=options.force)
        try:
            run = _Run(capture, ready, layers, data, options, metric, watcher)
            return run.result(model)
        except KeyboardInterrupt:
            done = sum(name.startswith(_STEP) for name in capture.manifest["steps"])
            raise Interrupted(
                f"interrupted; {done} finished layers are kept in {folder}",
                hint="run the same command again: it goes on where it stopped",
            ) from None
        finally:
            capture.close()


def load_metric(text: str) -> Metric:
    """Return the user's function ``module:function``; modules of the working directory are found too.

    Raises:
        UsageError: the text is not of that form.
        InputError: the module cannot be imported or has no such function.
    """
    module, colon, name = text.partition(":")
    if not (module and colon and name):
        raise UsageError(f"--metric {text}: expected module:function", hint="for example --metric mymetrics:top5")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # a user's module may raise anything
        raise InputError(
            f"--metric {text}: cannot be loaded: {type(error).__name__}: {error}",
            hint="the module must be importable from this directory and have that function",
        ) from error
    if not callable(found):
        raise InputError(f"--metric {text}: expected a function, found {type(found).__name__}")
    checked: Metric = found
    return checked


def groups_of(layers: Sequence[QuantisableLayer], pattern: str | None) -> tuple[Group, ...]:
    """Return the layers as groups: those whose names the pattern matches alike together, each other one alone.

    What counts is the pattern's first parenthesis, or all it matches where it has none.

    Raises:
        UsageError: it is no regular expression, or matches no layer.
    """
    if pattern is None:
        return tuple(Group(layer.name, (layer,)) for layer in layers)
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"--group {pattern}: no regular expression: {error}") from error
    found: dict[str, list[QuantisableLayer]] = {}
    matched = False
    for layer in layers:
        match = expression.search(layer.name)
        matched = matched or match is not None
        label = layer.name if match is None else match.group(1 if expression.groups else 0) or layer.name
        found.setdefault(label, []).append(layer)
    if not matched:
        names = ", ".join(layer.name for layer in layers[:3])
        raise UsageError(f"--group {pattern}: matches no layer", hint=f"the first are {names}")
    return tuple(Group(name, tuple(members)) for name, members in found.items())


@dataclass
class _Run:
    """The steps of one measurement."""

    capture: Capture
    ready: FloatModel
    layers: tuple[QuantisableLayer, ...]
    data: Any
    options: SensitivityOptions
    metric: Metric | None
    watcher: Watcher

    def result(self, model: Path) -> Sensitivity:
        groups = groups_of(self.layers, self.options.group)
        started = time.perf_counter()
        ranges = self._ranges()
        layers, dropped = _bounded(self.layers, ranges)
        kept = {layer.name for layer in layers}
        groups = tuple(
            Group(group.name, members)
            for group in groups
            if (members := tuple(layer for layer in group.layers if layer.name in kept))
        )
        sweep = Sweep(
            self.ready.model, layers, ranges, self.data, self.options.mode, self.options.per_channel, self.metric,
            self.options.workers(),
        )  # fmt: skip
        effects = self._effects(sweep, groups)
        whole = self.capture.step("whole", {"layers": sorted(kept)}, lambda: (_record(sweep.whole(), 0), ()))
        places = {layer.name: place for place, layer in enumerate(self.ready.layers)}
        seconds = self._spent(time.perf_counter() - started)
        self.capture.finish({"seconds": seconds})
        return Sensitivity(
            model=str(model),
            model_sha256=sha256_of(model),
            mode=self.options.mode,
            method=self._method(),
            per_channel=self.options.per_channel,
            data=self.data.source,
            samples=self.data.samples,
            synthetic=self.data.synthetic,
            whole_db=_from_json(whole["sqnr_db"]),
            rows=tuple(_row(group, effects[group.name], places, len(self.ready.layers)) for group in groups),
            amax=ranges,
            seconds=seconds,
            notices=(*self.ready.prepared.notices, *synthetic_notice(self.data), *self.data.notices, *dropped),
        )

    def _method(self) -> str:
        if self.options.table is not None:
            return f"table {self.options.table.name}"
        return self.options.method or ("minmax" if self.data.synthetic else "entropy")

    def _ranges(self) -> dict[str, float]:
        if self.options.table is not None:
            return load_table(self.options.table).magnitudes()
        method = self.options.method or ("minmax" if self.data.synthetic else "entropy")

        def make() -> tuple[dict[str, Any], tuple[Path, ...]]:
            self.watcher.stage("running the model on calibration data")
            histograms = collect(
                self.ready.path, activation_tensors(edges_of(self.layers)), self.data, threads=self.options.workers()
            )
            found = {name: range_of(name, item, method, self.options.percentile) for name, item in histograms.items()}
            return {"amax": {name: _to_json(item.amax) for name, item in found.items()}}, ()

        record = self.capture.step("ranges", {"layers": [layer.name for layer in self.layers]}, make)
        return {name: float(value) for name, value in record["amax"].items()}

    def _effects(self, sweep: Sweep, groups: Sequence[Group]) -> dict[str, dict[str, Any]]:
        """Measure the groups that no earlier run has."""
        # Quantised neighbours are part of what a layer is left out of.
        around = [layer.name for layer in sweep.layers] if sweep.mode == "leave-one-out" else []
        depends = {
            group.name: {"layers": [layer.name for layer in group.layers], "around": around, "amax": _amax_key(sweep)}
            for group in groups
        }
        effects = {}
        for group in groups:
            known = self.capture.known(_STEP + group.name, depends[group.name])
            if known is not None:
                effects[group.name] = known
        missing = [group for group in groups if group.name not in effects]
        kept = f", {len(effects)} known from an earlier run" if effects and missing else ""
        if missing:
            self.watcher.stage(f"measuring {len(missing)} layers on {self.data.samples} samples{kept}")
        for group, effect in sweep.measure(missing):
            record = _record(effect, len(effects))
            effects[group.name] = self.capture.keep(_STEP + group.name, depends[group.name], record, ())
            self.watcher.progress("layer", len(effects), len(groups))
        return effects

    def _spent(self, seconds: float) -> float:
        """Seconds of this run, or those of the run that measured, where this one only read what was kept."""
        before = self.capture.manifest.get("seconds")
        done = self.capture.manifest["status"] == "complete"
        return float(before) if done and before is not None else seconds


def _amax_key(sweep: Sweep) -> list[tuple[str, str]]:
    return sorted((name, f"{value:.9g}") for name, value in sweep.amax.items())


def _bounded(
    layers: Sequence[QuantisableLayer], amax: Mapping[str, float]
) -> tuple[tuple[QuantisableLayer, ...], tuple[Notice, ...]]:
    """Leave out layers whose input has no finite range: no scale is right for it."""
    bad = [
        layer.name
        for layer in layers
        if any(not edge.weight and not math.isfinite(amax.get(edge.tensor, math.inf)) for edge in layer.edges)
    ]
    left = tuple(layer for layer in layers if layer.name not in bad)
    if not left:
        raise InputError(
            "no layer has a finite range for each of its inputs", hint="look at the calibration data, or at --table"
        )
    notices = (Notice("no-range", f"{len(bad)} layers without a finite range were left out: {bad[0]}"),) if bad else ()
    return left, notices


def _identity(model: Path, data: Any, options: SensitivityOptions) -> dict[str, Any]:
    """What makes two measurements different; their layers are steps, so that more can be asked of one later."""
    return {
        "kind": "sensitivity",
        "model_sha256": sha256_of(model),
        "data": data.digest,
        "shapes": {name: list(dims) for name, dims in options.shapes.items()},
        "method": options.method,
        "percentile": options.percentile,
        "table": sha256_of(options.table) if options.table is not None and options.table.is_file() else None,
        "per_channel": options.per_channel,
        "mode": options.mode,
        "group": options.group,
        "metric": options.metric,
        "onnxruntime": version_of("onnxruntime"),
    }


def _record(effect: Effect, order: int) -> dict[str, Any]:
    """Return the worst output's figures as JSON."""
    worst = min(effect.outputs, key=lambda item: -math.inf if item.sqnr_db is None else item.sqnr_db)
    record = {key: _to_json(value) for key, value in asdict(worst).items()}
    return {**record, "metric": _to_json(effect.metric), "order": order}


def _row(group: Group, record: Mapping[str, Any], places: Mapping[str, int], count: int) -> LayerSensitivity:
    return LayerSensitivity(
        layer=group.name,
        layers=tuple(layer.name for layer in group.layers),
        operators=tuple(layer.op_type for layer in group.layers),
        place=places[group.layers[0].name] / max(1, count - 1),
        sqnr_db=_from_json(record["sqnr_db"]),
        cosine=_from_json(record["cosine"]),
        top1_agreement=_from_json(record["top1_agreement"]),
        metric=_from_json(record["metric"]),
    )


def _to_json(value: Any) -> Any:
    """JSON has neither infinity nor NaN; a string keeps them readable by anyone."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _from_json(value: Any) -> float | None:
    return None if value is None else float(value)
