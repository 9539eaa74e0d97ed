"""How far a variant's outputs are from the original's, both run by onnxruntime on the CPU.

Sums are kept, outputs are not: memory does not grow with the data. What the CPU computes in FP16 it computes in FP32
between rounded tensors, so a GPU's FP16 accumulation may add to the errors found here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from trtprof.comparison import OutputAccuracy
from trtprof.dependencies import require
from trtprof.errors import MissingDependency, TrtprofError
from trtprof.model import Unknown
from trtprof.scratch import Scratch
from trtprof.variants.calibration import CalibrationData
from trtprof.variants.session import open_session

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_REASON_LENGTH: Final = 300
# Measured with 1.20 to 1.31 on the variants of a ResNet-18: 11 dB where 1.30 and later find over 30 for the same file.
_EXACT_WITH_HALF_SCALES: Final = (1, 30)


class References:
    """The original's outputs on the data, computed once and kept on disk for all variants compared with it.

    Usable as a context manager; :meth:`close` removes the files, as does the end of the process.
    """

    def __init__(self, model: Path, data: CalibrationData, *, threads: int = 2) -> None:
        self.model, self.data, self.threads = model, data, threads
        self._directory: Scratch | None = None
        self._names: tuple[str, ...] = ()

    def __enter__(self) -> References:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the kept outputs; they are computed again if asked for."""
        if self._directory is not None:
            self._directory.remove()
            self._directory = None

    def outputs(self) -> Iterator[dict[str, Array]]:
        """Yield the outputs of each batch by name, computing them on the first call.

        Raises:
            onnxruntime's errors where it cannot run the model.
        """
        import numpy as np

        if self._directory is None:
            self._compute()
        assert self._directory is not None
        root = self._directory.path
        for index in range(self.data.count):
            yield {name: np.load(root / f"{index}-{position}.npy") for position, name in enumerate(self._names)}

    def _compute(self) -> None:
        import numpy as np

        session = open_session(self.model, threads=self.threads)
        names = tuple(output.name for output in session.get_outputs())
        directory = Scratch()
        try:
            for index, batch in enumerate(self.data.batches()):
                for position, value in enumerate(session.run(list(names), batch)):
                    np.save(directory.path / f"{index}-{position}.npy", value)
        except BaseException:
            directory.remove()
            raise
        self._names, self._directory = names, directory


def compare_outputs(
    reference: References | Path, variant: Path, data: CalibrationData | None = None, *, threads: int = 2
) -> tuple[OutputAccuracy, ...] | Unknown:
    """Return each output of ``variant`` against the reference over all batches, or why they cannot be compared.

    Give a :class:`References` to compare several variants with one original, or the original's path and ``data``.
    Unknown is also the answer where the variant's output is NaN or infinite and the original's is not, for no figure
    says what that is worth; the reason names output and samples. And it is the answer for Q/DQ with FP16 scales
    on an onnxruntime that computes them wrongly.

    Raises:
        MissingDependency: onnxruntime is not installed.
    """
    if not isinstance(reference, References):
        if data is None:
            raise TypeError("a reference path needs data")
        with References(reference, data, threads=threads) as references:
            return compare_outputs(references, variant, threads=threads)
    reason = _imprecise(variant)
    return _compare(reference, variant, threads) if reason is None else Unknown(reason)


def _compare(reference: References, variant: Path, threads: int) -> tuple[OutputAccuracy, ...] | Unknown:
    try:
        expected = reference.outputs()
        first = next(expected, None)
    except MissingDependency:
        raise
    except Exception as error:  # onnxruntime's exceptions share no base class but Exception
        return Unknown(f"onnxruntime cannot run the original: {_reason(error)}")
    if first is None:
        return Unknown("there is no data to compare outputs on")
    try:
        session = open_session(variant, threads=threads)
        names = [output.name for output in session.get_outputs()]
        if set(names) != set(first):
            return Unknown(f"its outputs are {', '.join(names)}, the original's {', '.join(first)}")
        sums = {name: OutputSums(name) for name in first}
        for batch, outputs in zip(reference.data.batches(), _chain(first, expected), strict=True):
            found = dict(zip(names, session.run(names, batch), strict=True))
            for name, value in outputs.items():
                sums[name].add(value, found[name])
    except TrtprofError:
        raise
    except Exception as error:  # as above
        return Unknown(f"onnxruntime on the CPU cannot run it: {_reason(error)}")
    broken = [entry.broken() for entry in sums.values() if entry.lost]
    return Unknown("; ".join(broken)) if broken else tuple(entry.result() for entry in sums.values())


