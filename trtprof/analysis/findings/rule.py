"""What a rule is, what it is given and what it may answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final

from trtprof.analysis.devices import Peaks
from trtprof.analysis.findings.flow import Flow
from trtprof.comparison import Built, Row
from trtprof.diagnosis import Evidence
from trtprof.graph_facts import GraphFacts
from trtprof.model import Estimate, Graph, Unknown
from trtprof.units import plural

QUANTISED_WORDS: Final = ("int8", "fp8", "int4", "fp4")


class Role(str, Enum):
    """What a rule's findings are to each other.

    A *cause* explains symptoms and leads the report. A *symptom* is shown under its cause, and by itself only where no
    cause explains it. A *condition* is about the measurement or the machine, not about layers. A *model* rule
    is about the ONNX file, and only ``trtprof lint`` looks for it.
    """

    CAUSE = "cause"
    SYMPTOM = "symptom"
    CONDITION = "condition"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a row's time that a cure takes away, 0 to 1, as a range."""

    low: float
    mid: float
    high: float

    def of(self, time_ns: Estimate | float) -> Estimate:
        """Return the share of a time; the range of a modelled time widens it."""
        time = time_ns if isinstance(time_ns, Estimate) else Estimate(*[float(time_ns)] * 3)
        return Estimate(time.low * self.low, time.mid * self.mid, time.high * self.high)


NO_MODEL: Final = Unknown("its ONNX model is not at hand")

NO_TYPES: Final = Unknown(
    "the types of its layers are not known: give its layer information (--exportLayerInfo, detailed)"
)
ALL: Final = Share(1.0, 1.0, 1.0)
"""The row goes."""
NONE: Final = Share(0.0, 0.0, 0.0)
"""The row stays as it is."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a rule found in one engine.

    ``savings`` maps rows of the engine to the share of their time that the cure takes away. ``explains`` are the rows
    that would not be as they are without this cause; symptoms on them become its effects. ``saving`` is given instead
    of ``savings`` where the gain is not a sum over rows, as a range of the engine's latency. ``cure`` overrides the
    rule's where the engine allows a more exact one. ``aside`` marks what is worth knowing and no fault, so that it
    stays a note where its saving cannot be told; by default causes are faults and conditions are not.
    """

    cause: str
    evidence: tuple[Evidence, ...]
    savings: Mapping[int, Share] = field(default_factory=lambda: MappingProxyType({}))
    explains: frozenset[int] = frozenset()
    saving: Estimate | Unknown | None = None
    modelled: bool = False
    basis: str = ""
    cure: str | None = None
    aside: bool | None = None


Outcome = tuple[Claim, ...] | Unknown
"""Claims; an empty tuple for *found nothing*; or why it cannot be told."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One engine under diagnosis, and what is known around it.

    ``half`` is the 16-bit engine of the same model, ``full`` the FP32 one, where the comparison has them. ``facts`` are
    what its own ONNX model says of Q/DQ. ``ahead_of_time`` marks a TensorRT-RTX build, which never fuses the epilogue
    of a quantised convolution. ``explicit`` tells whether its quantisation came from Q/DQ nodes, ``None`` if unknown.
    """

    built: Built
    flow: Flow
    graph: Graph
    half: Built | None = None
    full: Built | None = None
    facts: GraphFacts | Unknown = NO_MODEL
    peaks: Peaks | None = None
    ahead_of_time: bool = False
    explicit: bool | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        """The engine's rows in execution order."""
        return self.built.rows

    @property
    def types_known(self) -> bool:
        """Whether any layer says which types it reads and writes; a profile alone gives names."""
        return any(tensor.dtype is not None for row in self.rows for tensor in row.layer.inputs or ())

    @property
    def is_quantised(self) -> bool:
        """Whether a quantised engine was asked for, or is there."""
        named = self.built.precision is not None and self.built.precision.value in QUANTISED_WORDS
        return named or self.has_quantised_rows

    @property
    def has_quantised_rows(self) -> bool:
        """Whether any conv or gemm reads a quantised type."""
        return any(self.flow.is_quantised_main(row) for row in self.rows)

    def row(self, index: int) -> Row:
        """Return the row of a layer index."""
        return self.flow.row(index)

    def sibling_rows(self, row: Row, other: Built | None) -> tuple[Row, ...]:
        """Return the rows of another engine that do the same nodes' work, by node group."""
        if other is None or row.group is None:
            return ()
        return tuple(item for item in other.rows if item.group == row.group)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with everything ``trtprof rules`` and the docs say of it.

    ``looks_like`` pairs an artefact (layer information, profile, nsys trace, ONNX model, build log) with what the
    trouble looks like in it. ``source`` names the document or the threads the rule rests on.
    """

    code: str
    name: str
    title: str
    role: Role
    why: str
    needs: str
    looks_like: tuple[tuple[str, str], ...]
    cure: str
    saving: str
    false_positives: str
    source: str
    check: Callable[[Subject], Outcome]


def no_types(subject: Subject) -> Outcome:
    """Return why a rule on types cannot tell; found nothing where no quantised engine was asked for."""
    asked = subject.is_quantised or subject.explicit or subject.built.precision is None
    return NO_TYPES if subject.rows and asked else ()


def runs_alone(count: int, noun: str, nouns: str | None = None) -> str:
    """Return ``1 quantise runs as a layer of its own`` or ``3 quantises run as layers of their own``."""
    said = plural(count, noun, nouns)
    return f"{said} runs as a layer of its own" if count == 1 else f"{said} run as layers of their own"


def row_evidence(rows: Iterable[Row], what: Callable[[Row], str]) -> tuple[Evidence, ...]:
    """Return one observation a row, in execution order, with the row's time as profiled."""
    ordered = sorted(rows, key=lambda row: row.layer.index)
    return tuple(
        Evidence(
            what=what(row),
            source="layers",
            row=row.layer.index,
            layer=row.layer.name,
            time_ns=row_ns(row),
        )
        for row in ordered
    )


def row_ns(row: Row) -> float | None:
    """Return a row's time in ns; the middle of a modelled one."""
    return row.time_ns.mid if isinstance(row.time_ns, Estimate) else row.time_ns
