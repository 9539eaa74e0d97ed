"""Looking a finished sentence up: what fits, what stays as it is, and that hostile names cost nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trtprof.cli.wide import fold, is_wide, padded
from trtprof.language import Entry, Language, language_of, show_in, shown, shown_language, translate


def chinese(text: str) -> str:
    return translate(text, Language.ZH)


@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("Skip input of a residual Add is not quantised", "残差 Add 的捷径输入没有量化"),
        (
            "8 residual Adds without Q/DQ on the skip input: the convolutions before them must write float",
            "8 个残差 Add 的捷径输入没有 Q/DQ：它们前面的卷积只能写浮点",
        ),
        ("reads its residual in FP16 from 'conv1' and writes FP16, though it multiplies INT8",
         "从“conv1”以 FP16 读取残差并写出 FP16，尽管它以 INT8 相乘"),
        ("saves 0.279 to 0.439 ms (derived; how: trtprof rules Q101)",
         "节省 0.279 到 0.439 ms（推算；依据：trtprof rules Q101）"),
        ("int8: 1 quantised residual sum runs as a layer of its own", "int8：1 个量化的残差相加单独成层运行"),
        ("found 3 warnings, 2 notes; 4 of 7 convolutions and matrix products quantised",
         "发现 3 个警告，2 条提示；7 个卷积和矩阵乘中有 4 个已量化"),
        ("fp16 is fastest: 0.862 ms against 0.883 ms of int8, 2.4 % apart. int8 is slower than fp16: 0.883 ms against "
         "0.862 ms.", "fp16 最快：0.862 ms，int8 为 0.883 ms，相差 2.4 %。int8 比 fp16 慢：0.883 ms 对 0.862 ms。"),
        ("  note: the profile table ends before its total; rows may be missing",
         "  提示：剖析表在合计行之前结束；可能缺行"),
    ],
)  # fmt: skip
def test_a_finished_sentence(english: str, said: str) -> None:
    assert chinese(english) == said
    assert translate(english, Language.EN) == english


@pytest.mark.parametrize(
    "name",
    [
        "Conv_0 + Relu_1",
        "/layer1/layer1.0/Add",
        "",
        "INT8 NC/xHWx",
        "sm80_xmma_fprop_implicit_gemm_i8i8_i8i32_f32",
        "–",
    ],
)
def test_names_types_and_marks_stay(name: str) -> None:
    assert chinese(name) == name


def test_a_name_in_a_sentence_is_taken_over_whatever_it_reads() -> None:
    """A layer may be called after a word of ours, or after half a sentence."""
    assert chinese("'layers' runs on the DLA") == "“layers”在 DLA 上运行"
    assert chinese("pools in FP16 what '3 layers and 2 rows' writes") == "以 FP16 池化“3 layers and 2 rows”写出的结果"
    assert "note: 1 layer" in chinese("int8 was measured on note: 1 layer, fp16 on fp16's")


@pytest.mark.parametrize(
    ("sentence", "text", "holes"),
    [
        ("{n} rows", "3 rows", ("3",)),
        ("{n} rows", "three rows", None),
        ("{w} and {w}", "a and b", ("a", "b")),
        ("{w} and {w}", "a and b and c", None),
        ("{} + {n} more", "a + b + 2 more", ("a + b", "2")),
        ("{}: {}.", "x: y: z.", ("x", "y: z")),
        ("{} runs", "it runs and runs", ("it runs and",)),
    ],
)
def test_holes(sentence: str, text: str, holes: tuple[str, ...] | None) -> None:
    assert Entry.of(sentence, "").fits(text) == holes


@given(st.text(alphabet=st.sampled_from("ab1 :;,.'()+{}\n层")) | st.text(), st.integers(1, 40))
def test_any_text_is_answered(text: str, times: int) -> None:
    assert isinstance(chinese(text * times), str)


@pytest.mark.parametrize("part", ["a: ", "3 layers: ", "x; ", "1 of ", "it. It, "])
def test_a_text_of_any_length_is_answered(part: str) -> None:
    assert chinese(part * 5_000).count(part[0]) >= 5_000


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, Language.EN),
        ({"LANG": "zh_CN.UTF-8"}, Language.ZH),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, Language.EN),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_SG"}, Language.ZH),
        ({"LC_ALL": "", "LANG": "zh"}, Language.ZH),
        ({"LANG": "zhuang"}, Language.EN),
        ({"LANG": "de_DE@euro"}, Language.EN),
    ],
)
def test_the_locale(environment: dict[str, str], language: Language) -> None:
    assert language_of(environment) is language


def test_the_language_shown_is_chosen_once() -> None:
    try:
        show_in(Language.ZH)
        assert (shown_language(), shown("layers")) == (Language.ZH, "层数")
    finally:
        show_in(Language.EN)
    assert shown("layers") == "layers"


def test_wide_characters_take_two_cells() -> None:
    assert padded("严重", 8) == "严重    "
    assert (is_wide("精度"), is_wide("precision →")) == (True, False)


def test_lines_break_beside_wide_characters_and_never_before_a_closing_mark() -> None:
    text = "  把 Q/DQ 放在捷径输入上（residual quantizer），之后检查精度。"
    assert fold(text, 24).splitlines() == [
        "  把 Q/DQ 放在捷径输入上",
        "  （residual",
        "  quantizer），之后检查",
        "  精度。",
    ]
    assert fold("ampere_fp32_icudnn_int8x4_128x64", 10) == "ampere_fp32_icudnn_int8x4_128x64"


@given(st.text(alphabet="ab 层，。（）x1", max_size=60), st.integers(4, 30))
def test_folding_loses_no_character(text: str, width: int) -> None:
    assert fold(text, width).replace("\n", "").replace(" ", "") == text.replace(" ", "")
