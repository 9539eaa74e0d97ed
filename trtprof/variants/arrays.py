"""Calibration arrays from .npz and .npy files, checked against the input they feed."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trtprof.errors import InputError
from trtprof.model import DType, Notice
from trtprof.units import dims

if TYPE_CHECKING:
    import numpy as np

_NUMPY: Final = {
    DType.FP64: "float64", DType.FP32: "float32", DType.FP16: "float16", DType.INT64: "int64", DType.INT32: "int32",
    DType.INT16: "int16", DType.INT8: "int8", DType.UINT8: "uint8", DType.BOOL: "bool",
}  # fmt: skip
# What NumPy and zipfile raise for files that are cut off, altered, packed otherwise or of another kind.
_UNREADABLE: Final = (
    OSError, ValueError, TypeError, EOFError, KeyError, OverflowError, MemoryError, RuntimeError, SyntaxError,
    tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_SAVE_HINT: Final = "write it with numpy.savez(FILE, NAME=array, …) or numpy.save(FILE, array)"


@dataclass(frozen=True, slots=True)
class ArraySource:
    """An array in a file: where it is, for messages, and how to read it."""

    path: Path
    where: str | None
    read: Callable[[], np.ndarray[Any, Any]]

    def error(self, message: str, hint: str) -> InputError:
        """Return the error that names this array."""
        return InputError(message, path=self.path, where=self.where, hint=hint)


def npz_file(path: Path, names: Sequence[str]) -> tuple[dict[str, tuple[ArraySource, ...]], tuple[Notice, ...]]:
    """Return the array of each input in a .npz file, and a notice about arrays no input takes.

    Raises:
        InputError: the file cannot be read, or an input has no array; a lone array may have any name where the model
            has one input.
    """
    try:
        with _open_npz(path) as archive:
            found = tuple(archive.files)
    except _UNREADABLE as error:
        raise InputError("expected a .npz file, cannot be read as one", path=path, hint=_SAVE_HINT) from error
    if not found:
        raise InputError("expected arrays, found an empty .npz file", path=path, hint=_SAVE_HINT)
    if len(names) == 1 and len(found) == 1:
        return {names[0]: (_member(path, found[0]),)}, ()
    absent = [name for name in names if name not in found]
    if absent:
        raise InputError(
            f"expected an array named '{absent[0]}', found {', '.join(found)}",
            path=path,
            hint="name the arrays as the model's inputs: " + ", ".join(names),
        )
    extra = [name for name in found if name not in names]
    notices = (Notice("calibration-array-ignored", f"no input takes {', '.join(extra)}", str(path)),) if extra else ()
    return {name: (_member(path, name),) for name in names}, notices


def directory_of_arrays(path: Path, names: Sequence[str]) -> dict[str, tuple[ArraySource, ...]]:
    """Return the .npy files of each input, sorted by name.

    One input: every .npy file of the directory. Several: ``NAME/*.npy`` or ``*.NAME.npy``, where characters of NAME
    that a file name cannot hold are ``_``.

    Raises:
        InputError: an input has no files.
    """
    sources = {}
    for name in names:
        safe = name.replace("/", "_").replace(":", "_")
        files = sorted((path / safe).glob("*.npy")) or sorted(path.glob(f"*.{safe}.npy"))
        if not files and len(names) == 1:
            files = sorted(path.glob("*.npy"))
        if not files:
            expected = ".npy files or images" if len(names) == 1 else f"{safe}/*.npy or *.{safe}.npy"
            raise InputError(
                f"expected {expected} for input '{name}', found none", path=path, hint=_directory_hint(names)
            )
        sources[name] = tuple(one_array(file) for file in files)
    return sources


def one_array(path: Path) -> ArraySource:
    """Return a .npy file as the source of an array."""

    def read() -> np.ndarray[Any, Any]:
        import numpy as np

        try:
            return np.asarray(np.load(path, allow_pickle=False))
        except _UNREADABLE as error:
            raise InputError("expected a .npy file, cannot be read as one", path=path, hint=_SAVE_HINT) from error

    return ArraySource(path, None, read)


def fit_array(source: ArraySource, shape: tuple[int, ...], dtype: DType | None) -> np.ndarray[Any, Any]:
    """Return the array as samples: a leading sample axis, then the input's shape without its batch axis.

    Accepted are the input's own shape with any number of samples in place of its batch, one more leading axis over
    whole batches, and a single sample without batch axis.

    Raises:
        InputError: another shape, a type that does not convert without loss, no sample, or NaN or infinity.
    """
    import numpy as np

    array = source.read()
    if not shape:
        if array.size != 1:
            raise source.error(f"expected one value for a scalar input, found shape {dims(array.shape)}", _SAVE_HINT)
        samples = array.reshape(())
    elif array.ndim == len(shape) and array.shape[1:] == shape[1:]:
        samples = array
    elif array.ndim == len(shape) + 1 and array.shape[1:] == shape:
        samples = array.reshape(-1, *shape[1:])
    elif array.shape == shape[1:]:
        samples = array[np.newaxis]
    else:
        raise source.error(
            f"expected samples of shape {dims(shape)}, found {dims(array.shape)}",
            f"give an array of shape {dims(('samples', *shape[1:]))}",
        )
    if samples.size == 0:
        raise source.error(f"expected at least one sample, found shape {dims(array.shape)}", _SAVE_HINT)
    return _typed(source, samples, dtype)


def to_input_type(array: np.ndarray[Any, Any], dtype: DType | None) -> np.ndarray[Any, Any]:
    """Return the array in the type of the input; as it is where that type is unknown or NumPy has none."""
    name = None if dtype is None else _NUMPY.get(dtype)
    return array if name is None else array.astype(name, copy=False)


def _typed(source: ArraySource, array: np.ndarray[Any, Any], dtype: DType | None) -> np.ndarray[Any, Any]:
    import numpy as np

    wanted = None if dtype is None else _NUMPY.get(dtype)
    if array.dtype.kind not in "fiub" or (wanted is not None and not _converts(array, np.dtype(wanted))):
        raise source.error(
            f"expected {wanted or 'numbers'}, found {array.dtype}",
            f"convert it yourself, so that the scaling is yours: array.astype('{wanted or 'float32'}')",
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = int(array.size - np.isfinite(array).sum())
        raise source.error(f"expected finite numbers, found {bad:,} of NaN or infinity", "leave those samples out")
    return to_input_type(array, dtype)


def _converts(array: np.ndarray[Any, Any], wanted: np.dtype[Any]) -> bool:
    """Floats feed floats, integers integers that hold them; 8-bit pixels never feed a float input unscaled."""
    import numpy as np

    if array.dtype == wanted:
        return True
    kind: str = array.dtype.kind
    if wanted.kind == "f":
        return kind == "f"
    if wanted.kind == "b":
        return kind in "iu" and bool(np.isin(array, (0, 1)).all())
    if kind not in "iub" or array.size == 0:
        return kind in "iub"
    limits = np.iinfo(wanted)
    return int(array.min()) >= limits.min and int(array.max()) <= limits.max


@contextmanager
def _open_npz(path: Path) -> Iterator[Any]:
    """NumPy leaves a broken archive's file open when it opens it itself."""
    import numpy as np

    with path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("a single array")
        with archive:
            yield archive


def _member(path: Path, name: str) -> ArraySource:
    def read() -> np.ndarray[Any, Any]:
        import numpy as np

        try:
            with _open_npz(path) as archive:
                return np.asarray(archive[name])
        except _UNREADABLE as error:
            raise InputError(
                "expected an array, cannot be read as one", path=path, where=f"array '{name}'", hint=_SAVE_HINT
            ) from error

    return ArraySource(path, f"array '{name}'", read)


def _directory_hint(names: Sequence[str]) -> str:
    if len(names) == 1:
        return "a directory of .npy files, each a sample or a batch, or a directory of images with --preprocess"
    return "one directory per input, or files named SAMPLE.INPUT.npy; inputs: " + ", ".join(names)
