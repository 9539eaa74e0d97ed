"""TensorRT's own INT8 calibrators, fed with batches; they exist up to TensorRT 10.

The classes behind these names call back from C++ functions that may not throw: an exception that left one would end
the process. So each callback keeps its exception, stops the calibration, and the builder raises it afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trtprof.errors import InputError, UsageError
from trtprof.files import replacing

if TYPE_CHECKING:
    import numpy as np

Batch = Mapping[str, "np.ndarray[Any, Any]"]
Upload = Callable[[str, "np.ndarray[Any, Any]"], int]
"""Copies an array to the device, into a buffer of that name, and returns its address."""

CALIBRATORS: Final = {
    "entropy2": "IInt8EntropyCalibrator2",
    "minmax": "IInt8MinMaxCalibrator",
    "entropy": "IInt8EntropyCalibrator",
    "legacy": "IInt8LegacyCalibrator",
}
LEGACY_QUANTILE: Final = 0.9999
LEGACY_REGRESSION_CUTOFF: Final = 1.0
"""The legacy calibrator asks for both; these keep all but a ten-thousandth of the values."""


def make_calibrator(trt: Any, name: str, batches: Iterator[Batch], cache: Path, upload: Upload) -> Any:
    """Return a calibrator of the given kind; its ``failure`` is the exception that stopped it, if one did.

    It reads ``cache`` where there is one, and then takes no batch; else it writes it.

    Raises:
        UsageError: this TensorRT has no such calibrator.
    """
    base: Any = getattr(trt, CALIBRATORS[name], None)
    if base is None:
        raise UsageError(
            f"this TensorRT has no {name} calibrator: calibrators ended with TensorRT 10",
            hint="leave out --typing weak: the ranges are then Q/DQ in the ONNX file",
        )

    class Calibrator(_Callbacks, base):  # type: ignore[misc]
        def __init__(self) -> None:
            base.__init__(self)
            _Callbacks.__init__(self, batches, cache, upload)

    return Calibrator()


class _Callbacks:
    """What TensorRT calls while it calibrates."""

    def __init__(self, batches: Iterator[Batch], cache: Path, upload: Upload) -> None:
        self._batches, self._cache, self._upload = batches, cache, upload
        self.failure: BaseException | None = None
        self.taken = 0

    def get_batch_size(self) -> int:
        """Return 1: with an explicit batch the batch is in the shape."""
        return 1

    def get_batch(self, names: list[str], *_: Any) -> list[int] | None:
        """Return the device addresses of the next batch's inputs, ``None`` after the last."""
        try:
            batch = next(self._batches, None)
            if batch is None:
                return None
            missing = [name for name in names if name not in batch]
            if missing:
                found = ", ".join(f"'{name}'" for name in batch)
                raise InputError(f"expected an array for input '{missing[0]}', found {found}", where="calibration data")
            addresses = [self._upload(name, batch[name]) for name in names]
        except BaseException as error:
            self.failure = error
            return None
        self.taken += 1
        return addresses

    def read_calibration_cache(self, *_: Any) -> bytes | None:
        """Return the table of an earlier calibration, ``None`` to calibrate."""
        with suppress(OSError):
            return self._cache.read_bytes() or None
        return None

    def write_calibration_cache(self, cache: Any, *_: Any) -> None:
        """Keep the table."""
        try:
            with replacing(self._cache, sync=False) as temporary:
                temporary.write_bytes(bytes(cache))
        except BaseException as error:
            self.failure = error

    # Asked of the legacy calibrator alone (python/src/infer/pyInt8.cpp in NVIDIA/TensorRT).

    def get_quantile(self) -> float:
        """Return the quantile that bounds a range."""
        return LEGACY_QUANTILE

    def get_regression_cutoff(self) -> float:
        """Return the fraction of the maximum that the regression may cut."""
        return LEGACY_REGRESSION_CUTOFF

    def read_histogram_cache(self, *_: Any) -> None:
        """Return none: histograms are made anew."""

    def write_histogram_cache(self, *_: Any) -> None:
        """Keep none."""
