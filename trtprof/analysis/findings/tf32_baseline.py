"""M504: the FP32 engine multiplies TF32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trtprof.analysis.findings.rule import Claim, Outcome, Role, Rule, Subject, row_evidence, row_ns
from trtprof.comparison import Row
from trtprof.diagnosis import Evidence
from trtprof.model import DType, Precision, Provenance, Unit, Unknown
from trtprof.units import percent, plural

_AMPERE: Final = (8, 0)


def check(subject: Subject) -> Outcome:
    """Return a claim about an FP32 engine whose conv or gemm kernels multiply TF32, by their names."""
    built = subject.built
    if built.precision is not Precision.FP32 or built.provenance is Provenance.MODELLED:
        return ()
    mains = [row for row in subject.rows if row.has_matmul]
    named = [row for row in mains if row.kernel is not None and row.kernel.unit is not Unit.UNKNOWN]
    if not named:
        return _from_options(subject)
    found = [row for row in named if row.kernel and row.kernel.mma is DType.TF32]
    if not found:
        return ()
    return (
        Claim(
            cause=f"the FP32 engine multiplies TF32 in {len(found)} of {plural(len(mains), 'conv/gemm layer')}"
            + _share(found, mains),
            evidence=row_evidence(found, lambda row: f"kernel {row.layer.tactic}"),
            saving=_NOTHING_TO_SAVE,
        ),
    )


def _share(found: Sequence[Row], mains: Sequence[Row]) -> str:
    whole = [row_ns(row) for row in mains]
    total = sum(time for time in whole if time is not None)
    if None in whole or not total:
        return ""
    return f", {percent(sum(row_ns(row) or 0.0 for row in found) / total)} of their time"


def _from_options(subject: Subject) -> Outcome:
    """Without kernel names the command line tells at least that TF32 was allowed."""
    engine = subject.built.engine
    command = engine.facts.command if engine.facts else None
    if command is not None and "--noTF32" in command:
        return ()
    capability = engine.device.compute_capability if engine.device else None
    if capability is not None and capability < _AMPERE:
        return ()
    if command is None or capability is None or "--loadEngine" in command or "--onnx" not in command:
        return Unknown(
            "no kernel names of conv or gemm: give layer information built with --profilingVerbosity=detailed"
        )
    said = f"trtexec built it without --noTF32 for compute capability {capability[0]}.{capability[1]}"
    return (
        Claim(
            cause="the FP32 engine was allowed to multiply TF32; which kernels do is not known",
            evidence=(Evidence(said, "options"),),
            saving=_NOTHING_TO_SAVE,
        ),
    )


_NOTHING_TO_SAVE: Final = Unknown("TF32 makes the baseline faster, not slower")

RULE = Rule(
    code="M504",
    name="tf32-in-fp32",
    title="The FP32 baseline runs in TF32",
    role=Role.CONDITION,
    why=(
        "TensorRT allows TF32 by default in every version. On Ampere and newer an FP32 engine then multiplies with "
        "10 bits of mantissa on Tensor Cores, at half the rate of FP16: what FP16 and INT8 gain over FP32 looks "
        "smaller than it is, and the engine is no exact reference for accuracy either."
    ),
    needs="kernel names of an FP32 engine (layer information), or trtexec's command line and the GPU",
    looks_like=(
        ("layer information", "TacticName with tf32f32 or s1688 in an engine that was asked for in FP32"),
        ("nsys", "kernels named …_tf32f32_… or …_s1688…"),
        ("trtexec log", "'TF32 is enabled by default. Add --noTF32 …', and no --noTF32 in the command"),
    ),
    cure=(
        "Decide which baseline is meant and say so. For FP32 proper: trtexec --noTF32, or clear BuilderFlag.TF32. "
        "`trtprof compare` builds both with --precision fp32 --precision tf32."
    ),
    saving="none: it is the baseline that changes",
    false_positives="Users of TensorRT's defaults do get TF32; against what they run now the speed-up is right.",
    source="TensorRT API, BuilderFlag.TF32 (on by default); TensorRT developer guide, TF32; trtexec --noTF32",
    check=check,
)
