"""M508: engines that are held against each other were measured on different GPUs."""

from __future__ import annotations

from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.comparison import Built
from trtprof.diagnosis import Evidence
from trtprof.model import Unknown


def check(subject: Subject) -> Outcome:
    """Return a claim where the engine's GPU has another name than its 16-bit or FP32 sibling's."""
    if subject.ahead_of_time:
        return ()
    siblings = [other for other in (subject.half, subject.full) if other is not None]
    if not siblings:
        return ()
    own = device_name(subject.built)
    names = {other.name: device_name(other) for other in siblings}
    if own is None or not any(names.values()):
        return Unknown("no file names the GPU of both engines: keep trtexec's log, or TREx's metadata")
    others = {name: device for name, device in names.items() if device is not None and device != own}
    if not others:
        return ()
    evidence = [Evidence(f"{subject.built.name} ran on {own}", "log")]
    evidence += [Evidence(f"{name} ran on {device}", "log") for name, device in others.items()]
    listed = " and ".join(sorted(set(others.values())))
    return (
        Claim(
            cause=f"{subject.built.name} was measured on {own}, {' and '.join(others)} on {listed}",
            evidence=tuple(evidence),
            saving=Unknown("times of two GPUs say nothing of a precision"),
        ),
    )


def device_name(built: Built) -> str | None:
    """Return the GPU an engine was measured on, or the board where only that is known."""
    if built.engine.device is not None:
        return built.engine.device.name
    return built.board_run.board if built.board_run is not None else None


RULE = Rule(
    code="M508",
    name="different-devices",
    title="The engines were measured on different GPUs",
    role=Role.CONDITION,
    why=(
        "A difference between two engines that ran on two GPUs is first of all one between the GPUs: clocks, memory, "
        "and the kernels that exist for each. This holds above all for a board against a desktop GPU."
    ),
    needs="the GPU's name for both engines",
    looks_like=(("build log", "another 'Selected Device' in the log of each engine"),),
    cure="Measure all precisions on one machine, in one session, with the clocks locked.",
    saving="none: it is about the comparison",
    false_positives="Two names for one GPU (a driver that spells it differently) read as two.",
    source="trtexec's Device Information; NVIDIA Jetson documentation on supported modes",
    check=check,
)
