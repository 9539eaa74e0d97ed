"""What quantising each layer costs: the layer is changed, what lies behind it is run again, outputs are compared.

The whole model runs once for each batch. Its tensors that a suffix reads are kept on disk (``variants/suffix.py``),
and each layer's suffix starts from them. *Alone* starts from the float model and quantises one layer; *leave-one-out*
starts from the fully quantised one and gives one layer its float inputs back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from trtprof.comparison import OutputAccuracy
from trtprof.errors import BuildError, InputError
from trtprof.graph.onnx_file import save_onnx
from trtprof.scratch import Scratch
from trtprof.variants.accuracy import OutputSums
from trtprof.variants.calibration import CalibrationData
from trtprof.variants.layers import QuantisableLayer
from trtprof.variants.qdq import Edge, QuantisedType, insert_qdq
from trtprof.variants.session import open_session
from trtprof.variants.suffix import Graph, Suffix

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Array = np.ndarray[Any, Any]

Mode = Literal["alone", "leave-one-out"]
Metric = Callable[[dict[str, Any], dict[str, Any]], float]
"""A user's figure of merit: outputs of the variant and of the float model, by name, all samples on the first axis."""

_LARGEST_PART: Final = 2**31 - 2**24


@dataclass(frozen=True, slots=True)
class Group:
    """Layers that are quantised together, under one name."""

    name: str
    layers: tuple[QuantisableLayer, ...]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a group does to each output, and the user's metric where there is one."""

    outputs: tuple[OutputAccuracy, ...]
    metric: float | None


@dataclass(frozen=True)
class Sweep:
    """What the groups of one model are measured with: ranges, data, mode; ``jobs`` run side by side."""

    model: onnx.ModelProto
    layers: tuple[QuantisableLayer, ...]
    amax: Mapping[str, float]
    data: CalibrationData
    mode: Mode = "alone"
    per_channel: bool = True
    metric: Metric | None = None
    jobs: int = 1

    def measure(self, groups: Sequence[Group]) -> Iterator[tuple[Group, Effect]]:
        """Yield the effect of each group as it is found, in no order; several are measured at a time.

        Raises:
            BuildError: onnxruntime cannot run the model, or a suffix of it.
            InputError: the model's weights are too large to be cut, or the metric fails.
        """
        if not groups:
            return
        graph = Graph(self.model)
        suffixes = {group.name: graph.suffix([layer.name for layer in group.layers]) for group in groups}
        with Scratch() as folder:
            kept = _Kept(folder, self)
            kept.run(tuple(dict.fromkeys(name for part in suffixes.values() for name in part.reads)))
            # Threads do: onnxruntime lets go of the interpreter while it runs.
            with ThreadPoolExecutor(self.jobs) as pool:
                waiting: dict[Future[Effect], Group] = {
                    pool.submit(self._effect, graph, group, suffixes[group.name], kept): group for group in groups
                }
                try:
                    while waiting:
                        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                        # What succeeded is handed on before an error ends it all.
                        for future in sorted(done, key=lambda item: item.exception() is not None):
                            yield waiting.pop(future), future.result()
                finally:
                    for future in waiting:
                        future.cancel()

    def whole(self) -> Effect:
        """Return the effect of all layers at once.

        Raises:
            BuildError: onnxruntime cannot run the model.
        """
        everything = Group("", self.layers)
        return next(effect for _, effect in replace(self, mode="alone", jobs=1).measure([everything]))

    def quantised(self) -> onnx.ModelProto:
        """Return a copy of the model with every layer quantised."""
        import onnx

        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        self._insert(model, [edge for layer in self.layers for edge in layer.edges])
        return model

    def _insert(self, model: onnx.ModelProto, edges: Sequence[Edge]) -> None:
        insert_qdq(model, edges, self.amax, QuantisedType.INT8, per_channel=self.per_channel)

    def _effect(self, graph: Graph, group: Group, suffix: Suffix, kept: _Kept) -> Effect:
        own = {layer.name for layer in group.layers}
        changed = [
            edge
            for layer in self.layers
            if layer.name in suffix.nodes and (layer.name in own) == (self.mode == "alone")
            for edge in layer.edges
        ]
        part = graph.extract(suffix, kept.batch(0, suffix.reads), lambda model: self._insert(model, changed))
        session = _open(part)
        sums = {name: OutputSums(name) for name in kept.outputs}
        found: dict[str, list[Array]] = {name: [] for name in kept.outputs}
        for index in range(self.data.count):
            values = kept.batch(index, suffix.reads)
            fresh = dict(zip(suffix.outputs, _run(session, suffix.outputs, values), strict=True))
            reference = kept.reference(index)
            fresh |= kept.untouched(index, suffix)
            for name, expected in reference.items():
                sums[name].add(expected, fresh[name])
                if self.metric is not None:
                    found[name].append(fresh[name])
        return Effect(tuple(_result(entry) for entry in sums.values()), self._metric(found, kept))

    def _metric(self, found: Mapping[str, Sequence[Array]], kept: _Kept) -> float | None:
        import numpy as np

        if self.metric is None:
            return None
        references = [kept.reference(index) for index in range(self.data.count)]
        expected = {name: np.concatenate([np.atleast_1d(item[name]) for item in references]) for name in found}
        joined = {name: np.concatenate([np.atleast_1d(item) for item in items]) for name, items in found.items()}
        return measured_metric(self.metric, joined, expected)


