"""The commands for each trtexec: every one is taken by the version it is for, and means the same in all of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends.trtexec_stand_in import BANNERS, Options, parse
from trtprof.backends.trtexec_commands import (
    Command,
    TrtexecRequest,
    plan_commands,
    trace_command,
    typing_notices,
)
from trtprof.backends.trtexec_flags import Version
from trtprof.errors import BuildError, UsageError

VERSIONS = sorted(BANNERS)
STRONG = ("fp32", "tf32", "fp16", "bf16", "int8", "int8-fp32", "fp8")
WEAK = (*STRONG, "int4", "best")
# Which precisions a version can build at all, by NVIDIA's release notes: BF16 and FP8 networks came after 8, INT4 in
# 10.1, and TensorRT 11 took the whole weakly typed road away.
LACKING_WEAK = {
    **{version: {"bf16", "fp8", "int4"} for version in VERSIONS if version < (9, 0)},
    (9, 3): {"int4"},
    (10, 0): {"int4"},
    (11, 0): set(WEAK),
    (11, 1): set(WEAK),
}
LACKING_STRONG = {version: {"bf16", "fp8"} for version in VERSIONS if version < (9, 0)}
WEAK_FLAGS = {
    "fp32": set(),
    "tf32": set(),
    "fp16": {"--fp16"},
    "bf16": {"--bf16"},
    "int8": {"--int8", "--fp16"},
    "int8-fp32": {"--int8"},
    "fp8": {"--fp8", "--fp16"},
    "int4": {"--int4", "--fp16"},
    "best": {"--best"},
}
ALL_TYPES = set().union(*WEAK_FLAGS.values())


def request(**changes: object) -> TrtexecRequest:
    plain = TrtexecRequest(name="model", onnx=Path("model.onnx"), folder=Path("out"), precision="fp16")
    return replace(plain, **changes)  # type: ignore[arg-type]


def read(series: tuple[int, int], command: Command) -> Options:
    """What the stand-in of this version makes of a command; refuses what the version would."""
    return parse(series, list(command.arguments))


@pytest.mark.parametrize("series", VERSIONS)
@pytest.mark.parametrize("precision", STRONG)
def test_a_typed_model_is_built_as_typed(series: tuple[int, int], precision: str) -> None:
    asked = request(precision=precision)
    if precision in LACKING_STRONG.get(series, ()):
        with pytest.raises(BuildError, match=f"cannot build {precision}: it has no"):
            plan_commands(Version(*series), asked)
        return
    build, _, _ = plan_commands(Version(*series), asked)
    options = read(series, build)
    types = ALL_TYPES & options.values.keys()
    if series >= (9, 0):
        assert options.strongly_typed
        assert types == set()
    else:  # no strongly typed networks: the types of the file have to be allowed
        assert types == WEAK_FLAGS[precision]
    assert options.tf32 == (precision == "tf32")


@pytest.mark.parametrize("series", VERSIONS)
@pytest.mark.parametrize("precision", WEAK)
def test_the_flag_road_asks_for_the_precision(series: tuple[int, int], precision: str) -> None:
    asked = request(precision=precision, typing="weak")
    if precision in LACKING_WEAK.get(series, ()):
        # In 11 the whole road is gone; before, the other precisions can still be built.
        with pytest.raises(UsageError if series >= (11, 0) else BuildError):
            plan_commands(Version(*series), asked)
        return
    build, _, _ = plan_commands(Version(*series), asked)
    options = read(series, build)
    assert not options.strongly_typed
    assert ALL_TYPES & options.values.keys() == WEAK_FLAGS[precision]
    assert options.tf32 == (precision in ("tf32", "best"))


@pytest.mark.parametrize("series", VERSIONS)
def test_every_version_measures_the_same_thing(series: tuple[int, int]) -> None:
    """Data transfers, spin wait and graphs flipped their defaults in 11, and profiling moved to a run of its own."""
    build, latency, profile = plan_commands(Version(*series), request(shapes=(("x", (1, 3, 8, 8)),)))
    assert {"--skipInference", "--buildOnly"} & read(series, build).values.keys()
    timed = read(series, latency)
    assert (timed.graph, timed.transfers, timed.spin) == (True, False, True)
    assert not {"--dumpProfile", "--exportProfile"} & timed.values.keys()
    profiled = read(series, profile)
    assert (profiled.graph, profiled.transfers, profiled.spin) == (False, False, True)
    assert "--exportTimes" not in profiled.values
    assert profiled.values["--profilingVerbosity"] == "detailed"
    for options in (timed, profiled):
        assert options.values["--loadEngine"] == read(series, build).values["--saveEngine"] == "out/engine.plan"
        assert options.values["--shapes"] == "x:1x3x8x8"
    assert not read(series, plan_commands(Version(*series), request(graph=False))[1]).graph
    traced = read(series, trace_command(Version(*series), request()))
    assert not traced.graph
    assert (traced.values["--duration"], traced.values["--iterations"]) == ("0", "50")
    assert not {"--exportTimes", "--dumpProfile", "--profilingVerbosity"} & traced.values.keys()


def test_the_commands_of_the_oldest_a_middle_and_the_newest() -> None:
    asked = request(precision="int8", shapes=(("in:0", (1, 3)),), timing_cache=Path("cache"), device=1, warm_up_ms=500)
    written = {
        series: [" ".join(command.arguments) for command in plan_commands(Version(*series), asked)]
        for series in ((8, 5), (10, 16), (11, 1))
    }
    assert written[8, 5] == [
        "--onnx=model.onnx --saveEngine=out/engine.plan --verbose --profilingVerbosity=detailed "
        "--exportLayerInfo=out/layers.json --buildOnly --int8 --fp16 --device=1 --shapes=in:0:1x3 --noTF32 "
        "--timingCacheFile=cache",
        "--loadEngine=out/engine.plan --device=1 --shapes=in:0:1x3 --warmUp=500 --useCudaGraph --noDataTransfers "
        "--useSpinWait --exportTimes=out/times.json",
        "--loadEngine=out/engine.plan --device=1 --shapes=in:0:1x3 --warmUp=500 --noDataTransfers --useSpinWait "
        "--profilingVerbosity=detailed --exportLayerInfo=out/layers.json --dumpProfile "
        "--exportProfile=out/profile.json",
    ]
    assert written[10, 16][0] == written[8, 5][0].replace(
        "--buildOnly --int8 --fp16", "--skipInference --stronglyTyped"
    )
    assert written[10, 16][1:] == written[8, 5][1:]
    assert written[11, 1] == [
        written[10, 16][0].replace(" --stronglyTyped", ""),
        written[10, 16][1].replace(" --useCudaGraph --noDataTransfers --useSpinWait", ""),
        written[10, 16][2].replace(" --noDataTransfers --useSpinWait", " --noCudaGraph"),
    ]


def test_a_build_leaves_what_its_version_is_known_to_write() -> None:
    def made(version: Version) -> list[list[str]]:
        return [[path.name for path in command.makes] for command in plan_commands(version, request())]

    assert made(Version(8, 6, 1)) == [["engine.plan", "layers.json"], ["times.json"], ["profile.json", "layers.json"]]
    assert made(Version(8, 5, 2))[0] == ["engine.plan"]


class TestWhatTheUserGives:
    def test_wins_over_ours_and_is_given_once(self) -> None:
        asked = request(extra=("--duration=10", "--profilingVerbosity=none", "--useCudaGraph"), duration_s=3)
        for command in plan_commands(Version(10, 3), asked):
            options = read((10, 3), command)
            assert options.values["--duration"] == "10"
            assert options.values["--profilingVerbosity"] == "none"
            assert options.graph

    def test_goes_through_unknown_to_us(self) -> None:
        commands = plan_commands(Version(10, 3), request(extra=("--newFlag=1",)))
        assert all("--newFlag=1" in command.arguments for command in commands)

    @pytest.mark.parametrize(
        "flag", ["--onnx=other.onnx", "--loadEngine=x", "--exportTimes=x", "--skipInference", "--help"]
    )
    def test_must_not_be_ours(self, flag: str) -> None:
        with pytest.raises(UsageError, match="set by trtprof"):
            plan_commands(Version(10, 3), request(extra=(flag,)))

    @pytest.mark.parametrize("text", ["-v", "--", "1", "workspace=3", ""])
    def test_must_be_a_flag(self, text: str) -> None:
        with pytest.raises(UsageError, match="is no trtexec flag"):
            plan_commands(Version(10, 3), request(extra=(text,)))

    @pytest.mark.parametrize(
        ("version", "flag", "hint"),
        [
            (Version(10, 0), "--workspace=4096", "instead: --memPoolSize=workspace:MiB"),
            (Version(8, 5), "--noCudaGraph", "leave out --useCudaGraph"),
            (Version(11, 1), "--fp16", "strongly typed only"),
            (Version(11, 0), "--restricted", "leave it out"),
        ],
    )
    def test_must_exist_in_this_version(self, version: Version, flag: str, hint: str) -> None:
        with pytest.raises(UsageError) as caught:
            plan_commands(version, request(extra=(flag,)))
        assert f"trtexec {version} does not know {flag.partition('=')[0]}" in caught.value.message
        assert caught.value.hint is not None
        assert hint in caught.value.hint


class TestRefusals:
    def test_weak_typing_in_11(self) -> None:
        with pytest.raises(UsageError, match=r"TensorRT 11\.1\.0 is strongly typed only") as caught:
            plan_commands(Version(11, 1), request(typing="weak"))
        assert caught.value.hint is not None
        assert "--typing weak" in caught.value.hint

    def test_a_trtexec_that_cannot_write_layers(self) -> None:
        with pytest.raises(UsageError, match=r"trtexec 8\.0\.1 is too old"):
            plan_commands(Version(8, 0, 1), request())

    @pytest.mark.parametrize("series", VERSIONS)
    def test_best_with_a_typed_model(self, series: tuple[int, int]) -> None:
        with pytest.raises(UsageError, match="'best' leaves the types"):
            plan_commands(Version(*series), request(precision="best"))

    def test_an_unknown_precision(self) -> None:
        with pytest.raises(UsageError, match="no weakly typed precision 'int7'"):
            plan_commands(Version(10, 3), request(precision="int7", typing="weak"))

    @pytest.mark.parametrize("name", ["a,b", "it's", ""])
    def test_an_input_that_trtexec_cannot_be_told_of(self, name: str) -> None:
        with pytest.raises(UsageError, match="a comma or a quote"):
            plan_commands(Version(10, 3), request(shapes=((name, (1, 3)),)))

    @pytest.mark.parametrize(("typing", "precision"), [("strong", "int8"), ("weak", "fp16")])
    def test_a_calibration_table_without_a_use(self, typing: str, precision: str) -> None:
        with pytest.raises(UsageError, match="a calibration table has no use"):
            plan_commands(Version(10, 3), request(typing=typing, precision=precision, calib=Path("t.cache")))


def test_a_scalar_input_needs_no_shape() -> None:
    commands = plan_commands(Version(10, 3), request(shapes=(("threshold", ()), ("x", (1, 3)))))
    assert all("--shapes=x:1x3" in command.arguments for command in commands)
    bare = plan_commands(Version(10, 3), request(shapes=(("threshold", ()),)))
    assert not any(argument.startswith("--shapes") for command in bare for argument in command.arguments)


def test_a_calibration_table_is_given_to_the_build_alone() -> None:
    commands = plan_commands(Version(10, 3), request(precision="int8", typing="weak", calib=Path("t.cache")))
    assert [argument for command in commands for argument in command.arguments if "t.cache" in argument] == [
        "--calib=t.cache"
    ]
    assert "--calib=t.cache" in commands[0].arguments


@pytest.mark.parametrize(
    ("version", "changes", "codes"),
    [
        (Version(8, 6, 1), {}, ["weakly-typed"]),
        (Version(8, 4, 1), {}, ["weakly-typed", "warm-up-in-times"]),
        (Version(10, 3), {}, []),
        (Version(11, 1), {"precision": "int8"}, []),
        (Version(10, 3), {"precision": "int8", "typing": "weak"}, ["calibration-made-up"]),
        (Version(10, 3), {"precision": "best", "typing": "weak"}, ["calibration-made-up"]),
        (Version(10, 3), {"precision": "int8", "typing": "weak", "calib": Path("t")}, []),
        (Version(8, 6, 1), {"precision": "fp16", "typing": "weak"}, []),
    ],
)
def test_the_reader_is_told_what_the_version_does(
    version: Version, changes: dict[str, object], codes: list[str]
) -> None:
    assert [notice.code for notice in typing_notices(version, request(**changes))] == codes
