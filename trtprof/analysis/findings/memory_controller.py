"""M526: the board's memory was busy nearly all the time while an engine ran."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.clocks_not_locked import NOTHING_TO_SAVE
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.diagnosis import Evidence
from trtprof.model import Unknown
from trtprof.units import percent

_BUSY: Final = 0.7
"""tegrastats counts the controller's active cycles; above this share kernels queue for it."""


def check(subject: Subject) -> Outcome:
    """Return a claim where tegrastats saw the memory controller busy during the timed inferences."""
    run = subject.built.board_run
    if run is None:
        return ()
    load = run.emc_load
    if isinstance(load, Unknown):
        return load
    if load < _BUSY:
        return ()
    return (
        Claim(
            cause=f"the memory controller was busy {percent(load)} of the time: memory holds layers up",
            evidence=(Evidence(f"EMC at {percent(load)} on average", "log"),),
            saving=NOTHING_TO_SAVE,
        ),
    )


RULE = Rule(
    code="M526",
    name="memory-controller-busy",
    title="The board's memory is the limit",
    role=Role.CONDITION,
    why=(
        "GPU and CPU share one memory, a tenth as fast as a desktop GPU's. Once it is busy, faster arithmetic gains "
        "nothing; fewer bytes do: INT8 tensors, fused layers, no conversions."
    ),
    needs="a capture of a board with tegrastats run as root, which alone shows the controller's load",
    looks_like=(("tegrastats", "EMC_FREQ at a high percentage during the run"),),
    cure="Lock the memory clock (sudo jetson_clocks), and look at the conversions and the float layers first.",
    saving="none by itself: it says which findings weigh most here",
    false_positives="Another program (a camera, the desktop) can load the memory too.",
    source="tegrastats, NVIDIA Jetson Linux developer guide",
    check=check,
)
