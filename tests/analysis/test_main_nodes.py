"""Pairing the conv and gemm nodes of two engines."""

from __future__ import annotations

import random
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.findings.subjects import trex
from trtprof.analysis.main_nodes import Node, paired_mains


def conv(name: str, filters: int | None = 64, kernel: int = 3, extent: int = 56) -> Node:
    shape = None if filters is None else (kernel, kernel)
    return Node(name, "Conv", ("Conv", filters, shape, 1 if filters else None, (extent, extent)))


def names(left: list[Node], right: list[Node]) -> list[tuple[str, str]]:
    return [(before.name, after.name) for before, after in paired_mains(left, right)]


def test_branches_in_another_order_are_paired_all_the_same() -> None:
    left = [conv("a"), conv("b", 128, 3, 28), conv("down", 128, 1), conv("c", 128, 3, 28), conv("d", 128, 3, 28)]
    right = [conv("A"), conv("DOWN", 128, 1), conv("B", 128, 3, 28), conv("C", 128, 3, 28), conv("D", 128, 3, 28)]
    assert names(left, right) == [("a", "A"), ("b", "B"), ("down", "DOWN"), ("c", "C"), ("d", "D")]


def test_a_layer_that_tells_no_shape_takes_the_only_one_left() -> None:
    assert names([conv("stem", 64, 7, 224), conv("a")], [conv("x", None, 0, 224), conv("y")]) == [
        ("stem", "x"),
        ("a", "y"),
    ]
    twice = [conv("s", 64, 7, 224), conv("t", 64, 5, 224)]
    assert names(twice, [conv("x", None, 0, 224), conv("z", 32, 3, 224)]) == []


def test_a_gemm_may_run_as_a_convolution_of_one_by_one() -> None:
    gemm = Node("fc", "Gemm", ("Gemm", 1000, None, None, ()))
    point = Node("fc'", "Conv", ("Conv", 1000, (1, 1), 1, (1, 1)))
    assert names([gemm], [point]) == [("fc", "fc'")]
    assert names([gemm], [conv("three", 1000, 3, 1)]) == []


def test_where_one_engine_has_more_the_order_decides() -> None:
    left = [conv("a"), conv("b"), conv("c", 32)]
    assert names(left, [conv("A"), conv("C", 32)]) == [("a", "A"), ("c", "C")]


@given(st.lists(st.sampled_from([(64, 3), (64, 1), (128, 3)]), max_size=12), st.integers(0, 99))
def test_any_order_of_different_shapes_pairs_every_node_once(shapes: list[tuple[int, int]], seed: int) -> None:
    left = [conv(f"l{place}", *shape) for place, shape in enumerate(shapes)]
    order = [conv(f"r{place}", *shape) for place, shape in enumerate(shapes)]
    random.Random(seed).shuffle(order)
    pairs = paired_mains(left, order)
    assert [before.name for before, _ in pairs] == [node.name for node in left]
    assert {after.name for _, after in pairs} == {node.name for node in order}
    assert all(before.key == after.key for before, after in pairs)


def test_every_convolution_of_a_published_pair_finds_its_own(shared: Path) -> None:
    """Keras names tell: ``conv2_block1_0`` has the shape of ``conv2_block1_3`` and runs before or after it."""
    comparison = trex(shared, "tensorflow__resnet__RTX-3090", fp32="fp32", int8="qat")
    quantised = next(built for built in comparison.engines if built.name == "int8")
    told = re.compile(r"conv\d_block\d_\d")
    pairs = [
        (told.search(row.layer.name), told.search(node))
        for row in quantised.rows
        for node in row.matmuls
        if told.search(row.layer.name)
    ]
    assert len(pairs) == 52
    assert [(a and a[0]) for a, _ in pairs] == [(b and b[0]) for _, b in pairs]
