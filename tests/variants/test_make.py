from __future__ import annotations

import errno
import hashlib
import shutil
import sys
from pathlib import Path

import onnx
import pytest

from trtprof.errors import BuildError, InputError, MissingDependency
from trtprof.graph.onnx_file import save_onnx
from trtprof.model import Notice, Precision, Unknown
from trtprof.variants.accuracy import compare_outputs
from trtprof.variants.make import MadeVariant, VariantOptions, make_variant
from trtprof.variants.ranges import RangeCache
from trtprof.variants.spec import SPECS, VariantSpec, parse_variant

from .support import FLOAT, data_for, exact_half_scales, initializers, io_of, micro, save

CACHE = RangeCache()


def make(name, base, out, target="sm89", **options):
    return make_variant(
        parse_variant(name), base, out, data_for(base, "random:1"), VariantOptions(**options), target, cache=CACHE
    )


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_each_variant(base, tmp_path, spec):
    source, out = base("residual_micro"), tmp_path / "new" / "v.onnx"
    made = make(spec.name, source, out)
    assert isinstance(made, MadeVariant)
    assert (made.path, made.spec) == (out, spec)
    assert made.seconds > 0
    assert bool(made.ranges) == spec.quantised
    assert [path.name for path in out.parent.iterdir()] == ["v.onnx"]
    model = onnx.load(out)
    onnx.checker.check_model(model, full_check=True)
    assert io_of(model) == io_of(onnx.load(source))


@pytest.mark.parametrize("name", [spec.name for spec in SPECS])
def test_same_bytes_on_every_run(base, tmp_path, name):
    digests = set()
    for run in ("a", "b"):
        make(name, base("transformer"), tmp_path / f"{run}.onnx")
        digests.add(hashlib.sha256((tmp_path / f"{run}.onnx").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_tf32_is_the_onnx_of_fp32(base, tmp_path):
    for name in ("fp32", "tf32"):
        make(name, base("residual_micro"), tmp_path / f"{name}.onnx")
    assert (tmp_path / "fp32.onnx").read_bytes() == (tmp_path / "tf32.onnx").read_bytes()


def test_ranges_are_pairs_of_tensor_and_magnitude(base, tmp_path):
    made = make("int8-fp32", base("residual_micro"), tmp_path / "v.onnx")
    scales = initializers(onnx.load(tmp_path / "v.onnx"))
    assert len(made.ranges) == 5
    for tensor, amax in made.ranges:
        assert scales[f"{tensor}_scale"] == pytest.approx(amax / 127)


def test_remainder_that_became_fp32_is_in_the_spec(tmp_path, monkeypatch):
    def refuse(model, target):
        raise RuntimeError("no adapter")

    monkeypatch.setattr("onnx.version_converter.convert_version", refuse)
    model = micro()
    model.opset_import[0].version = 17
    made = make("int8", save(model, tmp_path / "m.onnx"), tmp_path / "v.onnx")
    assert made.spec == VariantSpec("int8", Precision.INT8, Precision.FP32)
    assert [notice.code for notice in made.notices] == ["int8-remainder-fp32"]
    assert {t.data_type for t in onnx.load(tmp_path / "v.onnx").graph.initializer} == {FLOAT, onnx.TensorProto.INT8}
    assert make("bf16", tmp_path / "m.onnx", tmp_path / "b.onnx") == Unknown(
        "BF16 Conv needs opset 22, and opset 17 of the model cannot be raised to it"
    )
    assert not (tmp_path / "b.onnx").exists()


@pytest.mark.parametrize(("target", "works"), [("sm80", False), ("sm86", False), ("sm89", True), ("SM120", True)])
def test_fp8_needs_a_target_that_has_it(base, tmp_path, target, works):
    made = make("fp8", base("residual_micro"), tmp_path / "v.onnx", target)
    if works:
        assert isinstance(made, MadeVariant)
    else:
        assert made == Unknown(f"{target.upper()} has no FP8: tensor cores multiply it from SM89 (Ada) on")
        assert not (tmp_path / "v.onnx").exists()


def test_notices_of_the_conversion_come_along(tmp_path):
    model = micro()
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == "b")
    bias.CopyFrom(onnx.numpy_helper.from_array(initializers(model)["b"] + 1e6, "b"))
    made = make("fp16", save(model, tmp_path / "m.onnx"), tmp_path / "v.onnx")
    assert made.notices == (Notice("fp16-constants-clamped", "1 constant beyond ±65504 clamped to it: b", "b"),)


def test_an_earlier_variant_is_replaced(base, tmp_path):
    out = tmp_path / "v.onnx"
    out.write_bytes(b"old")
    (tmp_path / "v.onnx.data").write_bytes(b"old weights")
    make("fp16", base("residual_micro"), out)
    assert {path.name for path in tmp_path.iterdir()} == {"v.onnx"}


@pytest.mark.parametrize("name", ["fp32", "fp16", pytest.param("int8", marks=exact_half_scales)])
def test_large_models_have_their_weights_beside_them(base, tmp_path, monkeypatch, name):
    monkeypatch.setattr("trtprof.graph.onnx_file._LARGEST_IN_ONE_FILE", 0)
    out, source = tmp_path / "v.onnx", tmp_path / "in" / "m.onnx"
    save_onnx(onnx.load(base("transformer")), source)
    sizes = set()
    for _ in range(2):  # the second time must not append to the first one's data
        make(name, source, out)
        assert {path.name for path in tmp_path.iterdir()} == {"in", "v.onnx", "v.onnx.data"}
        sizes.add((tmp_path / "v.onnx.data").stat().st_size)
    assert len(sizes) == 1
    assert out.stat().st_size < 200_000
    (found,) = compare_outputs(source, out, data_for(source, "random:1"))
    assert found.sqnr_db > 25


def test_base_that_is_no_model(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"nothing")
    with pytest.raises(InputError, match="expected an ONNX model"):
        make_variant(
            parse_variant("fp16"), tmp_path / "m.onnx", tmp_path / "v.onnx", data_for(micro()), VariantOptions(), "sm89"
        )


def test_no_space_for_a_copy_of_the_base(base, tmp_path, monkeypatch):
    source, out = base("residual_micro"), tmp_path / "v.onnx"
    data = data_for(source, "random:1")

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "hardlink_to", full)
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(BuildError) as caught:
        make_variant(parse_variant("fp32"), source, out, data, VariantOptions(), "sm89")
    assert caught.value.message == f"{out}: cannot be written: No space left on device"
    assert not out.exists()


@pytest.mark.parametrize("name", ["fp16", "int8"])
def test_no_space(base, tmp_path, monkeypatch, name):
    source, out = base("residual_micro"), tmp_path / "v.onnx"
    data = data_for(source, "random:1")

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(onnx, "save", full)
    with pytest.raises(BuildError) as caught:
        make_variant(parse_variant(name), source, out, data, VariantOptions(), "sm89")
    assert caught.value.message == f"{out}: cannot be written: No space left on device"
    assert not out.exists()


def test_without_onnxruntime(base, tmp_path, monkeypatch):
    source = base("residual_micro")
    data = data_for(source, "random:1")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependency) as caught:
        make_variant(parse_variant("int8"), source, tmp_path / "v.onnx", data, VariantOptions(), "sm89")
    assert (
        caught.value.message
        == "running the model on the CPU needs the Python package 'onnxruntime', which is not installed"
    )
    assert isinstance(
        make_variant(parse_variant("fp16"), source, tmp_path / "h.onnx", data, VariantOptions(), "sm89"), MadeVariant
    )
