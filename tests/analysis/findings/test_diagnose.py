"""Causes lead, layers are counted once, savings stay within the engine, and the real engines are judged rightly."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.findings.subjects import built, layer, subject, tensor, trex
from trtprof.analysis.findings.choices import Choices, Suppression, choose
from trtprof.analysis.findings.diagnose import diagnose_engine
from trtprof.analysis.findings.registry import RULES
from trtprof.analysis.findings.rule import ALL, Claim, Role, Rule, Share
from trtprof.analysis.findings.savings import saving_of, scale_of
from trtprof.analysis.findings.subjects import diagnose
from trtprof.model import Estimate, Severity, Unknown

SHAPE = (1, 64, 8, 8)


def rule(code: str, role: Role, *claims: Claim) -> Rule:
    return Rule(code, code.lower(), f"title {code}", role, "", "", (), "cure", "how", "", "", lambda _: claims)


def engine(count: int = 4):
    layers = [
        layer(index, f"Conv_{index}", "CaskConvolution", [tensor(f"t{index}", "int8", SHAPE)],
              [tensor(f"t{index + 1}", "int8", SHAPE)])
        for index in range(count)
    ]  # fmt: skip
    return subject(built("int8", layers, [1.0] * count))


def test_symptoms_stand_under_their_cause_and_rows_count_once() -> None:
    cause = rule("Q901", Role.CAUSE, Claim("big", (), {0: ALL, 1: ALL}, frozenset({0, 1, 2})))
    second = rule("Q902", Role.CAUSE, Claim("small", (), {1: ALL}, frozenset({1})))
    symptom = rule("R901", Role.SYMPTOM, Claim("sign", (), {1: ALL, 2: ALL, 3: ALL}))
    findings, _ = diagnose_engine(engine(), [symptom, second, cause])
    assert [item.code for item in findings] == ["Q901", "R901", "Q902"]
    assert [(effect.code, effect.rows) for effect in findings[0].effects] == [("R901", (1, 2))]
    assert findings[1].rows == (3,)
    assert findings[2].saving_ns == Unknown("its layers are counted under another cause")
    known = [item.saving_ns.mid for item in findings if isinstance(item.saving_ns, Estimate)]
    assert sum(known) == 3e6


def test_a_symptom_that_is_wholly_explained_is_no_finding() -> None:
    cause = rule("Q901", Role.CAUSE, Claim("big", (), {0: ALL}, frozenset({0})))
    symptom = rule("R901", Role.SYMPTOM, Claim("sign", (), {0: ALL}))
    assert [item.code for item in diagnose_engine(engine(), [cause, symptom])[0]] == ["Q901"]


def test_the_three_answers_stay_apart() -> None:
    unknown = Rule("Q903", "q", "t", Role.CAUSE, "", "", (), "", "", "", "", lambda _: Unknown("no log"))
    findings, answers = diagnose_engine(engine(), [rule("Q901", Role.CAUSE), unknown])
    assert findings == ()
    assert [(item.code, item.reason) for item in answers] == [("Q901", None), ("Q903", Unknown("no log"))]


@pytest.mark.parametrize(
    ("share", "severity"),
    [(0.03, Severity.NOTE), (0.1, Severity.MINOR), (0.5, Severity.MAJOR), (0.9, Severity.CRITICAL)],
)
def test_severity_follows_milliseconds(share: float, severity: Severity) -> None:
    claim = Claim("x", (), {0: Share(share, share, share)})
    (finding,) = diagnose_engine(engine(), [rule("Q901", Role.CAUSE, claim)])[0]
    assert finding.severity is severity
    assert finding.within_noise == (share * 0.25 < 0.04)


def test_without_times_the_saving_is_unknown_and_never_zero() -> None:
    plain = subject(built("int8", [layer(0, "Conv_0", "CaskConvolution", [tensor("a", "int8", SHAPE)], [])]))
    for claim, severity in (
        (Claim("x", (), {0: ALL}), Severity.MINOR),  # proven, though not weighed
        (Claim("x", (), {0: ALL}, aside=True), Severity.NOTE),
    ):
        (finding,) = diagnose_engine(plain, [rule("Q901", Role.CAUSE, claim)])[0]
        assert isinstance(finding.saving_ns, Unknown)
        assert finding.severity is severity


@given(
    times=st.lists(st.floats(0.001, 10), min_size=2, max_size=8),
    shares=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8),
    latency=st.floats(0.001, 100),
)
def test_a_saving_is_a_range_within_what_the_layers_take(
    times: list[float], shares: list[tuple[float, float, float]], latency: float
) -> None:
    from trtprof.model import Inference

    layers = [
        layer(index, f"Conv_{index}", "CaskConvolution", [tensor("a", "int8", SHAPE)], [])
        for index in range(len(times))
    ]
    made = built("int8", layers, times, inference=Inference(compute_ns=(latency * 1e6,)))
    wanted = {place: Share(*sorted(share)) for place, share in enumerate(shares[: len(times)])}
    saving = saving_of({row.layer.index: row for row in made.rows}, wanted, scale_of(made))
    assert isinstance(saving, Estimate)
    assert 0 <= saving.low <= saving.mid <= saving.high <= sum(times) * 1e6 * (1 + 1e-9)


def test_case_01_every_effect_of_the_missing_skip(shared: Path) -> None:
    comparison = trex(shared, "pytorch__resnet__A100", fp16="fp16", int8="qat")
    diagnosis = diagnose(comparison.engines, comparison.graph)
    first = diagnosis.findings[0]
    effects = {effect.code: effect for effect in first.effects}
    assert first.code == "Q101"
    assert effects["K201"].rows == (1,)  # the stem, on dp4a
    assert effects["F302"].rows == (2,)  # MaxPool_12
    assert len(effects["R401"].rows) == 9  # QuantizeLinear layers
    assert "K201" not in {item.code for item in diagnosis.findings}
    assert first.engine in diagnosis.sentence
    assert diagnosis.healthy == ("fp16",)


def test_case_02_the_pooling_before_the_classifier(shared: Path) -> None:
    comparison = trex(shared, "pytorch__resnet__A100", int8="qat-residual")
    first = diagnose(comparison.engines, comparison.graph).findings[0]
    assert first.code == "Q105"
    assert "GlobalAveragePool" in first.cause
    assert isinstance(first.saving_ns, Estimate)
    assert first.saving_ns.low < 0.0460e6 < first.saving_ns.high  # measured on qat-residual-qgap: 0.546 to 0.500 ms


def test_case_04_is_healthy(shared: Path) -> None:
    comparison = trex(shared, "tensorflow__resnet__RTX-3090", fp32="fp32", fp16="fp16", int8="qat")
    diagnosis = diagnose(comparison.engines, comparison.graph)
    assert {item.severity for item in diagnosis.findings} <= {Severity.NOTE}
    assert diagnosis.healthy == ("fp32", "fp16", "int8")
    assert diagnosis.sentence.startswith("Nothing that costs a measurable part")


def test_choices_leave_out_and_set_aside_and_the_sentence_follows(shared: Path) -> None:
    comparison = trex(shared, "pytorch__resnet__A100", int8="qat")
    diagnosis, engines = diagnose(comparison.engines, comparison.graph), comparison.engines
    assert {item.code for item in choose(diagnosis, engines, Choices(select=("R",))).findings} == {"R404"}
    assert "Q101" not in {item.code for item in choose(diagnosis, engines, Choices(ignore=("q101",))).findings}
    aside = choose(diagnosis, engines, Choices(suppressions=(Suppression("Q101", (), "on purpose", "here"),)))
    assert [(item.finding.code, item.reason) for item in aside.suppressed] == [("Q101", "on purpose")]
    assert aside.healthy == ("int8",)
    assert "residual" not in aside.sentence
    other = Suppression("Q101", ("no such layer",), "x", "here")
    assert choose(diagnosis, engines, Choices(suppressions=(other,))).findings == diagnosis.findings


def test_every_rule_says_everything_about_itself() -> None:
    assert len({item.code for item in RULES}) == len(RULES) == len({item.name for item in RULES})
    for item in RULES:
        words = (item.title, item.why, item.needs, item.cure, item.saving, item.false_positives, item.source)
        assert all(words), item.code
        assert item.looks_like, item.code
        assert item.code[0] in "QKFRMHD", item.code
