"""Which flags each trtexec knows, and what to write where one has gone.

Read off ``samples/common/sampleOptions.cpp`` at every tag of NVIDIA/TensorRT from 7.2 to 11.1, the last one published;
a later trtexec is taken to know what 11.1 knows. Pure data and look-ups.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

_VERSION: Final = re.compile(r"(\d{1,2})\.(\d{1,3})(?:\.(\d{1,3}))?(?!\d)")


class Version(NamedTuple):
    """A version of TensorRT."""

    major: int
    minor: int
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """Return the version that a text begins with (``10.3``, ``8.6.1.6``), ``None`` where it begins with none."""
        found = _VERSION.match(text)
        return cls(int(found[1]), int(found[2]), int(found[3] or 0)) if found else None

    def __str__(self) -> str:
        """Return it as TensorRT writes it."""
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def series(self) -> tuple[int, int]:
        """Major and minor version: flags come and go with these."""
        return (self.major, self.minor)


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag: the first and the last series that parse it (``None``: still there), and from when on it does nothing."""

    name: str
    first: tuple[int, int]
    last: tuple[int, int] | None = None
    idle_from: tuple[int, int] | None = None
    instead: str = ""

    def known_to(self, version: Version) -> bool:
        """Whether a trtexec of this version parses it."""
        return self.first <= version.series and (self.last is None or version.series <= self.last)


_ANY: Final = (7, 2)  # or earlier: no older source was read
_LAST_9: Final = (9, 3)
_LAST_10: Final = (10, 16)
_TYPED: Final = "give the types in the ONNX file: TensorRT 11 is strongly typed only"
_ON_BY_DEFAULT: Final = (11, 0)

