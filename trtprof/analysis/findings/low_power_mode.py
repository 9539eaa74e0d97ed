"""M525: the board was measured in a power mode below its highest."""

from __future__ import annotations

from trtprof.analysis.findings.clocks_not_locked import NOTHING_TO_SAVE, UNSEEN
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.diagnosis import Evidence


def check(subject: Subject) -> Outcome:
    """Return a claim where a mode with a higher budget was there."""
    run = subject.built.board_run
    if run is None:
        return ()
    if run.state is None or run.state.best_power_mode is None:
        return UNSEEN
    if run.state.best_power_mode:
        return ()
    mode = run.state.power_mode or "a lower mode"
    evidence = (Evidence(f"power mode: {mode}", "log"),)
    return (Claim(cause=f"the power mode is {mode}", evidence=evidence, saving=NOTHING_TO_SAVE),)


RULE = Rule(
    code="M525",
    name="low-power-mode",
    title="The board has a higher power mode",
    role=Role.CONDITION,
    why=(
        "nvpmodel caps the clocks of GPU and memory and switches cores off. Two boards in two modes are two machines, "
        "and the figures of a data sheet are those of the highest mode."
    ),
    needs="a capture of a board (trtprof recipe, trtprof import)",
    looks_like=(("nvpmodel", "nvpmodel -q names a mode below the highest of /etc/nvpmodel.conf"),),
    cure="Run sudo nvpmodel -m with the number of that mode, or write the script with trtprof recipe --power-mode.",
    saving="none that is the engine's own: all of its layers run faster in a higher mode",
    false_positives="A product that must run in this mode is rightly measured in it.",
    source="NVIDIA Jetson Linux developer guide, supported modes and power efficiency; nvpmodel",
    check=check,
)
