"""What a repair changes in a build: rows, conversions and bytes before and after, by TensorRT-RTX without a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trtprof.analysis.reformat import find_conversions
from trtprof.analysis.rows import activation_bytes, read_rows
from trtprof.backends.base import BuildRequest, Progress
from trtprof.backends.rtx_aot import build
from trtprof.errors import BuildError
from trtprof.graph.structure import read_graph
from trtprof.model import DType, Engine, Unknown
from trtprof.parsers.layer_text import read_engine_text

_QUANTISED = frozenset({DType.INT8, DType.FP8})


@dataclass(frozen=True, slots=True)
class EngineCounts:
    """A build in numbers: its rows, those that only convert, convs and gemms that read quantised operands, bytes.

    ``activation_bytes`` is what all rows read and write of activations, ``None`` where a size is unknown;
    ``plan_bytes`` is the size of the engine.
    """

    rows: int
    conversions: int
    matmuls: int
    quantised_matmuls: int
    activation_bytes: int | None
    plan_bytes: int
    tool: str


def engine_counts(model: Path, name: str, target: str, progress: Progress | None = None) -> EngineCounts | Unknown:
    """Return the counts of a build of the model for a target, Unknown with the builder's reason where it fails.

    Raises:
        MissingDependency: TensorRT-RTX is not installed.
    """
    log = model.with_suffix(".log")
    try:
        record = build(BuildRequest(name, model, log, target), progress)
    except BuildError as error:
        return Unknown(error.message)
    text = read_engine_text(log.read_text(encoding="utf-8", errors="replace"), path=str(log))
    engine = Engine(
        name=name, precision=None, layers=text.layers, io=text.io, tool=record.tool, tool_version=record.tool_version,
        size_bytes=record.plan_bytes, build_ns=record.build_ns, notices=text.notices,
    )  # fmt: skip
    graph = read_graph(model)
    rows = read_rows(engine, graph)
    added = {node.name: node.op_type for node in graph.nodes}
    matmuls = [row for row in rows if row.has_matmul]
    return EngineCounts(
        rows=len(rows),
        conversions=len(find_conversions(rows, engine, graph, added)),
        matmuls=len(matmuls),
        quantised_matmuls=sum(row.operand in _QUANTISED for row in matmuls),
        activation_bytes=activation_bytes(rows),
        plan_bytes=record.plan_bytes,
        tool=f"{record.tool} {record.tool_version}, {target}",
    )
