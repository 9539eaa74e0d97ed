"""What an engine's own records say about a board, before any rule judges it: memory-bound layers, a DLA asked in vain.

Pure functions, records in, records out; the rest of what a diagnosis of a board needs is in
:class:`~trtprof.board_run.BoardRun` and :class:`~trtprof.board_run.DlaPlacement`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from trtprof.backends.trtexec_flags import Version
from trtprof.comparison import Row
from trtprof.jetson.boards import Board, dla_reason
from trtprof.model import Engine, Unknown
from trtprof.units import NS_PER_S

_DLA_CORE: Final = re.compile(r"--useDLACore=(\d+)")
_DLA_TYPES: Final = ("--fp16", "--int8", "--best", "--stronglyTyped")
_NEAR_PEAK: Final = 0.6
"""A layer that moves this share of what the memory can is bound by it: reads and writes never reach the peak."""

MEMORY_BYTES_PER_S: Final = {
    "nano": 25.6e9, "tx1": 25.6e9, "tx2": 59.7e9, "xavier-nx": 59.7e9, "agx-xavier": 136.5e9, "orin-nano": 102e9,
    "orin-nx-8gb": 102e9, "orin-nx": 102e9, "agx-orin": 204.8e9, "thor": 273e9,
}  # fmt: skip
"""Peak of each board's memory, of NVIDIA's data sheets; 68 GB/s on an Orin Nano that is not in a Super mode."""


@dataclass(frozen=True, slots=True)
class MemoryBoundLayer:
    """A layer that moves most of what the board's memory can: bytes a second, derived, and its share of the peak."""

    row: int
    layer: str
    bytes_per_s: float
    ratio: float


@dataclass(frozen=True, slots=True)
class DlaMisuse:
    """``--useDLACore`` that could not do what was meant, and why."""

    core: int
    reason: str


def memory_bound_layers(rows: Sequence[Row], board: Board) -> tuple[MemoryBoundLayer, ...] | Unknown:
    """Return the layers whose tensors, read and written once, need most of the memory's peak, greatest share first.

    What stays in a cache is counted too, so a small tensor can seem to move more than the peak: shares are cut at 1.
    """
    peak = MEMORY_BYTES_PER_S[board.key]
    known = [
        (row, float(row.time_ns), (row.read_bytes or 0) + (row.written_bytes or 0) + row.constant_bytes)
        for row in rows
        if isinstance(row.time_ns, float | int) and row.time_ns > 0 and row.read_bytes is not None
    ]
    if not known:
        return Unknown("no layer has both a time and tensors of known size")
    found = []
    for row, time_ns, moved in known:
        rate = moved / time_ns * NS_PER_S
        if rate >= _NEAR_PEAK * peak:
            found.append(MemoryBoundLayer(row.layer.index, row.layer.name, rate, min(1.0, rate / peak)))
    return tuple(sorted(found, key=lambda item: (-item.ratio, item.row)))


def dla_misuse(engine: Engine, board: Board, trt: Version) -> DlaMisuse | None:
    """Return why ``--useDLACore`` of an engine's command could not work, ``None`` where it could or was not asked."""
    command = engine.facts.command if engine.facts else None
    asked = _DLA_CORE.search(command or "")
    if command is None or asked is None:
        return None
    core = int(asked[1])
    reason = dla_reason(board, trt)
    if reason is None and core >= board.dla_cores:
        reason = f"{board.title} has DLA cores 0 to {board.dla_cores - 1}"
    if reason is None and "--onnx" in command and not any(flag in command.split() for flag in _DLA_TYPES):
        reason = "the DLA multiplies FP16 and INT8 only, and the build was allowed neither"
    if reason is None and engine.layers and engine.facts and engine.facts.logged and not engine.facts.dla_layers:
        reason = "the build put no layer on it"
    return DlaMisuse(core, reason) if reason else None
