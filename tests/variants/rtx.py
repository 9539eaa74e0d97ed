"""Building with TensorRT-RTX in a child process, and what its log says of the layers: no GPU is needed."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_CHILD = """
import sys
import tensorrt_rtx as trt

class Log(trt.ILogger):
    def __init__(self):
        trt.ILogger.__init__(self)
    def log(self, severity, message):
        if message.startswith("Layers:") or severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
            print(message, flush=True)

log = Log()
builder = trt.Builder(log)
network = builder.create_network(0)
parser = trt.OnnxParser(network, log)
if not parser.parse_from_file(sys.argv[1]):
    sys.exit("; ".join(parser.get_error(i).desc() for i in range(parser.num_errors)))
config = builder.create_builder_config()
config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
config.num_compute_capabilities = 1
config.set_compute_capability(getattr(trt.ComputeCapability, sys.argv[2]), 0)
sys.exit(0 if builder.build_serialized_network(network, config) is not None else "not built")
"""


@dataclass(frozen=True)
class Row:
    """A layer of the log: its kind and, per tensor, the data type; ``nodes`` are ONNX names in its metadata."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[str, ...]


def build(model: Path, target: str = "SM89") -> list[Row]:
    """Return the layers of the engine built from ``model``; fail with the builder's own words."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(model), target], check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    lines = done.stdout[done.stdout.index("Layers:") :].splitlines()[1:]
    return [_row(line) for line in lines if line.startswith("Name: ")]


def _row(line: str) -> Row:
    head = re.match(r"Name: (.*?), LayerType: (\w+)", line)
    assert head, line
    return Row(
        head[1],
        head[2],
        _types(line, "Inputs"),
        _types(line, "Outputs"),
        tuple(re.findall(r"\[ONNX Layer: (.*?)\]", line)),
    )


def _types(line: str, part: str) -> tuple[str, ...]:
    found = re.search(part + r": \[(.*?)\](?=, (?:Inputs|Constants|Outputs|TacticName|ParameterType|StreamId))", line)
    return tuple(re.findall(r"Datatype: (\w+)", found[1])) if found else ()


def operand_types(rows: list[Row], nodes: set[str]) -> list[str]:
    """Return the type of the first operand of each convolution and matrix product of the model."""
    return [
        row.inputs[0] for row in rows if row.kind in ("correlation", "gemm", "convolution") and nodes & set(row.nodes)
    ]