class _Kept:
    """Tensors of the run everything starts from, and the float model's outputs, on disk by batch."""

    def __init__(self, directory: Path, sweep: Sweep) -> None:
        self._directory, self._sweep = directory, sweep
        self._places: dict[str, int] = {}
        self.outputs = tuple(value.name for value in sweep.model.graph.output)

    def run(self, reads: Sequence[str]) -> None:
        """Run the start once for each batch and keep what ``reads`` names; the float model too, for its outputs."""
        wanted = tuple(dict.fromkeys((*reads, *self.outputs)))
        self._places = {name: place for place, name in enumerate(wanted)}
        sweep = self._sweep
        if sweep.mode == "alone":
            self._keep(sweep.model, wanted, "start")
        else:
            self._keep(sweep.quantised(), wanted, "start")
            self._keep(sweep.model, self.outputs, "float")

    def batch(self, index: int, names: Sequence[str]) -> dict[str, Array]:
        """Return tensors of the start by name."""
        return {name: self._load("start", index, name) for name in names}

    def reference(self, index: int) -> dict[str, Array]:
        """Return the float model's outputs."""
        stem = "start" if self._sweep.mode == "alone" else "float"
        return {name: self._load(stem, index, name) for name in self.outputs}

    def untouched(self, index: int, suffix: Suffix) -> dict[str, Array]:
        """Return the outputs that do not depend on the suffix, as the start has them."""
        return {name: self._load("start", index, name) for name in self.outputs if name not in suffix.outputs}

    def _keep(self, model: onnx.ModelProto, wanted: Sequence[str], stem: str) -> None:
        import numpy as np

        path = self._directory / f"{stem}.onnx"
        save_onnx(model, path)
        fed = {value.name for value in model.graph.input}
        asked = [name for name in wanted if name not in fed]
        try:
            session = open_session(path, extra_outputs=asked, threads=self._sweep.jobs)
        except Exception as error:  # onnxruntime's exceptions share no base class but Exception
            raise _cannot_run(error) from error
        for index, batch in enumerate(self._sweep.data.batches()):
            values = dict(zip(asked, _run(session, asked, batch), strict=True))
            for name in wanted:
                np.save(self._file(stem, index, name), batch[name] if name in fed else values[name])

    def _file(self, stem: str, index: int, name: str) -> Path:
        return self._directory / f"{stem}-{index}-{self._places[name]}.npy"

    def _load(self, stem: str, index: int, name: str) -> Array:
        import numpy as np

        loaded: Array = np.load(self._file(stem, index, name))
        return loaded


def _result(entry: OutputSums) -> OutputAccuracy:
    """Return the figures; none of them exists where quantising made a finite output NaN or infinite."""
    return OutputAccuracy(entry.name, entry.samples, None, None, None) if entry.lost else entry.result()


def measured_metric(metric: Metric, outputs: dict[str, Array], reference: dict[str, Array]) -> float:
    """Return the user's metric.

    Raises:
        InputError: it raises, or returns what is no number.
    """
    name = getattr(metric, "__name__", "metric")
    try:
        return float(metric(outputs, reference))
    except Exception as error:  # a user's code may raise anything
        raise InputError(
            f"the metric '{name}' failed: {type(error).__name__}: {error}",
            hint="it is called as metric(outputs, reference), two dicts of arrays by output name, and returns a number",
        ) from error


def _open(part: onnx.ModelProto) -> Any:
    if sum(len(tensor.raw_data) for tensor in part.graph.initializer) > _LARGEST_PART:
        raise InputError(
            "the model's weights are beyond protobuf's 2 GB, and so is what lies behind its first layers",
            hint="measure a part of it: cut the model first",
        )
    try:
        return open_session(part.SerializeToString(), threads=1)
    except Exception as error:  # as above
        raise _cannot_run(error) from error


def _run(session: Any, names: Sequence[str], values: Mapping[str, Array]) -> list[Array]:
    if not names:
        return []
    try:
        found: list[Array] = session.run(list(names), dict(values))
    except Exception as error:  # as above
        raise _cannot_run(error) from error
    return found


def _cannot_run(error: Exception) -> BuildError:
    text = " ".join(str(error).split())
    return BuildError(f"onnxruntime cannot run the model: {text[:300]}", hint="try another version of onnxruntime")
