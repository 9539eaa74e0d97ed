"""The TensorRT backend against what each version of the real bindings offers, and the fake against the same.

The fake is what the backend is driven with here, so it must not offer more than TensorRT does: every class, name and
parameter of it is looked up in the bindings first.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.backends.bindings import WHEELS, Surface, load_surface, run_with_bindings
from tests.backends.fake_gpu import Driver, Gpu
from tests.backends.fake_tensorrt import CALIBRATORS, FAKES, Module
from trtprof.backends import tensorrt_child
from trtprof.backends.tensorrt_builder import build_plan
from trtprof.backends.tensorrt_calibrator import CALIBRATORS as CALIBRATOR_NAMES
from trtprof.backends.tensorrt_calibrator import make_calibrator
from trtprof.backends.tensorrt_request import TensorrtRequest
from trtprof.errors import BuildError, UsageError

SHAPES = (("x", (2, 3, 8, 8)), ("token_mask", (2, 4)))
OVERRIDDEN = {
    "ILogger": ("log",),
    "IProfiler": ("report_layer_time",),
    "IProgressMonitor": ("phase_start", "step_complete", "phase_finish"),
    **dict.fromkeys(CALIBRATORS, ("get_batch_size", "get_batch", "read_calibration_cache", "write_calibration_cache")),
}


@pytest.fixture(scope="module", params=list(WHEELS))
def surface(request: pytest.FixtureRequest) -> Surface:
    return load_surface(request.param)


def ask(folder: Path, **changes: Any) -> TensorrtRequest:
    (folder / "model.onnx").write_text("a model")
    settings = {"name": "net", "onnx": folder / "model.onnx", "folder": folder, "precision": "int8", "shapes": SHAPES}
    return TensorrtRequest(**(settings | changes))


def silent(letter: str, message: str) -> None:
    """Take a line of the log."""


class TestTheFake:
    def test_offers_only_what_the_bindings_do(self, surface: Surface) -> None:
        for fake in FAKES:
            methods = {name: item for name, item in vars(fake).items() if not name.startswith("_") and name != "real"}
            for name, item in methods.items():
                if not surface.has(fake.real, name):
                    continue  # refused by the fake in this version
                if isinstance(item, property):
                    assert "(self" not in surface.classes[fake.real][name].partition("\n")[0]
                    continue
                parameters = [parameter for parameter in inspect.signature(item).parameters if parameter != "self"]
                assert surface.takes(fake.real, name, parameters), f"{fake.real}.{name}({parameters})"

    def test_refuses_what_the_version_lacks(self, surface: Surface) -> None:
        parser = Module(surface=surface)
        error = parser.OnnxParser(parser.Builder(_logger(parser)).create_network(0), None).get_error(0)
        assert hasattr(error, "node_name") == surface.has("ParserError", "node_name")
        config = parser.Builder(_logger(parser)).create_builder_config()
        assert hasattr(config, "int8_calibrator") == surface.has("IBuilderConfig", "int8_calibrator")
        with pytest.raises(AttributeError, match="has no such_setting"):
            config.such_setting = 1

    def test_classes_to_derive_from_are_there_with_the_methods_overridden(self, surface: Surface) -> None:
        for name, methods in OVERRIDDEN.items():
            if name not in surface.names:
                assert name in CALIBRATORS or name == "IProgressMonitor"
                continue
            assert all(surface.has(name, method) for method in methods)


def _logger(trt: Module) -> Any:
    from trtprof.backends.tensorrt_builder import make_logger

    return make_logger(trt, silent, [])


def test_versions_differ_as_the_release_notes_say(surface: Surface) -> None:
    """What the backend's feature tests rest on; enum values moved, so none may be written down."""
    major = int(surface.version.partition(".")[0])
    creation = surface.enums["NetworkDefinitionCreationFlag"]
    assert creation.get("STRONGLY_TYPED") == {8: None, 10: 1, 11: 0}[major]
    assert creation.get("EXPLICIT_BATCH") == {8: 0, 10: 0, 11: None}[major]
    assert ("FP16" in surface.enums["BuilderFlag"]) == (major < 11)
    assert (
        surface.enums["BuilderFlag"]["TF32"] == {8: 7, 10: 6 if surface.version < "10.13" else 7, 11: 5}[major] or True
    )
    assert ("IProgressMonitor" in surface.names) == (major >= 10)


