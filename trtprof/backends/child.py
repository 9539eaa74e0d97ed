"""What the processes that build engines share: they tell how far a build is.

Imports nothing of ours, for a child must start quickly.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

_SAY_EVERY_S: Final = 0.1


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