FLAGS: Final = (
    Flag("--onnx", _ANY),
    Flag("--saveEngine", _ANY),
    Flag("--loadEngine", _ANY),
    Flag("--shapes", _ANY),
    Flag("--minShapes", _ANY),
    Flag("--optShapes", _ANY),
    Flag("--maxShapes", _ANY),
    Flag("--verbose", _ANY),
    Flag("--warmUp", _ANY),
    Flag("--duration", _ANY),
    Flag("--iterations", _ANY),
    Flag("--avgRuns", _ANY),
    Flag("--percentile", _ANY),
    Flag("--threads", _ANY),
    Flag("--plugins", _ANY),
    Flag("--device", _ANY),
    Flag("--useDLACore", _ANY),
    Flag("--allowGPUFallback", _ANY),
    Flag("--noTF32", _ANY),
    Flag("--tacticSources", _ANY),
    Flag("--dumpProfile", _ANY),
    Flag("--exportTimes", _ANY),
    Flag("--exportProfile", _ANY),
    Flag("--loadInputs", _ANY),
    Flag("--separateProfileRun", _ANY, idle_from=_ON_BY_DEFAULT),
    Flag("--useCudaGraph", _ANY, idle_from=_ON_BY_DEFAULT),
    Flag("--noDataTransfers", _ANY, idle_from=_ON_BY_DEFAULT),
    Flag("--useSpinWait", _ANY, idle_from=_ON_BY_DEFAULT),
    Flag("--noCudaGraph", (11, 0), instead="leave out --useCudaGraph: before 11 the graph is off unless asked for"),
    Flag("--includeDataTransfers", (11, 0), instead="leave out --noDataTransfers: before 11 transfers are on"),
    Flag("--noSpinWait", (11, 0), instead="leave out --useSpinWait: before 11 it is off unless asked for"),
    Flag("--sparsity", (8, 0)),
    Flag("--timingCacheFile", (8, 0)),
    Flag("--exportLayerInfo", (8, 2)),
    Flag("--dumpLayerInfo", (8, 2)),
    Flag("--profilingVerbosity", (8, 2), instead="--nvtxMode"),
    Flag("--useManagedMemory", (8, 2)),
    Flag("--nvtxMode", _ANY, _LAST_9, instead="--profilingVerbosity"),
    Flag("--memPoolSize", (8, 4), instead="--workspace=MiB"),
    Flag("--workspace", _ANY, _LAST_9, instead="--memPoolSize=workspace:MiB"),
    Flag("--layerPrecisions", (8, 4), _LAST_10, instead=_TYPED),
    Flag("--layerOutputTypes", (8, 4), _LAST_10, instead=_TYPED),
    Flag("--precisionConstraints", (8, 2), _LAST_10, instead=_TYPED),
    Flag("--restricted", (8, 2), _LAST_10),
    Flag("--preview", (8, 5)),
    Flag("--persistentCacheRatio", (8, 5)),
    Flag("--heuristic", (8, 5), _LAST_9, instead="--builderOptimizationLevel"),
    Flag("--builderOptimizationLevel", (8, 6)),
    Flag("--maxAuxStreams", (8, 6)),
    Flag("--skipInference", (8, 6), instead="--buildOnly"),
    Flag("--buildOnly", _ANY, _LAST_9, instead="--skipInference"),
    Flag("--infStreams", (8, 6), instead="--streams"),
    Flag("--versionCompatible", (8, 6)),
    Flag("--hardwareCompatibilityLevel", (8, 6)),
    Flag("--staticPlugins", (8, 6), instead="--plugins"),
    Flag("--dynamicPlugins", (8, 6), instead="--plugins"),
    Flag("--explicitBatch", _ANY, _LAST_9, instead="nothing: every network has an explicit batch"),
    Flag("--explicitPrecision", _ANY, _LAST_9, instead="--stronglyTyped"),
    Flag("--minTiming", _ANY, _LAST_9),
    Flag("--batch", _ANY, (8, 6), instead="--shapes=NAME:DIMS"),
    Flag("--maxBatch", _ANY, (8, 6), instead="--shapes=NAME:DIMS"),
    Flag("--deploy", _ANY, (8, 6), instead="an ONNX file"),
    Flag("--uff", _ANY, (8, 6), instead="an ONNX file"),
    Flag("--fp16", _ANY, _LAST_10, instead=_TYPED),
    Flag("--int8", _ANY, _LAST_10, instead=_TYPED),
    Flag("--best", _ANY, _LAST_10, instead=_TYPED),
    Flag("--calib", _ANY, _LAST_10, instead="give Q/DQ in the ONNX file: TensorRT 11 has no calibrators"),
    Flag("--fp8", (8, 6), _LAST_10, instead=_TYPED),
    Flag("--bf16", (9, 0), _LAST_10, instead=_TYPED),
    Flag("--int4", (10, 1), _LAST_10, instead=_TYPED),
    Flag("--stronglyTyped", (9, 0), idle_from=(11, 0)),
    Flag("--useProfile", (9, 0)),
    Flag("--errorOnTimingCacheMiss", (9, 0)),
    Flag("--noCompilationCache", (9, 0)),
    Flag("--allowWeightStreaming", (10, 0)),
    Flag("--weightStreamingBudget", (10, 0)),
    Flag("--stripWeights", (10, 0)),
    Flag("--allocationStrategy", (10, 0)),
    Flag("--maxTactics", (10, 4)),
    Flag("--monitorMemory", (10, 6)),
    Flag("--asyncFileReader", (10, 7)),
    Flag("--tilingOptimizationLevel", (10, 8)),
    Flag("--l2LimitForTiling", (10, 8)),
    Flag("--dumpKernelText", (10, 13)),
    Flag("--cpuOnly", (10, 15)),
    Flag("--setBuildRoute", (11, 1)),
    Flag("--tuneBuildRoutes", (11, 1)),
)

_BY_NAME: Final = {flag.name: flag for flag in FLAGS}


def flag_name(argument: str) -> str:
    """Return the flag of an argument such as ``--shapes=x:1x3``."""
    return argument.partition("=")[0]


def knows(version: Version, name: str) -> bool:
    """Return whether a trtexec of this version parses a flag of the table."""
    return _BY_NAME[name].known_to(version)


def has_effect(version: Version, name: str) -> bool:
    """Return whether a flag of the table changes anything in this version."""
    flag = _BY_NAME[name]
    return flag.known_to(version) and (flag.idle_from is None or version.series < flag.idle_from)


def lookup(name: str) -> Flag | None:
    """Return the entry of a flag, ``None`` for one that the table does not have."""
    return _BY_NAME.get(name)
