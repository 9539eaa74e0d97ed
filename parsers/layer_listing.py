"""The lines of ``Engine Layer Information:``, which every verbose build log of TensorRT 7 to 10 ends with.

One line a layer, also where the engine is built with names only: ``Layer(CaskConvolution): conv1 + relu, Tactic: 0x…,
x (Float[-1,3,8,8]) -> y (Half[-1,32:8,8,8])``, up to 8.4 ``x[Float(1,3,8,8)]``. Myelin regions are one opaque row.
Lines in, records out; imports the model and the readers of words.
"""

from __future__ import annotations

import re
from typing import Final

from trtprof.model import EMPTY, Layer, Layout, Tensor, TensorFormat
from trtprof.parsers.formats import read_dtype
from trtprof.parsers.layer_kind import kind_of

HEADING: Final = "Engine Layer Information:"
_ROW: Final = re.compile(r"Layer\((?P<type>[^)]*)\): (?P<name>.*), Tactic: (?P<tactic>-?\w+), (?P<io>.*)$")
_SHAPE: Final = r"[-\d,:]*"
# A tensor ends at the comma before the next one or at the end: names may hold commas, brackets and spaces.
_NEW_TENSOR: Final = re.compile(rf"(.+?) \((\w+)\[({_SHAPE})\]\)(?:, |$)")
_OLD_TENSOR: Final = re.compile(rf"(.+?)\[(\w+)\(({_SHAPE})\)\](?:, |$)")
_LONGEST_EXTENT: Final = 18


def read_listing_row(line: str, index: int) -> Layer | None:
    """Return the layer of one line, ``None`` for a line that is no such row.

    ``parameters`` holds the tactic as ``TacticValue``. A vector width is known (``32:8``), its layout is not: the
    listing writes NHWC8 and NC/8HW8 alike.
    """
    found = _ROW.match(line.strip())
    if found is None:
        return None
    left, arrow, right = found["io"].partition(" -> ")
    if not arrow:
        left, right = "", found["io"].removeprefix("-> ")
    inputs, outputs = _tensors(left), _tensors(right)
    tactic = tactic_value(found["tactic"])
    return Layer(
        index=index,
        name=found["name"],
        kind=kind_of(found["type"], found["name"], inputs, outputs),
        type=found["type"],
        inputs=inputs,
        outputs=outputs,
        parameters={"TacticValue": tactic} if tactic else EMPTY,
    )


def tactic_value(text: str) -> str | None:
    """Return a tactic's number as TensorRT writes it since 8.4: ``0x`` and 16 digits; before, it was signed decimal."""
    try:
        value = int(text, 16) if text.startswith("0x") else int(text)
    except ValueError:
        return None
    return f"0x{value & 0xFFFF_FFFF_FFFF_FFFF:016x}" if abs(value) < 1 << 64 else None


def _tensors(text: str) -> tuple[Tensor, ...]:
    pattern = _NEW_TENSOR if _NEW_TENSOR.match(text) else _OLD_TENSOR
    tensors = []
    position = 0
    # Not finditer, which would look for a tensor from every letter of a text that holds none.
    while (found := pattern.match(text, position)) is not None:
        tensors.append(_tensor(*found.groups()))
        position = found.end()
    return tuple(tensors)


def _tensor(name: str, dtype: str, shape: str) -> Tensor:
    dims: list[int] = []
    width = 1
    for part in shape.split(",") if shape else ():
        extent, _, vector = part.partition(":")
        if not (extent.removeprefix("-").isdecimal() and extent.isascii()) or len(extent) > _LONGEST_EXTENT:
            return Tensor(name, None, read_dtype(dtype))
        dims.append(int(extent))
        if vector.isdecimal() and len(vector) < _LONGEST_EXTENT:
            width = int(vector)
    layout = TensorFormat(Layout.UNKNOWN, width, shape) if width > 1 else None
    return Tensor(name, tuple(dims), read_dtype(dtype), layout)