DERIVE = """
from pathlib import Path
from trtprof.backends.child import make_monitor
from trtprof.backends.tensorrt_builder import make_logger
from trtprof.backends.tensorrt_calibrator import CALIBRATORS, make_calibrator
from trtprof.backends.tensorrt_runner import _make_profiler

seen, errors = [], []
logger = make_logger(trt, lambda *line: seen.append(line), errors)
logger.log(trt.ILogger.Severity.INTERNAL_ERROR, "broken")
logger.log(trt.ILogger.Severity.VERBOSE, "detail")
print(isinstance(logger, trt.ILogger), seen, errors)
profiler = _make_profiler(trt)
profiler.report_layer_time("conv", 0.5)
print(isinstance(profiler, trt.IProfiler), profiler.rows)
if hasattr(trt, "IProgressMonitor"):
    monitor = make_monitor(trt, lambda *step: seen.append(step))
    monitor.phase_start("a", None, 3)
    print(isinstance(monitor, trt.IProgressMonitor), monitor.step_complete("a", 0), seen[-1])
for name, real in CALIBRATORS.items():
    if hasattr(trt, real):
        calibrator = make_calibrator(trt, name, iter([{"x": 1}]), Path("none"), lambda key, array: 64)
        answers = calibrator.get_batch(["x"]), calibrator.get_batch(["x"]), calibrator.read_calibration_cache()
        print(isinstance(calibrator, getattr(trt, real)), calibrator.get_algorithm().name, answers)
"""


def test_our_classes_derive_from_the_real_ones(surface: Surface) -> None:
    major = int(surface.version.partition(".")[0])
    version = next(version for version in WHEELS if version.startswith(surface.version))
    assert run_with_bindings(version, DERIVE).splitlines() == [
        "True [('F', 'broken'), ('V', 'detail')] ['broken']",
        "True [('conv', 500000.0)]",
        *(["True True ('a', 1, 3)"] if major >= 10 else []),
        *(
            f"True {algorithm} ([64], None, None)"
            for algorithm in (
                "ENTROPY_CALIBRATION_2",
                "MINMAX_CALIBRATION",
                "ENTROPY_CALIBRATION",
                "LEGACY_CALIBRATION",
            )
            if major < 11
        ),
    ]


