"""What the processes that build engines share: they end with their parent, and tell how far a build is.

Imports nothing of ours, for a child must start quickly.
"""

from __future__ import annotations

import ctypes
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

_PR_SET_PDEATHSIG: Final = 1
_SAY_EVERY_S: Final = 0.1


def die_with_parent() -> None:
    """Linux only, and no loss elsewhere: end with the parent even when it is killed outright."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def make_monitor(trt: Any, progress: Callable[[str, int, int], None]) -> Any:
    """Return a progress monitor of ``trt`` that tells ``progress`` phase, step and steps.

    A network is cloned in thousands of steps; nobody reads more than a few a second, so no more are told.
    """

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}
            self.said = 0.0

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:  # noqa: ARG002
            self.steps[phase_name] = num_steps

        def step_complete(self, phase_name: str, step: int) -> bool:
            if (moment := time.monotonic()) - self.said >= _SAY_EVERY_S:
                self.said = moment
                progress(phase_name, step + 1, self.steps.get(phase_name, 0))
            return True

        def phase_finish(self, phase_name: str) -> None:
            self.steps.pop(phase_name, None)

    return Monitor()
