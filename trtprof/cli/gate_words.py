"""Gates and figures in words: what the terminal, Markdown and the error line say of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from trtprof.analysis.judge import Gates, Judgement, Outcome, changes, new_findings
from trtprof.figures import EngineFigures, Figure, Metric, Quantity
from trtprof.language import Language, shown, shown_language
from trtprof.units import ABSENT, NS_PER_MS, byte_size, decibel, ms, ms_range, percent, plural

GATE_HEADINGS: Final = ("outcome", "gate", "engine", "base", "head", "change", "noise", "why")
FIGURE_HEADINGS: Final = ("figure", "base", "head", "change", "noise")
_NAMES: Final = ("gate", "engine")
_SHOWN: Final = {
    Outcome.FAILED: "FAILED",
    Outcome.UNKNOWN: "cannot tell",
    Outcome.WITHIN_NOISE: "within noise",
    Outcome.PASSED: "passed",
}
_MARKS: Final = {Outcome.FAILED: "❌", Outcome.UNKNOWN: "❔", Outcome.WITHIN_NOISE: "⚠️", Outcome.PASSED: "✅"}


def gates_sentence(gates: Gates) -> str:
    """Return how many gates came to what, the worst first."""
    counts = {outcome: sum(item.outcome is outcome for item in gates.judgements) for outcome in reversed(Outcome)}
    words = ", ".join(f"{count} {_SHOWN[outcome].lower()}" for outcome, count in counts.items() if count)
    strict = ", which --strict fails" if gates.strict and counts[Outcome.WITHIN_NOISE] else ""
    return f"Gates {_WHOLE[gates.outcome]}: {words}{strict}."


_WHOLE: Final = {
    Outcome.FAILED: "failed",
    Outcome.UNKNOWN: "cannot be judged",
    Outcome.WITHIN_NOISE: "passed",
    Outcome.PASSED: "passed",
}


def gate_rows(gates: Gates, *, marks: bool = False) -> Iterator[tuple[str, ...]]:
    """Yield the gates, worst first, in the order of the headings; marks are for where there is no colour."""
    order = list(Outcome)
    for item in sorted(gates.judgements, key=lambda judged: -order.index(judged.outcome)):
        word = f"{_MARKS[item.outcome]} {shown(_SHOWN[item.outcome])}" if marks else _SHOWN[item.outcome]
        yield (word, item.gate.text, item.engine, *_sides(item), change_words(item), noise_words(item), item.why)


def figure_rows(engine: str, base: EngineFigures, head: EngineFigures) -> Iterator[tuple[str, ...]]:
    """Yield the figures that at least one engine has, in the order of the headings."""
    for item in changes(engine, base, head):
        known = item.base or item.head
        if known is not None:
            named = f"{item.gate.text} of {known.of}" if item.gate.text.startswith("accuracy") else item.gate.text
            yield (named, *_sides(item), change_words(item), noise_words(item))


def said_cells(headings: Sequence[str], cells: Sequence[str]) -> tuple[str, ...]:
    """Return a row of gates or figures in the language in use; names of gates, metrics and engines stay."""
    kept = (
        name in _NAMES or (name == "figure" and " " not in cell) for name, cell in zip(headings, cells, strict=True)
    )
    return tuple(cell if as_it_is else shown(cell) for cell, as_it_is in zip(cells, kept, strict=True))


def untold_figures(engine: str, base: EngineFigures, head: EngineFigures) -> str | None:
    """Return the metrics that cannot be held against each other, each reason once, in the language in use."""
    reasons: dict[str, list[str]] = {}
    for item in changes(engine, base, head):
        if item.outcome is Outcome.UNKNOWN:
            reasons.setdefault(item.why, []).append(item.gate.metric.name)
    if not reasons:
        return None
    if shown_language() is Language.EN:
        words = "; ".join(f"{', '.join(dict.fromkeys(names))} ({reason})" for reason, names in reasons.items())
        return f"cannot tell: {words}"
    said = "；".join(f"{'、'.join(dict.fromkeys(names))}（{shown(reason)}）" for reason, names in reasons.items())
    return f"{shown('cannot tell')}：{said}"


def finding_words(base: EngineFigures, head: EngineFigures) -> list[str]:
    """Return the findings gone and new, a line each."""
    sides: Sequence[tuple[str, EngineFigures, EngineFigures]] = (("- gone", head, base), ("+ new", base, head))
    return [
        f"{word} {item.code} {item.severity.value}: {item.title}"
        for word, other, mine in sides
        for item in new_findings(other, mine)
    ]


def figure_words(metric: Metric, figure: Figure | None) -> str:
    """Return a figure with its unit; a modelled one as its range, and said so."""
    if figure is None:
        return ABSENT
    if figure.low is not None and figure.high is not None:
        return f"{ms_range(figure.low, figure.high)} ms modelled"
    return _number(metric, figure.value)


def change_words(item: Judgement) -> str:
    """Return the change with its sign and unit, or the absent mark."""
    change = item.change
    if change is None:
        return ABSENT
    metric = item.gate.metric
    if item.gate.relative:
        return _signed(change * 100, "{:.1f} %") if math.isfinite(change) else "from 0"
    forms = {Quantity.TIME: (1 / NS_PER_MS, "{:.3f} ms"), Quantity.SHARE: (100, "{:.1f} pp"),
             Quantity.DECIBEL: (1, "{:.1f} dB"), Quantity.COUNT: (1, "{:,.0f}")}  # fmt: skip
    if metric.quantity is Quantity.BYTES:
        return f"{'+' if change > 0 else '−' if change < 0 else ''}{byte_size(round(abs(change)))}"
    factor, form = forms.get(metric.quantity, (1, "{:.4g}"))
    return _signed(change * factor, form)


def noise_words(item: Judgement) -> str:
    """Return what the change may be by noise alone; nothing for what does not vary."""
    if not item.noise or item.change is None:
        return ""
    if item.gate.relative:
        return f"±{item.noise * 100:.1f} %"
    if item.gate.metric.quantity is Quantity.SHARE:
        return f"±{item.noise * 100:.1f} pp"
    return f"±{ms(item.noise)} ms"


def judged_words(item: Judgement) -> str:
    """Return one gate that was judged, for the error line."""
    before, after = _sides(item)
    change = "" if item.change is None else f", {change_words(item)}"
    return f"{item.gate.text} on {item.engine} ({before} → {after}{change})"


def _untold_words(gates: Gates) -> str:
    """Each gate and reason once, with the engines that it is of."""
    engines: dict[tuple[str, str], list[str]] = {}
    for item in gates.unknown:
        engines.setdefault((item.gate.text, item.why), []).append(item.engine)
    return "; ".join(f"{gate} on {', '.join(names)} ({why})" for (gate, why), names in engines.items())


def gates_error(gates: Gates) -> tuple[str, str]:
    """Return the error line and the hint of gates that failed or cannot be judged."""
    of = plural(len(gates.judgements), "gate")
    unknown = f"{len(gates.unknown)} of {of} cannot be judged: {_untold_words(gates)}"
    if not gates.failed:
        return unknown, "leave the gate out, or give both sides what it needs"
    failed = f"{len(gates.failed)} of {of} failed: {'; '.join(map(judged_words, gates.failed))}"
    hint = "what is meant to change is accepted by a new baseline, or by a wider limit"
    return (f"{failed}; {unknown}" if gates.unknown else failed), hint


def warnings(gates: Gates) -> Iterator[str]:
    """Yield a line for each gate that passes only because its change is within noise."""
    for item in gates.warned:
        yield (
            f"warning: {judged_words(item)} is beyond its limit, but within the noise ({noise_words(item)}); "
            "--strict fails on it"
        )


def _sides(item: Judgement) -> tuple[str, str]:
    metric = item.gate.metric
    return figure_words(metric, item.base), figure_words(metric, item.head)


def _number(metric: Metric, value: float) -> str:
    forms: dict[Quantity, Callable[[float], str]] = {
        Quantity.TIME: lambda time: f"{ms(time)} ms",
        Quantity.RATE: "{:,.1f} /s".format,
        Quantity.SHARE: lambda share: percent(share, 1),
        Quantity.COUNT: "{:,.0f}".format,
        Quantity.BYTES: lambda size: byte_size(round(size)),
        Quantity.DECIBEL: decibel,
        Quantity.NUMBER: "{:.6g}".format,
    }
    return forms[metric.quantity](value)


def _signed(value: float, form: str) -> str:
    text = form.format(abs(value))
    if not float("".join(letter for letter in text if letter in "0123456789.") or "1"):
        return text
    return f"{'+' if value > 0 else '−'}{text}"
