"""D701 and D702: engines that leave the DLA, from build logs, profiles and layer information."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.analysis.findings.subjects import built, layer, subject, tensor
from tests.conftest import SHARED
from trtprof.analysis.dla import HOP_HIGH_NS, HOP_LOW_NS
from trtprof.analysis.findings import dla_fallback, dla_hops
from trtprof.analysis.findings.diagnose import diagnose_engine
from trtprof.analysis.findings.rule import Rule, Subject
from trtprof.analysis.findings.subjects import subjects_of
from trtprof.engine_facts import DlaRefusal, EngineFacts
from trtprof.model import Device, Estimate, Layer, LayerTiming, Unknown
from trtprof.parsers.layer_kind import kind_of
from trtprof.pipeline.measured import read_measured

D701, D702 = dla_hops.RULE, dla_fallback.RULE
PARTS = ("{ForeignNode[Conv_0]}", "{ForeignNode[Relu_10...Conv_11]}")
GPU = ("SHUFFLE: Reshape_2", "PLUGIN_V2: InstanceNormalization_5", "SHUFFLE: Reshape_7")
SHAPE = (1, 16, 32, 32)


def logged(parts: tuple[str, ...], gpu: tuple[str, ...] = GPU, refusals: tuple[DlaRefusal, ...] = ()) -> EngineFacts:
    return EngineFacts(logged=True, dla_layers=parts, gpu_layers=gpu, dla_refusals=refusals)


def names_only(*timed: tuple[str, float]) -> Subject:
    """A profile by itself, as trtexec prints it, beside the log of the build."""
    layers = [Layer(place, name, kind_of(None, name, None, None)) for place, (name, _) in enumerate(timed)]
    timings = tuple(LayerTiming(name, time * 1e6) for name, time in timed)
    return subject(built("int8", layers, timings=timings, facts=logged(PARTS)))


def test_two_parts_in_a_log_are_one_hop_of_modelled_cost() -> None:
    outcome = D701.check(subject(built("int8", [], facts=logged(PARTS))))
    assert isinstance(outcome, tuple)
    assert outcome[0].cause == (
        "the DLA has 2 separate parts, so values leave it and return 1 time; 2 SHUFFLE, 1 PLUGIN_V2 on the GPU"
    )
    assert outcome[0].modelled
    assert isinstance(outcome[0].saving, Estimate)
    assert (outcome[0].saving.low, outcome[0].saving.high) == (2 * HOP_LOW_NS, 2 * HOP_HIGH_NS)


def test_one_part_is_healthy_with_layers_of_the_gpu_around_it() -> None:
    assert D701.check(subject(built("int8", [], facts=logged(PARTS[:1])))) == ()


def test_a_profile_gives_the_conversions_between_the_parts_and_not_the_wait_for_the_dla() -> None:
    item = names_only(
        ("x to nvm", 0.1),
        ("Reformatting CopyNode for Input Tensor 0 to {ForeignNode[Conv_0]}", 0.2),
        (PARTS[0], 0.01),
        ("a from nvm", 2.0),
        ("Reformatting CopyNode for Input Tensor 0 to Reshape_2", 0.3),
        ("InstanceNormalization_5", 0.4),
        ("Reformatting CopyNode for Input Tensor 0 to {ForeignNode[Relu_10...Conv_11]}", 0.5),
        (PARTS[1], 0.01),
        ("y from nvm", 2.0),
        ("y copy finish", 0.1),
    )
    (finding,) = diagnose_engine(item, [D701])[0]
    assert isinstance(finding.saving_ns, Estimate)
    assert finding.saving_ns.mid == pytest.approx(0.8e6)


def test_rows_of_the_dla_tell_without_a_log() -> None:
    def part(index: int, before: str, after: str) -> Layer:
        return layer(index, f"part_{index}", "DLA", [tensor(before, "int8", SHAPE)], [tensor(after, "int8", SHAPE)])

    def reformat(index: int, before: str, after: str) -> Layer:
        return layer(index, f"r_{index}", "Reformat", [tensor(before, "int8", SHAPE)], [tensor(after, "int8", SHAPE)])

    layers = [reformat(0, "x", "a"), part(1, "a", "b"), reformat(2, "b", "c")]
    layers += [layer(3, "Softmax_1", "SoftMax", [tensor("c", "int8", SHAPE)], [tensor("d", "int8", SHAPE)])]
    layers += [reformat(4, "d", "e"), part(5, "e", "f"), reformat(6, "f", "y")]
    outcome = D701.check(subject(built("int8", layers, [1.0] * 7)))
    assert isinstance(outcome, tuple)
    assert set(outcome[0].savings) == {2, 4}
    assert isinstance(D702.check(subject(built("int8", layers, [1.0] * 7))), Unknown)


@pytest.mark.parametrize("rule", [D701, D702], ids=lambda rule: rule.code)
def test_an_engine_without_a_dla_has_neither(rule: Rule) -> None:
    region = [layer(0, "{ForeignNode[a...b]}", "Myelin", [tensor("x", "fp16", SHAPE)], [tensor("y", "fp16", SHAPE)])]
    assert rule.check(subject(built("fp16", region))) == ()
    desktop = Device("NVIDIA A100", (8, 0))
    opaque = [Layer(0, "{ForeignNode[a...b]}", kind_of(None, "{ForeignNode[a...b]}", None, None))]
    assert rule.check(subject(built("fp16", opaque, device=desktop))) == ()
    assert isinstance(rule.check(subject(built("fp16", opaque))), Unknown)


def test_refusals_are_told_with_their_reasons() -> None:
    refused = (DlaRefusal("Pow_3", "ELEMENTWISE", None), DlaRefusal("Conv_9", None, "too many DLA subgraphs"))
    outcome = D702.check(subject(built("int8", [], facts=logged(PARTS, refusals=refused))))
    assert isinstance(outcome, tuple)
    assert [item.what for item in outcome[0].evidence] == [
        "'Pow_3' (ELEMENTWISE): not supported on the DLA, without a reason given",
        "'Conv_9': too many DLA subgraphs",
    ]
    nothing = D702.check(subject(built("int8", [], facts=logged((), refusals=refused))))
    assert isinstance(nothing, tuple)
    assert nothing[0].cause == "the DLA takes no layer: 2 layers refused"


def test_a_log_without_its_warnings_cannot_tell_what_was_refused() -> None:
    assert isinstance(D702.check(subject(built("int8", [], facts=logged(PARTS)))), Unknown)
    assert D702.check(subject(built("int8", [], facts=logged(PARTS[:1], gpu=())))) == ()


def test_case_06_five_parts_with_group_norm_between_them() -> None:
    evidence = SHARED / "cases" / "06-dla-groupnorm-fallback" / "evidence.txt"
    if not evidence.is_file():
        pytest.skip("the cases are not beside this checkout (../shared/cases)")
    comparison = read_measured([("int8", evidence)], command="test")
    (item,) = subjects_of(comparison.engines, comparison.graph)
    outcome = D701.check(item)
    assert isinstance(outcome, tuple)
    assert outcome[0].cause.startswith("the DLA has 5 separate parts, so values leave it and return 4 times")


def test_a_log_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    log.write_text(
        "[03/31/2022-14:34:54] [I] [TRT] ---------- Layers Running on DLA ----------\n"
        "[03/31/2022-14:34:54] [I] [TRT] [DlaLayer] {ForeignNode[Conv_0]}\n"
        "[03/31/2022-14:34:54] [I] [TRT] ---------- Layers Running on GPU ----------\n"
        "[03/31/2022-14:34:54] [I] [TRT] [GpuLayer] SHUFFLE: Reshape_2\n"
        "[03/31/2022-14:34:54] [W] [TRT] Layer 'Reshape_2' (SHUFFLE): Unsupported on DLA. Switching this layer's "
        "device type to GPU.\n"
        "[03/31/2022-14:34:55] [I] === Performance summary ===\n"
        "[03/31/2022-14:34:55] [I] Throughput: 305.9 qps\n"
    )
    comparison = read_measured([("int8", log)], command="test")
    (item,) = subjects_of(comparison.engines, comparison.graph)
    outcome = D702.check(item)
    assert isinstance(outcome, tuple)
    assert outcome[0].cause == "the DLA does not take 1 layer, which the GPU runs"
