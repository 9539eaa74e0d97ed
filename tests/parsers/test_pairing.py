from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.parsers.places import FIXTURES
from tests.parsers.test_small_formats import PLAN
from trtprof.errors import InputError
from trtprof.model import Precision
from trtprof.parsers.engine_assembly import assemble, read_engines, summary_of, times_by_layer, unmatched_times
from trtprof.parsers.pairing import pair, stem_of
from trtprof.parsers.registry import FileKind


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("resnet.onnx.engine.graph.json", "resnet"),
        ("resnet.onnx.engine.build.metadata.json", "resnet"),
        ("dmt_sm100_layers.json", "dmt_sm100"),
        ("layers_tofp16.json", "tofp16"),
        ("profile_.json", ""),
        ("layers.json", ""),
        ("fp16.log", "fp16"),
        ("torch_trt_alexnet_trt_engine_info.json", "torch_trt_alexnet"),
        ("yolo-v8n.int8.times.json", "yolo-v8n.int8"),
        (".json", ""),
    ],
)
def test_stems(name: str, stem: str) -> None:
    assert stem_of(name) == stem


def copy(target: Path, **files: str) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for fixture, name in ((value, key) for key, value in files.items()):
        shutil.copy(FIXTURES / fixture, target / name.replace("__", "."))


def test_a_capture_in_generic_names_is_one_engine(tmp_path: Path) -> None:
    copy(
        tmp_path / "int8",
        layers__json="tiny_v86.layers.json",
        profile__json="tiny_v86.profile.json",
        times__json="tiny_v82.times.json",
        build__metadata__json="tiny.build.metadata.json",
        profile__metadata__json="tiny.profile.metadata.json",
        device__metadata__json="device.metadata.json",
        calibration__cache="entropy.cache",
    )
    (tmp_path / "int8" / "model.onnx").write_bytes(b"\x08\x08\x12\x07pytorch")
    (tmp_path / "int8" / "engine.plan").write_bytes(PLAN)
    (files,) = pair([tmp_path])
    assert files.name == "int8"
    assert len(files.artefacts) == 8
    assert files.others == ((tmp_path / "int8" / "model.onnx", FileKind.ONNX_MODEL),)
    engine = assemble(files)
    assert engine.precision is Precision.INT8
    assert (engine.tool, engine.tool_version, engine.size_bytes) == ("trtexec", "10.16.1.11", 32)
    assert engine.device is not None
    assert engine.device.l2_bytes == 3145728
    assert engine.inference is not None
    assert len(engine.inference.compute_ns) == 7  # a warm-up of 100 ms, as the metadata say
    assert len(engine.layers) == len(engine.timings or ()) == 11
    assert {notice.code for notice in engine.notices} == {"zero-scale", "warm-up"}
    summary = summary_of(files)
    assert summary is not None
    assert summary.throughput_per_s == 900.5


def test_engines_in_one_directory_are_told_by_their_names(tmp_path: Path) -> None:
    copy(
        tmp_path,
        a__layers__json="tiny_v86.layers.json",
        a__profile__json="tiny_v86.profile.json",
        b__layers__json="tiny_v10.layers.json",
        b__profile__json="tiny_v10.profile.json",
        b__log="v10_profile.log",
    )
    kinds = {files.name: [item.kind for item in files.artefacts] for files in pair([tmp_path])}
    assert kinds == {
        "a": [FileKind.LAYER_INFO, FileKind.PROFILE],
        "b": [FileKind.LAYER_INFO, FileKind.LOG, FileKind.PROFILE],
    }


def test_layers_decide_where_names_do_not(tmp_path: Path) -> None:
    copy(
        tmp_path,
        one__json="tiny_v86.layers.json",
        two__json="tiny_v10.layers.json",
        three__json="tiny_v86.profile.json",
        four__json="tiny_v82.profile.json",
    )
    names = {files.name: len(files.artefacts) for files in pair(tmp_path.iterdir())}
    assert names == {"one": 2, "two": 1, "four": 1}


def test_times_of_another_precision_stay_apart(tmp_path: Path) -> None:
    """Layer names of fp16 and fp32 engines may be equal: a name that says fp16 outweighs them."""
    copy(tmp_path, net_fp32__json="tiny_v86.layers.json", net_fp16__json="tiny_v86.profile.json")
    assert [files.name for files in pair([tmp_path])] == ["net_fp16", "net_fp32"]


def test_ambiguous_times_stay_apart(tmp_path: Path) -> None:
    copy(tmp_path, a__json="tiny_v86.layers.json", b__json="tiny_v86.layers.json", c__json="tiny_v86.profile.json")
    assert [files.name for files in pair([tmp_path])] == ["a", "b", "c"]


def test_a_log_of_other_layers_leaves_the_group(tmp_path: Path) -> None:
    copy(tmp_path, net__layers__json="tiny_v86.layers.json", net__log="v82_verbose.log")
    assert [files.name for files in pair([tmp_path])] == ["net", "net"]


