"""What every reader of an ONNX graph relies on, checked once when a file is opened: it may come from anywhere.

The rules are those of the ONNX IR specification (a tensor has one writer, edges form no cycle, operators have the
inputs their schema asks for, a tensor holds as many values as its dims say). ``onnx.checker`` is not asked: it refuses
custom operators and models above 2 GB, which TensorRT takes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from trtprof.errors import InputError

if TYPE_CHECKING:
    import onnx

_HINT: Final = "export the model again; onnx.checker.check_model(FILE) tells more"
_LONGEST_NAME: Final = 255
_LOOKED_INTO: Final = 1 << 16
"""Elements up to which values stored outside ``raw_data`` are converted to see whether they can be."""
_ONE_A_VALUE: Final = frozenset({"float_data", "int64_data", "double_data", "uint64_data", "string_data"})


def check_well_formed(model: onnx.ModelProto, path: Path) -> None:
    """Refuse a model that contradicts itself.

    Raises:
        InputError: names the node or the tensor, and what is wrong with it.
    """
    graph = model.graph
    _check_names(graph, path)
    _check_edges(graph, path)
    _check_operators(model, path)
    for tensor in (*graph.initializer, *_constants(graph.node)):
        _check_tensor(tensor, path)


def check_location(location: str, tensor: str, path: Path) -> None:
    """Refuse external data outside the model's own directory: a model must not make its reader open other files.

    Raises:
        InputError: the location is absolute, leaves the directory, or is no name of a file.
    """
    parts = PurePosixPath(location.replace("\\", "/")).parts
    is_absolute = location.startswith(("/", "\\")) or (bool(parts) and parts[0].endswith(":"))
    if not parts or is_absolute or ".." in parts or "\0" in location or max(map(len, parts)) > _LONGEST_NAME:
        raise InputError(
            f"expected weights in a file beside the model, found the location {location[:80]!r}",
            path=path,
            where=f"tensor '{_shown(tensor)}'",
            hint="keep the weights in the model's own directory: onnx.save(…, save_as_external_data=True)",
        )


def external_range(entry: Any, tensor: str, path: Path) -> tuple[int, int]:
    """Return offset and length of external data, 0 where they are not said.

    Raises:
        InputError: one of them is no number from 0 on.
    """
    said = {item.key: item.value for item in entry}
    numbers = []
    for key in ("offset", "length"):
        text = said.get(key, "0")
        if not (text.isascii() and text.isdecimal() and len(text) < 20):
            raise InputError(
                f"expected a number of bytes as {key} of its external data, found {text[:40]!r}",
                path=path,
                where=f"tensor '{_shown(tensor)}'",
                hint=_HINT,
            )
        numbers.append(int(text))
    return numbers[0], numbers[1]


def _check_names(graph: onnx.GraphProto, path: Path) -> None:
    """Names are text; protobuf hands out what is no UTF-8 as bytes."""
    for place, node in enumerate(graph.node):
        if not all(type(name) is str for name in (node.name, node.op_type, node.domain, *node.input, *node.output)):
            raise _refused(path, node, place, "has a name that is no UTF-8")
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        if type(value.name) is not str:
            raise InputError("expected a name in UTF-8, found other bytes", path=path, where="tensors", hint=_HINT)


def _check_edges(graph: onnx.GraphProto, path: Path) -> None:
    """A tensor has one writer, what is read is written, and nothing reads what comes of itself."""
    given = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    given |= {tensor.values.name for tensor in graph.sparse_initializer}
    writer: dict[str, int] = {}
    for place, node in enumerate(graph.node):
        for name in node.output:
            if name and (name in writer or name in given):
                raise _refused(path, node, place, f"writes the tensor '{_shown(name)}', which is there already")
            if name:
                writer[name] = place
    waits: list[int] = []
    readers: dict[int, list[int]] = {}
    for place, node in enumerate(graph.node):
        sources = {name for name in node.input if name and name not in given}
        unknown = sorted(sources - writer.keys())
        if unknown:
            raise _refused(path, node, place, f"reads the tensor '{_shown(unknown[0])}', which nothing writes")
        before = {writer[name] for name in sources}
        waits.append(len(before))
        for source in before:
            readers.setdefault(source, []).append(place)
    _check_no_cycle(graph, waits, readers, path)


def _check_no_cycle(graph: onnx.GraphProto, waits: list[int], readers: dict[int, list[int]], path: Path) -> None:
    ready = [place for place, count in enumerate(waits) if not count]
    done = 0
    while ready:
        done += 1
        for reader in readers.get(ready.pop(), ()):
            waits[reader] -= 1
            if not waits[reader]:
                ready.append(reader)
    if done < len(waits):
        place = next(place for place, count in enumerate(waits) if count)
        raise _refused(path, graph.node[place], place, "depends on its own output: the graph has a cycle")


def _check_operators(model: onnx.ModelProto, path: Path) -> None:
    """Operators of ONNX have the inputs, outputs and attributes that their schema asks for.

    A custom operator of the same name is held to the same number of inputs: rules look at names.
    """
    import onnx

    version = next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), None)
    newest = onnx.defs.onnx_opset_version()
    schemas: dict[str, Any] = {}
    for place, node in enumerate(model.graph.node):
        if not node.op_type:
            raise _refused(path, node, place, "has no operator")
        if node.op_type not in schemas:
            schemas[node.op_type] = _schema(node.op_type, min(version or newest, newest))
        for what, names, formal, least in _signature(schemas[node.op_type], node):
            if len(names) < least:
                raise _refused(path, node, place, f"has {len(names)} {what}s, {node.op_type} needs {least}")
            left_out = [item.name for name, item in zip(names, formal, strict=False) if not name and _required(item)]
            if left_out:
                raise _refused(path, node, place, f"has no {what} '{left_out[0]}', which {node.op_type} needs")
        for attribute in node.attribute:
            _check_attribute(attribute, schemas[node.op_type], node, place, path)


def _signature(schema: Any, node: onnx.NodeProto) -> Iterator[tuple[str, list[str], Any, int]]:
    if schema is not None:
        yield "input", list(node.input), schema.inputs, schema.min_input
        yield "output", list(node.output), schema.outputs, schema.min_output


def _required(formal: Any) -> bool:
    import onnx

    return bool(formal.option == onnx.defs.OpSchema.FormalParameterOption.Single)


def _schema(operator: str, version: int) -> Any:
    """The schema of that opset, else the newest: a model may say an older opset than its operators are of."""
    import onnx

    for known in (version, onnx.defs.onnx_opset_version()):
        with suppress(onnx.defs.SchemaError, RuntimeError, ValueError, TypeError, OverflowError):
            return onnx.defs.get_schema(operator, known)
    return None


def _check_attribute(attribute: onnx.AttributeProto, schema: Any, node: onnx.NodeProto, place: int, path: Path) -> None:
    known = schema.attributes.get(attribute.name) if schema is not None and not node.domain else None
    wanted = int(known.type) if known is not None else None
    if attribute.ref_attr_name:  # only bodies of functions may have one
        wanted = -1
    if attribute.type == 0 or (wanted is not None and attribute.type != wanted):
        raise _refused(path, node, place, f"has an attribute '{_shown(attribute.name)}' of a wrong type")
    if attribute.name == "group" and attribute.i < 1:
        raise _refused(path, node, place, f"has {attribute.i} groups")


def _constants(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for node in nodes:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value":
                yield attribute.t


def _check_tensor(tensor: onnx.TensorProto, path: Path) -> None:
    """A tensor is of a known type and holds as many values as its dims say; external data is checked elsewhere."""
    import onnx

    if tensor.data_type not in onnx.TensorProto.DataType.values() or not tensor.data_type:
        raise _bad_tensor(path, tensor, f"expected a known type, found number {tensor.data_type}")
    if any(extent < 0 for extent in tensor.dims):
        raise _bad_tensor(path, tensor, f"expected extents from 0 on, found {min(tensor.dims)}")
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        return
    elements = math.prod(tensor.dims)
    if tensor.HasField("raw_data") and tensor.data_type != onnx.TensorProto.STRING:
        needed, found = _packed_bytes(tensor.data_type, elements), len(tensor.raw_data)
        if needed != found:
            raise _bad_tensor(path, tensor, f"expected {needed:,} bytes for its dims, found {found:,}")
        return
    field = onnx.helper.tensor_dtype_to_field(tensor.data_type)
    stored = len(getattr(tensor, field))
    if field in _ONE_A_VALUE and "COMPLEX" not in onnx.TensorProto.DataType.Name(tensor.data_type):
        fits = stored == elements
    else:
        fits = 2 * stored >= elements and (elements > _LOOKED_INTO or _converts(tensor))
    if not fits:
        raise _bad_tensor(path, tensor, f"expected {elements:,} values for its dims, found {stored:,}")


def _packed_bytes(data_type: int, elements: int) -> int:
    """Bytes that so many values take."""
    import onnx

    name = onnx.TensorProto.DataType.Name(data_type)
    bits = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2}.get(name)
    if bits is None:
        bits = 8 if name.startswith("FLOAT8") else 8 * int(onnx.helper.tensor_dtype_to_np_dtype(data_type).itemsize)
    return -(-elements * bits // 8)


def _converts(tensor: onnx.TensorProto) -> bool:
    from onnx import numpy_helper

    try:
        numpy_helper.to_array(tensor)
    except (ValueError, TypeError, OverflowError):
        return False
    return True


def _refused(path: Path, node: onnx.NodeProto, place: int, what: str) -> InputError:
    name = _shown(str(node.name or f"{node.op_type} {place}"))
    return InputError(f"not a sound ONNX graph: it {what}", path=path, where=f"node '{name}'", hint=_HINT)


def _bad_tensor(path: Path, tensor: onnx.TensorProto, what: str) -> InputError:
    return InputError(what, path=path, where=f"tensor '{_shown(tensor.name)}'", hint=_HINT)


def _shown(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:79]}…"
