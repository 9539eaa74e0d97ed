"""D703: the DLA was asked for and could not be used."""

from __future__ import annotations

from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.diagnosis import Evidence
from trtprof.model import Unknown


def check(subject: Subject) -> Outcome:
    """Return a claim where the command of an engine asks for a DLA that its board or TensorRT cannot give."""
    run = subject.built.board_run
    if run is None or run.dla_refusal is None:
        return ()
    return (
        Claim(
            cause=f"--useDLACore was given in vain: {run.dla_refusal}",
            evidence=(Evidence(run.dla_refusal, "options"),),
            saving=Unknown("the engine ran on the GPU; what the DLA would have given was not measured"),
        ),
    )


RULE = Rule(
    code="D703",
    name="dla-in-vain",
    title="The DLA was asked for and could not be used",
    role=Role.CAUSE,
    why=(
        "With --allowGPUFallback a build that cannot use the DLA does not fail: everything runs on the GPU, and the "
        "numbers are read as the DLA's."
    ),
    needs="a capture of a board (trtprof recipe, trtprof import)",
    looks_like=(
        ("build log", "no [DlaLayer] line though --useDLACore was given"),
        ("layer information", "no {ForeignNode[…]} of the DLA"),
    ),
    cure="Build with --int8 or --fp16 for a DLA core that the board has, with a TensorRT that still drives it.",
    saving="unknown: the DLA was never used",
    false_positives="none known: the board's cores, the TensorRT release and the flags are facts.",
    source="TensorRT support matrix and DLA documentation; NVIDIA-AI-IOT/jetson_dla_tutorial",
    check=check,
)
