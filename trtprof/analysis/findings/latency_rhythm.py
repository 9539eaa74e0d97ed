"""M523: latency comes back at a pace that no engine has by itself."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.diagnosis import Evidence
from trtprof.model import Unknown
from trtprof.units import NS_PER_MS, plural

_SAVING: Final = Unknown("it is time that something else takes, not the engine")


def check(subject: Subject) -> Outcome:
    """Return a claim where the latencies of a run on a board have a rhythm."""
    run = subject.built.board_run
    if run is None or run.period is None:
        return ()
    if isinstance(run.period, Unknown):
        return run.period
    pace = f"every {plural(run.period.iterations, 'iteration')}, {run.period.period_ns / NS_PER_MS:.1f} ms"
    evidence = (Evidence(f"autocorrelation {run.period.strength:.2f} at {pace}", "times"),)
    return (
        Claim(cause=f"latency comes back {pace}: something else runs at that pace", evidence=evidence, saving=_SAVING),
    )


RULE = Rule(
    code="M523",
    name="latency-rhythm",
    title="Latency has a rhythm",
    role=Role.CONDITION,
    why=(
        "An engine does the same work each time. Where every so many iterations one is slow, another program takes "
        "the GPU, the memory or the CPU at its own pace: a desktop that redraws, a camera, a timer."
    ),
    needs="iteration times of a capture of a board, 64 or more",
    looks_like=(("times", "spikes at equal distances; autocorrelation above 0.3 at that distance"),),
    cure="Look for what has that period: 16.7 ms is a 60 Hz display, and sudo init 3 ends the desktop.",
    saving="none of the engine's own",
    false_positives="A clock that swings slowly between two steps has a rhythm too, of its governor.",
    source="autocorrelation of trtexec --exportTimes; latencies of eight published engines have none",
    check=check,
)