def _chain(first: dict[str, Array], rest: Iterator[dict[str, Array]]) -> Iterator[dict[str, Array]]:
    yield first
    yield from rest


def _reason(error: Exception) -> str:
    """The part of an onnxruntime message that a user can use: without status code, on one line."""
    text = " ".join(str(error).split())
    text = text.rpartition(" : ")[2] if text.startswith("[ONNXRuntimeError]") else text
    return text if len(text) <= _REASON_LENGTH else f"{text[:_REASON_LENGTH]}…"


class OutputSums:
    """Running sums over one output, in double precision; ``lost`` samples are finite in the reference only."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lost = 0
        self.samples = 0
        self._signal = self._other = self._product = self._noise = self._largest = 0.0
        self._agreeing: int | None = 0

    def add(self, reference: Array, value: Array) -> None:
        """Add a batch; raises ValueError when shapes differ."""
        import numpy as np

        if reference.shape != value.shape:
            raise ValueError(f"output '{self.name}' has shape {value.shape}, the original's {reference.shape}")
        rows = reference.shape[0] if reference.ndim else 1
        self.samples += rows
        if reference.size == 0:
            self._agreeing = None
            return
        self._count_agreement(reference, value)
        x, y = reference.astype(np.float64).reshape(rows, -1), value.astype(np.float64).reshape(rows, -1)
        usable = np.isfinite(x)
        self.lost += int((usable & ~np.isfinite(y)).any(axis=1).sum())
        usable &= np.isfinite(y)
        x, y = x[usable], y[usable]
        error = x - y
        self._signal += float(x @ x)
        self._other += float(y @ y)
        self._product += float(x @ y)
        self._noise += float(error @ error)
        self._largest = max(self._largest, float(np.abs(error).max(initial=0.0)))

    def _count_agreement(self, reference: Array, value: Array) -> None:
        """Class vectors are floating, N x C or N x C x 1 x 1 with two classes or more."""
        classes = reference.reshape(reference.shape[:2]) if reference.shape[2:] == (1, 1) else reference
        if self._agreeing is None or classes.ndim != 2 or classes.shape[1] < 2 or reference.dtype.kind != "f":
            self._agreeing = None
            return
        self._agreeing += int((classes.argmax(axis=1) == value.reshape(classes.shape).argmax(axis=1)).sum())

    def broken(self) -> str:
        """Return in words where the variant is NaN or infinite."""
        return (
            f"output '{self.name}' is NaN or infinite in {self.lost} of {self.samples} samples where the original is "
            "finite; FP16 ends at 65504"
        )

    def result(self) -> OutputAccuracy:
        """Return the figures; cosine and SQNR are ``None`` where the original is all zeros and the variant is not."""
        sqnr: float | None = math.inf
        cosine: float | None = 1.0
        if self._noise > 0:
            sqnr = 10 * math.log10(self._signal / self._noise) if self._signal > 0 else None
            length = math.sqrt(self._signal) * math.sqrt(self._other)
            cosine = max(-1.0, min(1.0, self._product / length)) if length > 0 else None
        top1 = self._agreeing / self.samples if self._agreeing is not None and self.samples else None
        return OutputAccuracy(self.name, self.samples, cosine, sqnr, self._largest, top1)


def _imprecise(variant: Path) -> str | None:
    """Return why this onnxruntime's figures for a model would be its own errors; ``None`` where they are not."""
    import onnx
    from google.protobuf.message import DecodeError

    version: str = require("onnxruntime", extra="quant", purpose="running the model on the CPU").__version__
    if tuple(map(int, re.findall(r"\d+", version)[:2])) >= _EXACT_WITH_HALF_SCALES:
        return None
    try:
        graph = onnx.load(variant, load_external_data=False).graph
    except (OSError, DecodeError):
        return None  # onnxruntime says more about what it cannot read
    half = {tensor.name for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16}
    scales = {node.input[1] for node in graph.node if node.op_type in {"QuantizeLinear", "DequantizeLinear"}}
    if not half & scales:
        return None
    return (
        f"onnxruntime {version} computes Q/DQ with FP16 scales wrongly on the CPU; 1.30 and later do not (Python 3.11+)"
    )
