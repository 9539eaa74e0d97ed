"""H601: the GPU has no fast arithmetic for the type that was asked for."""

from __future__ import annotations

from trtprof.analysis.findings.asked import HALF, allowed_types, quantised_type
from trtprof.analysis.findings.hardware import Speed, lacks_tensor_cores, speed_of
from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject
from trtprof.diagnosis import Evidence
from trtprof.model import Device, Precision, Unknown


def check(subject: Subject) -> Outcome:
    """Return one claim for each type that was asked for and that the GPU does not multiply on Tensor Cores."""
    asked = _asked(subject)
    if not asked:
        return ()
    device = subject.built.engine.device or (subject.peaks.device if subject.peaks else None)
    if device is None or device.compute_capability is None:
        return Unknown("the GPU's compute capability is not known")
    found = ((precision, speed_of(device, precision)) for precision in asked)
    return tuple(_claim(device, precision, speed) for precision, speed in found if speed in (Speed.SLOW, Speed.NONE))


def _asked(subject: Subject) -> tuple[Precision, ...]:
    """The quantised type, and the 16-bit one by the engine's precision or what the builder may choose from."""
    named = {subject.built.precision, subject.built.remainder, quantised_type(subject)}
    named |= (allowed_types(subject) or frozenset()) & HALF
    return tuple(item for item in Precision if item in named and item not in (Precision.FP32, Precision.TF32))


def _claim(device: Device, precision: Precision, speed: Speed | None) -> Claim:
    major, minor = device.compute_capability or (0, 0)
    type_name = precision.value.upper()
    how = f"has no fast {type_name}" if speed is Speed.NONE else _slow(device, precision)
    return Claim(
        cause=f"{device.name} (compute capability {major}.{minor}) {how}",
        evidence=(Evidence(f"{type_name} was asked for; {device.name} {how}", "options"),),
        saving=Unknown("another type, or another GPU, has to be measured"),
        aside=False,
        cure=_cure(device, precision),
    )


def _slow(device: Device, precision: Precision) -> str:
    if lacks_tensor_cores(device):
        return f"has no Tensor Cores, so {precision.value.upper()} runs on CUDA cores"
    if device.compute_capability == (10, 3):
        return "runs INT8 at about a twenty-fourth of the rate of compute capability 10.0"
    if precision is Precision.INT8:
        return "multiplies INT8 with dp4a on CUDA cores, not on Tensor Cores"
    return f"multiplies {precision.value.upper()} on CUDA cores, not on Tensor Cores"


def _cure(device: Device, precision: Precision) -> str | None:
    if precision is Precision.INT8 and device.compute_capability == (10, 3):
        return "Quantise to FP8 or FP4 on this GPU; trtexec --best leaves INT8 out here for the same reason."
    if precision is Precision.INT8 and speed_of(device, Precision.FP16) is Speed.TENSOR_CORE:
        return "Use FP16 on this GPU: its Tensor Cores multiply FP16 but not INT8."
    if precision is Precision.FP8 and speed_of(device, Precision.INT8) is Speed.TENSOR_CORE:
        return "Quantise to INT8 on this GPU: it has Tensor Cores for INT8 but not for FP8."
    return None


RULE = Rule(
    code="H601",
    name="no-hardware-for-type",
    title="The GPU has no fast arithmetic for this type",
    role=Role.CONDITION,
    why=(
        "A builder accepts types that the GPU cannot multiply fast. Tensor Cores take FP16 from compute capability 7.0 "
        "on, INT8 from 7.2, BF16 and TF32 from 8.0, FP8 from 8.9 and FP4 from 10.0; GTX 16 cards have none, and 10.3 "
        "(B300) has all but given up INT8."
    ),
    needs="the GPU's compute capability, from a log, TREx metadata or a trace",
    looks_like=(
        (
            "build log",
            "'Compute Capability' below the type's; '… support requested on hardware without native … support'",
        ),
        ("layer information", "tactics with dp4a or int8x4 throughout"),
        ("profile", "INT8 layers as slow as FP16 or FP32 ones"),
    ),
    cure="Use a type this GPU has Tensor Cores for, or FP32, and expect INT8 to save memory at most.",
    saving="unknown: it depends on the type chosen instead",
    false_positives="dp4a still has four times the FP32 rate on compute capability 6.1, so INT8 may pay off there.",
    source=(
        "TensorRT support matrix (precision by compute capability); NVIDIA/TensorRT#983 (GTX 1660); trtexec source, "
        "sampleOptions.cpp: --best without INT8 on 10.3"
    ),
    check=check,
)
