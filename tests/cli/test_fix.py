"""``trtprof fix`` as its users meet it: what is written, listed, checked and proven, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.graph.qdq import Net
from trtprof.cli.fix_text import report_json
from trtprof.comparison import OutputAccuracy
from trtprof.model import Unknown
from trtprof.pipeline.fix import FixOptions, fix_model
from trtprof.pipeline.lint import lint_model
from trtprof.pipeline.repair_check import OutputCheck, RepairCheck

pytest.importorskip("onnxruntime", reason="pip install 'trtprof[quant]'")


class Quiet:
    def stage(self, text: str) -> None:
        pass

    def progress(self, phase: str, step: int, steps: int) -> None:
        pass


@pytest.fixture(scope="module")
def resnet(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A ResNet-18 quantised by this package without Q/DQ on its residual Adds."""
    from trtprof.graph.prepare import prepare
    from trtprof.variants.calibration import open_calibration
    from trtprof.variants.make import make_variant
    from trtprof.variants.options import VariantOptions
    from trtprof.variants.spec import parse_variant

    folder = tmp_path_factory.mktemp("resnet")
    base = prepare(models / "resnet18.onnx", {}, folder / "base.onnx")
    data = open_calibration("random:2", base.inputs)
    options = VariantOptions(residual_qdq=False)
    make_variant(parse_variant("int8-fp32"), base.path, folder / "int8.onnx", data, options, "sm89")
    yield folder / "int8.onnx"


def test_a_resnet_with_one_sided_residuals(resnet: Path, rtx, tmp_path: Path) -> None:
    out = tmp_path / "fixed.onnx"
    named = [item.node for item in lint_model(resnet, parser=False).findings if item.code == "Q101"]
    assert len(named) == 8
    digest = resnet.read_bytes()
    report = fix_model(resnet, out, FixOptions(calib="random:2"), Quiet())
    assert resnet.read_bytes() == digest
    assert sorted(item.node for item in report.repairs) == sorted(named)
    assert report.left == ()
    assert [item.code for item in lint_model(out, parser=False).findings if item.code == "Q101"] == []
    check, before, after = report.check, report.before, report.after
    assert isinstance(check, RepairCheck)
    assert check.kept
    # Each place is off by half a step, and the output by a step or two of an INT8 output.
    assert all(item.error_steps <= 0.5 + 1e-6 and item.clipped_ratio < 1e-3 for item in check.places)
    assert check.outputs[0].change_steps is not None
    assert check.outputs[0].change_steps < 3
    assert after.rows < before.rows  # type: ignore[union-attr]
    assert after.conversions <= before.conversions  # type: ignore[union-attr]
    assert after.activation_bytes < 0.8 * before.activation_bytes  # type: ignore[operator, union-attr]
    assert dict(report.findings_before)["Q101"] == 8
    assert "Q101" not in dict(report.findings_after)


def test_without_data_a_range_is_not_guessed(resnet: Path, tmp_path: Path) -> None:
    report = fix_model(resnet, tmp_path / "o.onnx", FixOptions(check=False, build=False), Quiet())
    assert [item.node for item in report.left] == [f"/layer{place}/layer{place}.0/Add" for place in (2, 3, 4)]
    assert len(report.repairs) == 5
    assert report.written == str(tmp_path / "o.onnx")


def test_what_is_printed(trtprof, models: Path, tmp_path: Path) -> None:
    result = trtprof("fix", models / "residual_onesided_qdq.onnx", "-o", "out.onnx", "--no-build")
    assert result.exit_code == 0
    assert result.stdout == (
        "Q101 /block/Add: its skip input '/relu/Relu_output_0' has Q/DQ now, with the scale 0.05 of "
        "'/block/conv1/Conv/0/QuantizeLinear' (rounds)\n"
        "\n"
        "checked with onnxruntime on 4 batches of seeded random numbers (seed 0), which says nothing of accuracy\n"
        "at /block/Add: '/relu/Relu_output_0' off by at most 0.50 steps of 0.05\n"
        "output 'output': exact between before and after, at most 0.00 steps of it as INT8; against the float function "
        "32.2 dB before, 32.2 dB after\n"
        "\n"
        "no build before: not asked for (--no-build)\n"
        "no build after: not asked for (--no-build)\n"
        "findings of trtprof lint: Q101 1 to 0, Q105 1 to 0\n"
    )
    assert result.stderr == "repairing\nrunning the model before and after\nwrote out.onnx\n"
    onnx.checker.check_model(onnx.load(tmp_path / "out.onnx"), full_check=True)


