"""Repairing a quantised model: safe repairs, checked numerically against it, and proven by two builds."""

from __future__ import annotations

import filecmp
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from trtprof.analysis.findings.choices import Choices, is_chosen
from trtprof.analysis.lint import findings_of
from trtprof.backends import rtx_aot
from trtprof.dependencies import installed
from trtprof.errors import UsageError
from trtprof.graph.float_function import without_rounding
from trtprof.graph.lint_facts import lint_facts
from trtprof.graph.onnx_file import load_onnx, save_onnx
from trtprof.graph.prepare import PreparedModel, name_nodes, prepare_variant
from trtprof.graph.repairs.edit import Left, Repair
from trtprof.graph.repairs.registry import REPAIRS, repair
from trtprof.graph.repairs.residual import skips_without_scale
from trtprof.model import Unknown
from trtprof.pipeline.lint import with_shapes
from trtprof.pipeline.repair_check import RepairCheck, check_repairs
from trtprof.pipeline.repair_proof import EngineCounts, engine_counts
from trtprof.scratch import Scratch
from trtprof.variants.calibration import CalibrationData, open_calibration
from trtprof.variants.ranges import find_ranges

if TYPE_CHECKING:
    import onnx

CODES: Final = tuple(code for code, _ in REPAIRS)
DEFAULT_DATA: Final = "random:4"
NOT_CHECKED: Final = Unknown("not asked for (--no-check)")
NOT_BUILT: Final = Unknown("not asked for (--no-build)")
NO_RTX: Final = Unknown("TensorRT-RTX is not installed: pip install 'trtprof[rtx]'")


class Stages(Protocol):
    """Where progress is shown."""

    def stage(self, text: str) -> None:
        """Show that a stage starts."""

    def progress(self, phase: str, step: int, steps: int) -> None:
        """Show how far it is."""


@dataclass(frozen=True, slots=True)
class FixOptions:
    """How to repair, and how to prove it; ``calib`` is ``None`` for no data, which leaves what needs ranges."""

    choices: Choices = field(default_factory=Choices)
    calib: str | None = None
    preprocess: str | None = None
    shapes: Mapping[str, tuple[int, ...]] | None = None
    check: bool = True
    build: bool = True
    target: str = "sm89"
    force: bool = False


@dataclass(frozen=True, slots=True)
class FixReport:
    """What was repaired and left, what the check and the builds say, and how many findings of each code there are.

    ``written`` is ``None`` where nothing was repaired, or the check failed.
    """

    model: str
    written: str | None
    repairs: tuple[Repair, ...]
    left: tuple[Left, ...]
    check: RepairCheck | Unknown
    before: EngineCounts | Unknown
    after: EngineCounts | Unknown
    findings_before: tuple[tuple[str, int], ...]
    findings_after: tuple[tuple[str, int], ...]

    @property
    def failed(self) -> bool:
        """Whether repairs were made that no check bears out, so that nothing was written."""
        return bool(self.repairs) and self.written is None


def fix_model(source: Path, out: Path, options: FixOptions, stages: Stages) -> FixReport:
    """Write a repaired copy of the model to ``out`` and return what was done; the model itself is never written.

    Raises:
        InputError: the file is no usable ONNX model, or a dimension is dynamic and has no shape.
        UsageError: ``out`` is the model, or exists with other content and is not to be replaced.
        BuildError: ``out`` cannot be written.
        MissingDependency: onnxruntime is not installed, and a check or ranges are asked for.
    """
    _check_places(source, out)
    with Scratch() as folder:
        return _Fix(source, out, options, stages, folder).run()


def _check_places(source: Path, out: Path) -> None:
    if out.exists() and source.exists() and out.samefile(source):
        raise UsageError(f"-o {out} is the model itself, which is never written", hint="give another name")


