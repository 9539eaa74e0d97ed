"""M503: a quantised engine and its 16-bit sibling are closer than two builds of one network."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.query_times import NO_QUERY
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.analysis.latency import BUILD_NOISE_RATIO
from trtprof.comparison import Latency
from trtprof.diagnosis import Evidence
from trtprof.model import Provenance, Unknown
from trtprof.units import ms, percent


def check(subject: Subject) -> Outcome:
    """Return a claim where neither engine may be called faster; only about a quantised one against 16 bits."""
    half = subject.half
    if not subject.is_quantised or half is None or subject.built.provenance is Provenance.MODELLED:
        return ()
    mine, other = subject.built.latency, half.latency
    if mine is None or other is None:
        return NO_QUERY
    if mine.what != other.what:
        return Unknown(f"times of different things: {mine.what} of {subject.built.name}, {other.what} of {half.name}")
    apart = abs(mine.median_ns - other.median_ns) / min(mine.median_ns, other.median_ns)
    spread = max(mine.spread_ratio or 0.0, other.spread_ratio or 0.0)
    if apart >= max(BUILD_NOISE_RATIO, spread):
        return ()
    within = "two builds of one network differ" if apart < BUILD_NOISE_RATIO else "the iterations of one of them do"
    return (
        Claim(
            cause=f"{subject.built.name} and {half.name} are {percent(apart, 1)} apart, less than {within}",
            evidence=(
                _evidence(subject.built.name, mine),
                _evidence(half.name, other),
                Evidence(f"two builds differ by about {percent(BUILD_NOISE_RATIO)}", "times"),
            ),
            saving=_NOTHING_TO_SAVE,
        ),
    )


def _evidence(name: str, latency: Latency) -> Evidence:
    spread = "" if latency.spread_ratio is None else f", coefficient of variation {percent(latency.spread_ratio, 1)}"
    source = "log" if latency.iterations is None else "times"
    return Evidence(f"{name}: median {ms(latency.median_ns)} ms of {latency.what}{spread}", source)


_NOTHING_TO_SAVE: Final = Unknown("it says how far the comparison can be trusted, not what could be gained")

RULE = Rule(
    code="M503",
    name="within-noise",
    title="Two precisions cannot be ranked",
    role=Role.CONDITION,
    why=(
        "The builder chooses kernels by timing them, so two builds of one network differ by some percent, and they "
        "do so in two groups as often as evenly. A smaller difference between two precisions may turn with the next "
        "build."
    ),
    needs="query times of a quantised and a 16-bit engine, of the same kind (GPU compute, or with transfers)",
    looks_like=(
        ("times", "medians less than about 4 % apart, or less than the spread of the iterations"),
        ("trtexec log", "the same in the performance summary"),
    ),
    cure=(
        "Build each engine several times, with one timing cache or without any, and compare the medians of the "
        "builds. Until then say that they are equally fast: the other findings tell why INT8 gains so little."
    ),
    saving="none: it is the comparison that gets better",
    false_positives=(
        "With locked clocks some thousand iterations rank these two builds, only not the two precisions. Engines "
        "loaded from one file repeat to about half a percent."
    ),
    source=(
        "NVIDIA/TensorRT#1071, #3316 (2 to 8 % between builds); repeated builds of ResNet-50 fell in two groups 2 to "
        "4 % apart"
    ),
    check=check,
)
