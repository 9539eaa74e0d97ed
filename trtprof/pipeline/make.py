"""A model becomes a capture: variants, builds and accuracy, each a step that is kept and not done twice."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from trtprof import __version__
from trtprof.backends import rtx_aot
from trtprof.backends.capture import Capture, now, sha256_of, write_text
from trtprof.backends.choose import PROBES, Choice, choose, probe_trtexec
from trtprof.dependencies import version_of
from trtprof.errors import BuildError, InputError, Interrupted, TrtprofError
from trtprof.model import DType, Notice, Precision, Unknown
from trtprof.pipeline.builds import Builds
from trtprof.pipeline.makers import Calibrated, maker_for
from trtprof.pipeline.options import CompareOptions, display_order
from trtprof.variants.spec import VariantSpec, parse_variant

if TYPE_CHECKING:
    from trtprof.variants.accuracy import References
    from trtprof.variants.calibration import CalibrationData
    from trtprof.variants.ranges import RangeCache

BASE = Path("base.onnx")
NO_DATA = "no calibration data"
_VERSIONS = ("onnx", "onnxruntime", "onnxconverter-common", "numpy", rtx_aot.DISTRIBUTION)


class Stages(Protocol):
    """Whoever shows progress: told when a stage starts and how far a build is."""

    def stage(self, text: str) -> None:
        """A stage starts."""

    def progress(self, phase: str, step: int, steps: int) -> None:
        """The current stage has got so far."""

    def idle(self) -> None:
        """Only builds are left to wait for: a good moment to get ready for what comes after."""


class Silent:
    """Shows nothing."""

    def stage(self, text: str) -> None:
        """Ignore it."""

    def progress(self, phase: str, step: int, steps: int) -> None:
        """Ignore it."""

    def idle(self) -> None:
        """Ignore it."""


def make_capture(model: Path, root: Path, options: CompareOptions, *, command: str, stages: Stages) -> None:
    """Write the capture of a model into ``root``; continue the one there when it is of the same comparison.

    A precision that cannot be made or built is recorded with its reason, and the others go on.

    Raises:
        InputError: the model or the calibration data cannot be used at all.
        UsageError: options contradict each other or the capture in ``root``.
        MissingDependency: the builder or the quantiser is not installed.
        Interrupted: Ctrl-C; what was finished is kept.
    """
    options.check()
    if not model.is_file():
        found = "expected an ONNX file" if model.exists() else "no such file"
        raise InputError(found, path=model, hint="give the path of an .onnx file, or of a finished comparison")
    choice = _choose(options)
    identity = {"model_sha256": sha256_of(model), **options.identity()}
    capture = Capture.open(root, identity, replace=options.force)
    try:
        with _interruptible(capture):
            stages.stage(_why(choice))
            _Steps(capture, model, options, stages, choice.name).run(command)
    finally:
        capture.close()


def _choose(options: CompareOptions) -> Choice:
    """A backend that is named is not asked for a GPU first: it says itself what it lacks, and knows better."""
    if options.backend == "trtexec":
        return choose("trtexec", {"trtexec": lambda: probe_trtexec(options.trtexec, lambda: 1)})
    return choose(options.backend, {**PROBES, "trtexec": lambda: probe_trtexec(options.trtexec)})


def _why(choice: Choice) -> str:
    """Say which backend is used, and why none before it is."""
    *passed, used = choice.considered
    refused = "".join(f"; not {item.name}: {item.why}" for item in passed)
    return f"backend {used.name}: {used.why}{refused}"


@contextmanager
def _interruptible(capture: Capture) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        done = len(capture.manifest["steps"])
        raise Interrupted(
            f"interrupted; {done} finished steps are kept in {capture.root}",
            hint="run the same command again: it goes on where it stopped",
        ) from None


class _Steps:
    """The steps of one capture, in order."""

    def __init__(self, capture: Capture, model: Path, options: CompareOptions, stages: Stages, backend: str) -> None:
        self.capture, self.model, self.options, self.stages = capture, model, options, stages
        self.backend, self.maker = backend, maker_for(backend, options)
        self.missing: dict[str, dict[str, Any]] = {}
        self.inputs: tuple[Any, ...] = ()
        self._data: CalibrationData | None = None
        self._references: References | None = None
        self._ranges: RangeCache | None = None

    def run(self, command: str) -> None:
        given = dict(self.options.given)
        for name, path in given.items():
            if not path.is_file():
                raise InputError("no such file", path=path, where=f"--variant {name}", hint="give an .onnx file")
        names = sorted((*self.options.precisions, *given), key=display_order)
        base = self._base()
        with Builds(self.capture, self.maker, self.stages) as builds:
            for name in names:
                spec = parse_variant(name)
                try:
                    self._variant(spec, base, given.get(name))
                except BuildError as error:
                    self.missing[name] = {"reason": error.message, "hint": error.hint}
                    continue
                builds.start(spec, self._calibrated(spec, base))
                builds.collect()
            self._accuracies([name for name in names if name not in self.missing])
            builds.collect()
            self.stages.idle()
            builds.finish()
        self.missing |= builds.failed
        built = [name for name in names if name not in self.missing]
        self.capture.finish(
            {
                "finished": now(),
                "trtprof": __version__,
                "command": command,
                "model": {"path": str(self.model), "bytes": self.model.stat().st_size},
                "backend": self.backend,
                "target": self.options.target,
                "versions": {name: version for name in _VERSIONS if (version := version_of(name))},
                "calibration": self._data_facts() if self._data else None,
                "precisions": names,
                "missing": self.missing,
            }
        )
        if not built:
            first = self.missing[names[0]]
            raise BuildError(first["reason"], hint=first["hint"])

    def _base(self) -> Path:
        from trtprof.graph.prepare import PreparedModel, prepare

        path = self.capture.root / BASE

        def make() -> tuple[dict[str, Any], tuple[Path, ...]]:
            self.stages.stage(f"reading {self.model.name}")
            prepared: PreparedModel = prepare(self.model, dict(self.options.shapes), path)
            record = {"inputs": prepared.inputs, "notices": _plain(prepared.notices)}
            return json.loads(json.dumps(record)), _with_data(path)

        depends = {
            "model": self.capture.manifest["identity"]["model_sha256"],
            "shapes": self.options.shapes,
            "onnx": version_of("onnx"),
        }
        record = self.capture.step("base", depends, make)
        self.inputs = tuple(
            (name, tuple(dims), DType(dtype) if dtype else None) for name, dims, dtype in record["inputs"]
        )
        return path

    @property
    def data(self) -> CalibrationData:
        """The calibration data, opened when first needed: hashing it takes time."""
        from trtprof.variants.calibration import open_calibration

        if self._data is None:
            self.stages.stage("reading calibration data" if self.options.calib else "making random calibration data")
            self._data = open_calibration(
                self.options.calib, self.inputs, seed=self.options.seed, preprocess=self.options.preprocess
            )
        return self._data

    def _data_facts(self) -> dict[str, Any]:
        data = self.data
        return {
            "source": data.source,
            "synthetic": data.synthetic,
            "batches": data.count,
            "samples": data.samples,
            "sha256": data.digest,
            "notices": _plain(data.notices),
        }

    def _variant(self, spec: VariantSpec, base: Path, given: Path | None) -> None:
        path = self.capture.root / spec.name / "model.onnx"
        depends: dict[str, Any] = {"base": self._base_key(), "spec": spec}
        if given is not None:
            depends |= {"given": sha256_of(given), "shapes": self.options.shapes}
        else:
            lacking = rtx_aot.lacking_type(spec.name, self.options.target) if not self.maker.measures else None
            if lacking:
                raise BuildError(lacking, hint="choose a newer --target, or leave that precision out")
            depends |= {"onnxruntime": version_of("onnxruntime"), "converter": version_of("onnxconverter-common")}
        if spec.quantised and given is None:
            depends |= {"data": self.data.digest, "options": self.options.identity()}

        def make() -> tuple[dict[str, Any], tuple[Path, ...]]:
            self.stages.stage(f"{spec.name}: making the variant")
            started = time.perf_counter_ns()
            record = self._given(given, path) if given is not None else self._made(spec, base, path)
            return {**record, "make_ns": time.perf_counter_ns() - started}, _with_data(path)

        self.capture.step(f"variant:{spec.name}", depends, make)

    def _made(self, spec: VariantSpec, base: Path, path: Path) -> dict[str, Any]:
        from trtprof.variants.make import make_variant
        from trtprof.variants.options import VariantOptions
        from trtprof.variants.ranges import RangeCache

        self._ranges = self._ranges or RangeCache()
        options = VariantOptions(
            method=self.options.method(),
            percentile=self.options.percentile,
            residual_qdq=self.options.residual_qdq,
            residual_inputs=self.options.residual_inputs,
        )
        made = make_variant(spec, base, path, self.data, options, self.options.target, cache=self._ranges)
        if isinstance(made, Unknown):
            raise BuildError(
                f"{spec.name} cannot be made: {made.reason}", hint="leave that precision out with --precision"
            )
        return {
            "given": None,
            "remainder": made.spec.remainder.value if made.spec.remainder else None,
            "notices": _plain(made.notices),
            "ranges": {name: _json_number(amax) for name, amax in dict(made.ranges).items()},
        }

    def _given(self, given: Path, path: Path) -> dict[str, Any]:
        from trtprof.graph.prepare import prepare_variant

        prepare_variant(given, dict(self.options.shapes), path)
        return {"given": str(given), "remainder": None, "notices": [], "ranges": {}}

    def _calibrated(self, spec: VariantSpec, base: Path) -> Calibrated:
        ranges = self.capture.manifest["steps"][f"variant:{spec.name}"]["record"]["ranges"]
        return Calibrated(base, {name: float(amax) for name, amax in ranges.items()}, self._batches)

    def _batches(self) -> Iterator[Any]:
        """Open the data when it is asked for, which only TensorRT's own calibrators do."""
        return self.data.batches()

    def _accuracies(self, names: list[str]) -> None:
        """Run the variants on the CPU; whether an engine comes of each does not matter to that."""
        try:
            for name in names:
                self._accuracy(parse_variant(name))
        finally:
            if self._references is not None:
                self._references.close()

    def _accuracy(self, spec: VariantSpec) -> None:
        folder = self.capture.root / spec.name
        path = folder / "accuracy.json"
        if unmeasurable(spec, synthetic=self.data.synthetic, weak=self.options.typing == "weak") is not None:
            return
        files = self.capture.manifest["steps"][f"variant:{spec.name}"]["files"]

        def make() -> tuple[dict[str, Any], tuple[Path, ...]]:
            self.stages.stage(f"{spec.name}: comparing outputs with the original under onnxruntime")
            answer = self._compare_outputs(folder / "model.onnx")
            write_text(path, json.dumps(answer, indent=1) + "\n")
            return {"accuracy": answer}, (path,)

        self.capture.step(
            f"accuracy:{spec.name}",
            {
                "onnx": files,
                "data": self.data.digest,
                "reference": self.capture.manifest["identity"]["model_sha256"],
                "onnxruntime": version_of("onnxruntime"),
            },
            make,
        )

    def _compare_outputs(self, variant: Path) -> Any:
        from trtprof.variants.accuracy import References, compare_outputs

        self._references = self._references or References(self.model, self.data)
        try:
            answer = compare_outputs(self._references, variant)
        except TrtprofError as error:
            answer = Unknown(error.message)
        if isinstance(answer, Unknown):
            return {"unknown": answer.reason}
        return [{key: _json_number(value) for key, value in asdict(item).items()} for item in answer]

    def _base_key(self) -> str:
        key: str = self.capture.manifest["steps"]["base"]["key"]
        return key


def unmeasurable(spec: VariantSpec, *, synthetic: bool, weak: bool) -> str | None:
    """Return why the accuracy of a variant cannot be measured here, ``None`` when it can."""
    if weak and spec.precision is not Precision.FP32:
        return "TensorRT chose the types by itself (weak typing), so no ONNX model computes as the engine does"
    if spec.quantised and synthetic:
        return NO_DATA
    return "onnxruntime on the CPU has no TF32" if spec.precision is Precision.TF32 else None


def _with_data(path: Path) -> tuple[Path, ...]:
    data = path.with_name(path.name + ".data")
    return (path, data) if data.exists() else (path,)


def _plain(notices: tuple[Notice, ...]) -> list[dict[str, Any]]:
    return [asdict(notice) for notice in notices]


def _json_number(value: Any) -> Any:
    """JSON has no infinity; a string keeps it readable by anyone."""
    return str(value) if isinstance(value, float) and math.isinf(value) else value
