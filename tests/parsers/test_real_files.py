from __future__ import annotations

import statistics
from collections import Counter
from pathlib import Path

import pytest

from tests.parsers import real_files
from trtprof.errors import InputError
from trtprof.model import Engine, Layer, Unknown
from trtprof.parsers.engine_assembly import assemble, read_engines, summary_of, times_by_layer, unmatched_times
from trtprof.parsers.engine_inspector import EngineInfo
from trtprof.parsers.engine_log import EngineLog
from trtprof.parsers.pairing import pair
from trtprof.parsers.registry import READERS, Content, FileKind, read_any, sniff
from trtprof.parsers.trex_metadata import TrexMetadata
from trtprof.parsers.trtexec_profile import LayerProfile
from trtprof.parsers.trtexec_times import InferenceTimes

REL = 1e-5


@pytest.mark.parametrize("name", real_files.READ)
def test_what_each_file_gives(name: str, shared: Path) -> None:
    found = summarise(read_any(shared / name).content)
    expected = real_files.READ[name]
    assert type(found) is type(expected)
    for field, value in expected._asdict().items():
        wanted = pytest.approx(value, rel=REL) if isinstance(value, float) else value
        assert getattr(found, field) == wanted, field


@pytest.mark.parametrize("name", real_files.REFUSED)
def test_what_is_refused_and_why(name: str, shared: Path) -> None:
    reason = real_files.REFUSED[name]
    kind = sniff(shared / name)
    if isinstance(kind, Unknown):
        assert reason in kind.reason
    else:
        assert kind.name == reason
        assert kind not in READERS
    with pytest.raises(InputError) as error:
        read_any(shared / name)
    assert str(shared / name) in error.value.message
    assert error.value.hint


def test_no_file_is_forgotten(shared: Path) -> None:
    files = {str(path.relative_to(shared)) for path in shared.rglob("*") if path.is_file()}
    assert files == set(real_files.READ) | set(real_files.REFUSED)


def test_medians_of_the_a100_engines(shared: Path) -> None:
    engines = {engine.name.split("__")[4]: engine for engine in a100(shared)}
    medians = {
        name: statistics.median(engine.inference.compute_ns) / 1e6
        for name, engine in engines.items()
        if engine.inference
    }
    assert {name: round(value, 3) for name, value in medians.items()} == {
        "fp32": 1.991,
        "fp16": 0.862,
        "qat": 0.883,
        "qat-residual": 0.546,
    }
    assert {name: engine.precision for name, engine in engines.items()} == {
        "fp32": "fp32",
        "fp16": "fp16",
        "qat": "int8",
        "qat-residual": "int8",
    }
    assert {engine.device.name for engine in engines.values() if engine.device} == {"NVIDIA A100 80GB PCIe"}


def test_times_file_and_summary_agree(shared: Path) -> None:
    """trtexec leaves warm-up out of its summary; so does the reader of the times, up to the figures' rounding."""
    checked = 0
    for files in pair([shared / "trex"]):
        engine, summary = assemble(files), summary_of(files)
        assert engine.inference is not None
        assert summary is not None
        assert summary.compute is not None
        times = engine.inference.compute_ns
        assert statistics.median(times) == pytest.approx(summary.compute.median_ns)
        assert statistics.fmean(times) == pytest.approx(summary.compute.mean_ns, rel=1e-4)
        assert (min(times), max(times)) == pytest.approx((summary.compute.min_ns, summary.compute.max_ns))
        checked += 1
    assert checked == 7


@pytest.mark.parametrize("directory", ["trex", "fuzzylabs", "blackwell"])
def test_every_time_finds_its_layer(directory: str, shared: Path) -> None:
    engines = [engine for engine in read_engines([shared / directory]) if engine.timings]
    assert engines
    for engine in engines:
        assert not unmatched_times(engine)
        assert None not in times_by_layer(engine)
        assert sum(timing.ratio or 0 for timing in engine.timings or ()) == pytest.approx(1)


def test_order_of_rows_does_not_matter(shared: Path) -> None:
    (files,) = [files for files in pair([shared / "blackwell"]) if files.name == "dmt_sm100"]
    engine = assemble(files)
    expected = {layer.name: time for layer, time in zip(engine.layers, times_by_layer(engine), strict=True)}
    shuffled = Engine(engine.name, None, engine.layers, timings=tuple(reversed(engine.timings or ())))
    assert {layer.name: time for layer, time in zip(engine.layers, times_by_layer(shuffled), strict=True)} == expected


