# ruff: noqa: ARG002 - names and parameters are TensorRT's
"""A TensorRT module that builds nothing but keeps TensorRT's rules, cut down to what one version of the bindings has.

It is written for all versions at once. Given a :class:`~tests.backends.bindings.Surface`, each object gives only the
names that version's class has, as attribute reads and as writes; enums have its members and values. Without one, small
tables stand in for 10 and 11. Rules kept: INT8 without a calibrator or Q/DQ needs ranges, a dynamic input needs a
profile, nothing runs before every address is set, a calibrator is asked until it has no batch left.
"""

from __future__ import annotations

import enum
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

from tests.backends.bindings import Surface
from tests.backends.fake_gpu import Gpu

CALIBRATORS = ("IInt8EntropyCalibrator2", "IInt8MinMaxCalibrator", "IInt8EntropyCalibrator", "IInt8LegacyCalibrator")
OFFLINE_ENUMS = {
    10: {
        "BuilderFlag": {"FP16": 0, "BF16": 1, "INT8": 2, "TF32": 6, "FP8": 16},
        "NetworkDefinitionCreationFlag": {"EXPLICIT_BATCH": 0, "STRONGLY_TYPED": 1},
    },
    11: {"BuilderFlag": {"TF32": 5}, "NetworkDefinitionCreationFlag": {"STRONGLY_TYPED": 0}},
}
OFFLINE_COMMON = {
    "ProfilingVerbosity": {"LAYER_NAMES_ONLY": 0, "NONE": 1, "DETAILED": 2},
    "MemoryPoolType": {"WORKSPACE": 0},
    "TensorIOMode": {"NONE": 0, "INPUT": 1, "OUTPUT": 2},
    "TensorLocation": {"DEVICE": 0, "HOST": 1},
    "LayerInformationFormat": {"ONELINE": 0, "JSON": 1},
    "DataType": {"FLOAT": 0, "HALF": 1, "INT8": 2, "INT32": 3, "BOOL": 4, "UINT8": 5, "FP8": 6, "BF16": 7, "INT64": 8},
}


class Model:
    """The network of the one model there is: an image, a mask of int32 and a data-dependent output."""

    inputs: ClassVar = {"x": ((-1, 3, 8, 8), "FLOAT"), "token_mask": ((-1, 4), "INT32")}
    outputs: ClassVar = {"y": ((-1, 10), "HALF"), "boxes": ((-1, -1, 4), "FLOAT")}
    layers: ClassVar = (("conv1 + relu1", 0.06), ('say "hi"\\', 0.01), ("conv1 + relu1", 0.02))


class Bound:
    """An object of TensorRT's: gives and takes only the names that the class ``real`` has in this version."""

    real: ClassVar[str]

    def __init__(self, trt: Module) -> None:
        object.__setattr__(self, "_trt", trt)

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name != "real":
            object.__getattribute__(self, "_trt").need(type(self).real, name)
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            self._trt.need(type(self).real, name)
        object.__setattr__(self, name, value)


