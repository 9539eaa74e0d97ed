"""An engine's layers as TensorRT's inspector writes them in JSON: ``--exportLayerInfo`` and ``IEngineInspector``.

Read off real exports of TensorRT 8.2, 8.4, 8.6, 10.1 and 10.16 (Cask and Myelin rows) and, for 11, the documented
schema (``I/O Tensors``, split ``Datatype`` and ``Format``) with the wording of TensorRT-RTX 1.7. torch_tensorrt's
engine information is the same document. Bytes in, records out; imports the model and the readers of words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from trtprof.errors import InputError
from trtprof.model import EMPTY, IoMode, IoTensor, Layer, Notice, Tensor
from trtprof.parsers.document import as_text, integer, integers, load_json, read_bytes, string, type_name
from trtprof.parsers.formats import read_dtype, read_format
from trtprof.parsers.layer_kind import kind_of, kind_of_type
from trtprof.parsers.onnx_metadata import onnx_nodes
from trtprof.parsers.optimization_profiles import profiles_of

_WHAT: Final = "layer information (an object with 'Layers')"
_HINT: Final = "export it with trtexec --loadEngine=… --profilingVerbosity=detailed --exportLayerInfo=layers.json"
_NAMES_ONLY_HINT: Final = "rebuild with --profilingVerbosity=detailed to see types, formats, tactics and ONNX nodes"
_ROOT_KEYS: Final = ("Layers", "layers", "LayerInfo", "layerInfo")
_OWN_KEYS: Final = frozenset(
    {"Name", "LayerType", "Inputs", "Outputs", "Constants", "TacticName", "StreamId", "Metadata", "Origin"}
)
_WEIGHTS: Final = (("Weights", "weights"), ("Bias", "bias"), ("ConvWeights", "weights"), ("ConvBias", "bias"))
_TENSOR_TYPES: Final = (Tensor, dict)
_RECORDS: Final = frozenset({Tensor})
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What one layer information file says.

    ``profiles`` gives the optimisation profile of each layer, in the order of ``layers``: a file of an engine with
    several lists every layer once for each. ``names_only`` says that rows hold nothing but names. ``metadata`` is
    TensorRT 11's ``Engine Metadata``, empty before.
    """

    layers: tuple[Layer, ...]
    io: tuple[IoTensor, ...]
    profiles: tuple[int, ...]
    names_only: bool
    metadata: Mapping[str, str]
    notices: tuple[Notice, ...]


def read_engine_info(path: Path) -> EngineInfo:
    """Return the layers and I/O tensors of a layer information file.

    Raises:
        InputError: the file cannot be read, or :func:`parse_engine_info` refuses it.
    """
    return parse_engine_info(read_bytes(path), path=str(path))


def parse_engine_info(data: bytes | str, *, path: str = "layer information") -> EngineInfo:
    """Return the layers and I/O tensors of a layer information document.

    Raises:
        InputError: it is not JSON, has no list of layers, or none of its rows can be read.
    """
    text = as_text(data)
    document = load_json(text, path=path, what=_WHAT, hint=_HINT, object_hook=_record_builder())
    root, rows = _rows(document, path)
    notices: list[Notice] = []
    layers = _layers(rows, notices, path)
    names_only = all(layer.inputs is None and layer.type is None for layer in layers)
    profiles = profiles_of(layers) if "[profile " in text else (0,) * len(layers)
    _remark(layers, names_only, profiles, notices, path)
    metadata = root.get("Engine Metadata")
    return EngineInfo(
        layers=layers,
        io=_io(root, layers, notices, path),
        profiles=profiles,
        names_only=names_only,
        metadata={key: str(value) for key, value in metadata.items()} if isinstance(metadata, dict) else {},
        notices=tuple(notices),
    )


def _record_builder() -> Callable[[dict[str, Any]], object]:
    """Return what turns the objects of a document into records while it is read.

    Made from the finished document instead, the same records take a third longer: each object is then visited when it
    has long left the processor's cache, and all of them are in memory at once.
    """
    known: dict[object, tuple[dict[str, Any], Tensor]] = {}
    layers = 0

    def build(item: dict[str, Any]) -> object:
        if "Format/Datatype" in item or "Datatype" in item:
            # A tensor stands once where it is written and once for each reader, nearly always word for word.
            name = item.get("Name")
            if type(name) is not str:
                return _tensor(item)
            found = known.get(name)
            if found is None or found[0] != item:
                found = known[name] = (item, _tensor(item))
            return found[1]
        if "LayerType" in item and type(item.get("Name")) is str:
            nonlocal layers
            layers += 1
            return _layer(item, layers - 1)
        return item

    return build


