"""Colours of the page, light and dark, in one place for CSS and charts.

Colour means one thing: the category of a row. The seven category colours were searched so that they stay apart under
three colour-vision deficiencies and keep a contrast of 3 on their page. Number types have shades of one hue and a
label, because two meanings of colour on one page cannot be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from trtprof.model import DType

LIGHT: Final[Mapping[str, str]] = {
    "page": "#ffffff",
    "card": "#f6f7f9",
    "line": "#d5dae1",
    "soft": "#57606c",
    "ink": "#1b2028",
    "link": "#1f4fc4",
    "c0": "#4175fe",
    "c1": "#ce7316",
    "c2": "#39a462",
    "c3": "#6b2a88",
    "c4": "#811734",
    "c5": "#be6fbb",
    "c6": "#767676",
    "t0": "#e4e9f0",
    "t1": "#c3cedb",
    "t2": "#9fb0c3",
    "t3": "#748ba4",
    "t4": "#4b6580",
    "t5": "#27405a",
    "t6": "#10243a",
}
DARK: Final[Mapping[str, str]] = {
    "page": "#14171c",
    "card": "#1c2128",
    "line": "#3a424e",
    "soft": "#a9b3bf",
    "ink": "#e8ecf1",
    "link": "#9db8ff",
    "c0": "#899ffc",
    "c1": "#da9a43",
    "c2": "#9bf3bb",
    "c3": "#f4c8f1",
    "c4": "#da5360",
    "c5": "#cf3dbc",
    "c6": "#9aa0a6",
    "t0": "#2b323c",
    "t1": "#3b4756",
    "t2": "#526377",
    "t3": "#70859c",
    "t4": "#93a8bf",
    "t5": "#b9cbde",
    "t6": "#e0ebf7",
}

_SHADES: Final[Mapping[DType | None, str]] = {
    DType.FP64: "t1", DType.FP32: "t1", DType.TF32: "t2", DType.BF16: "t2", DType.FP16: "t3", DType.FP8: "t4",
    DType.INT8: "t5", DType.FP4: "t6", DType.INT4: "t6",
}  # fmt: skip


def category_colour(place: int) -> str:
    """Return the light theme's colour of the category at a place in the list of categories."""
    return LIGHT[f"c{place}"]


def dtype_colour(dtype: DType | None) -> str:
    """Return the light theme's shade for a number type: narrower types are darker, the rest palest."""
    return LIGHT[_SHADES.get(dtype, "t0")]


def to_dark() -> dict[str, str]:
    """Return the dark colour for each light one, by which the page recolours its charts."""
    return {LIGHT[key]: DARK[key] for key in LIGHT}


def css_variables() -> dict[str, str]:
    """Return the declarations of each theme: ``light`` and ``dark``."""
    return {
        name: "".join(f"--{key}:{value};" for key, value in colours.items()) + f"color-scheme:{name}"
        for name, colours in (("light", LIGHT), ("dark", DARK))
    }
