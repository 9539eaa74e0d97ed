"""Calibration data: what the model is run on to find the ranges of its tensors and to compare its outputs.

Opening reads everything once, so that a wrong file is refused before anything is built. Small data stays in memory;
larger data is read again on each pass.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trtprof.errors import InputError, UsageError
from trtprof.model import DType, Notice
from trtprof.units import dims, plural
from trtprof.variants.arrays import ArraySource, directory_of_arrays, fit_array, npz_file, one_array, to_input_type
from trtprof.variants.images import (
    IMAGE_SUFFIXES,
    PRESETS_HINT,
    Preprocess,
    image_extents,
    load_image,
    parse_preprocess,
)

if TYPE_CHECKING:
    import numpy as np

Batch = dict[str, "np.ndarray[Any, Any]"]
Input = tuple[str, tuple[int, ...], DType | None]

DEFAULT_SOURCE: Final = "random:8"
_MEMORY_BUDGET_BYTES: Final = 256 * 2**20
_SOURCES_HINT: Final = (
    "--calib takes random:N, a .npz file with one array per input, a directory of .npy files or a directory of images"
)


@dataclass(frozen=True)
class CalibrationData:
    """Batches of the model's inputs, the same on every pass.

    ``source`` says in words where they come from, ``count`` is the number of batches and ``samples`` of samples in
    them. ``synthetic`` data is random: it stands for structure and speed, never for accuracy. ``digest`` is the SHA-256
    of names, types, shapes and bytes of every array, as the model is fed.
    """

    source: str
    synthetic: bool
    count: int
    samples: int
    digest: str
    notices: tuple[Notice, ...]
    _read: Callable[[], Iterator[Batch]] = field(repr=False, compare=False)

    def batches(self) -> Iterator[Batch]:
        """Return a fresh iterator over all batches, each a dict from input name to array."""
        return self._read()


def open_calibration(
    source: str | None, inputs: tuple[Input, ...], *, seed: int = 0, preprocess: str | None = None
) -> CalibrationData:
    """Return the calibration data of ``source`` for these inputs (name, static shape, type).

    ``None`` is ``random:8``: floats from N(0, 1) by a seeded generator; integers 0 or 1, which are valid indices of any
    table with two rows; inputs with ``mask`` in the name all ones, because a fully masked row is NaN after softmax.
    Files give samples, stacked to the model's batch size; the samples of a last incomplete batch are left out, with a
    notice.

    Raises:
        UsageError: ``source`` or ``preprocess`` is not of a known form.
        InputError: a file is missing, unreadable, empty, or holds an array of the wrong name, shape, type or value.
        MissingDependency: images are given and Pillow is not installed.
    """
    text = DEFAULT_SOURCE if source is None else source
    how = None if preprocess is None else parse_preprocess(preprocess)
    if text == "random" or text.startswith("random:"):
        count = _random_count(text)
        words = f"{plural(count, 'batch', 'batches')} of seeded random numbers (seed {seed})"
        return _checked(words, True, inputs, lambda: _random_batches(inputs, count, seed), ())
    path = Path(text)
    if not path.exists():
        raise InputError("no such file or directory", path=path, hint=_SOURCES_HINT)
    images = () if path.is_file() else _images_in(path)
    if images:
        return _open_images(path, images, inputs, how)
    return _open_arrays(path, inputs)


def _random_count(text: str) -> int:
    number = text.partition(":")[2]
    if not (number.isascii() and number.isdigit() and int(number) > 0):
        raise UsageError(
            f"cannot read --calib '{text}'", hint="random:N needs a number of batches from 1, like random:8"
        )
    return int(number)


def _random_batches(inputs: Sequence[Input], count: int, seed: int) -> Iterator[Batch]:
    import numpy as np

    for index in range(count):
        rng = np.random.default_rng([seed, index])
        yield {name: _random_array(rng, name, shape, dtype) for name, shape, dtype in inputs}


def _random_array(
    rng: np.random.Generator, name: str, shape: tuple[int, ...], dtype: DType | None
) -> np.ndarray[Any, Any]:
    import numpy as np

    if dtype is None or dtype.is_float:
        return to_input_type(rng.standard_normal(shape, dtype=np.float32), dtype)
    values = np.ones(shape, np.int64) if "mask" in name.lower() else rng.integers(0, 2, shape)
    return to_input_type(np.asarray(values), dtype)


def _images_in(directory: Path) -> tuple[Path, ...]:
    """All images below a directory of images; none where there are .npy files, which then count."""
    if any(directory.rglob("*.npy")):
        return ()
    return tuple(sorted(path for path in directory.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES))


def _open_images(
    path: Path, images: Sequence[Path], inputs: tuple[Input, ...], how: Preprocess | None
) -> CalibrationData:
    if how is None:
        raise UsageError(f"{path}: images need --preprocess", hint=PRESETS_HINT)
    if len(inputs) != 1:
        raise InputError(
            f"images feed a model with one input, this one has {len(inputs)}",
            path=path,
            hint="calibrate with a .npz file that has one array per input",
        )
    name, shape, dtype = inputs[0]
    extents = image_extents(name, shape, how)
    whole, left_out = _whole_batches(path, name, len(images), shape[0])

    def read() -> Iterator[Batch]:
        import numpy as np

        for start in range(0, whole, shape[0]):
            batch = np.stack([load_image(image, extents, how) for image in images[start : start + shape[0]]])
            yield {name: to_input_type(batch, dtype)}

    words = f"{plural(whole, 'image')} of {path.name or path} (preprocess {how.name})"
    return _checked(words, False, inputs, read, left_out)


def _open_arrays(path: Path, inputs: tuple[Input, ...]) -> CalibrationData:
    names = tuple(name for name, _, _ in inputs)
    sources: dict[str, tuple[ArraySource, ...]]
    ignored: tuple[Notice, ...] = ()
    if path.is_dir():
        sources = directory_of_arrays(path, names)
    elif path.suffix.lower() == ".npz":
        sources, ignored = npz_file(path, names)
    elif path.suffix.lower() == ".npy" and len(names) == 1:
        sources = {names[0]: (one_array(path),)}
    else:
        raise InputError(f"expected calibration data, found a '{path.suffix}' file", path=path, hint=_SOURCES_HINT)
    samples = {name: _sample_count(sources[name], shape, dtype) for name, shape, dtype in inputs}
    total = _agreed_count(path, samples, inputs)
    batch = max((shape[0] for _, shape, _ in inputs if shape), default=1)
    whole, left_out = _whole_batches(path, names[0], total, batch)

    def read() -> Iterator[Batch]:
        streams = [_batches_of(sources[name], shape, dtype) for name, shape, dtype in inputs]
        for _ in range(whole // batch):
            yield {name: next(stream) for name, stream in zip(names, streams, strict=True)}

    words = f"{plural(whole, 'sample')} of {path.name or path}"
    return _checked(words, False, inputs, read, (*ignored, *left_out))


def _sample_count(sources: Iterable[ArraySource], shape: tuple[int, ...], dtype: DType | None) -> int | None:
    """Samples an input's arrays hold; ``None`` for a scalar input, whose one value serves every batch."""
    if not shape:
        return None
    return sum(len(fit_array(source, shape, dtype)) for source in sources)


