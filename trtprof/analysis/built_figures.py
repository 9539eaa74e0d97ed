"""The figures of an engine that was read from its own files, for gates."""

from __future__ import annotations

from collections.abc import Sequence

from trtprof.comparison import Built, NotBuilt, Row
from trtprof.diagnosis import Finding
from trtprof.figures import EngineFigures, LayerFacts, NamedFinding, device_name, engine_figures
from trtprof.model import Device, Estimate


def figures_of(built: Built, findings: Sequence[Finding], source: str, device: Device | None = None) -> EngineFigures:
    """Return the figures of an engine; ``device`` is what it ran on where its own files do not say."""
    ran_on = built.engine.device or device
    return EngineFigures(
        name=built.name,
        precision=built.precision.value if built.precision else None,
        source=source,
        device=device_name(ran_on.name) if ran_on else None,
        figures=engine_figures(
            latency=built.latency,
            total_ns=built.total_ns,
            provenance=built.provenance,
            layers=[_layer(row) for row in built.rows],
            conversions=len(built.conversions),
            activation_bytes=built.activation_bytes,
            plan_bytes=built.engine.size_bytes,
            accuracy=built.accuracy,
        ),
        findings=tuple(NamedFinding(item.code, item.severity, item.title) for item in findings),
    )


def figures_of_missing(item: NotBuilt, source: str) -> EngineFigures:
    """Return an engine that was asked for and could not be built: it has no figure."""
    return EngineFigures(
        name=item.name,
        precision=item.precision.value if item.precision else None,
        source=source,
        device=None,
        figures={},
        findings=(),
        unknown=item.reason,
    )


def _layer(row: Row) -> LayerFacts:
    time = row.time_ns.mid if isinstance(row.time_ns, Estimate) else row.time_ns
    return LayerFacts(row.has_matmul, row.operand, row.kernel.unit if row.kernel else None, time)
