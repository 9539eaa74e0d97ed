"""M522: the board held its GPU down while an engine was timed."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.board_run import Throttle
from trtprof.diagnosis import Evidence
from trtprof.model import Unknown

_SHOWN: Final = 3
_SAVING: Final = Unknown("it is time that the board takes, not the engine; a cool board does not take it")


def check(subject: Subject) -> Outcome:
    """Return a claim where the busy GPU ran below its highest clock of the run."""
    run = subject.built.board_run
    if run is None:
        return ()
    if isinstance(run.throttles, Unknown):
        return run.throttles
    if not run.throttles:
        return ()
    worst = min(run.throttles, key=lambda item: item.to_mhz)
    cause = f"the busy GPU fell from {worst.from_mhz} to {worst.to_mhz} MHz during the timed inferences"
    shown = run.throttles[:_SHOWN]
    return (Claim(cause=cause, evidence=tuple(Evidence(_words(item), "log") for item in shown), saving=_SAVING),)


def _words(item: Throttle) -> str:
    heat = "" if item.hottest_c is None else f" at {item.hottest_c:.1f} °C"
    return f"{item.to_mhz} of {item.from_mhz} MHz from {item.start_s:.1f} to {item.end_s:.1f} s{heat}"


RULE = Rule(
    code="M522",
    name="gpu-held-down",
    title="The board held its GPU down during the run",
    role=Role.CONDITION,
    why=(
        "Heat and current limits lower the clock of a board in the middle of a run. What was measured after that is "
        "slower, and a precision that happened to run later looks worse than it is."
    ),
    needs="a capture of a board with tegrastats run by root, which alone is told the clock",
    looks_like=(
        ("tegrastats", "GR3D_FREQ at high load with a clock that falls, and temperatures near the limit"),
        ("times", "latency that steps up and stays there"),
    ),
    cure="Let the board cool, set its fan to full speed (sudo jetson_clocks --fan), or measure in a lower power mode.",
    saving="none of the engine's own: a cool board does not lose the time",
    false_positives="A GPU that waits for the CPU lowers its clock too; samples below half load are left out for that.",
    source="NVIDIA Jetson Linux developer guide, thermal management; threads on 'System throttled due to over-current'",
    check=check,
)