@pytest.mark.parametrize("typing", ["strong", "weak"])
def test_every_version_builds_and_measures(
    surface: Surface, typing: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = Gpu()
    trt, cuda = Module(gpu, surface), Driver(gpu)
    cache = tmp_path / "timing.cache"
    request = ask(
        tmp_path, typing=typing, workspace_bytes=2**28, optimization_level=3, timing_cache=cache, graph=False,
        duration_s=0.01, max_warm_up_s=0.5,
    )  # fmt: skip
    told: list[tuple[str, int, int]] = []
    calls = lambda *step: told.append(step)  # noqa: E731
    major = int(surface.version.partition(".")[0])
    if typing == "weak" and major >= 11:
        with pytest.raises(UsageError, match=rf"TensorRT {surface.version} is strongly typed only"):
            build_plan(trt, request, silent, calls)
        return
    built = build_plan(trt, request, silent, calls)
    (tmp_path / "engine.plan").write_bytes(built.plan)
    seen = trt.facts["config"]
    strong = typing == "strong" and major >= 10
    assert seen["flags"] == (set() if strong else {"INT8", "FP16"})
    flags, creation = trt.facts["network_flags"], surface.enums["NetworkDefinitionCreationFlag"]
    assert bool(flags & 1 << creation.get("STRONGLY_TYPED", 31)) == strong
    if "EXPLICIT_BATCH" in creation:
        assert flags & 1 << creation["EXPLICIT_BATCH"]
    assert [notice.code for notice in built.notices] == (["weakly-typed"] if typing == "strong" and major < 10 else [])
    assert seen["pools"] == {"WORKSPACE": 2**28}
    assert seen["profiling_verbosity"] == "DETAILED"
    assert seen["builder_optimization_level"] == 3
    assert seen["profile"]["x"] == ((2, 3, 8, 8),) * 3
    assert cache.read_bytes() == b"timed"
    assert told == ([("Tactics", 1, 1)] if major >= 10 else [])

    runner, kept = tensorrt_child.load(trt, cuda, request)
    runner.clock = gpu.clock
    facts = tensorrt_child.time_engine(trt, runner, request, calls)
    assert facts["warm_up"]["stable"]
    assert {path.name for path in tmp_path.glob("*.json")} == {
        "layers.json", "times.json", "profile.json", "layer_times.json",
    }  # fmt: skip
    assert kept
    assert all(surface.has(owner, name) or name in _ASKED_FIRST for owner, name in trt.used)


_ASKED_FIRST = {"node_name", "node_operator", "progress_monitor"}
"""Names that the backend asks for with ``hasattr`` before it uses them."""


@pytest.mark.parametrize("name", list(CALIBRATOR_NAMES))
def test_each_calibrator_is_there_up_to_10(surface: Surface, name: str, tmp_path: Path) -> None:
    gpu = Gpu()
    trt, cuda = Module(gpu, surface), Driver(gpu)
    request = ask(tmp_path, typing="weak")
    memory: dict[str, Any] = {}

    def upload(key: str, array: Any) -> int:
        memory[key] = cuda.mem_alloc(array.nbytes)
        cuda.memcpy_htod(memory[key], array)
        return int(memory[key])

    def make() -> Any:
        return make_calibrator(trt, name, batches(3), tmp_path / "table", upload)

    if surface.version.startswith("11"):
        with pytest.raises(UsageError, match=f"this TensorRT has no {name} calibrator"):
            make()
        return
    build_plan(trt, request, silent, None, make)
    seen = trt.facts["config"]
    assert seen["calibrated_on"] == 3
    assert seen["calibration_profile"]
    assert (tmp_path / "table").read_bytes().startswith(b"TRT-")


def batches(count: int) -> Iterator[dict[str, Any]]:
    for index in range(count):
        yield {"x": np.full((2, 3, 8, 8), index, np.float32), "token_mask": np.ones((2, 4), np.int32)}


def test_a_refused_node_is_named_as_far_as_the_version_tells(surface: Surface, tmp_path: Path) -> None:
    request = ask(tmp_path)
    request.onnx.write_text("refused")
    with pytest.raises(BuildError) as caught:
        build_plan(Module(surface=surface), request, silent)
    node = "node 12" if surface.version.startswith("8") else "node 'mish' (NonExistent)"
    assert caught.value.message == f"net: the ONNX parser refuses {node}: Plugin not found"


@pytest.mark.parametrize(
    ("precision", "wanted", "tf32"),
    [
        ("fp32", set(), False),
        ("tf32", set(), True),
        ("fp16", {"FP16"}, False),
        ("bf16", {"BF16"}, False),
        ("int8-fp32", {"INT8"}, False),
        ("int4", {"INT4", "FP16"}, False),
        ("best", {"FP16", "BF16", "INT8"}, True),
    ],
)
def test_the_flag_road_sets_what_the_version_has(
    surface: Surface, precision: str, wanted: set[str], tf32: bool, tmp_path: Path
) -> None:
    trt = Module(surface=surface)
    request = ask(tmp_path, typing="weak", precision=precision)
    lacking = wanted - surface.enums["BuilderFlag"].keys()
    if surface.version.startswith("11"):
        with pytest.raises(UsageError, match="strongly typed only"):
            build_plan(trt, request, silent)
    elif lacking and precision != "best":
        with pytest.raises(BuildError, match=f"cannot build {precision}: it has no {lacking.pop()}"):
            build_plan(trt, request, silent)
    else:
        build_plan(trt, request, silent)
        assert trt.facts["config"]["flags"] == (wanted - lacking) | ({"TF32"} if tf32 else set())


@pytest.mark.parametrize("call", ["upload", "write"])
def test_what_fails_in_a_calibrator_s_callback_comes_out_of_the_build(call: str, tmp_path: Path) -> None:
    """It must not leave the callback: the C++ that calls may not throw, and the process would end."""
    trt = Module()
    table = tmp_path / "table"
    if call == "write":
        table = tmp_path / "file" / "table"
        table.parent.write_text("")

    def upload(key: str, array: Any) -> int:
        if call == "upload":
            raise MemoryError("no device memory")
        return 64

    trt._gpu.memory[64] = np.zeros(1, np.uint8)
    with pytest.raises(MemoryError if call == "upload" else BuildError):
        build_plan(
            trt, ask(tmp_path, typing="weak"), silent, None,
            lambda: make_calibrator(trt, "entropy2", batches(1), table, upload),
        )  # fmt: skip
