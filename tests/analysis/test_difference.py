"""Differences of two engines: on published pairs, and what holds for any two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.findings.subjects import built, layer, tensor
from trtprof.analysis.difference import Difference, TimeChange, difference
from trtprof.analysis.surroundings import Circumstance, circumstances
from trtprof.comparison import Built, FusionChange
from trtprof.engine_facts import EngineFacts
from trtprof.model import Device, Inference, Layer, LayerTiming, Provenance, Unknown
from trtprof.pipeline.sides import pair_sides, read_side

SHAPE = (1, 64, 56, 56)
TENSOR_KERNEL = "sm80_xmma_fprop_implicit_gemm_f16f16_f16f16_f16_nhwckrsc_nhwc_tilesize128x64x64_tensor16x8x16"


def chain(dtypes: list[str], tactics: list[str | None] | None = None) -> list[Layer]:
    """Convolutions one after the other, a quantise before each that reads INT8 after a float one."""
    layers: list[Layer] = []
    last = tensor("t0", dtypes[0], SHAPE)
    for place, dtype in enumerate(dtypes):
        if last.dtype is not None and last.dtype.value != dtype:
            turned = tensor(f"q{place}", dtype, SHAPE)
            layers.append(layer(len(layers), f"Reformat_{place}", "Reformat", [last], [turned]))
            last = turned
        result = tensor(f"t{place + 1}", dtype, SHAPE)
        tactic = tactics[place] if tactics else None
        layers.append(layer(len(layers), f"Conv_{place}", "CaskConvolution", [last], [result], tactic=tactic))
        last = result
    return layers


def engine(name: str, layers: list[Layer], times_ms: list[float], query_ms: float | None = None) -> Built:
    inference = None if query_ms is None else Inference(compute_ns=(query_ms * 1e6,) * 200)
    return replace(built(f"int8-{name}", layers, times_ms, inference=inference), name=name)


def published(shared: Path, base: str, head: str) -> Difference:
    def target(part: str) -> str:
        return str(next((shared / "trex").glob(f"examples__pytorch__resnet__A100__{part}__*.engine.graph.json")))

    return between(target(base), target(head))


def between(base: str, head: str) -> Difference:
    (pair,), _ = pair_sides(read_side(base, None), read_side(head, None), ())
    assert pair.built is not None
    return difference(*pair.built)


def test_the_published_repair(shared: Path) -> None:
    found = published(shared, "qat", "qat-residual")
    assert found.sentence == (
        "head is faster than base: 0.546 ms against 0.883 ms of GPU compute, 38.2 % less. "
        "The largest part is Conv_9, 0.358 to 0.168 ms as profiled."
    )
    first = found.changes[0]
    assert (first.nodes, first.fusion) == (("Conv_9", "MaxPool_12"), FusionChange.MERGED)
    assert first.base.tactics[0] == "ampere_fp32_icudnn_int8x4_128x64_relu_medium_nn_v1"
    assert len(found.changes) == 19  # every node of one engine has its counterpart in the other
    assert all(change.base.rows and change.head.rows for change in found.changes)
    assert (len(found.conversions_gone), len(found.conversions_added)) == (12, 3)
    assert "Q101" in {item.code for item in found.findings_gone}
    assert found.findings_new == ()
    assert [item.what for item in found.differs] == ["Model Options: Model"]
    assert {item.what for item in found.untold} == {"TensorRT version", "driver"}


def test_two_builders_of_one_network(shared: Path) -> None:
    """Torch-TensorRT names nodes its own way and runs branches in another order."""
    folder = shared / "fuzzylabs"
    torch = folder / "torch_trt_resnet18_trt_engine_info.json"
    found = between(str(folder / "trtexec_resnet18_fp16.graph.json"), f"torch={torch}")
    assert found.sentence.startswith("torch is slower than base: 0.422 ms against 0.364 ms of layer sum, 16.2 % more.")
    lonely = [change for change in found.changes if not (change.base.rows and change.head.rows)]
    assert sum(change.delta_ns or 0.0 for change in lonely) < 0.01e6
    same, other = found.delta_ns(same_kernels=True), found.delta_ns(same_kernels=False)
    assert same is not None
    assert other is not None
    assert same > other  # most kernels are the same and only slower


@pytest.mark.parametrize("name", ["fp32", "fp16", "qat", "qat-residual"])
def test_an_engine_does_not_differ_from_itself(shared: Path, name: str) -> None:
    found = published(shared, name, name)
    assert found.sentence.startswith("head is as fast as base")
    assert all(change.delta_ns == 0 and change.same_kernels for change in found.changes)
    assert (found.conversions_added, found.conversions_gone) == ((), ())
    assert (found.findings_new, found.findings_gone, found.differs) == ((), (), ())


_DTYPES = st.lists(st.sampled_from(["fp16", "int8"]), min_size=1, max_size=6)


@given(_DTYPES, _DTYPES, st.data())
def test_swapping_the_engines_swaps_every_sign_and_parts_add_up(
    before: list[str], after: list[str], data: st.DataObject
) -> None:
    sides = []
    for name, dtypes in (("a", before), ("b", after)):
        layers = chain(dtypes)
        times = data.draw(st.lists(st.floats(0.01, 10), min_size=len(layers), max_size=len(layers)))
        sides.append(engine(name, layers, times))
    there, back = difference(sides[0], sides[1]), difference(sides[1], sides[0])
    assert isinstance(there.layer_sum, TimeChange)
    deltas = [change.delta_ns for change in there.changes]
    assert None not in deltas
    total = there.layer_sum.head_ns - there.layer_sum.base_ns
    assert sum(delta or 0.0 for delta in deltas) == pytest.approx(total, abs=1.0)
    assert sum(c.delta_ns or 0.0 for c in back.changes) == pytest.approx(-total, abs=1.0)
    assert len(there.conversions_added) - len(there.conversions_gone) == len(back.conversions_gone) - len(
        back.conversions_added
    )
    assert {f.code for f in there.findings_new} == {f.code for f in back.findings_gone}


def test_a_change_within_noise_is_none() -> None:
    layers = chain(["int8", "int8"])
    found = difference(engine("old", layers, [1.0, 1.0], 2.0), engine("new", layers, [1.01, 1.0], 2.06))
    assert found.sentence == (
        "new cannot be told from old: 2.060 ms against 2.000 ms of GPU compute, 3.0 % slower, and two builds of one "
        "network differ by about 4 %."
    )


def test_a_changed_kernel_is_told_from_a_slower_clock() -> None:
    old = engine("old", chain(["fp16", "fp16"], [TENSOR_KERNEL, TENSOR_KERNEL]), [1.0, 1.0])
    new = engine("new", chain(["fp16", "fp16"], [TENSOR_KERNEL, "ampere_scudnn_128x64_relu_medium_nn_v1"]), [1.1, 3.0])
    found = difference(old, new)
    assert [change.nodes for change in found.changes] == [("Conv_1",), ("Conv_0",)]
    assert found.delta_ns(same_kernels=False) == pytest.approx(2e6)
    assert found.delta_ns(same_kernels=True) == pytest.approx(0.1e6)
    assert found.sentence.endswith("The largest part is Conv_1, 1.000 to 3.000 ms as profiled.")


def test_without_times_structure_is_still_compared() -> None:
    old, new = built("int8", chain(["fp16", "int8"])), built("int8", chain(["fp16", "fp16"]))
    found = difference(replace(old, name="old"), replace(new, name="new"))
    assert isinstance(found.time, Unknown)
    assert found.sentence.startswith("Whether new is faster or slower cannot be told: no times of old and new")
    assert found.delta_ns(same_kernels=False) is None
    assert len(found.conversions_gone) == 1


def test_modelled_and_measured_times_are_not_mixed() -> None:
    old = engine("old", chain(["int8"]), [1.0])
    found = difference(old, replace(old, name="new", provenance=Provenance.MODELLED))
    assert isinstance(found.time, Unknown)
    assert found.sentence.endswith(
        "modelled times are too coarse to compare two builds of one model by; structure is compared."
    )


def test_the_hash_of_a_generated_kernel_is_no_change() -> None:
    old, new = (
        engine(name, chain(["fp16"], [f"__myl_MulAdd_myl0_1_0x{letter * 16}"]), [1.0])
        for name, letter in (("old", "a"), ("new", "b"))
    )
    assert [change.same_kernels for change in difference(old, new).changes] == [True]


def options(**build: str) -> EngineFacts:
    return EngineFacts(command="trtexec --onnx=m.onnx", options={"Build Options": build})


def made(name: str, facts: EngineFacts, version: str | None = None, device: Device | None = None) -> Built:
    return replace(built("int8", [], facts=facts, tool_version=version, device=device), name=name)


def test_what_differs_around_two_engines() -> None:
    old = made("old", options(Precision="FP32+INT8", Refit="Disabled"), "8.6.1", Device("T4", clock_hz=1.59e9))
    new = made("new", options(Precision="Strongly Typed", Sparsity="Enabled", Refit="Disabled"), "10.3.0", Device("T4"))
    differs, untold = circumstances(old, new)
    assert differs == (
        Circumstance("TensorRT version", "8.6.1", "10.3.0"),
        Circumstance("typing", "weak", "strong"),
        Circumstance("Build Options: Precision", "FP32+INT8", "Strongly Typed"),
        Circumstance("Build Options: Sparsity", "not set", "Enabled"),
    )
    assert Circumstance("GPU clock", "1,590 MHz", None) in untold


def test_version_11_is_strongly_typed_whatever_its_files_say() -> None:
    _, untold = circumstances(made("old", EngineFacts(), "11.1.0"), made("new", EngineFacts(), "11.4.0"))
    assert "typing" not in {item.what for item in untold}


def test_rows_of_no_node_keep_their_time() -> None:
    layers = [*chain(["int8"]), layer(1, "Reformatting CopyNode for x", "NoOp", [], [])]
    named = replace(
        built("int8", layers, timings=(LayerTiming("Conv_0", 1e6), LayerTiming(layers[1].name, 5e5))), name="old"
    )
    found = difference(named, replace(named, name="new"))
    assert isinstance(found.layer_sum, TimeChange)
    assert sum(change.base.time_ns or 0.0 for change in found.changes) == pytest.approx(found.layer_sum.base_ns)
    assert [change.nodes for change in found.changes if change.group is None] == [()]
