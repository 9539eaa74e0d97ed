"""What an engine's own records say about a board, before any rule judges it: memory-bound layers, a DLA asked in vain.

Pure functions, records in, records out; the rest of what a diagnosis of a board needs is in
:class:`~trtprof.board_run.BoardRun` and :class:`~trtprof.board_run.DlaPlacement`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from trtprof.backends.trtexec_flags import Version
from trtprof.bounds import Bound, EngineRoofline, RowRoof
from trtprof.jetson.boards import Board, dla_reason
from trtprof.model import Engine, Unknown

_DLA_CORE: Final = re.compile(r"--useDLACore=(\d+)")
_DLA_TYPES: Final = ("--fp16", "--int8", "--best", "--stronglyTyped")
_NEAR_ROOF: Final = 0.6
"""Reads and writes never reach the peak of a memory; a row this near to it has little else to wait for."""


@dataclass(frozen=True, slots=True)
class DlaMisuse:
    """``--useDLACore`` that could not do what was meant, and why."""

    core: int
    reason: str


def memory_bound_rows(roofline: EngineRoofline) -> tuple[RowRoof, ...] | Unknown:
    """Return the rows that memory holds up: bound by it and near its roof, longest first."""
    if isinstance(roofline.roofs, Unknown):
        return roofline.roofs
    found = [row for row in roofline.rows if row.bound is Bound.MEMORY and (row.roof_ratio or 0.0) >= _NEAR_ROOF]
    return tuple(sorted(found, key=lambda row: (-(row.time_ns or 0.0), row.row)))


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
