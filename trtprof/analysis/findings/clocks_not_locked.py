"""M521: the clocks of the board were free while it was measured."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.diagnosis import Evidence
from trtprof.model import Unknown

NOTHING_TO_SAVE: Final = Unknown("it is the measurement that gets better, not the engine")
UNSEEN: Final = Unknown("the capture does not tell how the board stood: its script could not read the clocks")


def check(subject: Subject) -> Outcome:
    """Return a claim where the GPU's clock was free before the run; nothing for engines that ran on no board."""
    run = subject.built.board_run
    if run is None:
        return ()
    if run.state is None or run.state.clocks_locked is None:
        return UNSEEN
    if run.state.clocks_locked:
        return ()
    clock = run.state.gpu_clock or "free"
    seen = run.gpu_mhz
    evidence = [Evidence(f"GPU clock before the run: {clock}", "log")]
    if seen is not None:
        evidence.append(Evidence(f"during the run between {seen[0]} and {seen[1]} MHz", "log"))
    return (Claim(cause=f"the GPU clock of the board is {clock}", evidence=tuple(evidence), saving=NOTHING_TO_SAVE),)


RULE = Rule(
    code="M521",
    name="clocks-not-locked",
    title="The clocks of the board are free",
    role=Role.CONDITION,
    why=(
        "A Jetson sets its clocks by load and heat. A short query ends before the clock has risen, a long run heats "
        "the board until it falls: the same engine gives other times from run to run."
    ),
    needs="a capture of a board (trtprof recipe, trtprof import)",
    looks_like=(("devfreq", "min_freq below max_freq, with a governor other than performance"),),
    cure="Run sudo jetson_clocks, or write the script again with trtprof recipe --lock-clocks, which puts it back.",
    saving="none: it is the measurement that gets better",
    false_positives="A product runs with free clocks: then the times of a long, warm run are the ones that count.",
    source="NVIDIA Jetson Linux developer guide, clock frequency and power management; jetson_clocks",
    check=check,
)
