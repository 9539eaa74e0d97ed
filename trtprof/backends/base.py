"""What every backend is asked for and what it hands back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[str, int, int], None]
"""Called with a phase's name, the step reached and the number of steps."""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """One engine to build from a typed ONNX file. ``tf32`` lets FP32 layers use TF32 Tensor Cores."""

    name: str
    onnx: Path
    log: Path
    target: str
    tf32: bool = False
    timeout_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class BuildRecord:
    """What one build left: the verbose log, the plan's size and hash, wall time and peak memory of the builder."""

    log: Path
    tool: str
    tool_version: str
    plan_bytes: int
    plan_sha256: str
    build_ns: int
    peak_memory_bytes: int
