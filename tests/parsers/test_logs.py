"""trtexec's output and TensorRT's build log, apart and together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parsers.places import FIXTURES
from trtprof.engine_facts import DlaRefusal, GraphRewrite, Rewrite
from trtprof.errors import InputError
from trtprof.model import DType, LayerKind
from trtprof.parsers.engine_log import parse_engine_log, read_engine_log
from trtprof.parsers.layer_listing import tactic_value
from trtprof.parsers.log_lines import LogLevel, log_lines
from trtprof.parsers.tactic_timings import Subject
from trtprof.parsers.trt_log import parse_build_log, read_build_log
from trtprof.parsers.trtexec_log import parse_trtexec_log, read_trtexec_log
from trtprof.parsers.version_number import version_text


@pytest.mark.parametrize(
    ("line", "level", "message"),
    [
        ("[03/24/2023-12:56:13] [V] [TRT] text", LogLevel.VERBOSE, "text"),
        ("[03/24/2023-12:56:13] [I] text", LogLevel.INFO, "text"),
        ("[07/07/2026-06:12:03] [TRT] [W] text", LogLevel.WARNING, "text"),
        ("[I]", LogLevel.INFO, ""),
        ("[V]    two", LogLevel.VERBOSE, "   two"),
        ("[TensorRT] VERBOSE: text", LogLevel.VERBOSE, "text"),
        ("[TensorRT] INTERNAL_ERROR: text", LogLevel.FATAL, "text"),
        ("ERROR: [TRT]: text", LogLevel.ERROR, "text"),
        ("DEBUG: [Torch-TensorRT TensorRT Conversion Context] - text", LogLevel.VERBOSE, "text"),
        ("\x1b[93m[W] text\x1b[0m\r", LogLevel.WARNING, "text"),
        ("Layer(Myelin): x", None, "Layer(Myelin): x"),
        ("[1/1] [=17%  ] x.nsys-rep", None, "[1/1] [=17%  ] x.nsys-rep"),
    ],
)
def test_prefixes(line: str, level: LogLevel | None, message: str) -> None:
    (found,) = log_lines([line])
    assert (found.number, found.level, found.message) == (1, level, message)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("8601", "8.6.1"),
        ("8203", "8.2.3"),
        ("7103", "7.1.3"),
        ("101601", "10.16.1"),
        ("100200", "10.2.0"),
        ("110100", "11.1.0"),
        ("12", None),
        ("0000", None),
        ("x601", None),
        ("٨٦٠١", None),
    ],
)
def test_version_numbers(number: str, text: str | None) -> None:
    assert version_text(number) == text


def test_tensorrt_7() -> None:
    log = read_trtexec_log(FIXTURES / "trt7.log")
    assert (log.version, log.passed, log.iterations, log.warm_up_ns) == (None, True, 180, 200e6)
    assert log.options["Build Options"]["Precision"] == "FP32+INT8"
    summary = log.summary
    assert summary is not None
    assert summary.throughput_per_s is None  # "0 qps" is not measured
    assert summary.latency is not None
    assert (summary.latency.median_ns, summary.latency.percentiles) == (1656010, ((99.0, 1670650.0),))
    assert summary.end_to_end is not None
    assert summary.end_to_end.max_ns == 7655520
    assert summary.compute is not None
    assert summary.compute.median_ns == 1560000
    assert summary.enqueue is not None
    assert summary.enqueue.mean_ns is None
    assert summary.walltime_ns == pytest.approx(3.00461e9)
    assert [timing.layer for timing in log.timings] == ["x to nvm", "{ForeignNode[a...b]}", "y copy finish"]
    assert log.timings_total_ns == 200_000


def test_tensorrt_8_2() -> None:
    log = read_trtexec_log(FIXTURES / "v82_verbose.log")
    assert (log.version, log.build, log.build_ns) == ("8.2.3", None, 8_500_000_000)
    assert log.device is not None
    assert (log.device.name, log.device.compute_capability, log.device.sm_count) == ("Tiny GPU 1", (8, 6), 30)
    assert log.device.memory_bytes_per_s == pytest.approx(336.048e9)
    assert [(io.tensor.name, io.tensor.dims) for io in log.bindings] == [("x", (1, 3, 8, 8)), ("y", (1, 8, 8, 8))]
    assert [(timing.layer, timing.mean_ns, timing.median_ns, timing.count) for timing in log.timings] == [
        ("Reformatting CopyNode for Input Tensor 0 to conv1 + relu1", 5000, None, 781),
        ("conv1 + relu1", 20000, None, 781),
    ]
    assert log.summary is not None
    assert log.summary.end_to_end is not None
    assert log.summary.throughput_per_s == 424.281


def test_tensorrt_10() -> None:
    log = read_trtexec_log(FIXTURES / "v10_profile.log")
    assert (log.version, log.build, log.passed) == ("10.16.1", 11, True)
    assert log.command == "trtexec --loadEngine=tiny.engine --dumpProfile --separateProfileRun --useCudaGraph"
    assert [notice.code for notice in log.notices] == ["shape-chosen", "enqueue-bound", "unstable-clocks"]
    assert log.notices[2].where == f"{FIXTURES / 'v10_profile.log'}: line 30"
    assert "25.2016%" in log.notices[2].message
    assert log.timings[2].layer == "conv1 with  two spaces"
    assert log.timings[2].median_ns == 38_500
    assert log.bindings[0].tensor.dtype is DType.FP16
    assert log.summary is not None
    assert log.summary.compute is not None
    assert [percent for percent, _ in log.summary.compute.percentiles] == [90, 95, 99]


def test_tensorrt_11_prints_no_failed_line() -> None:
    log = read_trtexec_log(FIXTURES / "v11_failed.log")
    assert (log.version, log.passed, log.errors) == ("11.1.0", False, ("Unknown option: --fp16",))


def test_a_log_that_ends_early_says_nothing_of_success() -> None:
    text = (FIXTURES / "v82_verbose.log").read_text().rsplit("&&&& PASSED", 1)[0]
    assert parse_trtexec_log(text).passed is None
    cut = parse_trtexec_log(text[: text.rindex("Total  ")])
    assert [notice.code for notice in cut.notices] == ["table-cut"]
    assert len(cut.timings) == 2


def test_figures_of_two_runs_do_not_mix() -> None:
    text = (FIXTURES / "v82_verbose.log").read_text() + (FIXTURES / "v11_failed.log").read_text()
    log = parse_trtexec_log(text)
    assert (log.runs, log.version, log.summary, log.timings, log.passed) == (2, "11.1.0", None, (), False)
    assert [notice.code for notice in log.notices] == ["several-runs"]


def test_build_log_of_tensorrt_8_2() -> None:
    log = read_build_log(FIXTURES / "v82_verbose.log")
    reformat, layer = log.autotunings
    assert (reformat.subject, reformat.operation) == (Subject.REFORMAT, "x -> <out>")
    assert reformat.chosen is not None
    assert reformat.chosen.time_ns == 4000
    assert (layer.operation, layer.formats) == ("conv1 + relu1", "Half(192,64,8,1) -> Half(512,64,8,1)")
    assert [(item.runner, item.tactic, item.time_ns) for item in layer.candidates] == [
        ("CudnnConvolution", "0x0000000000000001", 31_000),
        ("CudnnConvolution", "0x0000000000000004", None),
        ("CaskConvolution", "0xbdfdef6b84f7ccc9", 19_000),
        ("CaskConvolution", "0x60c3421152ef8e10", 12_000),
    ]
    assert layer.candidates[1].note == "skipped. Scratch requested: 17450532864, available: 4294967296"
    assert layer.chosen is layer.candidates[3]
    assert layer.chosen.name is not None
    assert layer.chosen.name.startswith("sm80_xmma_fprop_implicit_gemm_f16f16")
    (inserted,) = log.reformats
    assert (inserted.layer, inserted.side, inserted.tensor) == ("conv1 + relu1", "input", "x")
    assert (inserted.from_dtype, inserted.to_strides) == (DType.FP16, "64,1:8,8,1")
    (engine,) = log.engines
    assert [layer.parameters.get("TacticValue") for layer in engine.layers] == [
        "0x0000000000000000",
        "0x60c3421152ef8e10",
    ]
    assert engine.layers[0].outputs is not None
    assert engine.layers[0].outputs[0].name == "Reformatted Input Tensor 0 to conv1 + relu1"
    assert log.memory.layers[0].device_persistent_bytes == 9728
    assert (log.memory.activation_bytes, log.memory.weights_bytes, log.memory.scratch_bytes) == (8192, None, 0)


def test_rewrites_of_the_graph() -> None:
    log = read_build_log(FIXTURES / "v82_verbose.log")
    assert log.rewrites == (
        GraphRewrite(Rewrite.FUSE, "ConvReluFusion", ("conv1", "relu1")),
        GraphRewrite(Rewrite.MERGE, None, ("conv2", "conv3")),
        GraphRewrite(Rewrite.REMOVE, None, ("cat",), "concatenation in place"),
        GraphRewrite(Rewrite.COPY, None, ("a", "cat_out"), "input does not support striding"),
    )
    quantised = read_build_log(FIXTURES / "v10_verbose.log").rewrites
    assert [step for step in quantised if step.what is Rewrite.FUSE] == [
        GraphRewrite(Rewrite.FUSE, "QuantizeDoubleInputNodes", ("relu1_QuantizeLinear", "conv1")),
        GraphRewrite(Rewrite.FUSE, "QuantizeDoubleInputNodes", ("x_DequantizeLinear", "w1_DequantizeLinear", "conv1")),
    ]
    assert quantised[0] == GraphRewrite(Rewrite.REMOVE, "HorizontalMergeQNodes", ("q1_clone_1", "q1"), "duplicate")
    assert GraphRewrite(Rewrite.RETYPE, "EltwiseAddToPwn", ("add",), "ELEMENTWISE to POINTWISE") in quantised


def test_build_log_of_tensorrt_10() -> None:
    log = read_build_log(FIXTURES / "v10_verbose.log")
    assert [(trial.subject.value, trial.operation, trial.cached) for trial in log.autotunings] == [
        ("layer", "conv1", False),
        ("layer", "conv1", True),
        ("reformat", "x -> <out>", False),
        ("myelin", "fc", False),
        ("layer", "{ForeignNode[fc...softmax]}", False),
    ]
    cached = log.autotunings[1]
    assert cached.chosen is not None
    assert (cached.chosen.runner, cached.chosen.time_ns) == ("CaskConvolution", 5346.03)
    myelin = log.autotunings[3]
    assert [item.time_ns for item in myelin.candidates] == pytest.approx([18838.4, 20131.2])
    assert log.version == "10.9.0"
    assert log.warnings[1] == (
        "Missing scale and zero-point for tensor (Unnamed Layer* 2) [Constant]_output, expect fall back to non-int8 "
        "implementation for any layer consuming or producing given tensor",
        2,
    )
    assert log.memory.weights_bytes == 2048
    assert log.memory.peak_gpu_bytes == 37 << 20
    (engine,) = log.engines
    constant, conv, reformat, region = engine.layers
    assert [layer.kind for layer in engine.layers] == [
        LayerKind.CONSTANT,
        LayerKind.COMPUTE,
        LayerKind.DEQUANTIZE,
        LayerKind.FOREIGN,
    ]
    assert constant.inputs == ()
    assert conv.inputs is not None
    assert conv.inputs[0].dims == (-1, 8, 8, 8)
    assert conv.inputs[0].format is not None
    assert conv.inputs[0].format.vector_width == 32
    assert reformat.outputs is not None
    assert reformat.outputs[0].format is None
    assert region.outputs is not None
    assert [tensor.dtype for tensor in region.outputs] == [DType.FP32, DType.INT64]


def test_dla_placement_and_names_only_listing() -> None:
    log = read_build_log(FIXTURES / "python_dla.log")
    assert log.dla_layers == ("{ForeignNode[/conv1.../relu_2]}",)
    assert log.gpu_layers == ("REDUCE: /pool", "SHUFFLE: /flatten")
    assert log.dla_refusals == (
        DlaRefusal("/pool", "REDUCE", "DLA cores do not support AVG Reduce operation."),
        DlaRefusal("/flatten", "SHUFFLE", None),
    )
    assert [layer.name for layer in log.engines[0].layers] == ["conv1 + relu1", "pool [profile 1]"]
    assert log.errors == (("2: [utils.cpp::checkMemLimit::380] Error Code 2: Internal Error", 1),)
    assert [refusal.reason for refusal in read_build_log(FIXTURES / "trt7.log").dla_refusals] == [
        None,
        "too many DLA subgraphs",
    ]


def test_other_loggers() -> None:
    log = read_build_log(FIXTURES / "deepstream.log")
    assert (log.memory.activation_bytes, log.memory.scratch_bytes) == (1024, 16)
    assert log.dla_layers == ("{conv_1,batch_norm_1}",)
    assert log.dla_refusals == (DlaRefusal("gather", None, "no precision the DLA has"),)
    assert log.rewrites[0].parts == ("a", "b")


def test_an_excerpt_in_another_text_is_said() -> None:
    text = "# My issue\n\n" + "words\n" * 20 + "[I] [TRT] [DlaLayer] {ForeignNode[a]}\n"
    log = parse_build_log(text)
    assert log.dla_layers == ("{ForeignNode[a]}",)
    assert [notice.code for notice in log.notices] == ["excerpt"]


def test_detailed_listing_is_read_by_the_reader_of_layers() -> None:
    row = (
        "Name: conv1, LayerType: CaskConvolution, Inputs: [ { Name: x, Dimensions: [1,3,8,8], Format/Datatype: Row "
        "major linear FP16 format }], Outputs: [ { Name: y, Dimensions: [1,8,8,8], Format/Datatype: Row major linear "
        "FP16 format }], ParameterType: Convolution, TacticName: sm80_xmma_fprop, TacticValue: 0x60c3421152ef8e10"
    )
    log = parse_build_log(f"[V] [TRT] Layers:\n{row}\n\nBindings:\nx\ny\n[I] done\n")
    (engine,) = log.engines
    assert engine.detailed
    assert engine.layers[0].tactic == "sm80_xmma_fprop"
    assert engine.layers[0].inputs is not None
    assert engine.layers[0].inputs[0].dtype is DType.FP16


def test_tactics_are_written_in_one_way() -> None:
    assert tactic_value("6972489290272968208") == "0x60c3421152ef8e10"
    assert tactic_value("-1") == "0xffffffffffffffff"
    assert tactic_value("0x60c3421152ef8e10") == "0x60c3421152ef8e10"
    assert tactic_value("none") is None


def test_both_parts_of_a_log() -> None:
    both = read_engine_log(FIXTURES / "v82_verbose.log")
    assert both.trtexec == read_trtexec_log(FIXTURES / "v82_verbose.log")
    assert both.build == read_build_log(FIXTURES / "v82_verbose.log")
    assert read_engine_log(FIXTURES / "v10_verbose.log").trtexec is None
    with pytest.raises(InputError, match="expected TensorRT's log messages, found none"):
        parse_engine_log("nothing here\n")
    with pytest.raises(InputError, match="expected trtexec's output"):
        parse_trtexec_log("[V] [TRT] nothing of trtexec\n")


def test_a_log_from_powershell(tmp_path: Path) -> None:
    path = tmp_path / "utf16.log"
    path.write_bytes((FIXTURES / "v10_profile.log").read_text().replace("\n", "\r\n").encode("utf-16"))
    assert [timing.mean_ns for timing in read_trtexec_log(path).timings] == [1000, 10_000, 39_000]
    assert len(read_engine_log(path).trtexec.notices) == 3  # type: ignore[union-attr]
