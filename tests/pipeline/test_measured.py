"""Comparing engines somebody measured: TREx's published ones, and small files written here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trtprof.analysis.engine_graph import unify
from trtprof.analysis.group_times import group_times
from trtprof.analysis.latency import latency_of
from trtprof.analysis.layer_names import named_nodes, operator_of
from trtprof.comparison import Comparison, FusionChange
from trtprof.engine_facts import EngineFacts, PerformanceSummary, Spread
from trtprof.errors import InputError, UsageError
from trtprof.gpu_timeline import EngineTimeline
from trtprof.model import DType, Engine, Inference, Layer, LayerKind, Precision, Provenance, Tensor, Unknown
from trtprof.parsers.engine_assembly import read_engines
from trtprof.pipeline.measured import read_measured
from trtprof.pipeline.targets import parse_target


def trex(shared: Path, *names: str) -> Comparison:
    files = [
        next((shared / "trex").glob(f"examples__pytorch__resnet__A100__{name}__*.engine.graph.json")) for name in names
    ]
    return read_measured([(None, path) for path in files], command="test")


def test_the_published_resnet18_int8_is_slower_than_fp16(shared: Path) -> None:
    comparison = trex(shared, "fp32", "fp16", "qat")
    medians = {built.name: round(built.latency.median_ns / 1e6, 3) for built in comparison.engines if built.latency}
    assert medians == {"fp32": 1.991, "fp16": 0.862, "int8": 0.883}
    assert comparison.verdict.sentence == (
        "fp16 is fastest: 0.862 ms against 0.883 ms of int8, 2.4 % apart, within the noise between two builds "
        "(about 4 %). int8 is slower than fp16: 0.883 ms against 0.862 ms."
    )
    assert comparison.verdict.winner is None
    assert comparison.device.name == "NVIDIA A100 80GB PCIe"
    assert [built.precision_mix for built in comparison.engines] == [
        ((DType.FP32, 21),), ((DType.FP16, 21),), ((DType.INT8, 21),)
    ]  # fmt: skip


def test_its_breakdown_adds_up_to_the_latencies(shared: Path) -> None:
    comparison = trex(shared, "fp32", "fp16", "qat")
    half, quantised = comparison.breakdowns
    assert (quantised.engine, quantised.reference, quantised.provenance) == ("int8", "fp16", Provenance.DERIVED)
    assert quantised.gain_ns == pytest.approx(862_183 - 882_568, abs=2)
    terms = {term.key: term for term in quantised.terms}
    assert terms["quantize"].rows == (0, 10)
    assert terms["quantize"].times_ns == (0.0, pytest.approx(187_000, abs=1000))
    assert half.gain_ns == pytest.approx(1_990_656 - 862_183, abs=500)


def test_nodes_that_are_numbered_differently_are_paired_by_order_and_shape(shared: Path) -> None:
    comparison = trex(shared, "fp16", "qat")
    assert [row.nodes[-1] for row in comparison.engines[1].rows if row.matmuls][:4] == [
        "Conv_0", "Conv_3", "Relu_7", "Conv_8"
    ]  # fmt: skip
    assert not any("(" in node.name for node in comparison.graph.nodes), "every node of the one is in the other"
    assert all(cell.change is FusionChange.SAME for row in comparison.fusions for cell in row.cells)
    times = group_times(comparison.groups, comparison.engines)
    stem = next(item for item in times if "Conv_0" in item.nodes)
    assert stem.ratio(0, 1) == pytest.approx((80.9 + 111.6) / (61.4 + 201.7), rel=0.01), "the INT8 stem is slower"


def test_a_repaired_engine_is_called_faster(shared: Path) -> None:
    comparison = trex(shared, "fp16", "qat-residual")
    assert comparison.verdict.winner == "int8"
    assert "slower" not in comparison.verdict.sentence


def write_engine(folder: Path, dtype: str, times: list[float], *, convs: int = 2) -> Path:
    """An engine of our own making in the form of TensorRT 10's exports."""
    folder.mkdir(parents=True)

    def tensor(name: str) -> dict[str, object]:
        return {"Name": name, "Location": "Device", "Dimensions": [1, 64, 56, 56], "Format/Datatype": dtype}

    layers = [
        {
            "Name": f"conv{i}", "LayerType": "CaskConvolution", "ParameterType": "Convolution", "OutMaps": 64,
            "Kernel": [3, 3], "Groups": 1, "Inputs": [tensor(f"t{i}")], "Outputs": [tensor(f"t{i + 1}")],
            "TacticName": "sm80_xmma_fprop", "StreamId": 0, "Metadata": f"[ONNX Layer: /conv{i}/Conv]",
        }
        for i in range(convs)
    ]  # fmt: skip
    (folder / "layers.json").write_text(json.dumps({"Layers": layers, "Bindings": ["t0", f"t{convs}"]}))
    profile = [{"count": 10}] + [
        {"name": f"conv{i}", "timeMs": times[0] * 5, "averageMs": times[0] / 2, "medianMs": times[0] / 2,
         "percentage": 100 / convs}
        for i in range(convs)
    ]  # fmt: skip
    (folder / "profile.json").write_text(json.dumps(profile))
    runs = [
        {"startEnqMs": 1000 + i, "endEnqMs": 1000 + i + 0.1, "startH2dMs": 0, "endH2dMs": 0, "startComputeMs": 1000 + i,
         "endComputeMs": 1000 + i + t, "startD2hMs": 0, "endD2hMs": 0, "h2dMs": 0, "computeMs": t, "d2hMs": 0,
         "latencyMs": t}
        for i, t in enumerate(times)
    ]  # fmt: skip
    (folder / "times.json").write_text(json.dumps(runs))
    return folder


