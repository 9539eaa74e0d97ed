"""The ``Layers:`` section of a verbose build log: the engine row by row, as TensorRT's inspector prints it.

TensorRT-RTX 1.x and TensorRT 11 close a build at verbose level with ``Layers:``, ``I/O Tensors:`` and ``Engine
Metadata:`` when the engine is built with detailed profiling verbosity. Read off TensorRT-RTX 1.7.1 logs. Bytes in,
records out; imports the model and the other readers of words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from trtprof.errors import InputError
from trtprof.model import IoMode, IoTensor, Layer, Notice, Tensor
from trtprof.parsers.formats import read_dtype, read_format
from trtprof.parsers.layer_kind import kind_of
from trtprof.parsers.onnx_metadata import onnx_nodes

_SECTION = re.compile(r"^(?:\[[^\]]*\] )*Layers:[ \t]*$", re.MULTILINE)
_IO_HEAD = re.compile(r"^(?:\[[^\]]*\] )*I/O Tensors:[ \t]*$", re.MULTILINE)
# Names are free text and may hold commas, so every field is found by the key that must follow it.
_LIST = r"\[(?P<{key}>| \{{.*?\}})\]"
_ROW = re.compile(
    r"^Name: (?P<name>.*?), LayerType: (?P<type>[^,]*), Inputs: "
    + _LIST.format(key="inputs")
    + "(?:, Constants: "
    + _LIST.format(key="constants")
    + ")?, Outputs: "
    + _LIST.format(key="outputs")
    + r"(?P<rest>, .*)?$",
    re.DOTALL,
)
_TENSOR = re.compile(
    r"\{ Name: (?P<name>.*?), (?:Location: (?P<location>[^,]*), )?Dimensions: \[(?P<dims>[-\d,]*)\]"
    r"(?:, Strides: \[(?P<strides>[-\d,]*)\])?(?:, StrideOrder: \[[-\d,]*\])?"
    r", (?:Datatype: (?P<dtype>[^,]*), Format: |Format/Datatype: )(?P<format>.*?) ?\}(?=\]|, \{|$)",
    re.DOTALL,
)
_TACTIC = re.compile(r", TacticName: (.*?)(?=, TacticValue: |, StreamId: |, Metadata: |$)", re.DOTALL)
_STREAM = re.compile(r", StreamId: (\d{1,9})\b")
_METADATA = re.compile(r", Metadata: (.*)$", re.DOTALL)
_IO_TENSOR = re.compile(
    r"Name: (?P<name>.*?), IOMode: (?P<mode>Input|Output), DataType: (?P<dtype>[^,]*), "
    r"Dimensions: \[(?P<dims>[-\d,]*)\].*?(?:ProfileInfo: \[(?P<profiles>.*)\])?$"
)
_PROFILE = re.compile(r"MinShape: \[([-\d,]*)\], OptShape: \[([-\d,]*)\], MaxShape: \[([-\d,]*)\]")
_NUMBER = re.compile(r"-?\d{1,18}")
_LONGEST_ROW = 200_000
"""Real rows take some kilobytes; what is longer is no row, and taking it apart would take minutes."""
_LOG_PREFIX = re.compile(r"^\[[VIWEF]\] |^\[\d\d/\d\d/\d{4}-")


@dataclass(frozen=True, slots=True)
class EngineText:
    """What the closing section of a build log says of the engine."""

    layers: tuple[Layer, ...]
    io: tuple[IoTensor, ...]
    notices: tuple[Notice, ...]


def read_engine_text(log: str, *, path: str = "build log") -> EngineText:
    """Return the layers and I/O tensors of the last ``Layers:`` section of a log.

    Raises:
        InputError: there is no such section, or none of its rows can be read.
    """
    sections = list(_SECTION.finditer(log))
    if not sections:
        raise InputError(
            "expected a line 'Layers:' with the engine's rows, found none",
            path=path,
            hint="the engine must be built at verbose log level with detailed profiling verbosity",
        )
    body = log[sections[-1].end() :]
    head = _IO_HEAD.search(body)
    layers: list[Layer] = []
    notices: list[Notice] = []
    for number, text in enumerate(_rows(body[: head.start()] if head else body), start=1):
        layer = _layer(text, len(layers))
        if layer is None:
            notices.append(Notice("row-unread", f"row {number} could not be read: {text[:80]!r}", path))
        else:
            layers.append(layer)
    if not layers:
        raise InputError(
            "expected rows such as 'Name: …, LayerType: …' below 'Layers:', found none",
            path=path,
            hint="the build must use detailed profiling verbosity; with names only TensorRT prints an empty list",
        )
    return EngineText(tuple(layers), tuple(_io_tensors(body[head.end() :])) if head else (), tuple(notices))


def _rows(body: str) -> Iterator[str]:
    """Yield rows; a name may hold line breaks, so a row runs to the next one's head, a blank line or a log prefix."""
    row: list[str] = []
    for line in body.strip("\n").split("\n"):
        if line.startswith("Name: ") and row:
            yield "\n".join(row)
            row = [line]
        elif line.startswith("Name: "):
            row = [line]
        elif not line.strip() or _LOG_PREFIX.match(line):
            break
        elif row:
            row.append(line)
    if row:
        yield "\n".join(row)


def _layer(text: str, index: int) -> Layer | None:
    found = _ROW.match(text) if len(text) <= _LONGEST_ROW else None
    if found is None:
        return None
    rest = found["rest"] or ""
    inputs, outputs = _tensors(found["inputs"]), _tensors(found["outputs"])
    tactic, stream, metadata = _TACTIC.search(rest), _STREAM.search(rest), _METADATA.search(rest)
    return Layer(
        index=index,
        name=found["name"],
        kind=kind_of(found["type"], found["name"], inputs, outputs),
        type=found["type"],
        inputs=inputs,
        outputs=outputs,
        constants=_tensors(found["constants"] or ""),
        tactic=(tactic[1] or None) if tactic else None,
        onnx_nodes=onnx_nodes(metadata[1]) if metadata else (),
        stream_id=int(stream[1]) if stream else None,
    )


def _tensors(text: str) -> tuple[Tensor, ...]:
    return tuple(_tensor(found) for found in _TENSOR.finditer(text))


def _tensor(found: re.Match[str]) -> Tensor:
    dtype, layout = read_format(found["format"])
    if found["dtype"] is not None:
        dtype = read_dtype(found["dtype"])
    return Tensor(
        name=found["name"],
        dims=_numbers(found["dims"]),
        dtype=dtype,
        format=layout,
        strides=_numbers(found["strides"]) if found["strides"] is not None else None,
        location=found["location"],
    )


def _io_tensors(body: str) -> Iterator[IoTensor]:
    for line in body.strip("\n").split("\n"):
        found = _IO_TENSOR.match(line.strip())
        if found is None:
            break
        profiles = tuple(
            (_numbers(low), _numbers(best), _numbers(high))
            for low, best, high in _PROFILE.findall(found["profiles"] or "")
        )
        tensor = Tensor(found["name"], _numbers(found["dims"]), read_dtype(found["dtype"]))
        yield IoTensor(tensor, IoMode(found["mode"].lower()), profiles)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in _NUMBER.findall(text))
