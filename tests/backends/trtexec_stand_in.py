"""A trtexec without TensorRT: takes the flags its version has, refuses the rest as trtexec does, writes what it would.

Flags and versions are transcribed from a scan of ``samples/common/sampleOptions.cpp`` at each tag of NVIDIA/TensorRT,
row by row as that scan groups them, and share nothing with trtprof's own table. How options are taken, refused and
combined follows ``trtexec.cpp`` and ``sampleOptions.cpp`` of 8.5, 10.x and 11.1: options are a multimap, each look-up
takes one of them out, and whatever is left is unknown. Imports nothing of trtprof.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

LAST = (99, 0)
FLAG_SCAN = (
    # from, to (inclusive), flags
    (
        (7, 2),
        LAST,
        "onnx saveEngine loadEngine shapes minShapes optShapes maxShapes verbose warmUp duration iterations",
    ),
    ((7, 2), LAST, "avgRuns percentile sleepTime streams threads plugins device useDLACore allowGPUFallback noTF32"),
    ((7, 2), LAST, "tacticSources dumpProfile dumpOutput exportTimes exportOutput exportProfile exposeDMA loadInputs"),
    ((7, 2), LAST, "separateProfileRun"),
    ((7, 2), LAST, "useCudaGraph noDataTransfers useSpinWait"),
    ((11, 0), LAST, "noCudaGraph includeDataTransfers noSpinWait"),
    ((8, 0), LAST, "sparsity timingCacheFile timeDeserialize timeRefit"),
    ((8, 2), LAST, "exportLayerInfo dumpLayerInfo profilingVerbosity useManagedMemory idleTime directIO consistency"),
    ((7, 2), (9, 3), "nvtxMode"),
    ((8, 4), LAST, "memPoolSize"),
    ((8, 4), (10, 16), "layerPrecisions layerOutputTypes"),
    ((7, 2), (9, 3), "workspace"),
    ((8, 2), (10, 16), "precisionConstraints restricted"),
    ((8, 5), LAST, "preview persistentCacheRatio"),
    ((8, 5), (9, 3), "heuristic"),
    (
        (8, 6),
        LAST,
        "builderOptimizationLevel maxAuxStreams skipInference infStreams layerDeviceTypes versionCompatible",
    ),
    ((8, 6), LAST, "excludeLeanRuntime hardwareCompatibilityLevel dumpRawBindingsToFile useRuntime staticPlugins"),
    ((8, 6), LAST, "dynamicPlugins"),
    ((7, 2), (9, 3), "buildOnly"),
    ((7, 2), (9, 3), "explicitBatch explicitPrecision minTiming"),
    ((7, 2), (8, 6), "batch maxBatch deploy uff model output"),
    ((7, 2), (10, 16), "fp16 int8 best calib"),
    ((8, 6), (10, 16), "fp8"),
    ((9, 0), (10, 16), "bf16"),
    ((10, 1), (10, 16), "int4"),
    ((9, 0), LAST, "stronglyTyped"),
    ((9, 0), LAST, "dumpOptimizationProfile profile useProfile errorOnTimingCacheMiss noCompilationCache"),
    ((9, 0), LAST, "getPlanVersionOnly"),
    ((10, 0), LAST, "weightStreamingBudget allowWeightStreaming markDebug saveDebugTensors stripWeights"),
    ((10, 0), LAST, "allocationStrategy pluginInstanceNorm"),
    ((10, 4), LAST, "maxTactics"),
    ((10, 6), LAST, "monitorMemory"),
    ((10, 7), LAST, "asyncFileReader"),
    ((10, 8), LAST, "tilingOptimizationLevel l2LimitForTiling"),
    ((10, 13), LAST, "dumpKernelText"),
    ((10, 15), LAST, "cpuOnly"),
    ((10, 16), LAST, "reportCapabilityDLA adjustForDLA"),
    ((11, 1), LAST, "tuneBuildRoutes setBuildRoute helpBuildRoute loadRefOutputs accuracyThreshold"),
)
REPEATABLE = {"--plugins", "--staticPlugins", "--dynamicPlugins"}
BANNERS = {
    (8, 2): "v8205", (8, 4): "v8401", (8, 5): "v8503", (8, 6): "v8601", (9, 3): "v9300", (10, 0): "v100001",
    (10, 3): "v100300", (10, 7): "v100700", (10, 13): "v101300", (10, 16): "v101601", (11, 0): "v110000",
    (11, 1): "v110100",
}  # fmt: skip
STAMP = "[07/07/2026-02:11:40] "


def out(text: str) -> None:
    """Write to stdout at once, as std::endl does."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def flags_of(version: tuple[int, int]) -> frozenset[str]:
    """Return every flag that a trtexec of this version parses."""
    return frozenset(
        f"--{name}" for first, last, names in FLAG_SCAN if first <= version <= last for name in names.split()
    )


