"""M524: the board was short of memory while an engine ran."""

from __future__ import annotations

from trtprof.analysis.findings.clocks_not_locked import NOTHING_TO_SAVE
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.board_words import memory_words
from trtprof.diagnosis import Evidence
from trtprof.model import Unknown


def check(subject: Subject) -> Outcome:
    """Return a claim where less than a tenth of the memory was left, or pages went to swap during the run."""
    run = subject.built.board_run
    if run is None:
        return ()
    if isinstance(run.memory, Unknown):
        return run.memory
    if not run.memory.short:
        return ()
    evidence = (Evidence(memory_words(run.memory), "log"),)
    return (Claim(cause="the board is short of memory", evidence=evidence, saving=NOTHING_TO_SAVE),)


RULE = Rule(
    code="M524",
    name="board-memory-short",
    title="The board was short of memory",
    role=Role.CONDITION,
    why=(
        "GPU and CPU share the memory of a board. When it runs short, pages go to swap and come back in the middle of "
        "an inference, and the builder skips tactics that find no room, so that it may choose slower ones."
    ),
    needs="a capture of a board with tegrastats",
    looks_like=(
        ("tegrastats", "RAM near its total, SWAP that grows"),
        ("build log", "Skipping tactic … due to insufficient memory"),
    ),
    cure="Close the desktop (sudo init 3), add swap for the build, and give it less workspace (--memPoolSize).",
    saving="none of the engine's own, unless the builder chose slower tactics",
    false_positives="Page cache counts as used on some releases; swap that was full before and stays so does no harm.",
    source="tegrastats; NVIDIA Jetson Linux developer guide",
    check=check,
)