class Module:
    """The module itself. ``wants`` steers what goes wrong; ``used`` is every (class, name) that was asked for."""

    def __init__(self, gpu: Gpu | None = None, surface: Surface | None = None, major: int = 10, **wants: Any) -> None:
        self._surface, self._gpu = surface, gpu or Gpu()
        self._wants = SimpleNamespace(**wants)
        self.used: set[tuple[str, str]] = set()
        self.facts: dict[str, Any] = {}
        self.__version__ = surface.version if surface else f"{major}.0.0"
        tables = surface.enums if surface else OFFLINE_COMMON | OFFLINE_ENUMS[major]
        for name, members in tables.items():
            # An enum drops a second name of the same value, as 8.6's DEFAULT and VERBOSE are.
            setattr(self, name, enum.Enum(name, members, type=int))
        present = surface.names if surface else None
        offline_lacks = {*CALIBRATORS} if major >= 11 else set()
        for name, item in self._classes().items():
            if name in present if present is not None else name not in offline_lacks:
                setattr(self, name, item)

    def wants(self, name: str) -> Any:
        """Return what a test asked to go wrong or to be otherwise, ``None`` unless it did."""
        return getattr(self._wants, name, None)

    def need(self, owner: str, name: str) -> None:
        """Refuse a name that the class does not have in this version."""
        self.used.add((owner, name))
        if self._surface is not None and not self._surface.has(owner, name):
            raise AttributeError(f"{owner} of TensorRT {self.__version__} has no {name}")

    def _classes(self) -> dict[str, Any]:
        def bind(kind: type[Bound]) -> Any:
            return lambda *arguments: kind(self, *arguments)

        plain = {
            name: type(name, (Subclassed,), {}) for name in ("ILogger", "IProfiler", "IProgressMonitor", *CALIBRATORS)
        }
        return plain | {
            "Builder": bind(Builder),
            "OnnxParser": bind(OnnxParser),
            "Runtime": bind(Runtime),
            "init_libnvinfer_plugins": lambda logger, namespace: True,
        }


class Subclassed:
    """A class that trtprof derives from; TensorRT needs its constructor called."""

    def __init__(self) -> None:
        self.constructed = True


def severity(name: str) -> Any:
    """Return a severity of the logger."""
    return SimpleNamespace(name=name)


class Builder(Bound):
    real = "Builder"

    def __init__(self, trt: Module, logger: Any) -> None:
        super().__init__(trt)
        assert logger.constructed
        self._logger = logger

    def create_network(self, flags: int = 0) -> Network:
        self._trt.facts["network_flags"] = flags
        return Network(self._trt, flags)

    def create_builder_config(self) -> Config:
        return Config(self._trt)

    def create_optimization_profile(self) -> Profile:
        return Profile(self._trt)

    def build_serialized_network(self, network: Network, config: Config) -> bytes | None:
        trt, seen = self._trt, config._seen
        self._logger.log(severity("VERBOSE"), "=============== Computing costs for conv1 + relu1")
        if trt.wants("build_error"):
            self._logger.log(severity("ERROR"), trt.wants("build_error"))
            return None
        dynamic = [name for name, (extents, _) in Model.inputs.items() if -1 in extents]
        if set(dynamic) - set(seen["profile"]):
            self._logger.log(severity("ERROR"), "Network has dynamic or shape inputs, but no optimization profile.")
            return None
        monitor = config.__dict__["progress_monitor"]
        if monitor is not None:
            assert monitor.constructed
            monitor.phase_start("Building Engine", None, 2)
            monitor.phase_start("Tactics", "Building Engine", 1)
            assert monitor.step_complete("Tactics", 0) is True
            monitor.phase_finish("Tactics")
            monitor.step_complete("Building Engine", 0)
            monitor.phase_finish("Building Engine")
        if config.__dict__["int8_calibrator"] is not None:
            self._calibrate(config.int8_calibrator, seen)
        seen["profiling_verbosity"] = config.profiling_verbosity.name
        seen["builder_optimization_level"] = config.__dict__["builder_optimization_level"]
        plan = json.dumps({"flags": sorted(seen["flags"]), "version": trt.__version__}).encode()
        trt.facts["config"] = seen
        return plan

    def _calibrate(self, calibrator: Any, seen: dict[str, Any]) -> None:
        """Ask as ``libnvinfer`` does; an exception out of a callback would end the process."""
        assert calibrator.constructed
        assert calibrator.get_batch_size() >= 1
        if isinstance(calibrator, getattr(self._trt, "IInt8LegacyCalibrator")):  # noqa: B009
            assert 0 < calibrator.get_quantile() <= 1
            assert 0 < calibrator.get_regression_cutoff() <= 1
            assert calibrator.read_histogram_cache(0) is None
        table = calibrator.read_calibration_cache()
        seen["calibrated_on"] = 0
        if table is None:
            seen["batches"] = []
            while addresses := calibrator.get_batch(list(Model.inputs)):
                assert len(addresses) == len(Model.inputs)
                seen["calibrated_on"] += 1
                seen["batches"].append([self._trt._gpu.memory[address].tobytes() for address in addresses])
            calibrator.write_calibration_cache(memoryview(b"TRT-10000-EntropyCalibration2\nx: 3c010a14\n"))
        else:
            seen["table"] = bytes(table)


