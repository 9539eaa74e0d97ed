"""What a board's script brought, as targets of a comparison, and what the board did beside each of its engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from trtprof.backends.trtexec_flags import Version
from trtprof.comparison import Built
from trtprof.errors import InputError
from trtprof.figures import UNNAMED_GPU
from trtprof.jetson.board_capture import BoardCapture, find_board_capture, read_board_capture
from trtprof.jetson.observations import dla_misuse
from trtprof.jetson.run import board_run
from trtprof.model import Device, Engine, Notice
from trtprof.pipeline.targets import Target


def board_targets(targets: Sequence[Target]) -> tuple[list[Target], dict[str, BoardCapture]]:
    """Return the targets with each capture of a board replaced by its engines, and by engine the capture it is of.

    Raises:
        InputError: a capture cannot be read, or none of its engines was measured.
    """
    result: list[Target] = []
    captures: dict[str, BoardCapture] = {}
    for name, path in targets:
        folder = find_board_capture(path) if name is None else None
        if folder is None:
            result.append((name, path))
            continue
        capture = read_board_capture(folder)
        if not capture.measured:
            reasons = "; ".join(f"{engine.name}: {engine.failure}" for engine in capture.engines)
            raise InputError(f"no engine was measured: {reasons}", path=path, hint="the logs are in its directories")
        for engine in capture.measured:
            result.append((engine.name, engine.folder))
            captures[engine.name] = capture
    return result, captures


def with_board_run(built: Built, captures: Mapping[str, BoardCapture]) -> Built:
    """Return an engine with what its board did while it ran, where a capture tells; and with its GPU, if unnamed."""
    capture = captures.get(built.name)
    if capture is None:
        return built
    engine = built.engine
    if engine.device is None and capture.board is not None:
        engine = replace(engine, device=capture.board.chip.gpu)
    run = board_run(capture, built.name, engine)
    return replace(built, engine=engine, board_run=replace(run, dla_refusal=_dla_refusal(capture, engine)))


def _dla_refusal(capture: BoardCapture, engine: Engine) -> str | None:
    """Why the DLA that an engine's command asks for could not be used; ``None`` too where nothing tells."""
    version = Version.parse(engine.tool_version or "")
    if capture.board is None or version is None:
        return None
    misuse = dla_misuse(engine, capture.board, version)
    return misuse.reason if misuse else None


def unnamed_device(captures: Mapping[str, BoardCapture]) -> Device:
    """Return the GPU of files that do not name it: that of the board, where a capture script was run there."""
    board = next((capture.board for capture in captures.values() if capture.board), None)
    return Device(board.title, board.chip.capability) if board else Device(UNNAMED_GPU)


def board_notices(captures: Mapping[str, BoardCapture]) -> tuple[Notice, ...]:
    """Return what a board's times may be held against, where a capture script measured on one."""
    boards = {capture.board.title for capture in captures.values() if capture.board}
    if not boards:
        return ()
    message = (
        f"Times and energies of {' and '.join(sorted(boards))} hold for that board, its JetPack, power mode and heat. "
        f"They say nothing of a desktop GPU, whose memory, clocks and tactics are others."
    )
    return (Notice("board-numbers", message),)