class RefusedError(Exception):
    """What trtexec says of options it does not take."""


@dataclass(frozen=True)
class Options:
    """What a run amounts to once a version has read its options."""

    values: dict[str, str]
    graph: bool
    transfers: bool
    spin: bool
    separate_profile: bool
    tf32: bool
    strongly_typed: bool


def parse(version: tuple[int, int], argv: list[str]) -> Options:
    """Return what the options of a command line come to.

    Raises:
        RefusedError: an option is unknown, given twice, or excluded by another.
    """
    known, values, unknown = flags_of(version), {}, []
    for argument in argv:
        name, _, value = argument.partition("=")
        if name not in known or (name in values and name not in REPEATABLE):
            unknown.append(f"Unknown option: {name} {value}")
        values.setdefault(name, value)
    if unknown:
        raise RefusedError("\n".join(unknown))
    if "--best" in values and "--stronglyTyped" in values:
        raise RefusedError("--best and --stronglyTyped cannot both be set.")
    if "--fp8" in values and "--int8" in values:
        raise RefusedError("Invalid usage, fp8 and int8 aren't allowed to be enabled together.")
    for item in values.get("--shapes", "").split(",") if "--shapes" in values else ():
        name, colon, extents = item.rpartition(":")
        if not colon or not name or not all(part.isdigit() for part in extents.split("x")):
            raise RefusedError(f"Invalid shape spec: {item}")
    if "--onnx" not in values and "--loadEngine" not in values:
        raise RefusedError("Model missing or format not recognized")
    new = version >= (11, 0)
    return Options(
        values=values,
        graph="--noCudaGraph" not in values if new else "--useCudaGraph" in values,
        transfers="--includeDataTransfers" in values if new else "--noDataTransfers" not in values,
        spin="--noSpinWait" not in values if new else "--useSpinWait" in values,
        separate_profile=new or "--separateProfileRun" in values,
        tf32="--noTF32" not in values,
        strongly_typed=new or "--stronglyTyped" in values,
    )