class Network(Bound):
    real = "INetworkDefinition"

    def __init__(self, trt: Module, flags: int) -> None:
        super().__init__(trt)
        self._flags = flags

    @property
    def num_inputs(self) -> int:
        return len(Model.inputs)

    def get_input(self, index: int) -> Tensor:
        name = list(Model.inputs)[index]
        return Tensor(self._trt, name, *Model.inputs[name])


class Tensor(Bound):
    real = "ITensor"

    def __init__(self, trt: Module, name: str, extents: tuple[int, ...], kind: str) -> None:
        super().__init__(trt)
        self._name, self._extents = name, extents

    @property
    def name(self) -> str:
        return self._name

    @property
    def shape(self) -> tuple[int, ...]:
        return self._extents

    @property
    def is_shape_tensor(self) -> bool:
        return self._name == self._trt.wants("shape_tensor")


class OnnxParser(Bound):
    real = "OnnxParser"

    def __init__(self, trt: Module, network: Network, logger: Any) -> None:
        super().__init__(trt)
        assert isinstance(network, Network)

    def parse_from_file(self, model: str) -> bool:
        return Path(model).read_text() != "refused"

    @property
    def num_errors(self) -> int:
        return 1

    def get_error(self, index: int) -> ParserError:
        return ParserError(self._trt)


class ParserError(Bound):
    real = "ParserError"

    def node(self) -> int:
        return 12

    def node_name(self) -> str:
        return "mish"

    def node_operator(self) -> str:
        return "NonExistent"

    def desc(self) -> str:
        return "Plugin not found\n"


class Config(Bound):
    real = "IBuilderConfig"

    def __init__(self, trt: Module) -> None:
        super().__init__(trt)
        self._seen: dict[str, Any] = {"flags": {"TF32"}, "profile": {}, "pools": {}, "calibration_profile": False}
        self._cache: TimingCache | None = None
        self.__dict__ |= {"progress_monitor": None, "int8_calibrator": None, "builder_optimization_level": None}

    def set_flag(self, flag: Any) -> None:
        self._seen["flags"].add(flag.name)

    def clear_flag(self, flag: Any) -> None:
        self._seen["flags"].discard(flag.name)

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        self._seen["pools"][pool.name] = pool_size

    def add_optimization_profile(self, profile: Profile) -> int:
        self._seen["profile"] = profile._shapes
        return 0

    def set_calibration_profile(self, profile: Profile) -> bool:
        self._seen["calibration_profile"] = True
        return True

    def create_timing_cache(self, serialized_timing_cache: bytes) -> TimingCache | None:
        return TimingCache(self._trt, serialized_timing_cache)

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool:
        assert ignore_mismatch is False
        if cache._data.startswith(b"other GPU"):
            return False
        self._cache = cache
        return True

    def get_timing_cache(self) -> TimingCache:
        assert self._cache is not None
        return self._cache


class TimingCache(Bound):
    real = "ITimingCache"

    def __init__(self, trt: Module, data: bytes) -> None:
        super().__init__(trt)
        self._data = data

    def serialize(self) -> bytes:
        return self._data + b"timed"


class Profile(Bound):
    real = "IOptimizationProfile"

    def __init__(self, trt: Module) -> None:
        super().__init__(trt)
        self._shapes: dict[str, Any] = {}

    def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:
        self._shapes[input] = (tuple(min), tuple(opt), tuple(max))


