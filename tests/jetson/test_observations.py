"""The state of a board at the time of its runs, layers its memory holds up, and a DLA asked in vain."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from trtprof.backends.trtexec_flags import Version
from trtprof.board_run import BoardRun, BoardSample, BoardState
from trtprof.board_words import state_words
from trtprof.bounds import Bound, EngineRoofline, Roofs, RowRoof
from trtprof.engine_facts import EngineFacts
from trtprof.jetson.board_capture import read_board_capture
from trtprof.jetson.boards import Board, board_called
from trtprof.jetson.observations import dla_misuse, memory_bound_rows
from trtprof.jetson.state import board_state
from trtprof.model import Engine, Layer, LayerKind, Unknown

INFO = "trtprof-capture: 1\nstatus: complete\nboard: orin-nano\ntrt: 10.3.0\nmodel: net.onnx\nengines: fp16\n"


def board(key: str) -> Board:
    found = board_called(key)
    assert found is not None
    return found


def capture(folder: Path, boards: Path, **places: str) -> BoardState | None:
    folder.mkdir()
    (folder / "capture.txt").write_text(INFO)
    for place, name in places.items():
        shutil.copytree(boards / name, folder / place)
    return board_state(read_board_capture(folder))


def test_the_state_is_that_before_the_first_run(boards: Path, tmp_path: Path) -> None:
    assert capture(tmp_path / "a", boards, board="orin-nano", after="thor") == BoardState(
        jetpack="6.2",
        clocks_locked=False,
        gpu_clock="free between 306 MHz and 1020 MHz, 306 MHz now",
        best_power_mode=False,
        power_mode="15W; MAXN_SUPER is the highest this board has",
        spoilers=("GPU clock: free between 306 MHz and 1020 MHz, 306 MHz now",),
    )


def test_what_the_script_locked_counts(boards: Path, tmp_path: Path) -> None:
    state = capture(tmp_path / "a", boards, board="orin-nano", locked="xavier-nx")
    assert state is not None
    assert (state.clocks_locked, state.best_power_mode, state.spoilers) == (True, True, ())
    assert state_words(state) == []


def test_what_was_not_recorded_is_not_known(boards: Path, tmp_path: Path) -> None:
    assert capture(tmp_path / "a", boards) is None
    assert state_words(None) == []


def test_a_spoiled_run_is_said_to_be_one(boards: Path, tmp_path: Path) -> None:
    words = state_words(capture(tmp_path / "a", boards, board="orin-nano"))
    assert words == [
        "before the run, GPU clock: free between 306 MHz and 1020 MHz, 306 MHz now: times like these do not come back",
        "power mode 15W; MAXN_SUPER is the highest this board has",
    ]


def roof(row: int, bound: Bound | Unknown, roof_ns: float | None, time_ns: float | None) -> RowRoof:
    return RowRoof(row, None, 1000, None, None, roof_ns, time_ns, bound)


def test_rows_near_the_roof_of_the_memory_are_held_up_by_it() -> None:
    roofs = Roofs("Orin Nano", 1e9, (), (), 68e9, "data sheet")
    rows = (
        roof(0, Bound.MEMORY, 70, 100),
        roof(1, Bound.MEMORY, 30, 100),
        roof(2, Bound.COMPUTE, 90, 100),
        roof(3, Bound.MEMORY, 200, 300),
        roof(4, Bound.MEMORY, 10, None),
        roof(5, Unknown("a plugin"), None, 100),
    )
    found = memory_bound_rows(EngineRoofline("e", roofs, rows))
    assert not isinstance(found, Unknown)
    assert [item.row for item in found] == [3, 0]
    assert memory_bound_rows(EngineRoofline("e", Unknown("no device"), ())) == Unknown("no device")


def test_the_load_of_the_memory_controller_is_that_of_the_timed_inferences() -> None:
    samples = tuple(
        BoardSample(at, None, None, None, load, None, None, None) for at, load in ((-1, 90), (1, 40), (2, 60))
    )
    nothing = Unknown("nothing was recorded")
    run = BoardRun("Jetson Orin Nano", samples, 0.0, 3.0, (), nothing, nothing, nothing, None)
    assert run.emc_load == 0.5
    assert isinstance(replace(run, samples=()).emc_load, Unknown)


@pytest.mark.parametrize(
    ("key", "trt", "command", "placed", "reason"),
    [
        ("orin-nx", (8, 5, 2), "trtexec --onnx=m --int8 --useDLACore=0", ("{ForeignNode[a]}",), None),
        ("orin-nx", (8, 5, 2), "trtexec --onnx=m --int8", (), None),
        ("orin-nx", (8, 5, 2), "trtexec --onnx=m --useDLACore=0", (), "the DLA multiplies FP16 and INT8 only"),
        ("orin-nx", (8, 5, 2), "trtexec --onnx=m --fp16 --useDLACore=3", (), "has DLA cores 0 to 1"),
        ("orin-nx", (8, 5, 2), "trtexec --onnx=m --fp16 --useDLACore=0", (), "the build put no layer on it"),
        ("orin-nx", (10, 13, 0), "trtexec --onnx=m --fp16 --useDLACore=0", (), "does not drive the DLA"),
        ("thor", (10, 16, 2), "trtexec --onnx=m --fp16 --useDLACore=0", (), "Jetson AGX Thor has no DLA"),
    ],
)
def test_a_dla_asked_in_vain_is_told_with_the_reason(
    key: str, trt: tuple[int, int, int], command: str, placed: tuple[str, ...], reason: str | None
) -> None:
    layers = (Layer(0, "a", LayerKind.COMPUTE),)
    engine = Engine("e", None, layers, facts=EngineFacts(command=command, logged=True, dla_layers=placed))
    found = dla_misuse(engine, board(key), Version(*trt))
    if reason is None:
        assert found is None
    else:
        assert found is not None
        assert reason in found.reason


def test_an_engine_without_a_command_was_not_asked() -> None:
    assert dla_misuse(Engine("e", None, ()), board("orin-nx"), Version(8, 5)) is None
