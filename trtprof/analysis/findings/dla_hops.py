"""D701: the engine goes from the DLA to the GPU and back."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.dla import HOP_HIGH_NS, HOP_LOW_NS, hop_cost
from trtprof.analysis.findings.dla_placement import (
    between,
    boundary_conversions,
    dla_groups,
    dla_rows,
    facts_of,
    gpu_words,
    no_dla,
)
from trtprof.analysis.findings.rule import ALL, Claim, Outcome, Role, Rule, Subject, row_evidence
from trtprof.diagnosis import Evidence
from trtprof.model import Estimate, Unknown
from trtprof.units import plural

_SHOWN: Final = 8
_CROSSINGS: Final = f"{{}} crossings of {HOP_LOW_NS / 1e3:.0f} to {HOP_HIGH_NS / 1e3:.0f} µs each"


def check(subject: Subject) -> Outcome:
    """Return a claim for an engine with two or more parts on the DLA, with the conversions between them."""
    certain = no_dla(subject)
    if isinstance(certain, Unknown):
        return certain
    groups = dla_groups(subject)
    if certain or len(groups) < 2:
        return ()
    facts = facts_of(subject)
    gpu = facts.gpu_layers or tuple(row.layer.name for row in between(subject))
    conversions = boundary_conversions(subject)
    hops = len(groups) - 1
    cause = f"the DLA has {len(groups)} separate parts, so values leave it and return {plural(hops, 'time')}"
    return (
        Claim(
            cause=f"{cause}; {gpu_words(gpu)} on the GPU" if gpu else cause,
            evidence=(
                *_groups(subject, groups),
                *_on_gpu(gpu),
                *row_evidence(conversions, lambda _: "converts between the DLA and the GPU"),
            ),
            savings={row.layer.index: ALL for row in conversions},
            explains=frozenset(row.layer.index for row in conversions),
            saving=None if conversions else _modelled(hops),
            modelled=not conversions,
            basis=""
            if conversions
            else f"{2 * hops} crossings of {HOP_LOW_NS / 1e3:.0f} to {HOP_HIGH_NS / 1e3:.0f} µs each",
        ),
    )


def _groups(subject: Subject, groups: tuple[str, ...]) -> tuple[Evidence, ...]:
    rows = {row.layer.name: row.layer.index for row in dla_rows(subject)}
    source = "log" if facts_of(subject).dla_layers else "layers"
    return tuple(Evidence(f"'{name}' runs on the DLA", source, rows.get(name), name) for name in groups)


def _on_gpu(gpu: tuple[str, ...]) -> tuple[Evidence, ...]:
    shown = ", ".join(gpu[:_SHOWN]) + (f" and {len(gpu) - _SHOWN} more" if len(gpu) > _SHOWN else "")
    return (Evidence(f"on the GPU: {shown}", "log"),) if gpu else ()


def _modelled(returns: int) -> Estimate:
    """Each return is two crossings; without a profile only their modelled cost is known."""
    return Estimate.total([hop_cost(None)] * (2 * returns))


RULE = Rule(
    code="D701",
    name="dla-hops",
    title="The engine goes from the DLA to the GPU and back",
    role=Role.CAUSE,
    why=(
        "A layer that the DLA does not support runs on the GPU and cuts the network in two there. At every cut the "
        "values change layout and type, and one processor waits for the other. A single cheap layer can cost more "
        "than all the convolutions around it."
    ),
    needs="a build log with the lists of layers on DLA and GPU, or layer information with rows on the DLA",
    looks_like=(
        ("build log", "two or more '[DlaLayer] {ForeignNode[…]}' with '[GpuLayer]' lines beside them"),
        ("profile", "several {ForeignNode[…]} entries with Reformatting CopyNode between them; 'x from nvm'"),
        ("nsys", "conversion kernels of the GPU between DLA tasks (--trace=cuda,nvmedia,cudla)"),
    ),
    cure=(
        "Replace the layers on the GPU by ones the DLA has, one after the other until one {ForeignNode[…]} is left: "
        "BatchNorm for GroupNorm, ReLU for SiLU or Mish, AveragePool up to 8x8 for a global pooling. Or keep the part "
        "of the network with the unsupported layers on the GPU as a whole."
    ),
    saving="conversions between parts on the DLA, waiting comes on top; without a profile a modelled cost a crossing",
    false_positives=(
        "Two parts that do not depend on each other, or a head cut off at the very end, cost little. DLA is used to "
        "free the GPU, too: 4.67 ms on it against 1.96 ms on the GPU can be what is wanted (NVIDIA/TensorRT#3148)."
    ),
    source=(
        "NVIDIA-AI-IOT/jetson_dla_tutorial (GroupNorm to BatchNorm: 306 to 650 queries a second); "
        "jkjung-avt/tensorrt_demos#200; NVIDIA/TensorRT#4380; TensorRT developer guide, Working with DLA"
    ),
    check=check,
)
