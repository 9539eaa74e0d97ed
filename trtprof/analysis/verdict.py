"""The answer in one sentence, and no more than the numbers carry."""

from __future__ import annotations

from collections.abc import Sequence

from trtprof.analysis.latency import BUILD_NOISE_RATIO
from trtprof.analysis.roofline import WINNER_RATIO
from trtprof.comparison import Built, NotBuilt, Verdict
from trtprof.model import DType, Estimate, Precision, Provenance
from trtprof.tensor_core_use import tensor_core_use
from trtprof.units import byte_size, ms, percent, plural, significant

_MEASURABLE = 1.005
"""Medians of some thousand iterations repeat to about half a percent with locked clocks."""
_QUANTISED = (Precision.INT8, Precision.FP8, Precision.INT4, Precision.FP4)


def verdict(engines: Sequence[Built], missing: Sequence[NotBuilt]) -> Verdict:
    """Return the sentence for modelled engines; a winner is named only when it is ahead of the next by 2 or more.

    A quantised engine is ranked with its epilogues folded: what TensorRT-RTX leaves unfused is not the model's fault.
    """
    because = tuple(filter(None, (*(_structure(built) for built in engines), *(_absent(item) for item in missing))))
    timed = [(built, time) for built in engines if (time := ranked_time(built)) is not None]
    if len(timed) < 2:
        sentence = "One engine only: there is nothing to compare it with." if engines else "No engine was built."
        return Verdict(sentence, None, Provenance.MODELLED, because)
    ranked = sorted(timed, key=lambda item: item[1].mid)
    (first, best), (second, next_best), (last, worst) = ranked[0], ranked[1], ranked[-1]
    folded = [built.name for built, _ in ranked if built.projected_ns is not None]
    aside = f" ({' and '.join(folded)} taken with epilogues folded, as TensorRT builds them)" if folded else ""
    if next_best.mid >= WINNER_RATIO * best.mid:
        sentence = (
            f"{first.name} comes out fastest: its modelled time is {_times(next_best, best)} below that of "
            f"{second.name}{aside}, far enough to expect the same order on a GPU."
        )
        return Verdict(sentence, first.name, Provenance.MODELLED, because)
    behind = f" {last.name} is further behind." if last is not second and worst.mid >= WINNER_RATIO * best.mid else ""
    sentence = (
        f"No winner can be called between {first.name} and {second.name}: their modelled times are "
        f"{_times(next_best, best)} apart{aside}, and below {significant(WINNER_RATIO)} times the model cannot tell."
        f"{behind} What does differ is structure."
    )
    return Verdict(sentence, None, Provenance.MODELLED, because)


def ranked_time(built: Built) -> Estimate | None:
    """Return the modelled time an engine is ranked by, ``None`` where there is none."""
    if built.projected_ns is not None:
        return built.projected_ns
    return built.total_ns if isinstance(built.total_ns, Estimate) else None


def _times(longer: Estimate, shorter: Estimate) -> str:
    return f"{significant(longer.mid / shorter.mid)} times" if shorter.mid else "an unknown factor"


def _structure(built: Built) -> str:
    total = sum(count for _, count in built.precision_mix)
    if built.precision not in _QUANTISED or not total:
        return ""
    wanted = DType(built.precision.value)
    count = next((n for dtype, n in built.precision_mix if dtype is wanted), 0)
    moved = [conversion.bytes_moved for conversion in built.conversions]
    size = "an unknown number of bytes" if None in moved else byte_size(sum(n or 0 for n in moved))
    return (
        f"{built.name}: {count} of {plural(total, 'conv/gemm kernel')} take {wanted.value.upper()} operands, "
        f"{plural(len(built.conversions), 'kernel')} of {len(built.rows):,} only convert ({size} moved)"
    )


def _cuda_cores(built: Built) -> str:
    """Name the conv and gemm that could use a Tensor Core and, by their kernel's name, do not."""
    use = tensor_core_use(built.rows)
    if not use.cuda or built.precision not in (*_QUANTISED, Precision.FP16, Precision.BF16):
        return ""
    worst = use.on_cuda_cores[0]
    time = f", {ms(worst.time_ns)} ms" if isinstance(worst.time_ns, float) else ""
    kernels = f"{use.cuda} of {plural(use.eligible, 'conv/gemm kernel')}"
    verb = "runs" if use.cuda == 1 else "run"
    return f"{built.name}: {kernels} {verb} on CUDA cores ('{worst.matmuls[0]}'{time}: {worst.layer.tactic})"


def _absent(item: NotBuilt) -> str:
    return f"{item.name}: cannot tell, {item.reason.reason}"


def measured_verdict(engines: Sequence[Built]) -> Verdict:
    """Return the sentence for engines that were run: who is fastest, by how much, and whether that is noise."""
    structure = (words for built in engines for words in (_structure(built), _cuda_cores(built)))
    because = tuple(filter(None, structure))
    timed = [(built, time) for built in engines if (time := measured_time(built)) is not None]
    if len(timed) < 2:
        sentence = (
            "Fewer than two engines have a measured time: there is nothing to compare." if engines else "No engine."
        )
        return Verdict(sentence, None, Provenance.MEASURED, because)
    ranked = sorted(timed, key=lambda item: item[1])
    (first, best), (second, next_best) = ranked[0], ranked[1]
    apart = next_best / best - 1
    noise = apart < BUILD_NOISE_RATIO
    sentence = f"{first.name} is fastest: {ms(best)} ms against {ms(next_best)} ms of {second.name}"
    sentence += f", {percent(apart, 1)} apart" + (
        ", within the noise between two builds (about 4 %)." if noise else "."
    )
    sentence += _disappointment(timed)
    return Verdict(sentence, None if noise else first.name, Provenance.MEASURED, because)


def measured_time(built: Built) -> float | None:
    """Return the median of an engine's inferences in ns, else the sum of its layers; ``None`` if both are unknown."""
    if built.latency is not None:
        return built.latency.median_ns
    return built.total_ns if isinstance(built.total_ns, float) else None


def _disappointment(timed: Sequence[tuple[Built, float]]) -> str:
    """Say so where a quantised engine is no faster than a 16-bit one: the question this tool is asked."""
    half = next((item for item in timed if item[0].precision in (Precision.FP16, Precision.BF16)), None)
    words = ""
    for built, time in timed:
        if half is not None and built.precision in _QUANTISED and time >= half[1]:
            how = "slower" if time > _MEASURABLE * half[1] else "no faster"
            words += f" {built.name} is {how} than {half[0].name}: {ms(time)} ms against {ms(half[1])} ms."
    return words
