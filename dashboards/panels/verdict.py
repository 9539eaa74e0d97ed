"""The verdict in one sentence and a tile for each precision asked for, built or not."""

from __future__ import annotations

from dataclasses import dataclass

from trtprof.comparison import Built, Comparison, Conversion, NotBuilt, OutputAccuracy
from trtprof.dashboards.drawing import draw
from trtprof.dashboards.panel import Panel
from trtprof.dashboards.words import cannot_tell, dtype_word, total_words, wanted_operand, wanted_share
from trtprof.model import Estimate, Provenance, Unknown
from trtprof.tensor_core_use import tensor_core_use
from trtprof.units import ABSENT, byte_size, decibel, ms, ms_range, percent, plural, significant

COUNTED = "counted"


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a tile: what, its value, where the value comes from, and what else to know."""

    what: str
    value: str
    mark: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """One precision."""

    name: str
    note: str
    facts: tuple[Fact, ...]
    absent: bool = False


def panel(comparison: Comparison) -> Panel:
    """Return the verdict and its tiles."""
    verdict = comparison.verdict
    folded = any(built.projected_ns is not None for built in comparison.engines)
    first = comparison.engines[0] if comparison.engines else None
    tiles = [built_tile(built, folded=folded, first=first) for built in comparison.engines]
    tiles += [missing_tile(item) for item in comparison.missing]
    device = comparison.device.name
    return Panel(
        id="verdict",
        title="Which precision is fastest, and how sure is that?",
        text=verdict.sentence,
        how_to_read=(
            "each tile is one precision; the word in the box says where a number comes from: measured by a tool, "
            "counted in the engine that was built, derived from such numbers, or modelled. "
            + (f"Times are modelled for one {device}." if comparison.device_is_modelled else f"Device: {device}.")
        ),
        caveat=(
            "a modelled time is a range and the model's guess inside it, not a measurement; two ranges that overlap "
            "say nothing about which engine is faster."
            if any(built.provenance is Provenance.MODELLED for built in comparison.engines)
            else ""
        ),
        html=draw("verdict.html", tiles=tiles, because=verdict.because),
    )


def built_tile(built: Built, *, folded: bool, first: Built | None = None) -> Tile:
    """Return the tile of a precision that has an engine; ``folded`` asks for the projected total as well.

    ``first`` is the engine that a measured one is held against.
    """
    facts = [
        *_latency(built),
        *_speedup(built, first),
        _total(built),
        *([_projected(built)] if folded else []),
        _share(built),
        _tensor_cores(built),
        Fact("rows of the engine", f"{len(built.rows):,}", COUNTED),
        Fact("rows that only convert", *_conversions(built.conversions)),
        _plan(built),
        _accuracy(built.accuracy),
    ]
    note = f"the rest in {built.remainder.value}" if built.remainder else ""
    return Tile(built.name, note, tuple(facts))


def missing_tile(item: NotBuilt) -> Tile:
    """Return the tile of a precision without an engine: the reason and what can be done."""
    return Tile(item.name, "no engine", (Fact("", cannot_tell(item.reason), "", item.hint or ""),), absent=True)


def _latency(built: Built) -> list[Fact]:
    """Whole inferences, where they were timed; rows timed by a profiler add up to more."""
    latency = built.latency
    if latency is None:
        return []
    value = f"p50 {ms(latency.median_ns)} ms, p99 {ms(latency.p99_ns)} ms"
    spread = f", spread {percent(latency.spread_ratio, 1)}" if latency.spread_ratio is not None else ""
    counted = "as trtexec summed up" if latency.iterations is None else f"{latency.iterations:,} iterations{spread}"
    facts = [Fact(latency.what, value, Provenance.MEASURED.value, counted)]
    rate = latency.throughput_per_s
    if rate is not None:
        facts.append(Fact("inferences a second", f"{rate:,.0f}", Provenance.DERIVED.value))
    return facts


def _speedup(built: Built, first: Built | None) -> list[Fact]:
    """How many times as fast as the first engine, where both were timed."""
    if first is None or first.latency is None or built.latency is None:
        return []
    if first is built:
        return [Fact(f"speed against {first.name}", "×1, it is the measure")]
    ratio = first.latency.median_ns / built.latency.median_ns
    return [Fact(f"speed against {first.name}", f"×{significant(ratio, 3)}", Provenance.DERIVED.value)]


def _tensor_cores(built: Built) -> Fact:
    """Of the time that could use Tensor Cores, the share that does."""
    what = "Tensor Cores' share of conv/gemm time"
    use = tensor_core_use(built.rows)
    if not use.eligible:
        return Fact(what, "no conv/gemm rows", COUNTED)
    if not use.is_known:
        return Fact(what, "cannot tell: no row names its kernel")
    more = f"{use.tensor:,} of {use.eligible:,} rows, {use.unknown:,} unknown" if use.unknown else ""
    if use.time_ratio is None:
        return Fact(what, "cannot tell: the time of a row is unknown", "", more)
    mark = Provenance.MODELLED if built.provenance is Provenance.MODELLED else Provenance.DERIVED
    return Fact(what, percent(use.time_ratio), mark.value, more)


def _total(built: Built) -> Fact:
    time = built.total_ns
    what = "sum of the rows' times"
    if isinstance(time, Estimate):
        value = f"{ms_range(time.low, time.high)} ms"
        return Fact(what, value, Provenance.MODELLED.value, f"mid of the model: {ms(time.mid)} ms")
    if time is None:
        return Fact(what, total_words(time, built.provenance))
    return Fact(what, f"{ms(time)} ms", built.provenance.value)


def _projected(built: Built) -> Fact:
    what = "with conv epilogues folded, as full TensorRT builds them"
    time = built.projected_ns
    if time is None:
        return Fact(what, ABSENT, "", "no quantised conv with an epilogue of its own")
    mid = f"mid of the model: {ms(time.mid)} ms"
    return Fact(what, f"{ms_range(time.low, time.high)} ms", Provenance.MODELLED.value, mid)


def _share(built: Built) -> Fact:
    share, wanted = wanted_share(built), dtype_word(wanted_operand(built.precision))
    if share is None:
        return Fact("conv/gemm rows by operand type", "cannot tell: the engine names no precision")
    what = f"conv/gemm rows that take {wanted} operands"
    hit, total = share
    if not total:
        return Fact(what, "no conv/gemm rows", COUNTED)
    return Fact(what, f"{hit:,} of {total:,} ({percent(hit / total)})", COUNTED)


def _conversions(conversions: tuple[Conversion, ...]) -> tuple[str, str, str]:
    if not conversions:
        return "found nothing", COUNTED, ""
    sizes = [item.bytes_moved for item in conversions]
    known = [size for size in sizes if size is not None]
    unknown = len(sizes) - len(known)
    moved = f"{byte_size(sum(known))} moved" if known else ""
    if unknown:
        moved = f"{moved}, and " if moved else ""
        moved += f"{plural(unknown, 'row')} of unknown size"
    return f"{len(conversions):,}", COUNTED, moved


def _plan(built: Built) -> Fact:
    size = built.engine.size_bytes
    if size is None:
        return Fact("size of the plan", "cannot tell: the capture does not hold it")
    return Fact("size of the plan", byte_size(size), Provenance.MEASURED.value)


def _accuracy(accuracy: tuple[OutputAccuracy, ...] | Unknown) -> Fact:
    what = "accuracy against the FP32 original"
    if isinstance(accuracy, Unknown):
        return Fact(what, cannot_tell(accuracy))
    if not accuracy:
        return Fact(what, "found nothing: no output was compared")
    sqnr = [item.sqnr_db for item in accuracy if item.sqnr_db is not None]
    cosine = [item.cosine for item in accuracy if item.cosine is not None]
    top1 = [item.top1_agreement for item in accuracy if item.top1_agreement is not None]
    parts = [f"SQNR {decibel(min(sqnr))}"] if sqnr else []
    parts += [f"cosine {significant(min(cosine), 5)}"] if cosine else []
    parts += [f"top-1 {percent(min(top1), 1)}"] if top1 else []
    more = f"the worst of {plural(len(accuracy), 'output')}, with onnxruntime on the CPU"
    if not parts:
        return Fact(what, "cannot tell: no figure was computed")
    return Fact(what, ", ".join(parts), Provenance.MEASURED.value, more)
