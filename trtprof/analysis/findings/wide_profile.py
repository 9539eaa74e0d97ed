"""H603: the optimisation profile allows far more than it was tuned for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.diagnosis import Evidence
from trtprof.model import IoTensor, Unknown
from trtprof.units import dims

_WIDE: Final = 8


def check(subject: Subject) -> Outcome:
    """Return a note for optimisation profiles whose bounds are far from their optimum."""
    inputs = subject.built.engine.io
    wide = [evidence for item in inputs for evidence in _wide(item)]
    if wide:
        return (
            Claim(
                cause=f"the optimisation profile of {wide[0].layer} is far wider than its optimum",
                evidence=tuple(wide),
                saving=Unknown("what a narrower profile would give has to be built and measured"),
            ),
        )
    if any(item.profiles for item in inputs):
        return ()
    dynamic = any(extent < 0 for item in inputs for extent in item.tensor.dims or ())
    return Unknown("shapes are dynamic, and the optimisation profiles are not at hand") if dynamic else ()


def _wide(item: IoTensor) -> Iterator[Evidence]:
    for low, best, high in item.profiles:
        least, tuned, most = math.prod(low), math.prod(best), math.prod(high)
        if min(least, tuned) > 0 and (most >= _WIDE * tuned or tuned >= _WIDE * least):
            said = f"'{item.tensor.name}' may be {dims(low)} to {dims(high)} and is tuned for {dims(best)}"
            yield Evidence(said, "layers", layer=f"'{item.tensor.name}'")


RULE = Rule(
    code="H603",
    name="wide-profile",
    title="Optimisation profile is far wider than its optimum",
    role=Role.CONDITION,
    why=(
        "Kernels are timed at the optimum of a profile but must be right for all of it. A wide profile rules kernels "
        "out, reserves memory for the largest shape, and is slow far from the optimum."
    ),
    needs="the engine's inputs with their profiles",
    looks_like=(
        ("layer information", "inputs with -1 and a profile whose bounds differ by a factor of eight and more"),
        ("profile", "an engine slower than one built for the measured shape alone"),
        ("build log", "--minShapes, --optShapes and --maxShapes far apart"),
    ),
    cure="Give each range of shapes that is really used its own profile, or build for one shape, and measure at it.",
    saving="unknown: it takes another build",
    false_positives="Measured at the optimum, a wide profile often costs nothing.",
    source="TensorRT developer guide, optimization profiles; NVIDIA/TensorRT#4294 (Swin, 1 to 40)",
    check=check,
)