def _batches_of(
    sources: Sequence[ArraySource], shape: tuple[int, ...], dtype: DType | None
) -> Iterator[np.ndarray[Any, Any]]:
    """Yield one input's batches, samples in the order of the files; a scalar input repeats its value."""
    import numpy as np

    if not shape:
        value = fit_array(sources[0], shape, dtype)
        while True:
            yield value
    pending: list[np.ndarray[Any, Any]] = []
    for source in sources:
        for sample in fit_array(source, shape, dtype):
            pending.append(sample)
            if len(pending) == shape[0]:
                yield np.stack(pending)
                pending = []


def _agreed_count(path: Path, samples: dict[str, int | None], inputs: tuple[Input, ...]) -> int:
    counts = {name: count for name, count in samples.items() if count is not None}
    batches = {name: counts[name] / shape[0] for name, shape, _ in inputs if name in counts}
    if len(set(batches.values())) > 1:
        found = ", ".join(f"'{name}' {count}" for name, count in counts.items())
        raise InputError(
            f"expected as many samples for each input, found {found}", path=path, hint="give every input each sample"
        )
    return max(counts.values(), default=1)


def _whole_batches(path: Path, name: str, samples: int, batch: int) -> tuple[int, tuple[Notice, ...]]:
    """Samples that fill whole batches, and the notice about the rest."""
    whole = samples - samples % batch
    if whole == 0:
        raise InputError(
            f"expected at least {plural(batch, 'sample')} for one batch, found {samples}",
            path=path,
            where=f"input '{name}'",
            hint="add samples, or build the model with a smaller batch: --shapes NAME:DIMS",
        )
    if whole == samples:
        return whole, ()
    message = f"{plural(samples - whole, 'sample')} left out: {samples} do not fill batches of {batch}"
    return whole, (Notice("calibration-incomplete-batch", message, str(path)),)


def _checked(
    source: str,
    synthetic: bool,
    inputs: tuple[Input, ...],
    read: Callable[[], Iterator[Batch]],
    notices: tuple[Notice, ...],
) -> CalibrationData:
    """Read everything once: hash it, count it, and keep it if it is small."""
    import numpy as np

    digest = hashlib.sha256()
    kept: list[Batch] | None = []
    count = size = 0
    for batch in read():
        count += 1
        for name in sorted(batch):
            array = np.ascontiguousarray(batch[name])
            digest.update(f"{name}|{array.dtype.str}|{dims(array.shape)}|".encode())
            digest.update(array.tobytes())
            size += array.nbytes
        if kept is not None:
            kept.append(batch)
        if size > _MEMORY_BUDGET_BYTES:
            kept = None
    per_batch = max((shape[0] for _, shape, _ in inputs if shape), default=1)
    stored = kept
    return CalibrationData(
        source,
        synthetic,
        count,
        count * per_batch,
        digest.hexdigest(),
        notices,
        read if stored is None else lambda: iter([dict(batch) for batch in stored]),
    )
