"""A sub-network of a model with what it was fed and what it gave, so that it can be run and built alone."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trtprof.errors import InputError, UsageError
from trtprof.files import replacing
from trtprof.graph.extract import Region, extract
from trtprof.graph.onnx_file import load_onnx, save_onnx
from trtprof.graph.prepare import prepare_variant
from trtprof.model import Unknown
from trtprof.pipeline.lint import with_shapes
from trtprof.scratch import Scratch
from trtprof.variants.calibration import CalibrationData, open_calibration
from trtprof.variants.session import open_session

if TYPE_CHECKING:
    import numpy as np

    Arrays = dict[str, list[np.ndarray[Any, Any]]]

_FORM = "columns layer and sqnr_db, as CSV or JSON"


@dataclass(frozen=True, slots=True)
class Extracted:
    """A written sub-network: its nodes and borders, the recorded files, and how far it is from the whole model.

    ``largest_difference`` is the largest absolute difference between what it gives alone and what was recorded.
    """

    model: Path
    inputs_file: Path
    outputs_file: Path
    nodes: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    data: str
    batches: int
    largest_difference: float


def extract_model(
    source: Path,
    out: Path,
    names: Sequence[str],
    *,
    around: int = 1,
    calib: str | None = None,
    preprocess: str | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    force: bool = False,
) -> Extracted:
    """Write the sub-network around nodes or tensors, its recorded inputs and outputs, and run it alone.

    Raises:
        InputError: the file is no usable ONNX model, or a dimension is dynamic and has no shape.
        UsageError: a name is not in the model, or a file to write exists.
        BuildError: a file cannot be written.
        MissingDependency: onnxruntime is not installed.
    """
    recorded = [out.with_name(f"{out.stem}.{what}.npz") for what in ("inputs", "outputs")]
    _check_places(source, (out, *recorded), force)
    with Scratch() as folder:
        whole = prepare_variant(source, shapes or {}, folder / "whole.onnx")
        model = load_onnx(whole.path)
        shaped = with_shapes(model)
        if isinstance(shaped, Unknown):
            raise InputError(shaped.reason, path=source, hint="a sub-network's inputs need shapes")
        region = Region(shaped, names, around)
        data = open_calibration(calib or "random:1", whole.inputs, preprocess=preprocess)
        inputs, outputs = _record(whole.path, region, data)
        save_onnx(extract(shaped, region, source), out, sync=True)
    for path, arrays in zip(recorded, (inputs, outputs), strict=True):
        _save(path, arrays)
    return Extracted(
        out, recorded[0], recorded[1], tuple(sorted(region.nodes)), region.inputs, region.outputs, data.source,
        data.count, _difference(out, inputs, outputs),
    )  # fmt: skip


def worst_layers(path: Path, count: int) -> tuple[str, ...]:
    """Return the layers with the lowest signal to quantisation noise ratio in a file of sensitivities, worst first.

    Raises:
        InputError: it cannot be read, or has no layers with such a ratio.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", path=path, hint=f"expected {_FORM}") from error
    rows = _json_rows(text, path) if text.lstrip().startswith(("{", "[")) else list(csv.DictReader(text.splitlines()))
    ranked = []
    for place, row in enumerate(rows):
        try:
            ranked.append((float(row["sqnr_db"]), place, str(row["layer"])))
        except (KeyError, TypeError, ValueError):
            continue
    ranked = [item for item in ranked if not math.isnan(item[0])]
    if not ranked:
        raise InputError(f"expected {_FORM}, found no such row", path=path, hint="write it with trtprof sensitivity")
    return tuple(dict.fromkeys(layer for _, _, layer in sorted(ranked)))[:count]


def _json_rows(text: str, path: Path) -> list[dict[str, Any]]:
    """The list of rows, by itself or under any key."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"expected JSON: {error}", path=path, hint=f"expected {_FORM}") from error
    values = answer.values() if isinstance(answer, dict) else ()
    lists = [answer] if isinstance(answer, list) else [item for item in values if isinstance(item, list)]
    rows = [row for item in lists for row in item if isinstance(row, dict)]
    return [row for row in rows if "layer" in row]


def _check_places(source: Path, files: Sequence[Path], force: bool) -> None:
    for path in files:
        if path.exists() and source.exists() and path.samefile(source):
            raise UsageError(f"-o {path} is the model itself, which is never written", hint="give another name")
        if path.exists() and not force:
            raise UsageError(f"{path} exists", hint="give another name with -o, or replace it with --force")


def _record(whole: Path, region: Region, data: CalibrationData) -> tuple[Arrays, Arrays]:
    """Run the whole model and keep what crosses the region's border, batch by batch."""
    fed = set(next(data.batches(), {}))
    wanted = [name for name in dict.fromkeys((*region.inputs, *region.outputs)) if name not in fed]
    session = open_session(whole, extra_outputs=wanted)
    found: Arrays = {}
    for batch in data.batches():
        for name, value in {**batch, **dict(zip(wanted, session.run(wanted, batch), strict=True))}.items():
            found.setdefault(name, []).append(value)
    return {name: found[name] for name in region.inputs}, {name: found[name] for name in region.outputs}


def _save(path: Path, arrays: Arrays) -> None:
    """Samples are stacked, as ``--calib`` reads them; a scalar is written once."""
    import numpy as np

    stacked = {name: np.concatenate(values) if values[0].ndim else values[0] for name, values in arrays.items()}
    save: Any = np.savez  # typed as if a name of an array were one of its own parameters
    with replacing(path) as temporary, temporary.open("wb") as file:
        save(file, **stacked)


def _difference(model: Path, inputs: Arrays, outputs: Arrays) -> float:
    import numpy as np

    session = open_session(model)
    names = list(outputs)
    largest = 0.0
    for place in range(len(next(iter(outputs.values())))):
        found = session.run(names, {name: values[place] for name, values in inputs.items()})
        for name, value in zip(names, found, strict=True):
            gap = np.abs(value.astype(np.float64) - outputs[name][place].astype(np.float64))
            largest = max(largest, float(np.max(gap, initial=0.0)))
    return largest
