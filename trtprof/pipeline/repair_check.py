"""Whether repairs kept what a model computes: at each place against its step, at the outputs against the float model.

Everything is run by onnxruntime on the CPU, with Q/DQ pairs as they are written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trtprof.comparison import OutputAccuracy
from trtprof.graph.repairs.edit import Repair, Rounding
from trtprof.model import Unknown
from trtprof.variants.accuracy import References, compare_outputs
from trtprof.variants.calibration import CalibrationData
from trtprof.variants.session import open_session

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

WORST_LOSS_DB: Final = 3.0
"""The power of the quantisation error may double: what every quantiser added to a model of one other does to it."""
_SAME_DB: Final = 60.0
_LEVELS: Final = (-128, 127)
_OUTPUT_LEVELS: Final = 127


@dataclass(frozen=True, slots=True)
class PlaceCheck:
    """How a tensor is rounded now, on the data: largest error in steps of the new scale, and the share cut off.

    ``before_steps`` is the same for the scale it had, in steps of the new one; ``None`` where it was not rounded.
    Errors are of the values within the range; those beyond it are counted in ``clipped_ratio``.
    """

    node: str
    tensor: str
    scale: float
    error_steps: float
    before_steps: float | None
    clipped_ratio: float


@dataclass(frozen=True, slots=True)
class OutputCheck:
    """One output of the repaired model.

    ``change`` compares it with the model as it was; ``change_steps`` is the largest difference in steps of the output,
    if it were INT8: its largest magnitude over 127. ``before_db`` and ``after_db`` are the signal to quantisation noise
    against the float function, infinite for none.
    """

    name: str
    change: OutputAccuracy
    change_steps: float | None
    before_db: float | None
    after_db: float | None

    @property
    def kept(self) -> bool:
        """Whether the output is as near to the float function as it was, or within twice its error's power."""
        same = self.change.sqnr_db is not None and self.change.sqnr_db >= _SAME_DB
        if same or self.after_db is None or self.before_db is None:
            return same
        return self.after_db >= self.before_db - WORST_LOSS_DB


@dataclass(frozen=True, slots=True)
class RepairCheck:
    """The numerical check of a repaired model, and the data it was made on."""

    data: str
    synthetic: bool
    samples: int
    places: tuple[PlaceCheck, ...]
    outputs: tuple[OutputCheck, ...]

    @property
    def kept(self) -> bool:
        """Whether every output is kept."""
        return all(item.kept for item in self.outputs)


def check_repairs(
    before: Path, after: Path, exact: Path, repairs: Sequence[Repair], data: CalibrationData
) -> RepairCheck | Unknown:
    """Return the check of ``after`` against ``before``, where ``exact`` is the float function of the latter.

    Raises:
        MissingDependency: onnxruntime is not installed.
    """
    with References(before, data) as references:
        change = compare_outputs(references, after)
        if isinstance(change, Unknown):
            return change
        largest = _largest(references)
    with References(exact, data) as references:
        old, new = compare_outputs(references, before), compare_outputs(references, after)
    for answer in (old, new):
        if isinstance(answer, Unknown):
            return answer
    assert not isinstance(old, Unknown) and not isinstance(new, Unknown)
    first = {item.output: item.sqnr_db for item in old}
    then = {item.output: item.sqnr_db for item in new}
    outputs = tuple(
        OutputCheck(item.output, item, _steps(item, largest), first[item.output], then[item.output]) for item in change
    )
    return RepairCheck(data.source, data.synthetic, data.samples, _places(before, repairs, data), outputs)


def _largest(references: References) -> Mapping[str, float]:
    import numpy as np

    found: dict[str, float] = {}
    for outputs in references.outputs():
        for name, value in outputs.items():
            if value.dtype.kind == "f":
                found[name] = max(found.get(name, 0.0), float(np.abs(value.astype(np.float64)).max(initial=0.0)))
    return found


def _steps(item: OutputAccuracy, largest: Mapping[str, float]) -> float | None:
    size = largest.get(item.output, 0.0)
    if item.max_abs_error is None or size == 0 or not math.isfinite(size):
        return None
    return item.max_abs_error / (size / _OUTPUT_LEVELS)


def _places(before: Path, repairs: Sequence[Repair], data: CalibrationData) -> tuple[PlaceCheck, ...]:
    wanted = [(item.node, rounding) for item in repairs for rounding in item.roundings]
    if not wanted:
        return ()
    tensors = list(dict.fromkeys(rounding.tensor for _, rounding in wanted))
    inputs = {name for batch in data.batches() for name in batch}
    session = open_session(before, extra_outputs=[name for name in tensors if name not in inputs])
    sums = [_Sums(rounding) for _, rounding in wanted]
    for batch in data.batches():
        names = [name for name in tensors if name not in inputs]
        values = dict(zip(names, session.run(names, batch), strict=True)) if names else {}
        for item in sums:
            item.add({**batch, **values}[item.rounding.tensor])
    return tuple(item.result(node) for item, (node, _) in zip(sums, wanted, strict=True))


class _Sums:
    """Largest errors of one rounding over the batches."""

    def __init__(self, rounding: Rounding) -> None:
        self.rounding = rounding
        self._error = self._before = 0.0
        self._clipped = self._count = 0

    def add(self, values: Array) -> None:
        import numpy as np

        x = values.astype(np.float64)
        inside = np.abs(x) <= (_LEVELS[1] + 0.5) * self.rounding.after
        self._clipped += int((~inside).sum())
        self._count += x.size
        self._error = max(self._error, _furthest(x[inside], self.rounding.after))
        if self.rounding.before is not None:
            self._before = max(self._before, _furthest(x[inside], self.rounding.before))

    def result(self, node: str) -> PlaceCheck:
        step = self.rounding.after
        before = self._before / step if self.rounding.before is not None else None
        clipped = self._clipped / self._count if self._count else 0.0
        return PlaceCheck(node, self.rounding.tensor, step, self._error / step, before, clipped)


def _furthest(x: Array, scale: float) -> float:
    import numpy as np

    rounded = np.rint(x / scale).clip(*_LEVELS) * scale
    return float(np.abs(rounded - x).max(initial=0.0))