def test_formats(trtprof, models: Path, rtx) -> None:
    model = models / "residual_onesided_qdq.onnx"
    answer = json.loads(trtprof("fix", model, "-o", "a.onnx", "--format", "json").stdout)
    assert answer["schema_version"] == 1
    assert answer["repairs"][0]["node"] == "/block/Add"
    assert answer["build"]["after"]["activation_bytes"] < answer["build"]["before"]["activation_bytes"]
    assert answer["check"]["kept"] is True
    csv = trtprof("fix", model, "-o", "b.onnx", "--format", "csv", "--no-build", "--no-check").stdout.splitlines()
    assert csv[0] == "code,node,repaired,exact,what"
    assert csv[1].startswith("Q101,/block/Add,yes,false,")
    markdown = trtprof("fix", model, "-o", "c.onnx", "--format", "markdown").stdout
    assert "| only conversions |" in markdown
    assert "- Q101 /block/Add:" in markdown


def test_the_model_is_never_written(trtprof, models: Path, tmp_path: Path) -> None:
    model = tmp_path / "net.onnx"
    model.write_bytes((models / "residual_onesided_qdq.onnx").read_bytes())
    (tmp_path / "link.onnx").symlink_to(model)
    for out in ("net.onnx", "link.onnx"):
        result = trtprof("fix", "net.onnx", "-o", out, "--force")
        assert result.exit_code == 2
        assert "is the model itself, which is never written" in result.stderr
    (tmp_path / "there.onnx").write_text("something")
    result = trtprof("fix", "net.onnx", "-o", "there.onnx")
    assert (result.exit_code, (tmp_path / "there.onnx").read_text()) == (2, "something")
    assert "--force" in result.stderr


def test_nothing_to_repair_writes_nothing(trtprof, models: Path, tmp_path: Path) -> None:
    result = trtprof("fix", models / "resnet18.onnx", "-o", "out.onnx")
    assert (result.exit_code, result.stdout) == (0, "nothing to repair\n")
    assert not (tmp_path / "out.onnx").exists()


def test_repairs_are_chosen_by_code(trtprof, models: Path, tmp_path: Path) -> None:
    model = models / "residual_onesided_qdq.onnx"
    assert trtprof("fix", model, "-o", "out.onnx", "--select", "Q103").stdout == "nothing to repair\n"
    assert trtprof("fix", model, "-o", "out.onnx", "--ignore", "Q101").stdout == "nothing to repair\n"
    result = trtprof("fix", model, "-o", "out.onnx", "--select", "Q102")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: --select: no repair is known for Q102\nhint: there are Q101, Q103, Q104, Q106, Q107, Q111, Q112, Q113\n"
    )


