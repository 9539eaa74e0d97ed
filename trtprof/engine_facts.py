"""What is known of an engine beside its layers and times: what was asked of the builder, and what it logged.

Read from logs, TREx metadata and calibration caches; imports nothing of ours. Absent is ``None``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final

_NO_OPTIONS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({})


class Rewrite(str, Enum):
    """What the optimizer did. ``copy`` is a tensor copied because a concatenation could not be written in place."""

    FUSE = "fuse"
    MERGE = "merge"
    REMOVE = "remove"
    SWAP = "swap"
    RETYPE = "retype"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class GraphRewrite:
    """One step: ``rule`` is TensorRT's name of the pass where it gives one, ``parts`` are the nodes or tensors."""

    what: Rewrite
    rule: str | None
    parts: tuple[str, ...]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """How one part of a query varies over the iterations; ``percentiles`` are (percent, nanoseconds)."""

    min_ns: float | None = None
    max_ns: float | None = None
    mean_ns: float | None = None
    median_ns: float | None = None
    percentiles: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class PerformanceSummary:
    """What trtexec says of a run as a whole. A part that was not printed is ``None``."""

    throughput_per_s: float | None = None
    latency: Spread | None = None
    compute: Spread | None = None
    enqueue: Spread | None = None
    h2d: Spread | None = None
    d2h: Spread | None = None
    end_to_end: Spread | None = None
    walltime_ns: float | None = None
    total_compute_ns: float | None = None


@dataclass(frozen=True, slots=True)
class LayerMemory:
    """Memory one layer needs beside its tensors, in bytes."""

    layer: str
    host_persistent_bytes: int
    device_persistent_bytes: int
    scratch_bytes: int


@dataclass(frozen=True, slots=True)
class BuildMemory:
    """Memory of the engine as the builder counts it, in bytes; peaks are rounded to MiB in the log."""

    weights_bytes: int | None = None
    activation_bytes: int | None = None
    scratch_bytes: int | None = None
    host_persistent_bytes: int | None = None
    device_persistent_bytes: int | None = None
    peak_cpu_bytes: int | None = None
    peak_gpu_bytes: int | None = None
    layers: tuple[LayerMemory, ...] = ()


@dataclass(frozen=True, slots=True)
class DlaRefusal:
    """A layer that the DLA does not take, and why where TensorRT says so."""

    layer: str
    layer_type: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What the files of an engine say beside its layers and times.

    ``options`` are trtexec's own listings by heading (``Build Options``, ``Inference Options``, …),
    ``command`` its command line. ``warnings`` are distinct messages with their count. ``logged`` tells whether a build
    log was read at all, which the empty tuples cannot. ``calibrated`` names the tensors of a calibration cache.
    """

    command: str | None = None
    options: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: _NO_OPTIONS, compare=False)
    summary: PerformanceSummary | None = None
    warnings: tuple[tuple[str, int], ...] = ()
    logged: bool = False
    rewrites: tuple[GraphRewrite, ...] = ()
    dla_layers: tuple[str, ...] = ()
    gpu_layers: tuple[str, ...] = ()
    dla_refusals: tuple[DlaRefusal, ...] = ()
    memory: BuildMemory | None = None
    calibrated: tuple[str, ...] | None = None

    def option(self, heading: str, name: str) -> str | None:
        """Return one line of trtexec's listing, ``None`` where it is not there."""
        return self.options.get(heading, {}).get(name)