class Program:
    """One run of the program."""

    def __init__(self, version: tuple[int, int], argv: list[str]) -> None:
        self.version, self.argv = version, argv
        build = " [b11]" if version >= (10, 13) else ""
        self.sign = f"TensorRT.trtexec [TensorRT {BANNERS[version]}]{build} # trtexec {' '.join(argv)}"

    def say(self, letter: str, text: str) -> None:
        """Write a message: information to stdout, warnings and errors to stderr."""
        stream = sys.stdout if letter in "IV" else sys.stderr
        stream.write(f"{STAMP}[{letter}] {text}\n")
        stream.flush()

    def run(self) -> int:
        """Do what trtexec would; return its exit status."""
        out(f"&&&& RUNNING {self.sign}")
        if "--help" in self.argv:
            self.help()
            return 0
        try:
            options = parse(self.version, self.argv)
        except RefusedError as refused:
            return self.refuse(str(refused))
        try:
            if "--onnx" in options.values:
                self.build(options)
            else:
                self.infer(options)
        except FailedError:
            out(f"&&&& FAILED {self.sign}")
            return 1
        out(f"&&&& PASSED {self.sign}")
        return 0

    def help(self) -> None:
        """Print the head of the help text."""
        out("=== Model Options ===\n  --onnx=<file>               ONNX model\n")
        for flag in sorted(flags_of(self.version)):
            out(f"  {flag}")

    def refuse(self, text: str) -> int:
        """Refuse the options: before 8.6 the help comes last, in 11.1 there is no FAILED line."""
        early = self.version < (8, 6)
        if not early:
            self.help()
        for line in text.splitlines():
            self.say("E", line)
        if early:
            self.help()
        if self.version < (11, 1):
            out(f"&&&& FAILED {self.sign}")
        return 1

    def build(self, options: Options) -> None:
        """Parse the model, build, save, and write the layer information."""
        values = options.values
        if "--verbose" in values:
            self.say("V", "[TRT] =============== Computing costs for conv1 + relu1")
            self.say("V", "[TRT] =============== Computing costs for fc")
        self.say("I", f"TensorRT version: {self.version[0]}.{self.version[1]}.0")
        model = Path(values["--onnx"]).read_text(errors="replace")
        self.misbehave(model)
        if "--calib" in values:
            self.calibrate(Path(values["--calib"]).read_text())
        detailed = values.get("--profilingVerbosity") == "detailed"
        facts = {
            "detailed": detailed,
            "strongly_typed": options.strongly_typed,
            "tf32": options.tf32,
            "types": sorted(name[2:] for name in values if name in TYPE_FLAGS),
            "version": list(self.version),
        }
        Path(values["--saveEngine"]).write_text(json.dumps(facts))
        self.say("I", "Engine built in 24.4854 sec.")
        if "--skipInference" in values or "--buildOnly" in values:
            if self.version >= (8, 5):
                self.layers(values, facts, concrete=False)
            flag = "--skipInference" if "--skipInference" in values else "--buildOnly"
            self.say("I", f"Skipped inference phase since {flag} is added.")
            return
        raise AssertionError("a build that goes on to run the engine would time it with the build's options")

    def calibrate(self, table: str) -> None:
        """Take the ranges of a table, or want data for want of them: trtexec has none."""
        wanted = f"TRT-{BANNERS[self.version][1:]}-EntropyCalibration2"
        if table.partition("\n")[0] != wanted:
            self.say("E", "[TRT] Calibration table does not match calibrator algorithm type.")
            self.say("E", "[TRT] Tensor 'x' is bound to nullptr")
            raise FailedError

    def misbehave(self, model: str) -> None:
        """Fail, crash or hang as the model's text asks, with the words of a real trtexec."""
        if model == "refused by the parser":
            self.say("E", '[TRT] ModelImporter.cpp:949: While parsing node number 12 [NonExistent -> "y"]:')
            self.say("E", '[TRT] ModelImporter.cpp:950: --- Begin node ---\ninput: "x"\noutput: "y"\n')
            self.say("E", "[TRT] ModelImporter.cpp:952: --- End node ---")
            self.say(
                "E",
                "[TRT] ModelImporter.cpp:954: ERROR: onnxOpCheckers.cpp:781 In function checkFallbackPluginImporter:\n"
                '[6] creator && "Plugin not found, are the plugin name, version, and namespace correct?"',
            )
            self.say("E", "Failed to parse onnx file")
            self.say("E", "Parsing model failed")
            self.say("E", "Failed to create engine from model or file.")
            self.say("E", "Engine set up failed")
            raise FailedError
        if model == "too large":
            self.say(
                "E",
                "[TRT] Error[2]: [virtualMemoryBuffer.cpp::resizePhysical::127] Error Code 2: OutOfMemory (no further "
                "information)",
            )
            self.say("E", "[TRT] Error[10]: Could not find any implementation for node conv1.")
            self.say("E", "Engine set up failed")
            raise FailedError
        if model == "crashes":
            self.say("E", "[TRT] Assertion failed: tensors.size() == 1")
            os.kill(os.getpid(), signal.SIGSEGV)
        if model == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if model == "hangs":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
            Path(self.values("--saveEngine")).with_name("grandchild.pid").write_text(str(child.pid))
            time.sleep(120)

    def values(self, name: str) -> str:
        """Return the value of an option of the command line."""
        return next(argument.partition("=")[2] for argument in self.argv if argument.startswith(f"{name}="))

    def layers(self, values: dict[str, str], facts: dict[str, object], *, concrete: bool) -> None:
        """Write the layer information: names only, unless the engine was built with more."""
        if "--exportLayerInfo" not in values:
            return
        batch = 1 if concrete else -1
        tensor = {"Name": "x", "Dimensions": [batch, 3, 8, 8], "Format/Datatype": "Row major linear FP32"}
        layer = {"Name": "conv1 + relu1", "LayerType": "CaskConvolution", "Inputs": [tensor], "Outputs": []}
        layers = [layer] if facts["detailed"] else ["conv1 + relu1"]
        Path(values["--exportLayerInfo"]).write_text(json.dumps({"Layers": layers, "Bindings": ["x", "y"]}))

    def infer(self, options: Options) -> None:
        """Load the engine, run it and write what is asked for."""
        values = options.values
        facts = json.loads(Path(values["--loadEngine"]).read_text())
        if facts["version"] != list(self.version):
            self.say("E", "[TRT] The engine plan file is not compatible with this version of TensorRT")
            self.say("E", "Engine set up failed")
            raise FailedError
        for name, on in (
            ("Data transfers", options.transfers),
            ("Spin-wait", options.spin),
            ("CUDA Graph", options.graph),
        ):
            self.say("I", f"{name}: {'Enabled' if on else 'Disabled'}")
        self.layers(values, facts, concrete="--shapes" in values)
        self.say("I", "Starting inference")
        run_s = float(os.environ.get("STAND_IN_RUN_S", "0"))
        time.sleep(run_s)
        profiled = "--dumpProfile" in values or "--exportProfile" in values
        if profiled and not options.separate_profile:
            self.say("I", "The e2e network timing is not reported since it is inaccurate due to the extra "
                          "synchronizations when the profiler is enabled.")  # fmt: skip
        elif "--exportTimes" in values:
            Path(values["--exportTimes"]).write_text(
                json.dumps([times_row(index) for index in range(max(10, int(1000 * run_s) - 200))])
            )
        if "--exportProfile" in values:
            row = {"name": "conv1 + relu1", "timeMs": 1.1, "averageMs": 0.11}
            row |= {"medianMs": 0.11} if self.version >= (8, 4) else {}
            Path(values["--exportProfile"]).write_text(json.dumps([{"count": 10}, row | {"percentage": 100}]))


def times_row(index: int) -> dict[str, float]:
    """Return one iteration of an ``--exportTimes`` file, after the warm-up."""
    start = 200.0 + index
    return {
        "startEnqMs": start, "endEnqMs": start + 0.05, "startH2dMs": start, "endH2dMs": start,
        "startComputeMs": start, "endComputeMs": start + 0.11, "startD2hMs": start + 0.11, "endD2hMs": start + 0.11,
        "h2dMs": 0, "computeMs": 0.11, "d2hMs": 0, "latencyMs": 0.11,
    }  # fmt: skip


TYPE_FLAGS = {"--fp16", "--int8", "--bf16", "--fp8", "--int4", "--best"}


class FailedError(Exception):
    """The run failed and has said why."""


def install(folder: Path, version: tuple[int, int]) -> Path:
    """Return an executable trtexec of this version, put into ``folder``."""
    path = folder / "trtexec"
    here = Path(__file__).resolve()
    path.write_text(
        f"#!{sys.executable} -IS\nimport sys\nsys.path.insert(0, {str(here.parent)!r})\n"
        f"from {here.stem} import Program\nsys.exit(Program({version!r}, sys.argv[1:]).run())\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
