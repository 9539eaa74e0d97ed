"""D702: layers that were meant for the DLA run on the GPU."""

from __future__ import annotations

from typing import Final

from trtprof.analysis.findings.dla_placement import dla_groups, facts_of, gpu_words, no_dla
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.diagnosis import Evidence
from trtprof.engine_facts import DlaRefusal
from trtprof.model import Unknown
from trtprof.units import plural


def check(subject: Subject) -> Outcome:
    """Return a claim with every layer the DLA refused, and why where TensorRT says so."""
    certain = no_dla(subject)
    if isinstance(certain, Unknown):
        return certain
    if certain:
        return ()
    facts, groups = facts_of(subject), dla_groups(subject)
    if not facts.dla_refusals:
        if not facts.logged:
            return Unknown("which layers the DLA refused is only in the build log")
        if not facts.gpu_layers:
            return ()
        return Unknown(
            f"the log lists {gpu_words(facts.gpu_layers)} on the GPU and no refusal: warnings go to stderr, keep both"
        )
    refused = plural(len(facts.dla_refusals), "layer")
    cause = (
        f"the DLA does not take {refused}, which the GPU runs"
        if groups
        else f"the DLA takes no layer: {refused} refused"
    )
    return (
        Claim(
            cause=cause,
            evidence=tuple(Evidence(_words(item), "log", layer=item.layer) for item in facts.dla_refusals),
            saving=_UNKNOWN,
        ),
    )


def _words(item: DlaRefusal) -> str:
    kind = f" ({item.layer_type})" if item.layer_type else ""
    return f"'{item.layer}'{kind}: {item.reason or 'not supported on the DLA, without a reason given'}"


_UNKNOWN: Final = Unknown("what falling back costs is counted where values change between DLA and GPU, not here")

RULE = Rule(
    code="D702",
    name="dla-fallback",
    title="Layers fall back from the DLA to the GPU",
    role=Role.CAUSE,
    why=(
        "The DLA is fixed hardware: FP16 and INT8 only, kernels and maps of limited size, no dynamic shapes, a "
        "handful of operators, and 16 loadables a core. With --allowGPUFallback TensorRT moves everything else to "
        "the GPU, layer by layer, and only warns."
    ),
    needs="a build log with its warnings (trtexec … > build.log 2>&1)",
    looks_like=(
        ("build log", "'Layer 'x' (TYPE): Unsupported on DLA. Switching this layer's device type to GPU.'"),
        ("build log", "'DLA supports only 16 subgraphs per DLA core. Switching to GPU for layer x'"),
        ("build log", "'[GpuLayer]' lines under 'Layers Running on GPU'"),
    ),
    cure=(
        "Read the reasons: change kernel, stride, padding or groups to what the DLA takes, fix the shapes, fold "
        "constants and shuffles, replace unsupported activations, or end the DLA's part before the first such layer."
    ),
    saving="counted where values change between DLA and GPU",
    false_positives=(
        "Shuffles, constants and the head of a detector fall back in most networks; at the end they cut nothing."
    ),
    source=(
        "TensorRT developer guide, DLA supported layers and restrictions; NVIDIA-AI-IOT/jetson_dla_tutorial#3; "
        "lewes6369/TensorRT-Yolov3#86; jkjung-avt/tensorrt_demos#200"
    ),
    check=check,
)
