"""What a user may write after --shapes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trtprof.errors import UsageError
from trtprof.graph.shapes import parse_shapes

NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"], include_characters="_/.:-"), min_size=1)


@given(st.dictionaries(NAMES, st.lists(st.integers(1, 4096), min_size=1, max_size=5), min_size=1, max_size=4))
def test_shapes_come_back_as_written(shapes: dict[str, list[int]]) -> None:
    texts = [f"{name}:{'x'.join(map(str, dims))}" for name, dims in shapes.items()]
    expected = {name: tuple(dims) for name, dims in shapes.items()}
    assert parse_shapes(texts) == expected


def test_several_in_one_text_as_trtexec_takes_them() -> None:
    assert parse_shapes(["a:1x3,b:2", "c:4"]) == {"a": (1, 3), "b": (2,), "c": (4,)}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["x=1x3"], "--shapes x=1x3: expected NAME:DIMS"),
        (["x:1x"], "--shapes x:1x: expected NAME:DIMS"),
        (["x:-1x3"], "--shapes x:-1x3: expected NAME:DIMS"),
        ([":1x3"], "--shapes :1x3: expected NAME:DIMS"),
        (["x:1x0"], "--shapes x:1x0: an extent of 0 is an empty tensor"),
        (["x:1", "x:2"], "--shapes: input 'x' is given twice"),
    ],
)
def test_what_is_no_shape_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_shapes(texts)
    assert caught.value.message == message
    assert caught.value.hint
