"""Where the time went: ``T_float - T_int8 - T_quant - T_dequant``, with what else is there, in terms that add up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trtprof.comparison import Breakdown, Built, Row, SpeedupTerm
from trtprof.model import Estimate, LayerKind, Provenance

_Test = Callable[[Row], bool]

# In this order a row belongs to the first term whose test it passes, so that no time is counted twice.
_KINDS: tuple[tuple[str, str, _Test], ...] = (
    ("compute", "conv and gemm kernels", lambda row: row.has_matmul),
    ("quantize", "stand-alone quantise", lambda row: row.kind is LayerKind.QUANTIZE),
    ("dequantize", "stand-alone dequantise", lambda row: row.kind is LayerKind.DEQUANTIZE),
    ("reformat", "casts and layout changes", lambda row: row.kind in (LayerKind.CAST, LayerKind.REFORMAT)),
)


def breakdown(engine: Built, reference: Built) -> Breakdown:
    """Return the terms for ``engine`` against ``reference``: its total, less each thing the engine spends time on.

    Fusion counts as lost where the engine runs the epilogue of a conv or gemm in a kernel of its own and the reference
    does not.
    """
    kept = {row.epilogue_of for row in reference.rows}
    lost: _Test = lambda row: row.epilogue_of is not None and row.epilogue_of not in kept  # noqa: E731
    tests = (*_KINDS, ("fusion_lost", f"epilogues that {reference.name} fuses", lost), ("other", "the rest", _any))
    terms = [
        SpeedupTerm(
            "reference", f"{reference.name}, all of it", +1, len(reference.rows), _sum(reference, reference.rows)
        )
    ]
    left = list(engine.rows)
    for key, label, test in tests:
        rows = [row for row in left if test(row)]
        left = [row for row in left if not test(row)]
        terms.append(SpeedupTerm(key, label, -1, len(rows), _sum(engine, rows)))
    return Breakdown(engine.name, reference.name, tuple(terms), engine.provenance)


def _any(_: Row) -> bool:
    return True


def _sum(built: Built, rows: Sequence[Row]) -> Estimate | float | None:
    """Return the rows' time; no rows take none, as a range or a figure like the engine's other times."""
    times = [row.time_ns for row in rows]
    if None in times:
        return None
    if built.provenance is Provenance.MODELLED:
        return Estimate.total(time for time in times if isinstance(time, Estimate))
    return float(sum(time for time in times if isinstance(time, float | int)))


def references(engines: Sequence[Built]) -> list[tuple[Built, Built]]:
    """Return (engine, reference) pairs: quantised engines against FP16 where there is one, others against the first.

    The first engine is the baseline; a quantised one without a 16-bit peer is held against it too.
    """
    if not engines:
        return []
    baseline = engines[0]
    half = next((built for built in engines if built.name in ("fp16", "bf16")), None)
    pairs = []
    for built in engines[1:]:
        quantised = built.name.startswith(("int8", "fp8", "int4", "fp4"))
        pairs.append((built, half if quantised and half is not None and half is not built else baseline))
    return pairs
