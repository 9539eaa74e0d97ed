"""Q115: an engine that can be refitted keeps scales apart."""

from __future__ import annotations

from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.diagnosis import Evidence
from trtprof.model import Unknown

_OFF = frozenset({"disabled", "0", "false", "no", ""})


def check(subject: Subject) -> Outcome:
    """Return a note where an engine quantised by Q/DQ nodes was built with refitting allowed."""
    if not subject.is_quantised or subject.explicit is False or subject.ahead_of_time:
        return ()
    facts = subject.built.engine.facts
    option = facts.option("Build Options", "Refit") if facts is not None else None
    command = facts.command if facts is not None else None
    if option is None and command is None:
        return Unknown("no option or command line at hand says whether refitting was allowed")
    flagged = "--refit" in (command or "").split()
    if not flagged and (option is None or option.lower() in _OFF):
        return ()
    if subject.explicit is None:
        return Unknown("the layers do not tell whether quantisation came from Q/DQ nodes or from a calibrator")
    return (
        Claim(
            cause="the engine may be refitted, so scales that are equal now may not be relied on",
            evidence=(Evidence("built with --refit" if flagged else f"trtexec says 'Refit: {option}'", "options"),),
            saving=Unknown("which rewrites were left out is not shown; build once without refitting and compare"),
            aside=True,
        ),
    )


RULE = Rule(
    code="Q115",
    name="refit-blocks-scales",
    title="Refitting keeps Q/DQ from being fused",
    role=Role.CAUSE,
    why=(
        "Some fusions hold only while two scales are equal. TensorRT leaves them out where refitting could make equal "
        "scales differ, so a refittable INT8 engine may run more quantise and reformat layers."
    ),
    needs="trtexec's options or its command line",
    looks_like=(
        ("build log", "'Refit: Enabled' under Build Options, or --refit in the command"),
        ("layer information", "stand-alone quantise layers and copies at concatenations that share a scale"),
    ),
    cure="Build without --refit where weights are not exchanged, and compare the number of layers.",
    saving="unknown: the files do not show which rewrites were left out",
    false_positives="Most engines lose nothing by it; it is a note until a build without --refit shows fewer layers.",
    source="TensorRT NvInfer.h and developer guide, Refitting an Engine: limits on scale-dependent rewrites",
    check=check,
)
