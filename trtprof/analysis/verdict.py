"""The answer in one sentence, and no more than the numbers carry."""

from __future__ import annotations

from collections.abc import Sequence

from trtprof.analysis.roofline import WINNER_RATIO
from trtprof.comparison import Built, NotBuilt, Verdict
from trtprof.model import DType, Estimate, Precision, Provenance
from trtprof.units import byte_size, plural, significant

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


def _absent(item: NotBuilt) -> str:
    return f"{item.name}: cannot tell, {item.reason.reason}"