class _Fix:
    """The steps of one repair, with a folder for what is run and built."""

    def __init__(self, source: Path, out: Path, options: FixOptions, stages: Stages, folder: Path) -> None:
        self.source, self.out, self.options, self.stages, self.folder = source, out, options, stages, folder
        self._data: CalibrationData | None = None

    def run(self) -> FixReport:
        model = _shaped(load_onnx(self.source))
        before = _counts(model)
        float_model = without_rounding(model) if self.options.check else None
        self.stages.stage("repairing")
        repairs, left = repair(model, self._ranges(model), lambda code: is_chosen(code, self.options.choices))
        if not repairs:
            return FixReport(str(self.source), None, (), tuple(left), NOT_CHECKED, NOT_BUILT, NOT_BUILT, before, before)
        del model.graph.value_info[:]
        model = _shaped(model)
        fixed = self.folder / "fixed.onnx"
        save_onnx(model, fixed)
        self._refuse_other(fixed)
        check, counts = self._prove(fixed, float_model, repairs)
        kept = self._is_kept(check, repairs)
        if kept:
            save_onnx(model, self.out, sync=True)
        written = str(self.out) if kept else None
        return FixReport(str(self.source), written, tuple(repairs), tuple(left), check, *counts, before, _counts(model))

    def _refuse_other(self, fixed: Path) -> None:
        """Refuse to replace a file unasked, but for one that an earlier run of the same command left."""
        if self.out.exists() and not self.options.force and not filecmp.cmp(fixed, self.out, shallow=False):
            raise UsageError(f"-o {self.out} exists", hint="give another name, or replace it with --force")

    def _is_kept(self, check: RepairCheck | Unknown, repairs: Sequence[Repair]) -> bool:
        """Whether the check bears the repairs out; what cannot be checked must be exact, unless no check is wanted."""
        if isinstance(check, RepairCheck):
            return check.kept
        return not self.options.check or all(item.exact for item in repairs)

    def _prove(
        self, fixed: Path, float_model: onnx.ModelProto | None, repairs: Sequence[Repair]
    ) -> tuple[RepairCheck | Unknown, tuple[EngineCounts | Unknown, EngineCounts | Unknown]]:
        builds = self.options.build and installed(rtx_aot.MODULE)
        nothing = NOT_BUILT if not self.options.build else NO_RTX
        check: RepairCheck | Unknown = NOT_CHECKED
        if not (self.options.check or builds):
            return check, (nothing, nothing)
        shapes = self.options.shapes or {}
        old = self._pinned()
        new = prepare_variant(fixed, shapes, self.folder / "after.onnx")
        if float_model is not None:
            self.stages.stage("running the model before and after")
            save_onnx(float_model, self.folder / "plain.onnx")
            plain = prepare_variant(self.folder / "plain.onnx", shapes, self.folder / "float.onnx")
            check = check_repairs(old.path, new.path, plain.path, repairs, self._calibration(old))
        if not builds:
            return check, (nothing, nothing)
        counts = []
        for name, prepared in (("before", old), ("after", new)):
            self.stages.stage(f"building the model as it is {'now' if name == 'after' else 'given'}")
            counts.append(engine_counts(prepared.path, name, self.options.target, self.stages.progress))
        return check, (counts[0], counts[1])

    def _pinned(self) -> PreparedModel:
        return prepare_variant(self.source, self.options.shapes or {}, self.folder / "before.onnx")

    def _calibration(self, prepared: PreparedModel) -> CalibrationData:
        if self._data is None:
            source = self.options.calib or DEFAULT_DATA
            self._data = open_calibration(source, prepared.inputs, preprocess=self.options.preprocess)
        return self._data

    def _ranges(self, model: onnx.ModelProto) -> dict[str, float]:
        """Ranges of skip inputs without a scale, where data for them is given."""
        if self.options.calib is None or not is_chosen("Q101", self.options.choices):
            return {}
        tensors = skips_without_scale(model)
        if not tensors:
            return {}
        self.stages.stage("finding ranges")
        prepared = self._pinned()
        data = self._calibration(prepared)
        found = find_ranges(prepared.path, tensors, data, method="minmax", percentile=100.0, threads=2)
        return {name: item.amax for name, item in found.items()}


def _shaped(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with names for nodes and shapes for tensors, as far as these can be inferred."""
    name_nodes(model)
    shaped = with_shapes(model)
    return model if isinstance(shaped, Unknown) else shaped


def _counts(model: onnx.ModelProto) -> tuple[tuple[str, int], ...]:
    """How many findings of each code a model has, by code."""
    return tuple(sorted(Counter(item.code for item in findings_of(lint_facts(model))).items()))