def _rows(document: Any, path: str) -> tuple[Mapping[str, Any], list[Any]]:
    if isinstance(document, list):
        root, key, rows = {}, "the root", document
    elif isinstance(document, dict):
        root = document
        key = next((key for key in _ROOT_KEYS if key in document), "")
        if not key:
            found = ", ".join(repr(name) for name in list(document)[:_SHOWN]) or "no key at all"
            raise InputError(f"expected the key 'Layers', found {found}", path=path, hint=_HINT)
        rows = document[key]
    else:
        raise InputError(f"expected {_WHAT}, found {type_name(document)}", path=path, hint=_HINT)
    if not isinstance(rows, list):
        raise InputError(f"expected a list of layers, found {type_name(rows)}", path=path, where=key, hint=_HINT)
    if not rows:
        raise InputError(
            "expected layers, found an empty list",
            path=path,
            where=key,
            hint="TensorRT lists nothing for an engine built with profiling verbosity none; rebuild with detailed",
        )
    return root, rows


def _layers(rows: Sequence[Any], notices: list[Notice], path: str) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    unread: list[str] = []
    for number, row in enumerate(rows, start=1):
        index = len(layers)
        if type(row) is Layer:
            layers.append(row if row.index == index else replace(row, index=index))
        elif type(row) is dict and type(row.get("Name")) is str:
            layers.append(_layer(row, index))
        elif type(row) is str:
            layers.append(Layer(index, row, kind_of(None, row, None, None)))
        else:
            what = "an object without a 'Name' that is text" if isinstance(row, dict) else type_name(row)
            unread.append(f"layer {number} is {what}")
    if not layers:
        raise InputError(
            f"expected objects with a 'Name', or names; found none in {len(rows)} rows: {unread[0]}",
            path=path,
            where="Layers",
            hint=_HINT,
        )
    if unread:
        message = f"{len(unread)} of {len(rows)} rows could not be read: {'; '.join(unread[:_SHOWN])}"
        notices.append(Notice("row-unread", message, path))
    return tuple(layers)


def _layer(row: dict[str, Any], index: int) -> Layer:
    # Ten thousand rows pass here: types are tested in place, a call for each field would double the time.
    get = row.get
    name, layer_type, origin, metadata = row["Name"], get("LayerType"), get("Origin"), get("Metadata")
    tactic, stream = get("TacticName"), get("StreamId")
    layer_type = layer_type if type(layer_type) is str else None
    origin = origin if type(origin) is str else None
    inputs, outputs = _tensors(get("Inputs")), _tensors(get("Outputs"))
    nodes = onnx_nodes(metadata) if metadata and type(metadata) is str else ()
    kind = kind_of_type(layer_type) if layer_type else None
    return Layer(
        index,
        name,
        kind or kind_of(layer_type, name, inputs, outputs, origin=origin, nodes=nodes),
        layer_type,
        inputs,
        outputs,
        _constants(row) if "TacticValue" in row or "Constants" in row else (),
        tactic if tactic and type(tactic) is str else None,
        nodes,
        integer(stream),
        origin,
        EMPTY if _OWN_KEYS.issuperset(row) else {key: value for key, value in row.items() if key not in _OWN_KEYS},
    )


def _tensors(value: Any) -> tuple[Tensor, ...] | None:
    if type(value) is not list:
        return None
    if _RECORDS.issuperset(map(type, value)):
        return tuple(value)
    return tuple([item if type(item) is Tensor else _tensor(item) for item in value if type(item) in _TENSOR_TYPES])


def _tensor(item: dict[str, Any]) -> Tensor:
    get = item.get
    name, location, dims, strides = get("Name"), get("Location"), get("Dimensions"), get("Strides")
    # TensorRT up to 10 writes type and layout as one phrase, 11 splits them and spells the key of I/O tensors DataType.
    phrase = get("Format/Datatype")
    if type(phrase) is str:
        dtype, layout = read_format(phrase)
    else:
        split, word = get("Format"), get("Datatype", get("DataType"))
        dtype, layout = read_format(split) if type(split) is str else (None, None)
        if type(word) is str:
            dtype = _dtype(word)
    return Tensor(
        name if type(name) is str else "",
        integers(dims),
        dtype,
        layout,
        integers(strides) if strides is not None else None,
        location if type(location) is str else None,
    )


_dtype = lru_cache(maxsize=256)(read_dtype)


