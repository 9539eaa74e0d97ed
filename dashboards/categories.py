"""The categories of rows: what the page's colours mean. Each row has one, so they add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from trtprof.comparison import Row
from trtprof.model import Estimate, LayerKind


@dataclass(frozen=True, slots=True)
class Category:
    """A category of rows; ``place`` is its colour in the theme, ``short`` fits into a bar."""

    place: int
    short: str
    label: str


CONV: Final = Category(0, "conv/gemm", "conv and gemm kernels")
EPILOGUE: Final = Category(1, "epilogue", "epilogue of a conv or gemm in a kernel of its own")
COMPUTE: Final = Category(2, "compute", "other arithmetic of the model")
QUANTISE: Final = Category(3, "Q/DQ", "stand-alone quantise or dequantise")
CONVERT: Final = Category(4, "convert", "cast or layout change")
OPAQUE: Final = Category(5, "opaque", "opaque region, plugin or DLA")
OTHER: Final = Category(6, "other", "copies, shapes and the rest")
CATEGORIES: Final = (CONV, EPILOGUE, COMPUTE, QUANTISE, CONVERT, OPAQUE, OTHER)

_BY_KIND: Final = {
    LayerKind.QUANTIZE: QUANTISE,
    LayerKind.DEQUANTIZE: QUANTISE,
    LayerKind.CAST: CONVERT,
    LayerKind.REFORMAT: CONVERT,
    LayerKind.COMPUTE: COMPUTE,
    LayerKind.FOREIGN: OPAQUE,
    LayerKind.PLUGIN: OPAQUE,
    LayerKind.DLA: OPAQUE,
}


def category_of(row: Row) -> Category:
    """Return the one category a row belongs to."""
    if row.has_matmul:
        return CONV
    if row.epilogue_of is not None and not row.kind.is_conversion:
        return EPILOGUE
    return _BY_KIND.get(row.kind, OTHER)


def add_times(times: Iterable[Estimate | float | None]) -> Estimate | float | None:
    """Return the sum of times of one provenance; ``None`` when one is unknown or the kinds are mixed."""
    known = list(times)
    estimates = [time for time in known if isinstance(time, Estimate)]
    if len(estimates) == len(known):
        return Estimate.total(estimates)
    plain = [time for time in known if isinstance(time, float | int)]
    return float(sum(plain)) if len(plain) == len(known) else None


def mid_ns(time: Estimate | float | None) -> float | None:
    """Return the figure to sort or draw by: the model's best guess, or the time itself."""
    return time.mid if isinstance(time, Estimate) else time
