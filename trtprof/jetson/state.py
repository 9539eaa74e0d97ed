"""How the board stood while it was measured, from what the capture script recorded of it before the first engine."""

from __future__ import annotations

from typing import Final

from trtprof.board_run import BoardState
from trtprof.jetson.board_capture import BoardCapture
from trtprof.jetson.checks import Check, State
from trtprof.jetson.doctor import diagnose
from trtprof.jetson.machine import RecordedMachine

_BEFORE: Final = "board"
_LOCKED: Final = "locked"
"""What the script recorded after it had locked clocks or set the power mode, where it was asked to."""


def board_state(capture: BoardCapture) -> BoardState | None:
    """Return the state of the board at the time of the runs, ``None`` where it was not recorded."""
    places = (capture.folder / _LOCKED, capture.folder / _BEFORE)
    place = next((path for path in places if path.is_dir()), None)
    if place is None:
        return None
    diagnosis = diagnose(RecordedMachine(place))
    jetpack = diagnosis.jetson.jetpack if diagnosis.jetson else None
    return BoardState(
        jetpack=jetpack.version if jetpack else None,
        clocks_locked=_holds(diagnosis.checks, "GPU clock"),
        gpu_clock=_found(diagnosis.checks, "GPU clock"),
        best_power_mode=_holds(diagnosis.checks, "power mode"),
        power_mode=_found(diagnosis.checks, "power mode"),
        spoilers=tuple(f"{check.subject}: {check.found}" for check in diagnosis.spoilers if check.topic != "GPU"),
    )


def _check(checks: tuple[Check, ...], subject: str) -> Check | None:
    return next((check for check in checks if check.subject == subject and check.state is not State.UNKNOWN), None)


def _holds(checks: tuple[Check, ...], subject: str) -> bool | None:
    """Whether a thing is as it should be, ``None`` where that could not be looked at."""
    check = _check(checks, subject)
    return None if check is None else check.state in (State.OK, State.NOTE)


def _found(checks: tuple[Check, ...], subject: str) -> str | None:
    check = _check(checks, subject)
    return check.found if check else None