def test_directories_of_one_engine_each(tmp_path: Path) -> None:
    targets = [
        ("fp16", write_engine(tmp_path / "a", "Half", [0.5, 0.6, 0.7])),
        ("int8", write_engine(tmp_path / "b", "Int8", [0.2, 0.2, 0.2])),
    ]
    comparison = read_measured(targets, command="test")
    assert [built.name for built in comparison.engines] == ["fp16", "int8"]
    assert [built.latency.median_ns for built in comparison.engines if built.latency] == pytest.approx([600e3, 200e3])
    assert comparison.verdict.winner == "int8"
    assert [group.nodes for group in comparison.groups] == [("/conv0/Conv",), ("/conv1/Conv",)]
    assert comparison.engines[0].total_ns == pytest.approx(500e3)


def test_two_engines_of_one_name_are_refused(tmp_path: Path) -> None:
    one, two = (write_engine(tmp_path / name, "Half", [0.5]) for name in "ab")
    with pytest.raises(UsageError, match="two engines are called 'x'"):
        read_measured([("x", one), ("x", two)], command="test")
    unnamed = read_measured([(None, one), (None, two)], command="test")
    assert len({built.name for built in unnamed.engines}) == 2


def test_a_named_directory_holds_one_engine(tmp_path: Path) -> None:
    write_engine(tmp_path / "both" / "a", "Half", [0.5])
    write_engine(tmp_path / "both" / "b", "Half", [0.5], convs=3)
    with pytest.raises(InputError, match="expected one engine, found 2"):
        read_measured([("x", tmp_path / "both")], command="test")
    with pytest.raises(InputError, match="no such file or directory"):
        read_measured([(None, tmp_path / "none")], command="test")


def test_targets_are_taken_apart_only_where_no_such_path_exists(tmp_path: Path) -> None:
    odd = tmp_path / "a=b"
    odd.mkdir()
    assert parse_target(str(odd)) == (None, odd)
    assert parse_target("int8=some/dir") == ("int8", Path("some/dir"))
    assert parse_target("some/dir") == (None, Path("some/dir"))


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("Conv_5 + Add_6 + Relu_7", ("Conv_5", "Add_6", "Relu_7")),
        ("layer1.0.conv1.weight + QuantizeLinear_20 + Conv_22", ("Conv_22",)),
        ("/a/Conv + PWN(PWN(/a/Sigmoid), /a/Mul)", ("/a/Conv", "/a/Sigmoid", "/a/Mul")),
        ("Conv_1 || Conv_2", ("Conv_1", "Conv_2")),
        ("Reformatting CopyNode for Input Tensor 0 to Conv_0 + Relu_1", ()),
        ("fc.weight + QuantizeLinear_255 + Gemm_257 + fc.bias + (Unnamed Layer* 306) [Shuffle] + "
         "unsqueeze_node_after_fc", ("Gemm_257",)),
        ("copied_squeeze_after_(Unnamed Layer* 307) [ElementWise]", ()),
        ("QuantizeLinear_2", ()),
        ("MaxPool_2 [profile 1]", ("MaxPool_2",)),
    ],
)  # fmt: skip
def test_names_of_old_layers_list_their_nodes(name: str, nodes: tuple[str, ...]) -> None:
    assert named_nodes(name) == nodes


def test_operators_are_read_off_names() -> None:
    names = ("Conv_5", "/layer1/conv1/Conv", "/a/Conv_3", "conv1", "p2o.Conv.3", "")
    assert [operator_of(name) for name in names] == ["Conv", "Conv", "Conv", "", "", ""]


def conv(index: int, name: str, maps: int, dtype: DType = DType.FP16) -> Layer:
    tensor = Tensor("t", (1, 8, 16, 16), dtype)
    return Layer(
        index, name, LayerKind.COMPUTE, "CaskConvolution", (tensor,), (tensor,),
        parameters={"OutMaps": maps, "Kernel": [3, 3], "Groups": 1},
    )  # fmt: skip


def test_a_node_only_one_engine_has_keeps_a_name_of_its_own() -> None:
    first = Engine("fp16", Precision.FP16, (conv(0, "Conv_0", 8), conv(1, "Conv_1", 16)))
    second = Engine("int8", Precision.INT8, (conv(0, "Conv_7", 8), conv(1, "Conv_0", 99), conv(2, "Conv_9", 16)))
    graph, engines = unify([first, second])
    assert [layer.onnx_nodes for layer in engines[1].layers] == [("Conv_0",), ("Conv_0 (int8)",), ("Conv_1",)]
    assert [node.name for node in graph.nodes] == ["Conv_0", "Conv_1", "Conv_0 (int8)"]


