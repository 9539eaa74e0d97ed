"""The inputs and outputs of an engine on the device: how large they are, what is in them, where they lie."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trtprof.errors import BuildError, InputError, UsageError
from trtprof.units import dims

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_BITS: Final = {
    "FLOAT": 32, "HALF": 16, "BF16": 16, "INT64": 64, "INT32": 32, "INT8": 8, "UINT8": 8, "BOOL": 8, "FP8": 8,
    "E8M0": 8, "INT4": 4, "FP4": 4,
}  # fmt: skip
"""Bits of a value, by the name of the ``DataType``: ``itemsize`` is missing or ``None`` for the newer ones."""

_NUMPY: Final = {
    "FLOAT": "float32", "HALF": "float16", "INT64": "int64", "INT32": "int32", "INT8": "int8", "UINT8": "uint8",
    "BOOL": "bool",
}  # fmt: skip
_ONE_IN_E4M3: Final = 0x38
_SEED: Final = 0


class Buffers:
    """Every input and output of an engine, allocated, filled and set on an execution context.

    Input shapes are set first, since the sizes of the outputs follow from them. A shape tensor lies in host memory.
    """

    def __init__(
        self,
        trt: Any,
        cuda: Any,
        engine: Any,
        context: Any,
        *,
        shapes: Mapping[str, tuple[int, ...]],
        feed: Path | None = None,
    ) -> None:
        """Allocate, fill and set.

        Raises:
            UsageError: a shape is missing or does not fit.
            InputError: ``feed`` lacks an input or has it in another shape.
            BuildError: the device is out of memory, or TensorRT does not take an address.
        """
        self._trt, self._cuda, self._engine, self._context = trt, cuda, engine, context
        self._kept: list[Any] = []  # what the context holds the addresses of
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        self.inputs = tuple(name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT)
        self.outputs = tuple(name for name in names if name not in self.inputs)
        arrays = _read_feed(feed, self.inputs)
        for name in self.inputs:
            self._set_input(name, shapes.get(name), arrays.get(name))
        missing = context.infer_shapes()
        if missing:
            raise UsageError(f"the shape of '{missing[0]}' does not follow from the inputs'", hint="--shapes NAME:DIMS")
        for name in self.outputs:
            self._set_output(name)

    def _set_input(self, name: str, wanted: tuple[int, ...] | None, array: Array | None) -> None:
        extents = tuple(self._engine.get_tensor_shape(name))
        if -1 in extents:
            if wanted is None:
                raise UsageError(f"input '{name}' is dynamic: {dims(extents)}", hint=f"give it: --shapes {name}:DIMS")
            if not self._context.set_input_shape(name, wanted):
                raise UsageError(f"--shapes {name}:{dims(wanted)} is outside of what the engine was built for")
            extents = wanted
        kind = self._engine.get_tensor_dtype(name).name
        content = _content(name, kind, extents, self._size(name, extents), array)
        if self._on_host(name):
            if array is None:
                raise UsageError(
                    f"input '{name}' holds a shape: its value must be given", hint="give inputs in an .npz file"
                )
            self._keep(name, content, content.ctypes.data)
            return
        memory = self._allocate(name, content.nbytes)
        self._cuda.memcpy_htod(memory, content)
        self._keep(name, memory, int(memory))

    def _set_output(self, name: str) -> None:
        import numpy as np

        extents = tuple(self._context.get_tensor_shape(name))
        # Where the data decides on the shape, TensorRT knows an upper bound of the bytes.
        size = self._context.get_max_output_size(name) if -1 in extents else self._size(name, extents)
        if size < 0:
            raise BuildError(f"TensorRT does not say how large output '{name}' may become")
        if self._on_host(name):
            host = np.zeros(max(1, size), np.uint8)
            self._keep(name, host, host.ctypes.data)
            return
        memory = self._allocate(name, size)
        self._keep(name, memory, int(memory))

    def _allocate(self, name: str, size: int) -> Any:
        try:
            return self._cuda.mem_alloc(max(1, size))
        except self._cuda.MemoryError as error:
            raise BuildError(
                f"the GPU has no {size:,} bytes left for '{name}': out of memory",
                hint="end other programs on the GPU, or build a smaller shape",
            ) from error

    def _keep(self, name: str, memory: Any, address: int) -> None:
        self._kept.append(memory)
        if not self._context.set_tensor_address(name, address):
            raise BuildError(f"TensorRT does not take the address of '{name}'")

    def _on_host(self, name: str) -> bool:
        location = self._engine.get_tensor_location(name)
        return bool(location == self._trt.TensorLocation.HOST)

    def _size(self, name: str, extents: tuple[int, ...]) -> int:
        """Bytes of a tensor, its vectorised dimension filled up to whole vectors."""
        bits = _BITS[self._engine.get_tensor_dtype(name).name]
        filled = list(extents)
        dimension = self._engine.get_tensor_vectorized_dim(name)
        if dimension >= 0:
            width = self._engine.get_tensor_components_per_element(name)
            filled[dimension] = -(-filled[dimension] // width) * width
        return (math.prod(filled) * bits + 7) // 8


def _read_feed(feed: Path | None, names: tuple[str, ...]) -> dict[str, Array]:
    import numpy as np

    if feed is None:
        return {}
    try:
        with np.load(feed, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise InputError(f"expected an .npz file with an array for each input: {error}", path=feed) from error
    for name in names:
        if name not in arrays:
            found = ", ".join(f"'{other}'" for other in arrays) or "none"
            raise InputError(f"expected an array for input '{name}', found {found}", path=feed)
    return arrays


def _content(name: str, kind: str, extents: tuple[int, ...], size: int, array: Array | None) -> Array:
    """The bytes of an input: the array given, or seeded numbers that every operator accepts.

    Floats are N(0, 1), since zeros draw less power and so clock higher. Integers are 0 or 1, valid indices of any table
    of two rows; masks are ones, because a fully masked row is NaN after softmax. FP8 is 1.0 throughout.
    """
    import numpy as np

    rng = np.random.default_rng(_SEED)
    if array is not None:
        values = _given(name, kind, extents, array)
    elif kind in ("FLOAT", "HALF"):
        values = rng.standard_normal(extents, np.float32).astype(_NUMPY[kind])
    elif kind == "BF16":
        values = (rng.standard_normal(extents, np.float32).view(np.uint32) >> 16).astype(np.uint16)
    elif kind in _NUMPY:
        ones = kind == "BOOL" or "mask" in name.lower()
        values = (np.ones(extents) if ones else rng.integers(0, 2, extents)).astype(_NUMPY[kind])
    else:
        values = np.full(size, _ONE_IN_E4M3 if kind == "FP8" else 0x11, np.uint8)
    content = np.zeros(max(1, size), np.uint8)
    flat = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
    content[: flat.size] = flat
    return content


def _given(name: str, kind: str, extents: tuple[int, ...], array: Array) -> Array:
    if kind not in _NUMPY:
        raise UsageError(f"input '{name}' is {kind}: numpy has no such type, so it cannot be given in a file")
    if tuple(array.shape) != extents:
        raise InputError(f"expected {dims(extents)} for input '{name}', found {dims(array.shape)}")
    return array.astype(_NUMPY[kind], copy=False)
