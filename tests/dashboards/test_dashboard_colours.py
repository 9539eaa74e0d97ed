"""The categories' colours stay apart for every kind of colour vision, and stand out from their page."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations, pairwise

import pytest

from trtprof.dashboards.theme import DARK, LIGHT

# Machado, Oliveira and Fernandes 2009, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
# severity 1.0, for linear RGB.
VISION = {
    "normal": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
WHITE = (0.9505, 1.0, 1.089)
Triple = tuple[float, ...]


def linear(colour: str) -> Triple:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)


def times(matrix: tuple[Triple, ...], vector: Triple) -> Triple:
    return tuple(sum(a * b for a, b in zip(line, vector, strict=True)) for line in matrix)


def lab(rgb: Triple) -> Triple:
    scaled = [
        part / white
        for part, white in zip(times(XYZ, tuple(min(1.0, max(0.0, part)) for part in rgb)), WHITE, strict=True)
    ]
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in scaled)
    return (116 * y - 16, 500 * (x - y), 200 * (y - z))


def distance(one: str, other: str, vision: str) -> float:
    first, second = (lab(times(VISION[vision], linear(colour))) for colour in (one, other))
    return sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) ** 0.5


def contrast(one: str, other: str) -> float:
    high, low = sorted((times(XYZ, linear(colour))[1] for colour in (one, other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_categories_stay_apart(theme: Mapping[str, str], vision: str) -> None:
    colours = [theme[f"c{place}"] for place in range(7)]
    assert min(distance(one, other, vision) for one, other in combinations(colours, 2)) >= 20


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_stand_out_from_the_page(theme: Mapping[str, str]) -> None:
    assert all(contrast(theme[f"c{place}"], theme["page"]) >= 3 for place in range(7))
    for text in ("ink", "soft", "link"):
        assert contrast(theme[text], theme["page"]) >= 4.5
        assert contrast(theme[text], theme["card"]) >= 4.5


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_shades_of_types_grow_in_one_direction(theme: Mapping[str, str], vision: str) -> None:
    lightness = [lab(times(VISION[vision], linear(theme[f"t{place}"])))[0] for place in range(7)]
    steps = [after - before for before, after in pairwise(lightness)]
    assert all(step < -3 for step in steps) or all(step > 3 for step in steps)


def test_a_pair_that_one_deficiency_cannot_tell_apart_is_noticed() -> None:
    assert distance("#2ca02c", "#c2571a", "deutan") < 20 < distance("#2ca02c", "#c2571a", "normal")