class Runtime(Bound):
    real = "Runtime"

    def __init__(self, trt: Module, logger: Any) -> None:
        super().__init__(trt)
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> Engine | None:
        if json.loads(bytes(serialized_engine))["version"] != self._trt.__version__:
            self._logger.log(severity("ERROR"), "The engine plan file is not compatible with this version of TensorRT")
            return None
        return Engine(self._trt)


class Engine(Bound):
    real = "ICudaEngine"

    @property
    def num_io_tensors(self) -> int:
        return 4

    def get_tensor_name(self, index: int) -> str:
        return [*Model.inputs, *Model.outputs][index]

    def get_tensor_mode(self, name: str) -> Any:
        mode = self._trt.TensorIOMode
        return mode.INPUT if name in Model.inputs else mode.OUTPUT

    def get_tensor_dtype(self, name: str) -> Any:
        kind = (Model.inputs | Model.outputs)[name][1]
        return getattr(self._trt.DataType, self._trt.wants(f"type_of_{name}") or kind)

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        extents: tuple[int, ...] = (Model.inputs | Model.outputs)[name][0]
        return extents

    def get_tensor_location(self, name: str) -> Any:
        location = self._trt.TensorLocation
        return location.HOST if name == self._trt.wants("on_host") else location.DEVICE

    def get_tensor_vectorized_dim(self, name: str) -> int:
        return 1 if name == self._trt.wants("vectorized") else -1

    def get_tensor_components_per_element(self, name: str) -> int:
        return 4 if name == self._trt.wants("vectorized") else -1

    def create_execution_context(self) -> Context | None:
        return None if self._trt.wants("no_context") else Context(self._trt)

    def create_engine_inspector(self) -> Inspector:
        return Inspector(self._trt)


class Inspector(Bound):
    real = "EngineInspector"

    def get_engine_information(self, format: Any) -> str:
        assert format.name == "JSON"
        context = self.__dict__.get("execution_context")
        extents = context._shapes.get("x", (-1, 3, 8, 8)) if context is not None else (-1, 3, 8, 8)
        tensor = {"Name": "x", "Dimensions": list(extents), "Format/Datatype": "Row major linear FP32"}
        layer = {"Name": "conv1 + relu1", "LayerType": "CaskConvolution", "Inputs": [tensor], "Outputs": []}
        return json.dumps({"Layers": [layer], "Bindings": ["x"]})


class Context(Bound):
    real = "IExecutionContext"

    def __init__(self, trt: Module) -> None:
        super().__init__(trt)
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}
        self._recorded = False
        self._runs = 0

    def set_input_shape(self, name: str, shape: Any) -> bool:
        self._shapes[name] = tuple(shape)
        return self._shapes[name][0] <= 16

    def infer_shapes(self) -> list[str]:
        return [name for name in Model.inputs if name not in self._shapes]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        batch = self._shapes["x"][0]
        return (batch, 10) if name == "y" else (batch, -1, 4)

    def get_max_output_size(self, name: str) -> int:
        return -1 if self._trt.wants("unbounded") else 4800

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return memory != 0

    def execute_async_v3(self, stream_handle: int) -> bool:
        self._runs += 1
        if self._trt.wants("fails_at") == self._runs:
            return False
        if set(self._addresses) != {*Model.inputs, *Model.outputs}:
            return False
        profiler = self.__dict__.get("profiler")
        assert profiler is None or self.enqueue_emits_profile is False
        self._recorded = profiler is not None
        self._trt._gpu.run(stream_handle)
        return True

    def report_to_profiler(self) -> bool:
        if not self._recorded or self._trt.wants("no_report"):
            return False
        for name, ms in () if self._trt.wants("no_layers") else Model.layers:
            self.profiler.report_layer_time(name, ms)
        return True


FAKES: tuple[type[Bound], ...] = (
    Builder, Network, Tensor, OnnxParser, ParserError, Config, TimingCache, Profile, Runtime, Engine, Inspector,
    Context,
)  # fmt: skip
