"""Where layers ran and where data crossed, on the engine of NVIDIA's tutorial and on rows made for the purpose."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trtprof.analysis.dla import HOP_HIGH_NS, HOP_LOW_NS, hop_cost
from trtprof.board_json import dla_json
from trtprof.board_words import dla_words
from trtprof.engine_facts import DlaRefusal, EngineFacts
from trtprof.jetson.dla import find_hops, placement
from trtprof.model import DType, Engine, Layer, LayerKind, Tensor, Unknown
from trtprof.parsers.trt_log import parse_build_log

NONE: frozenset[str] = frozenset()


def row(index: int, name: str, kind: LayerKind = LayerKind.COMPUTE, elements: int = 1024) -> Layer:
    tensor = Tensor(f"t{index}", (1, elements), DType.FP16)
    return Layer(index, name, kind, inputs=(tensor,), outputs=(tensor,))


def rows(text: str) -> list[Layer]:
    """``D`` a DLA group, ``G`` a GPU kernel, ``r`` a reformat, ``n`` a NoOp, in the order they run."""
    kinds = {"D": LayerKind.DLA, "G": LayerKind.COMPUTE, "r": LayerKind.REFORMAT, "n": LayerKind.NOOP}
    return [row(index, f"{letter}{index}", kinds[letter]) for index, letter in enumerate(text)]


@pytest.mark.parametrize(
    ("text", "directions"),
    [
        ("", []),
        ("GGG", []),
        ("D", [True, False]),
        ("rDr", [True, False]),
        ("GrDrG", [True, False]),
        ("GnrDG", [True, False]),
        ("DrGrDr", [True, False, True, False]),
        ("DD", [True, True, False]),
        ("rrr", []),
    ],
)
def test_hops_are_counted_in_the_order_of_the_rows(text: str, directions: list[bool]) -> None:
    assert [hop.to_dla for hop in find_hops(rows(text), NONE)] == directions


def test_a_hop_names_its_sides_its_conversions_and_its_bytes() -> None:
    first, second = find_hops(rows("GrDrG"), NONE)
    assert (first.before, first.conversions, first.after, first.bytes_moved) == ("G0", ("r1",), "D2", 2048)
    assert (second.before, second.conversions, second.after) == ("D2", ("r3",), "G4")


def test_transfers_that_old_tensorrt_lists_belong_to_their_hop() -> None:
    names = (
        "data to nvm",
        "{ForeignNode[conv1...fc1]}",
        "data copy finish",
        "prob from nvm",
        "prob input reformatter 0",
    )
    layers = [*(row(at, name) for at, name in enumerate(names)), row(5, "prob")]
    listed = frozenset({"{ForeignNode[conv1...fc1]}"})
    first, second = find_hops(layers, listed)
    assert first.conversions == ("data to nvm",)
    assert second.conversions == ("data copy finish", "prob from nvm", "prob input reformatter 0")
    found = placement(Engine("e", None, tuple(layers), facts=EngineFacts(dla_layers=tuple(listed))))
    assert found is not None
    assert found.gpu_layers == ("prob",)


def test_the_cost_of_a_hop_is_a_range_that_grows_with_the_tensor() -> None:
    unknown, small, large = hop_cost(None), hop_cost(1 << 10), hop_cost(1 << 26)
    assert (unknown.low, unknown.high) == (HOP_LOW_NS, HOP_HIGH_NS)
    assert unknown.low < small.low < large.low
    assert small.high < large.high
    assert large.low < large.mid < large.high


def test_rows_are_told_by_type_or_by_the_build_log() -> None:
    layers = (row(0, "conv1"), row(1, "{ForeignNode[a...b]}", LayerKind.FOREIGN))
    facts = EngineFacts(logged=True, dla_layers=("{ForeignNode[a...b]}",), gpu_layers=("CONVOLUTION: conv1",))
    found = placement(Engine("e", None, layers, facts=facts))
    assert found is not None
    assert (found.dla_layers, found.gpu_layers) == (("{ForeignNode[a...b]}",), ("conv1",))
    assert not isinstance(found.hops, Unknown)
    assert len(found.hops) == 2
    assert dla_words(found) == "1 layer on the DLA, 1 on the GPU; 2 hops between them, modelled 0.020 to 0.576 ms"


def test_an_engine_that_knows_no_dla_has_no_placement() -> None:
    assert placement(Engine("e", None, tuple(rows("GGr")))) is None
    assert placement(Engine("e", None, (), facts=EngineFacts(logged=True, gpu_layers=("CONVOLUTION: c",)))) is None
    assert dla_json(None) is None


def test_a_log_without_rows_tells_where_and_not_how_often() -> None:
    facts = EngineFacts(
        logged=True, dla_layers=("{ForeignNode[a]}",), gpu_layers=("SHUFFLE: Reshape_2 + x",),
        dla_refusals=(DlaRefusal("Reshape_2", "SHUFFLE", "DLA only supports …"),),
    )  # fmt: skip
    found = placement(Engine("e", None, (), facts=facts))
    assert found is not None
    assert found.gpu_layers == ("Reshape_2 + x",)
    assert isinstance(found.hops, Unknown)
    assert found.cost_ns is None
    assert dla_words(found).startswith("1 layer on the DLA, 1 on the GPU; it refused 1 layer; hops: cannot tell, ")
    answer = dla_json(found)
    assert answer is not None
    assert (answer["cost_ns"], answer["refusals"][0]["layer"]) == (None, "Reshape_2")


def test_the_engines_of_nvidia_s_tutorial(shared: Path) -> None:
    text = (shared / "dla" / "jetson_dla_tutorial_README.md").read_text()
    blocks = [block for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL) if "[DlaLayer]" in block]
    counts = []
    for block in blocks:
        log = parse_build_log(block)
        facts = EngineFacts(logged=True, dla_layers=log.dla_layers, gpu_layers=log.gpu_layers)
        found = placement(Engine("e", None, (), facts=facts))
        assert found is not None
        counts.append((len(found.dla_layers), len(found.gpu_layers)))
    # GroupNorm splits the network into five groups, BatchNorm leaves two, average pooling of the DLA's own leaves one.
    assert [groups for groups, _ in counts] == [5, 2, 1]
    assert counts[0][1] > counts[1][1] >= counts[2][1]