def _constants(row: dict[str, Any]) -> tuple[Tensor, ...]:
    """Weights and bias: a list of tensors in TensorRT 11, ``{"Type": "Half", "Count": 9408}`` before."""
    if "Constants" in row:
        return _tensors(row["Constants"]) or ()
    found = []
    for key, name in _WEIGHTS:
        weights = row.get(key)
        if isinstance(weights, dict):
            count, word = integer(weights.get("Count")), weights.get("Type")
            if count:
                found.append(Tensor(name, (count,), _dtype(word) if isinstance(word, str) else None))
    return tuple(found)


def _remark(
    layers: tuple[Layer, ...], names_only: bool, profiles: tuple[int, ...], notices: list[Notice], path: str
) -> None:
    """Say what the file lacks and what in it would mislead a reader."""
    if names_only:
        message = f"the file holds names only, no types, formats, tactics or ONNX nodes; {_NAMES_ONLY_HINT}"
        notices.append(Notice("names-only", message, path))
    elif not any(layer.onnx_nodes for layer in layers):
        message = "no layer says which ONNX nodes it comes from (TensorRT before 8.6, or not built from ONNX)"
        notices.append(Notice("no-onnx-nodes", message, path))
    if len(set(profiles)) > 1:
        counts = ", ".join(f"profile {key}: {count}" for key, count in sorted(Counter(profiles).items()))
        message = f"the engine has {len(set(profiles))} optimisation profiles ({counts} layers); one runs at a time"
        notices.append(Notice("optimization-profiles", message, path))
    _remark_repeated([layer.name for layer in layers], "layer-name", "layers share the name", notices, path)
    written = [tensor.name for layer in layers if layer.outputs for tensor in layer.outputs if tensor.name]
    _remark_repeated(written, "duplicate-producer", "layers write the tensor", notices, path)


def _remark_repeated(names: Sequence[str], code: str, words: str, notices: list[Notice], path: str) -> None:
    if len(set(names)) < len(names):
        repeated = [(name, count) for name, count in Counter(names).items() if count > 1]
        shown = "; ".join(f"{count} {words} {name!r}" for name, count in repeated[:_SHOWN])
        more = f" and {len(repeated) - _SHOWN} more" if len(repeated) > _SHOWN else ""
        notices.append(Notice(code, shown + more, path))


def _io(root: Mapping[str, Any], layers: tuple[Layer, ...], notices: list[Notice], path: str) -> tuple[IoTensor, ...]:
    if isinstance(root.get("I/O Tensors"), list):
        return tuple(_io_tensor(item) for item in root["I/O Tensors"] if isinstance(item, dict))
    bindings = root.get("Bindings")
    if isinstance(bindings, list):
        return _bindings([name for name in bindings if isinstance(name, str)], layers)
    notices.append(Notice("no-bindings", "the file does not say which tensors enter and leave the engine", path))
    return ()


def _io_tensor(item: dict[str, Any]) -> IoTensor:
    """One of TensorRT 11's ``I/O Tensors``; its format is that of the first optimisation profile."""
    tensor = _tensor(item)
    infos = (
        [info for info in item.get("ProfileInfo") or () if isinstance(info, dict)]
        if isinstance(item.get("ProfileInfo"), list)
        else []
    )
    profiles = []
    for info in infos:
        low, best, high = (integers(info.get(key)) for key in ("MinShape", "OptShape", "MaxShape"))
        if low is not None and best is not None and high is not None:
            profiles.append((low, best, high))
    phrase = string(infos[0].get("Format")) if infos else None
    if phrase is not None:
        dtype, layout = read_format(phrase)
        tensor = Tensor(tensor.name, tensor.dims, tensor.dtype or dtype, layout, tensor.strides, tensor.location)
    mode = {"input": IoMode.INPUT, "output": IoMode.OUTPUT}.get(str(item.get("IOMode")).lower())
    return IoTensor(tensor, mode, tuple(profiles))


def _bindings(names: Sequence[str], layers: tuple[Layer, ...]) -> tuple[IoTensor, ...]:
    """The list of names that TensorRT up to 10 writes; what is written by a layer is an output, else an input.

    Engines of several optimisation profiles repeat each binding with the profile's suffix; each is listed once.
    """
    written: dict[str, Tensor] = {}
    used: dict[str, Tensor] = {}
    for layer in layers:
        for tensor in layer.outputs or ():
            written.setdefault(tensor.name, tensor)
        for tensor in layer.inputs or ():
            used.setdefault(tensor.name, tensor)
    found = []
    for name in dict.fromkeys(_SUFFIX.sub("", name) for name in names):
        mode = IoMode.OUTPUT if name in written else IoMode.INPUT if name in used else None
        found.append(IoTensor(written.get(name) or used.get(name) or Tensor(name), mode))
    return tuple(found)


_SUFFIX: Final = re.compile(r" \[profile \d+\]$")
