"""Shapes: what a user writes after ``--shapes``, and what a model declares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from trtprof.errors import InputError, UsageError
from trtprof.model import DType
from trtprof.units import dims

if TYPE_CHECKING:
    import onnx

InputSpec = tuple[str, tuple[int, ...], DType | None]
"""Name, static shape and type of a model input."""

_SHAPE = re.compile(r"^(?P<name>.+):(?P<dims>\d+(?:x\d+)*)$")
_EXAMPLE_EXTENTS = {0: 1, 1: 3}


def parse_shapes(texts: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Return input shapes from ``NAME:1x3x224x224`` texts, several in one separated by commas as trtexec takes them.

    Raises:
        UsageError: a text is not of that form or names a shape twice.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for text in (part for group in texts for part in re.split(r",(?=[^,]*:)", group)):
        found = _SHAPE.match(text.strip())
        if found is None:
            raise UsageError(f"--shapes {text}: expected NAME:DIMS", hint="for example --shapes x:1x3x224x224")
        extents = tuple(int(extent) for extent in found["dims"].split("x"))
        if found["name"] in shapes:
            raise UsageError(f"--shapes: input '{found['name']}' is given twice", hint="give each input one shape")
        if 0 in extents:
            raise UsageError(f"--shapes {text}: an extent of 0 is an empty tensor", hint="extents start at 1")
        shapes[found["name"]] = extents
    return shapes


def pin_shapes(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]], path: Path) -> None:
    """Write static input shapes into the model.

    Raises:
        UsageError: a shape names no input of the model.
        InputError: a dimension stays dynamic, or a shape contradicts the model.
    """
    inputs = {value.name: value for value in model.graph.input}
    for name in shapes:
        if name not in inputs:
            raise UsageError(
                f"--shapes: the model has no input '{name}'", hint=f"its inputs are {', '.join(sorted(inputs))}"
            )
    for name, value in inputs.items():
        declared = declared_dims(value)
        wanted = shapes.get(name)
        if wanted is None:
            continue
        if declared is not None and not _fits(declared, wanted):
            raise InputError(
                f"expected a shape that fits {dims(declared)}, found {dims(wanted)}",
                path=path,
                where=f"input '{name}'",
                hint="static extents of the model cannot be changed with --shapes",
            )
        tensor = value.type.tensor_type
        tensor.shape.ClearField("dim")
        for extent in wanted:
            tensor.shape.dim.add().dim_value = extent
    dynamic = [value for value in inputs.values() if not _is_static(declared_dims(value))]
    if dynamic:
        _refuse_dynamic(dynamic, path)


def declared_dims(value: onnx.ValueInfoProto) -> tuple[int | str, ...] | None:
    """Return the declared shape: numbers, names of symbolic extents, ``?`` if unnamed; ``None`` if undeclared."""
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else dim.dim_param or "?"
        for dim in tensor.shape.dim
    )


def static_dims(value: onnx.ValueInfoProto) -> tuple[int, ...] | None:
    """Return the declared shape when every extent is a number, else ``None``."""
    declared = declared_dims(value)
    if declared is None or not _is_static(declared):
        return None
    return tuple(int(extent) for extent in declared)


def onnx_dtype(elem_type: int) -> DType | None:
    """Return our name for an ONNX element type, ``None`` for strings, types no engine has and numbers of no type."""
    import onnx

    known = elem_type in onnx.TensorProto.DataType.values()
    return _ONNX_DTYPES.get(onnx.TensorProto.DataType.Name(elem_type)) if known else None


_ONNX_DTYPES = {
    "FLOAT": DType.FP32, "DOUBLE": DType.FP64, "FLOAT16": DType.FP16, "BFLOAT16": DType.BF16,
    "FLOAT8E4M3FN": DType.FP8, "FLOAT8E5M2": DType.FP8, "FLOAT4E2M1": DType.FP4,
    "INT8": DType.INT8, "UINT8": DType.UINT8, "INT16": DType.INT16, "INT32": DType.INT32, "INT64": DType.INT64,
    "INT4": DType.INT4, "BOOL": DType.BOOL,
}  # fmt: skip


def input_specs(model: onnx.ModelProto) -> tuple[InputSpec, ...]:
    """Return name, static shape and type of each input; call after :func:`pin_shapes`."""
    return tuple(
        (value.name, static_dims(value) or (), onnx_dtype(value.type.tensor_type.elem_type))
        for value in model.graph.input
    )


def _is_static(declared: tuple[int | str, ...] | None) -> bool:
    return declared is not None and all(isinstance(extent, int) for extent in declared)


def _fits(declared: tuple[int | str, ...], wanted: tuple[int, ...]) -> bool:
    return len(declared) == len(wanted) and all(
        isinstance(old, str) or old == new for old, new in zip(declared, wanted, strict=True)
    )


def _refuse_dynamic(values: list[onnx.ValueInfoProto], path: Path) -> None:
    listing = ", ".join(f"'{value.name}' is {_listed(declared_dims(value))}" for value in values)
    examples = " ".join(f"--shapes {value.name}:{_example(declared_dims(value))}" for value in values)
    raise InputError(
        f"dynamic dimensions and no --shapes for them: {listing}",
        path=path,
        hint=f"give the shape to compare at, for example {examples}",
    )


def _listed(declared: tuple[int | str, ...] | None) -> str:
    """Symbolic names are long and may hold an x, so these stand in brackets."""
    return "of unknown rank" if declared is None else f"[{', '.join(map(str, declared))}]"


def _example(declared: tuple[int | str, ...] | None) -> str:
    if declared is None:
        return "1x3x224x224"
    spatial = 640 if len(declared) == 4 else 128
    return dims(
        extent if isinstance(extent, int) else _EXAMPLE_EXTENTS.get(place, spatial) if place == 0 or len(declared) == 4
        else spatial
        for place, extent in enumerate(declared)
    )  # fmt: skip
