"""One variant of a model, from the prepared base to a written file."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from trtprof.files import replacing
from trtprof.graph.onnx_file import load_onnx, save_onnx
from trtprof.model import DType, Precision, Unknown
from trtprof.variants.calibration import CalibrationData
from trtprof.variants.fp8 import fp8_support
from trtprof.variants.fp16 import to_half
from trtprof.variants.int8 import quantise
from trtprof.variants.options import MadeVariant, VariantOptions
from trtprof.variants.qdq import QuantisedType
from trtprof.variants.ranges import RangeCache
from trtprof.variants.spec import VariantSpec

__all__ = ["MadeVariant", "VariantOptions", "make_variant"]


def make_variant(  # noqa: PLR0917 - the six things a variant is made from, in the order they come up
    spec: VariantSpec,
    base: Path,
    out: Path,
    data: CalibrationData,
    options: VariantOptions,
    target: str,
    *,
    cache: RangeCache | None = None,
) -> MadeVariant | Unknown:
    """Write the variant of the prepared model ``base`` to ``out`` and return it, or why there is none.

    ``out`` appears whole or not at all; weights beyond protobuf's 2 GB lie beside it in ``OUT.data``. A ``cache``
    shared between calls calibrates variants of one model once.

    Raises:
        InputError: ``base`` is no usable ONNX model.
        BuildError: ``out`` cannot be written.
        MissingDependency: the variant needs calibration and onnxruntime is not installed.
    """
    start = time.perf_counter()
    _forget(out)
    if spec.precision in (Precision.FP32, Precision.TF32):
        _copy(base, out)
        return MadeVariant(out, spec, (), (), time.perf_counter() - start)
    if spec.precision in (Precision.FP16, Precision.BF16):
        notices = to_half(base, out, DType(spec.precision.value))
        if isinstance(notices, Unknown):
            return notices
        return MadeVariant(out, spec, notices, (), time.perf_counter() - start)
    kind = QuantisedType.FP8 if spec.precision is Precision.FP8 else QuantisedType.INT8
    lacking = fp8_support(target) if kind is QuantisedType.FP8 else None
    result = lacking or quantise(
        base, load_onnx(base), data, options, spec.remainder or Precision.FP32, kind=kind, cache=cache
    )
    if isinstance(result, Unknown):
        return result
    save_onnx(result.model, out)
    made = VariantSpec(spec.name, spec.precision, result.remainder)
    ranges = tuple((found.tensor, found.amax) for found in result.ranges)
    return MadeVariant(out, made, result.notices, ranges, time.perf_counter() - start)


def _copy(base: Path, out: Path) -> None:
    """Write the base again under the variant's name: a second name for the same bytes where the file system can.

    Weights in external data are named inside the model, so such a model is saved anew.
    """
    if base.with_name(f"{base.name}.data").exists():
        save_onnx(load_onnx(base), out)
        return
    with replacing(out, sync=False) as temporary:
        temporary.unlink(missing_ok=True)
        try:
            temporary.hardlink_to(base)
        except OSError:
            shutil.copyfile(base, temporary)


def _forget(out: Path) -> None:
    """Remove an earlier variant: onnx appends to an external data file that exists."""
    for path in (out, out.with_name(f"{out.name}.data")):
        path.unlink(missing_ok=True)
