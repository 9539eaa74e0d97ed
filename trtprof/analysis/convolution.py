"""What a layer of an engine says about its convolution: the same parameters under the names of each builder's layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trtprof.model import Layer


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution's parameters; ``None`` where the engine does not give one. Paddings are (before, after)."""

    out_maps: int | None
    kernel: tuple[int, ...] | None
    groups: int | None
    stride: tuple[int, ...] | None
    dilation: tuple[int, ...] | None
    padding: tuple[tuple[int, ...], tuple[int, ...]] | None
    weights: int | None


def convolution_of(layer: Layer) -> Convolution | None:
    """Return the parameters, ``None`` where the layer has none.

    Source: TensorRT's engine inspector, 8.2 to 10.x. A convolution that was fused with a pool (ConvActPool) has them
    with ``Conv`` before each name, beside those of the pool.
    """
    given = layer.parameters
    prefix = "Conv" if "ConvKernel" in given else ""
    if prefix + "Kernel" not in given:
        return None
    weights = given.get(prefix + "Weights")
    before, after = (_extents(given.get(prefix + name)) for name in ("PrePadding", "PostPadding"))
    return Convolution(
        out_maps=_count(given.get(prefix + "OutMaps")),
        kernel=_extents(given.get(prefix + "Kernel")),
        groups=_count(given.get(prefix + "Groups")),
        stride=_extents(given.get(prefix + "Stride")),
        dilation=_extents(given.get(prefix + "Dilation")),
        padding=(before, after) if before is not None and after is not None else None,
        weights=_count(weights.get("Count")) if isinstance(weights, Mapping) else None,
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _extents(value: object) -> tuple[int, ...] | None:
    if isinstance(value, list | tuple) and value and all(isinstance(item, int) for item in value):
        return tuple(value)
    return None
