"""Reading an ONNX file a user gave, with an error that names what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from trtprof.errors import InputError
from trtprof.files import replacing
from trtprof.graph.well_formed import check_location, check_well_formed, external_range

if TYPE_CHECKING:
    import onnx

_LARGEST_IN_ONE_FILE = 2**31 - 2**24
"""Bytes of weights that leave room for the structure below protobuf's limit of 2 GB a message."""


def load_onnx(path: Path, *, weights: bool = True) -> onnx.ModelProto:
    """Return the model; with ``weights=False`` external data is left where it is.

    Raises:
        InputError: the file is absent, is no ONNX model, is cut off, contradicts itself, or its external data is
            missing or lies outside its directory.
    """
    import onnx
    from google.protobuf.message import DecodeError

    size = _size(path)
    try:
        model = onnx.load(path, load_external_data=False, format="protobuf")
    except (DecodeError, ValueError) as error:
        raise InputError(
            f"expected an ONNX model, found {size:,} bytes that are none, or the file is cut off",
            path=path,
            hint="copy or export the model again; it must be ONNX, not a PyTorch checkpoint or an engine",
        ) from error
    if not model.graph.node or not model.opset_import:
        raise InputError(
            "expected an ONNX model with nodes and an opset, found none",
            path=path,
            hint="the file parses as protobuf but holds no graph; export the model again",
        )
    check_well_formed(model, path)
    _check_external_data(model, path)
    if weights:
        _load_external_data(model, path)
    return model


def _size(path: Path) -> int:
    """The size of a file that is there and holds something."""
    try:
        if path.is_dir():
            raise InputError("expected an ONNX file, found a directory", path=path, hint="give the .onnx file in it")
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise InputError("no such file", path=path, hint="give the path of an .onnx file") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"cannot be read: {reason}", path=path, hint="give the path of an .onnx file") from error
    if size == 0:
        raise InputError(
            "expected an ONNX model, found an empty file", path=path, hint="copy or export the model again"
        )
    return size


def save_onnx(model: onnx.ModelProto, path: Path, *, sync: bool = False) -> None:
    """Write the model through a temporary file; weights go beside it where protobuf's 2 GB limit asks for it.

    ``sync`` is for a model that the user keeps; see :func:`~trtprof.files.replacing`.

    Raises:
        BuildError: the disk is full or the directory cannot be written.
    """
    import onnx

    # Counted by hand: above its limit protobuf cannot even tell the size.
    large = sum(len(tensor.raw_data) for tensor in model.graph.initializer) > _LARGEST_IN_ONE_FILE
    with replacing(path, sync=sync) as temporary:
        if large:  # no earlier model may be left with the weights of this one
            path.unlink(missing_ok=True)
        # onnx appends to weights that are there already.
        path.with_name(f"{path.name}.data").unlink(missing_ok=True)
        onnx.save(
            model,
            temporary,
            save_as_external_data=large,
            location=f"{path.name}.data" if large else None,
        )


def _check_external_data(model: onnx.ModelProto, path: Path) -> None:
    """ONNX's own loader reports a missing file without the tensor; a user needs both."""
    from onnx.external_data_helper import uses_external_data

    for tensor in model.graph.initializer:
        if not uses_external_data(tensor):
            continue
        location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        check_location(location, tensor.name, path)
        data = path.parent / location
        if not data.is_file():
            raise InputError(
                f"expected the weights of '{tensor.name}' in the file {location}, which is missing",
                path=path,
                hint=f"copy {location} beside the model: ONNX stores large weights outside the .onnx file",
            )
        needed = sum(external_range(tensor.external_data, tensor.name, path))
        if data.stat().st_size < needed:
            raise InputError(
                f"expected {needed:,} bytes in {location} for '{tensor.name}', found {data.stat().st_size:,}",
                path=path,
                hint=f"{location} is cut off; copy it again",
            )


def _load_external_data(model: onnx.ModelProto, path: Path) -> None:
    from onnx.external_data_helper import load_external_data_for_model

    try:
        load_external_data_for_model(model, str(path.parent))
    except Exception as error:  # onnx raises its checker's own type for a location outside the model's directory
        raise InputError(
            f"external data cannot be read: {error}", path=path, hint="keep the weights in the model's own directory"
        ) from error
