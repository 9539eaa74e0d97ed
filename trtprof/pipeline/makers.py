"""One engine from one variant, by whichever backend: what it leaves in the capture and what is noted of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from trtprof.backends.base import BuildRequest, Progress
from trtprof.model import Notice
from trtprof.pipeline.options import CompareOptions
from trtprof.variants.spec import VariantSpec

if TYPE_CHECKING:
    from trtprof.backends.tensorrt_request import CalibratorName

Ranges = Mapping[str, float]
"""Calibrated magnitude by tensor, as the quantised variant was made with."""
Batches = Callable[[], Iterable[Mapping[str, Any]]]
"""Opens the calibration data anew."""

Made = tuple[dict[str, Any], tuple[Path, ...]]
"""A record for the manifest, and the files it is about."""

_CALIBRATORS: Final[Mapping[str, CalibratorName]] = {
    "entropy": "entropy2", "minmax": "minmax", "percentile": "legacy"
}  # fmt: skip
"""TensorRT's calibrators by what they do; its legacy one takes a quantile."""
_ASKED: Final = {"int8-fp32": "int8", "tf32": "fp32"}


@dataclass(frozen=True)
class Calibrated:
    """What the flag-and-calibrator road needs: the untyped base model, ranges, and the data they came from."""

    base: Path
    ranges: Ranges
    batches: Batches


class Maker(Protocol):
    """Builds an engine in the folder of a variant, and measures it where the backend can.

    One that measures has the machine to itself; one that only builds may run beside the making of variants.
    """

    @property
    def tool(self) -> str:
        """The builder's name, as people know it."""

    @property
    def measures(self) -> bool:
        """Whether its engines are run and timed."""

    def depends(self) -> dict[str, Any]:
        """Return what else than the variant the engine depends on."""

    def make(self, spec: VariantSpec, folder: Path, progress: Progress, data: Calibrated) -> Made:
        """Return what was made; may take minutes.

        Raises:
            BuildError: there is no engine; the message says why.
        """


@dataclass(frozen=True)
class RtxMaker:
    """TensorRT-RTX ahead of time: a log, no engine that runs here."""

    options: CompareOptions
    tool: str = "TensorRT-RTX"
    measures: bool = False

    def depends(self) -> dict[str, Any]:
        """Return target and version."""
        from trtprof.backends import rtx_aot

        return {"target": self.options.target, "builder": rtx_aot.version()}

    def make(self, spec: VariantSpec, folder: Path, progress: Progress, data: Calibrated) -> Made:  # noqa: ARG002
        """Return the build's record and its log."""
        from trtprof.backends import rtx_aot

        log = folder / "build.log"
        request = BuildRequest(
            name=spec.name,
            onnx=folder / "model.onnx",
            log=log,
            target=self.options.target,
            tf32=spec.name == "tf32",
            timeout_s=self.options.build_timeout_s,
        )
        return _plain(asdict(rtx_aot.build(request, progress)), folder), (log,)


@dataclass(frozen=True)
class TrtexecMaker:
    """trtexec: builds, then a latency run and a run with layer times, from the saved engine."""

    options: CompareOptions
    tool: str = "trtexec"
    measures: bool = True

    def depends(self) -> dict[str, Any]:
        """Return trtexec's place and version."""
        tool = self._tool()
        return {"trtexec": str(tool.path), "version": str(tool.version), "typing": self.options.typing}

    def make(self, spec: VariantSpec, folder: Path, progress: Progress, data: Calibrated) -> Made:
        """Return the record of the three runs and the files they left."""
        from trtprof.backends import trtexec, trtexec_commands
        from trtprof.backends.calibration_table import write_table

        tool, weak = self._tool(), self.options.typing == "weak"
        table = folder / "calibration.cache" if weak and spec.quantised and data.ranges else None
        if table is not None:
            write_table(table, tool.version, data.ranges)
        request = trtexec.TrtexecRequest(
            name=spec.name,
            onnx=data.base if weak else folder / "model.onnx",
            folder=folder,
            precision=_ASKED.get(spec.name, spec.name),
            typing=self.options.typing,
            tf32=spec.name == "tf32",
            calib=table,
            timeout_s=self.options.build_timeout_s,
        )
        record = trtexec.run(request, tool, progress)
        files = [record.layers, record.times, record.profile, *record.logs]
        if self.options.nsys:
            traced = trtexec_commands.trace_command(tool.version, request)
            files.append(_trace((str(tool.path), *traced.arguments), folder, self.options))
        return _plain(asdict(record), folder), tuple(files)

    def _tool(self) -> Any:
        from trtprof.backends import trtexec

        return trtexec.open_trtexec(trtexec.find_trtexec(self.options.trtexec))


@dataclass(frozen=True)
class TensorrtMaker:
    """TensorRT's Python API: builds in a child process, then runs the engine with events and the layer profiler."""

    options: CompareOptions
    tool: str = "TensorRT"
    measures: bool = True

    def depends(self) -> dict[str, Any]:
        """Return the version."""
        from trtprof.backends import tensorrt_api

        return {"tensorrt": tensorrt_api.version(), "typing": self.options.typing}

    def make(self, spec: VariantSpec, folder: Path, progress: Progress, data: Calibrated) -> Made:
        """Return the records of the build and of the measurement, and the files they left."""
        from trtprof.backends import tensorrt_api
        from trtprof.backends.tensorrt_request import TensorrtRequest

        weak = self.options.typing == "weak"
        request = TensorrtRequest(
            name=spec.name,
            onnx=data.base if weak else folder / "model.onnx",
            folder=folder,
            precision=_ASKED.get(spec.name, spec.name),
            typing=self.options.typing,
            calibrator=_CALIBRATORS[self.options.method()] if weak and spec.quantised else None,
            timeout_s=self.options.build_timeout_s,
        )
        built = tensorrt_api.build(request, progress, data.batches() if request.calibrator else None)
        measured = tensorrt_api.measure(request, progress)
        files = [built.log, measured.log, measured.layers, measured.times]
        files += [measured.profile] if measured.profile else []
        if self.options.nsys:
            files.append(_trace(tensorrt_api.measure_command(request), folder, self.options))
        record = {**asdict(measured), **asdict(built), "measure_log": measured.log}
        record["notices"] = [*asdict(built)["notices"], *asdict(measured)["notices"]]
        return _plain(record, folder), tuple(files)


def _trace(child: Sequence[str], folder: Path, options: CompareOptions) -> Path:
    """Run a short inference under Nsight Systems, apart from the timed runs, and return the export."""
    from trtprof.backends.nsys import find_nsys, open_nsys, profile

    report, log = folder / "trace.nsys-rep", folder / "trace.log"
    return profile(open_nsys(find_nsys()), child, report, log=log, timeout_s=options.build_timeout_s)


def maker_for(backend: str, options: CompareOptions) -> Maker:
    """Return the maker of a backend that :func:`trtprof.backends.choose.choose` has named."""
    makers: dict[str, Maker] = {
        "rtx-aot": RtxMaker(options),
        "trtexec": TrtexecMaker(options),
        "tensorrt": TensorrtMaker(options),
    }
    return makers[backend]


def _plain(record: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make a record fit for JSON, with paths below the capture directory as they are there."""
    root = folder.parent

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return str(value.relative_to(root)) if value.is_relative_to(root) else str(value)
        if isinstance(value, Notice):
            return asdict(value)
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list | tuple) else value

    result: dict[str, Any] = plain(record)
    return result
