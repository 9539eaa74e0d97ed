"""What a row computes, what is fused with what, and what only converts."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.engines import ADDED, GRAPH, fused, split
from trtprof.analysis.align import align
from trtprof.analysis.fusion import RTX_EPILOGUE_LIMIT, fusion_table, mark_epilogues
from trtprof.analysis.reformat import find_conversions
from trtprof.analysis.rows import activation_bytes, main_layers, precision_mix, read_rows
from trtprof.comparison import FusionChange
from trtprof.model import DType, LayerKind, Layout


def both():
    marked = mark_epilogues([read_rows(fused(), GRAPH), read_rows(split(), GRAPH)])
    groups, (half, quantised) = align(marked, GRAPH)
    return groups, half, quantised


def test_the_multiplying_row_is_found_among_those_that_mention_the_node() -> None:
    known = {node.name: node for node in GRAPH.nodes}
    assert main_layers(fused().layers, known) == {"conv1": 1, "conv2": 2}
    assert main_layers(split().layers, known) == {"conv1": 1, "conv2": 3}
    assert main_layers(tuple(reversed(split().layers)), known) == {"conv1": 1, "conv2": 3}


def test_rows_hold_their_nodes_types_bytes_and_work() -> None:
    _, half, quantised = both()
    assert [row.matmuls for row in half] == [(), ("conv1",), ("conv2",), ()]
    assert [row.nodes for row in half] == [(), ("conv1", "relu1"), ("conv2", "relu2", "add"), ("turn",)]
    assert [row.kind for row in half] == [LayerKind.CAST, LayerKind.COMPUTE, LayerKind.COMPUTE, LayerKind.COPY]
    assert [row.flops for row in quantised] == [None, 1_000_000, None, 2_000_000, None, None]
    assert half[2].read_bytes == 64 * 56 * 56 * 2, "a tensor listed twice is read once"
    assert precision_mix(half) == ((DType.FP16, 2),)
    assert precision_mix(quantised) == ((DType.INT8, 2),)
    assert activation_bytes(half) == sum((row.read_bytes or 0) + (row.written_bytes or 0) for row in half)


def test_one_unknown_size_makes_the_sum_unknown() -> None:
    _, half, _ = both()
    assert activation_bytes((*half, replace(half[0], read_bytes=None))) is None


def test_an_epilogue_is_a_row_that_reads_a_product_and_belongs_to_its_node() -> None:
    _, half, quantised = both()
    assert [row.epilogue_of for row in half] == [None] * 4
    assert [row.epilogue_of for row in quantised] == [None, None, "conv1", None, "conv2", None]
    assert quantised[4].operand is DType.FP32, "the product, not the INT8 residual that is listed first"


def test_groups_are_the_smallest_sets_no_row_crosses() -> None:
    groups, half, quantised = both()
    assert [group.nodes for group in groups] == [("conv1", "relu1"), ("conv2", "add", "relu2"), ("turn",)]
    assert [group.rows for group in groups] == [((0, 1), (0, 1, 2)), ((2,), (3, 4)), ((3,), (5,))]
    assert [row.group for row in quantised] == [0, 0, 0, 1, 1, 2]
    assert [row.group for row in half] == [0, 0, 1, 2]


@given(st.lists(st.lists(st.sampled_from([node.name for node in GRAPH.nodes]), max_size=3), max_size=6), st.randoms())
def test_alignment_covers_each_row_once_and_depends_on_no_order(parts: list[list[str]], rng: random.Random) -> None:
    rows = tuple(
        replace(read_rows(fused(), GRAPH)[0], layer=replace(fused().layers[0], index=index), nodes=tuple(nodes))
        for index, nodes in enumerate(parts)
    )
    groups, (placed,) = align([rows], GRAPH)
    assert sorted(index for group in groups for index in group.rows[0]) == [
        row.layer.index for row in placed if row.group is not None
    ]
    names = [name for group in groups for name in group.nodes]
    assert len(names) == len(set(names)) == len({name for part in parts for name in part})
    shuffled = [tuple(rng.sample(nodes, len(nodes))) for nodes in parts]
    again, _ = align([tuple(replace(row, nodes=n) for row, n in zip(rows, shuffled, strict=True))], GRAPH)
    assert [group.nodes for group in again] == [group.nodes for group in groups]


def test_the_fusion_table_says_split_and_whose_limit_it_is() -> None:
    groups, half, quantised = both()
    table = fusion_table(groups, [("fp16", half), ("int8", quantised)], rtx=True)
    assert [[cell.change for cell in row.cells] for row in table] == [
        [FusionChange.SAME, FusionChange.SPLIT],
        [FusionChange.SAME, FusionChange.SPLIT],
        [FusionChange.SAME, FusionChange.SAME],
    ]
    assert table[0].cells[1].kernels == (("conv1",), ("relu1",))
    assert table[0].cells[1].types == ((DType.INT8, DType.FP32), (DType.FP32, DType.INT8))
    assert [row.limit for row in table] == [RTX_EPILOGUE_LIMIT, RTX_EPILOGUE_LIMIT, None]


def test_merged_is_the_other_way_round() -> None:
    marked = mark_epilogues([read_rows(split(), GRAPH), read_rows(fused(), GRAPH)])
    groups, (quantised, half) = align(marked, GRAPH)
    table = fusion_table(groups, [("int8", quantised), ("fp16", half)], rtx=False)
    assert table[0].cells[1].change is FusionChange.MERGED


def test_conversions_say_what_from_where_and_why() -> None:
    _, half, quantised = both()
    (cast,) = find_conversions(half, fused(), GRAPH, ADDED)
    assert (cast.what, cast.from_dtype, cast.to_dtype) == (("cast", "relayout", "pad"), DType.FP32, DType.FP16)
    assert (cast.from_layout, cast.to_layout) == (Layout.LINEAR, Layout.CHANNEL_LAST)
    assert (cast.before, cast.after) == ("engine input x", "conv1")
    assert cast.bytes_moved == 3 * 56 * 56 * 4 + 4 * 56 * 56 * 2
    assert cast.reason == "the engine's input arrives as FP32 linear, the first layer reads FP16 NHWC"
    (quantise,) = find_conversions(quantised, split(), GRAPH, ADDED)
    assert quantise.what == ("quantize", "relayout", "pad")


def test_an_engine_without_conversions_has_none() -> None:
    engine = replace(fused(), layers=fused().layers[1:3])
    assert find_conversions(read_rows(engine, GRAPH), engine, GRAPH, ADDED) == ()


def test_a_lone_quantise_names_who_writes_in_float() -> None:
    engine = split()
    rows = list(read_rows(engine, GRAPH))
    lone = replace(
        rows[2], kind=LayerKind.QUANTIZE, nodes=(), matmuls=(), layer=replace(rows[2].layer, kind=LayerKind.QUANTIZE)
    )
    rows[2] = lone
    found = find_conversions(rows, engine, GRAPH, ADDED)
    assert found[1].reason == (
        "a quantise on its own ('b_QuantizeLinear'): 'conv1' (Conv) writes FP32 and does not quantise what it writes"
    )
    assert (found[1].before, found[1].after) == ("conv1", "conv2")