def test_join_is_by_name_and_strangers_are_said(tmp_path: Path) -> None:
    layers = [{"Name": name, "LayerType": "gemm"} for name in ("a", "b", "b", "c")]
    (tmp_path / "layers.json").write_text(json.dumps({"Layers": layers, "Bindings": []}))
    rows = [{"name": name, "averageMs": value} for name, value in (("x", 9), ("b", 2), ("a", 1), ("b", 3))]
    (tmp_path / "profile.json").write_text(json.dumps([{"count": 1}, *rows]))
    (engine,) = read_engines([tmp_path])
    assert [time.mean_ns if time else None for time in times_by_layer(engine)] == [1e6, 2e6, 3e6, None]
    assert [time.layer for time in unmatched_times(engine)] == ["x"]
    messages = {notice.code: notice.message for notice in engine.notices}
    assert messages["unmatched-time"] == "1 of 4 times are of layers that are not listed: 'x' (9 ms)"
    assert messages["unmatched-layer"] == "1 of 4 layers have no time: 'c'"


def test_only_the_profile_that_was_timed_is_shown(tmp_path: Path) -> None:
    copy(tmp_path, layers__json="tiny_v10.layers.json", profile__json="tiny_v10.profile.json")
    (engine,) = read_engines([tmp_path])
    assert len(engine.layers) == 10
    assert [layer.index for layer in engine.layers] == list(range(10))
    assert engine.layers[4].name == "conv1 [profile 1]_myl3_4"
    assert None not in times_by_layer(engine)
    assert [notice.code for notice in engine.notices if "profile" in notice.code] == [
        "optimization-profiles",
        "profile-chosen",
    ]


def test_a_log_alone_is_an_engine() -> None:
    (engine,) = read_engines([FIXTURES / "v82_verbose.log"])
    assert (engine.precision, engine.tool_version, engine.build_ns) == (Precision.FP16, "8.2.3", 8_500_000_000)
    assert [layer.name for layer in engine.layers] == [timing.layer for timing in engine.timings or ()]
    assert [io.tensor.name for io in engine.io] == ["x", "y"]
    assert engine.notices == ()


def test_a_profile_alone_is_an_engine_of_names() -> None:
    (engine,) = read_engines([FIXTURES / "tiny_v82.profile.json"])
    assert [layer.name for layer in engine.layers] == ["conv1 + relu1", "pool"]
    assert engine.layers[0].inputs is None
    assert [notice.code for notice in engine.notices] == ["names-only"]


def test_times_alone_are_an_engine_without_layers() -> None:
    (engine,) = read_engines([FIXTURES / "tiny_v86.times.json"])
    assert engine.layers == ()
    assert engine.timings is None
    assert engine.inference is not None
    assert [notice.code for notice in engine.notices] == ["no-layers"]


def test_precision_is_asked_or_inferred_and_said(tmp_path: Path) -> None:
    (inferred,) = read_engines([FIXTURES / "tiny_v86.layers.json"])
    assert inferred.precision is Precision.INT8
    assert [notice.code for notice in inferred.notices] == ["precision-inferred"]
    path = tmp_path / "best.log"
    path.write_text("&&&& RUNNING TensorRT.trtexec [TensorRT v8601] # trtexec --onnx=m.onnx --best\n")
    (asked,) = read_engines([path])
    assert asked.precision is Precision.INT8


def test_unknown_files_of_a_directory_are_said_and_named_ones_refused(tmp_path: Path) -> None:
    copy(tmp_path, a__layers__json="tiny_v86.layers.json", a__profile__json="tiny_v86.profile.json")
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "broken.json").write_text('{"Layers": [')
    (tmp_path / ".hidden").write_text("x")
    (files,) = pair([tmp_path])
    (notice,) = files.notices
    assert notice.code == "file-skipped"
    assert notice.message.startswith("2 files are not read: ")
    with pytest.raises(InputError, match="not a file that trtprof knows"):
        pair([tmp_path, tmp_path / "notes.txt"])


def test_a_file_named_twice_counts_once(tmp_path: Path) -> None:
    copy(tmp_path, layers__json="tiny_v86.layers.json")
    (files,) = pair([tmp_path, tmp_path / "layers.json", tmp_path])
    assert len(files.artefacts) == 1


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found none") as error:
        pair([tmp_path])
    assert error.value.path == str(tmp_path)
    with pytest.raises(InputError, match="found calibration cache only"):
        read_engines([FIXTURES / "entropy.cache"])
    with pytest.raises(InputError, match="found calibration cache only"):
        assemble(pair([FIXTURES / "entropy.cache"])[0])


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    copy(tmp_path / "a", layers__json="tiny_v86.layers.json")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert len(pair([tmp_path])) == 1