def test_blackwell_engine_in_full(shared: Path) -> None:
    info = read_any(shared / "blackwell" / "dmt_sm100_layers.json").content
    assert isinstance(info, EngineInfo)
    by_name = {layer.name: layer for layer in info.layers}
    conv = by_name["/img_backbone/layer1/layer1_0/conv1/Conv_myl2_16"]
    assert conv.type == "correlation"
    assert conv.tactic is not None
    assert conv.tactic.startswith("cutlass3x_sm100_tensorop_i64x256x32")
    assert conv.onnx_nodes[0] == "/img_backbone/layer1/layer1.0/conv1/Conv"
    assert [tensor.dims for tensor in conv.inputs or ()] == [(7, 64, 136, 240)]
    assert by_name["entry^bb^wait^5_myl2_1"].stream_id == 5
    assert by_name["entry^bb^wait^5_myl2_1"].parameters["EventId"] == 8
    assert {io.mode for io in info.io} == {"input", "output"}
    assert [notice.code for notice in info.notices] == ["duplicate-producer"]


def test_centerpoint_log_in_full(shared: Path) -> None:
    """A log of 2 MB and 16,675 lines: what it lists, what it timed and what it chose fit together."""
    log = read_any(shared / "logs" / "trt8203_a100_centerpoint_fp16_verbose.log").content
    assert isinstance(log, EngineLog)
    assert log.build is not None
    assert log.trtexec is not None
    listing, detailed = log.build.engines
    assert [layer.name for layer in listing.layers] == [layer.name for layer in detailed.layers]
    assert {layer.name for layer in detailed.layers} == {timing.layer for timing in log.trtexec.timings}
    tactics = {layer.name: layer.parameters.get("TacticValue") for layer in listing.layers}
    timed = {
        candidate.tactic: candidate.name
        for trial in log.build.autotunings
        for candidate in trial.candidates
        if trial.operation == "Conv_15 + Relu_16"
    }
    names = {layer.name: layer.tactic for layer in detailed.layers}
    assert timed[str(tactics["Conv_15 + Relu_16"])] == names["Conv_15 + Relu_16"]
    assert log.trtexec.timings_total_ns == pytest.approx(
        sum(timing.mean_ns for timing in log.trtexec.timings), rel=1e-3
    )
    assert log.build.memory.activation_bytes == 74659840


def test_files_of_one_directory_fall_into_engines(shared: Path) -> None:
    names = {files.name: sorted(item.kind.name for item in files.artefacts) for files in pair([shared / "fuzzylabs"])}
    assert names["resnet18_fp16"] == ["LAYER_INFO", "PROFILE", "TREX_METADATA", "TREX_METADATA"]
    assert names["torch_trt_alexnet"] == ["LAYER_INFO", "LAYER_LATENCY"]
    assert names["jetson_vgg16"] == ["LAYER_INFO"]
    assert len(names) == 11


def test_a_log_goes_to_the_layers_it_lists(shared: Path) -> None:
    engines = {files.name: [item.path.name for item in files.artefacts] for files in pair([shared / "cookbook"])}
    assert engines["cookbook"] == ["cookbook_exportLayerInfo.json", "cookbook_trtexec_result-04_layerinfo.log"]


def a100(shared: Path) -> list[Engine]:
    return list(read_engines(path for path in (shared / "trex").iterdir() if "__A100__" in path.name))


def operand(layer: Layer) -> str:
    return layer.inputs[0].dtype.value if layer.inputs and layer.inputs[0].dtype else "none"


def kinds(layers: tuple[Layer, ...]) -> dict[str, int]:
    return dict(Counter(layer.kind.value for layer in layers))


def summarise(content: Content) -> object:
    """The pinned figures of a file's content."""
    if isinstance(content, EngineInfo):
        return real_files.Layers(
            len(content.layers), kinds(content.layers), dict(Counter(map(operand, content.layers)))
        )
    if isinstance(content, LayerProfile):
        return real_files.Times(len(content.timings), content.mean_sum_ns / 1e6, content.count or 0)
    if isinstance(content, InferenceTimes):
        times = content.inference.compute_ns
        return real_files.Iterations(len(times), statistics.median(times) / 1e6, content.warm_up_iterations)
    if isinstance(content, TrexMetadata):
        spread = content.summary.compute if content.summary else None
        median = spread.median_ns / 1e6 if spread and spread.median_ns else None
        device = content.device.name if content.device else None
        return real_files.Options(sum(map(len, content.options.values())), device, median)
    assert isinstance(content, EngineLog)
    run, build = content.trtexec, content.build
    timings = run.timings if run else ()
    engines = sorted(build.engines, key=lambda engine: engine.detailed) if build else []
    layers = engines[-1].layers if engines else ()
    return real_files.Log(
        version=run.version if run else None,
        passed=run.passed if run else None,
        timed=len(timings),
        total_ms=sum(timing.mean_ns for timing in timings) / 1e6,
        listed=len(layers),
        kinds=kinds(layers),
        trials=len(build.autotunings) if build else 0,
        tactics=sum(len(trial.candidates) for trial in build.autotunings) if build else 0,
        reformats=len(build.reformats) if build else 0,
    )


def test_kinds_have_readers_or_are_read_elsewhere() -> None:
    assert {kind.name for kind in FileKind if kind not in READERS} == {
        "ONNX_MODEL",
        "NSYS_SQLITE",
        "NSYS_REPORT",
        "NSYS_STATS",
        "NCU_CSV",
        "TEGRASTATS",
    }