def engine(inference: Inference | None, summary: PerformanceSummary | None = None) -> Engine:
    return Engine("e", None, (), inference=inference, facts=EngineFacts(summary=summary))


def test_the_summary_of_a_log_answers_where_there_are_no_iterations() -> None:
    compute = Spread(min_ns=1.0, max_ns=9.0, mean_ns=4.0, median_ns=3.0, percentiles=((99.0, 8.0),))
    latency = latency_of(engine(None, PerformanceSummary(compute=compute)))
    assert latency is not None
    assert (latency.what, latency.iterations, latency.median_ns, latency.mean_ns) == ("GPU compute", None, 3.0, 4.0)
    assert (latency.p90_ns, latency.p99_ns, latency.spread_ratio) == (None, 8.0, None)
    assert latency_of(engine(None, PerformanceSummary(throughput_per_s=300.0))) is None


def test_latency_prefers_gpu_time_and_says_nothing_without_iterations() -> None:
    times = tuple(float(number) for number in range(1, 101))
    latency = latency_of(engine(Inference(latency_ns=tuple(t + 50 for t in times), compute_ns=times)))
    assert latency is not None
    assert (latency.what, latency.median_ns, latency.p90_ns, latency.p99_ns) == ("GPU compute", 50.5, 90.0, 99.0)
    assert latency.throughput_per_s == pytest.approx(1e9 / 50.5)
    assert latency_of(engine(Inference())) is None
    assert latency_of(engine(None)) is None
    only = latency_of(engine(Inference(latency_ns=(7.0,))))
    assert only is not None
    assert (only.what, only.spread_ratio, only.p99_ns) == ("latency", 0.0, 7.0)


def test_a_quantised_engine_of_any_name_is_held_against_the_16_bit_one(shared: Path) -> None:
    named = {"base": "fp32", "half": "fp16", "qat": "qat"}
    found = [
        (name, next((shared / "trex").glob(f"examples__pytorch__resnet__A100__{part}__*.engine.graph.json")))
        for name, part in named.items()
    ]
    pairs = [(item.engine, item.reference) for item in read_measured(found, command="test").breakdowns]
    assert pairs == [("half", "base"), ("qat", "half")]


def traced_engine(folder: Path) -> Path:
    """The engine of :func:`write_engine` with a trace of two inferences beside its files."""
    from tests.nsys.synthetic_export import inference
    from tests.nsys.traces import tensorrt

    export = tensorrt()
    for at in (0, 20_000):
        inference(export, [("conv0", "sm80_xmma_fprop", 900), ("conv1", "sm80_xmma_fprop", 800)], at)
    write_engine(folder, "Half", [0.5, 0.6, 0.7])
    export.write(folder / "trace.sqlite")
    return folder


def test_a_trace_beside_the_files_of_an_engine_is_its_timeline(tmp_path: Path) -> None:
    (built,) = read_measured([("fp16", traced_engine(tmp_path / "a"))], command="test").engines
    assert isinstance(built.timeline, EngineTimeline)
    assert built.timeline.trace == "trace.sqlite"
    assert [kernel.row for kernel in built.timeline.kernels] == [row.layer.index for row in built.rows]


def test_a_named_trace_belongs_to_the_files_named_beside_it(tmp_path: Path) -> None:
    folder = traced_engine(tmp_path / "a")
    (engine,) = read_engines([folder / "layers.json", folder / "trace.sqlite"])
    assert engine.traces == (str(folder / "trace.sqlite"),)
    with pytest.raises(InputError, match="found an SQLite file"):
        read_engines([folder / "trace.sqlite"])


def test_of_two_engines_in_a_directory_each_has_the_trace_named_like_it(tmp_path: Path) -> None:
    folder = traced_engine(tmp_path / "a")
    other = write_engine(tmp_path / "b", "Int8", [0.2], convs=3)
    for path in list(folder.iterdir()):
        path.rename(folder / f"one.{path.name}")
    for path in other.iterdir():
        path.rename(folder / f"two.{path.name}")
    one, two = read_engines([folder])
    assert (one.traces, two.traces) == ((str(folder / "one.trace.sqlite"),), ())


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"SQLite format 3\x00" + b"\x00" * 100, "trace.sqlite: "), (None, "no trace of Nsight Systems")],
)
def test_a_trace_that_cannot_be_read_costs_the_timeline_and_nothing_else(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    folder = write_engine(tmp_path / "a", "Half", [0.5])
    if content:
        (folder / "trace.sqlite").write_bytes(content)
    (built,) = read_measured([("fp16", folder)], command="test").engines
    assert isinstance(built.timeline, Unknown)
    assert built.timeline.reason.startswith(reason)
    assert built.latency is not None