def test_a_repair_that_loses_accuracy_is_not_written(
    trtprof, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import trtprof.pipeline.repair_check as module

    real = module.compare_outputs

    def worse(reference, variant, *rest):  # the repaired model's error against the float function, ten times as large
        found = real(reference, variant, *rest)
        scale = 10.0 if variant.name == "after.onnx" else 0.0
        return tuple(replace(item, sqnr_db=min(item.sqnr_db, 50.0) - scale) for item in found)

    monkeypatch.setattr(module, "compare_outputs", worse)
    result = trtprof("fix", models / "residual_onesided_qdq.onnx", "-o", "out.onnx", "--no-build")
    assert result.exit_code == 1
    assert "error: the repaired model is further from the float function than the given one" in result.stderr
    assert not (tmp_path / "out.onnx").exists()


def test_what_cannot_be_checked_is_not_written_unless_asked(
    trtprof, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trtprof.pipeline.fix.check_repairs", lambda *_: Unknown("an operator is missing"))
    model = models / "residual_onesided_qdq.onnx"
    result = trtprof("fix", model, "-o", "out.onnx", "--no-build")
    assert result.exit_code == 1
    assert "cannot be checked and was not written: an operator is missing\nhint: --no-check" in result.stderr
    assert not (tmp_path / "out.onnx").exists()
    assert trtprof("fix", model, "-o", "out.onnx", "--no-build", "--no-check").exit_code == 0
    net = Net()
    onnx.save(net.model(net.conv(net.qdq("x"), "a", int32_bias=True)), tmp_path / "exact.onnx")
    assert trtprof("fix", "exact.onnx", "-o", "out2.onnx", "--no-build").exit_code == 0


@pytest.mark.parametrize(
    ("change", "before", "after", "kept"),
    [
        (math.inf, 30.0, 30.0, True), (25.0, 30.0, 28.0, True), (25.0, 30.0, 26.9, False), (61.0, 70.0, 60.0, True),
        (20.0, math.inf, 20.0, False), (None, None, None, False),
    ],
)  # fmt: skip
def test_the_power_of_the_error_may_double(change, before, after, kept: bool) -> None:
    accuracy = OutputAccuracy("y", 1, 1.0, change, 0.0)
    assert OutputCheck("y", accuracy, 0.0, before, after).kept is kept


def test_a_bias_that_the_parser_refused_builds_afterwards(rtx, tmp_path: Path) -> None:
    net = Net()
    path = tmp_path / "net.onnx"
    onnx.save(net.model(net.node("Relu", net.conv(net.qdq("x"), "a", int32_bias=True))), path)
    report = fix_model(path, tmp_path / "out.onnx", FixOptions(), Quiet())
    answer = report_json(report)
    assert "Int32" in answer["build"]["before"]["unknown"]
    assert answer["build"]["after"]["quantised_matmuls"] == 1
    assert answer["check"]["outputs"][0]["change_sqnr_db"] == "inf"


def test_a_model_exported_from_quantisation_aware_training(tmp_path: Path, rtx) -> None:
    """The form of pytorch-quantization: scales and zero points in Constant nodes, batch normalisation left in."""
    net = Net()
    rng = np.random.default_rng(0)

    def constant(values: np.ndarray) -> str:
        return net.node("Constant", value=onnx.numpy_helper.from_array(values))

    def fake(tensor: str, scale: np.ndarray, **axis: int) -> str:
        s, z = constant(scale), constant(np.zeros(scale.shape, np.int8))
        return net.node("DequantizeLinear", net.node("QuantizeLinear", tensor, s, z, **axis), s, z, **axis)

    def block(tensor: str, name: str, scale: float) -> str:
        values = (rng.standard_normal((8, 8, 1, 1)) / 8).astype(np.float32)
        scales = (np.abs(values).max(axis=(1, 2, 3)) / 127).astype(np.float32)
        weight = fake(net.constant(f"{name}.weight", values), scales, axis=0)
        y = net.node("Conv", fake(tensor, np.float32(scale).reshape(())), weight, name=name)
        terms = [net.constant(f"{name}.{i}", rng.uniform(0.5, 1.5, 8).astype(np.float32)) for i in range(4)]
        return net.node("BatchNormalization", y, *terms, name=f"{name}.bn")

    stem = net.node("Relu", block("x", "stem", 0.03))
    inner = net.node("Relu", block(stem, "conv1", 0.02))
    add = net.node("Add", block(inner, "conv2", 0.02), stem, name="join")
    model = net.model(block(net.node("Relu", add), "last", 0.03))
    onnx.save(model, tmp_path / "qat.onnx")
    codes = [item.code for item in lint_model(tmp_path / "qat.onnx").findings if item.level.value != "note"]
    assert sorted(codes) == ["Q104"] * 4
    report = fix_model(tmp_path / "qat.onnx", tmp_path / "out.onnx", FixOptions(), Quiet())
    # Only without the normalisation between does the Add stand behind a quantised convolution.
    assert sorted(item.code for item in report.repairs) == ["Q101", *["Q104"] * 4]
    assert not report.failed
    assert {item.code for item in lint_model(tmp_path / "out.onnx").findings} <= {"Q109"}


def test_a_dynamic_model_needs_a_shape_for_the_check_alone(trtprof, models: Path, tmp_path: Path) -> None:
    model = onnx.load(models / "residual_onesided_qdq.onnx")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    del model.graph.value_info[:]
    onnx.save(model, tmp_path / "net.onnx")
    refused = trtprof("fix", "net.onnx", "-o", "out.onnx")
    assert refused.exit_code == 3
    assert "--shapes input:" in refused.stderr
    assert trtprof("fix", "net.onnx", "-o", "out.onnx", "--shapes", "input:2x3x56x56", "--no-build").exit_code == 0
    written = onnx.load(tmp_path / "out.onnx")
    assert written.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert trtprof("fix", "net.onnx", "-o", "free.onnx", "--no-check", "--no-build").exit_code == 0
