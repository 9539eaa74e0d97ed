"""The records of several runs of the store, oldest first: what a report over time is drawn from.

Built from ``trtprof.model``. Times are nanoseconds; absent is ``None``.
"""

from __future__ import annotations

from dataclasses import dataclass

from trtprof.model import Estimate, Provenance


@dataclass(frozen=True, slots=True)
class PastFinding:
    """A finding of an engine as it was stored; the saving is ``None`` where it could not be told."""

    code: str
    title: str
    severity: str
    saving_ns: Estimate | None


@dataclass(frozen=True, slots=True)
class PastEngine:
    """One engine of a run. ``tensor_core_ratio`` is the share of the conv and gemm time on Tensor Cores, 0 to 1.

    ``findings_kept`` is false for a run that was stored before findings were: it has none, and that says nothing.
    """

    name: str
    unknown: str | None
    provenance: Provenance | None
    total_ns: Estimate | float | None
    latency_median_ns: float | None
    latency_p99_ns: float | None
    tensor_core_ratio: float | None
    findings: tuple[PastFinding, ...]
    findings_kept: bool = True

    @property
    def time_ns(self) -> Estimate | float | None:
        """The latency where whole inferences were timed, else the sum over rows."""
        return self.total_ns if self.latency_median_ns is None else self.latency_median_ns

    @property
    def time_provenance(self) -> Provenance | None:
        """Where :attr:`time_ns` comes from."""
        return self.provenance if self.latency_median_ns is None else Provenance.MEASURED


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run of the store."""

    id: str
    created: str
    model: str
    device: str
    tool: str
    tool_version: str
    verdict: str
    engines: tuple[PastEngine, ...]

    def engine(self, name: str) -> PastEngine | None:
        """Return the engine of that name, ``None`` where this run has none."""
        return next((engine for engine in self.engines if engine.name == name), None)
