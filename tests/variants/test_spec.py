from __future__ import annotations

import subprocess
import sys

import pytest

from trtprof.errors import UsageError
from trtprof.model import Precision
from trtprof.variants.options import VariantOptions
from trtprof.variants.spec import SPECS, VariantSpec, parse_variant


def test_names():
    assert [(spec.name, spec.precision.value, spec.remainder and spec.remainder.value) for spec in SPECS] == [
        ("fp32", "fp32", None),
        ("tf32", "tf32", None),
        ("fp16", "fp16", None),
        ("bf16", "bf16", None),
        ("int8", "int8", "fp16"),
        ("int8-fp32", "int8", "fp32"),
        ("fp8", "fp8", "fp16"),
    ]
    assert [spec.name for spec in SPECS if spec.quantised] == ["int8", "int8-fp32", "fp8"]


def test_parse():
    assert parse_variant(" INT8-FP32 ") == VariantSpec("int8-fp32", Precision.INT8, Precision.FP32)
    with pytest.raises(UsageError) as caught:
        parse_variant("int9")
    assert caught.value.message == "unknown precision 'int9'"
    assert caught.value.hint == "known are fp32, tf32, fp16, bf16, int8, int8-fp32, fp8"


@pytest.mark.parametrize("percentile", [0.0, -1.0, 100.1])
def test_percentile_that_does_not_exist(percentile):
    with pytest.raises(UsageError, match="does not exist"):
        VariantOptions(method="percentile", percentile=percentile)


def test_import_is_light():
    names = ["spec", "calibration", "int8", "fp16", "fp8", "accuracy", "make", "options"]
    code = "import sys\n" + "".join(f"import trtprof.variants.{name}\n" for name in names)
    code += "print([m for m in ('numpy', 'onnx', 'onnxruntime', 'PIL') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
