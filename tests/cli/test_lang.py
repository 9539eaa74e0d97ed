"""`--lang`, `TRTPROF_LANG` and the locale: what people read changes its language, what scripts read does not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.pipeline.test_measured import write_engine
from trtprof.cli.app import app  # noqa: F401 - registers the commands
from trtprof.cli.group import Group, language_first
from trtprof.language import shown

SENTENCE = re.compile(r"\b[a-z]{2,} [a-z]{2,}\b")


@pytest.fixture(autouse=True)
def no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite asks for English; here the command line and the locale decide."""
    monkeypatch.delenv("TRTPROF_LANG")
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


TITLE = "Q101 skip-not-quantised: 残差 Add 的捷径输入没有量化"


@pytest.mark.parametrize("arguments", ["--lang zh rules Q101", "rules Q101 --lang zh", "rules --lang=zh Q101"])
def test_the_option_stands_before_or_behind_the_command(trtprof, arguments: str) -> None:
    result = trtprof(*arguments.split())
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, TITLE)


def test_the_environment_chooses_and_the_option_overrules_it(trtprof, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert trtprof("rules", "Q101").stdout.startswith(TITLE)
    monkeypatch.setenv("TRTPROF_LANG", "en")
    assert trtprof("rules", "Q101").stdout.startswith("Q101 skip-not-quantised: Skip input")
    assert trtprof("rules", "Q101", "--lang", "zh").stdout.startswith(TITLE)


def test_a_language_there_is_not(trtprof) -> None:
    result = trtprof("rules", "--lang", "fr")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'fr' is not one of 'en', 'zh'" in result.stderr


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("run -- a.py --lang fr", "run -- a.py --lang fr"),
        ("run a.py --lang fr", "run a.py --lang fr"),
        ("run --lang zh -- a.py", "--lang zh run -- a.py"),
        ("lint m.onnx --lang=zh --dla", "--lang=zh lint m.onnx --dla"),
        ("lint m.onnx --lang", "--lang lint m.onnx"),
    ],
)
def test_what_follows_a_program_is_its_own(given: str, read: str) -> None:
    assert language_first(given.split(), Group.entries) == read.split()


@pytest.mark.parametrize("form", ["json", "csv"])
def test_what_scripts_read_stays_english(trtprof, models: Path, form: str) -> None:
    arguments = ("lint", models / "residual_onesided_qdq.onnx", "--no-parser", "--format", form)
    assert trtprof("--lang", "zh", *arguments).stdout == trtprof(*arguments).stdout


def test_lint(trtprof, models: Path) -> None:
    result = trtprof("lint", models / "residual_onesided_qdq.onnx", "--no-parser", "--lang", "zh")
    lines = [line.replace(str(models), "") for line in result.stdout.splitlines()]
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line for line in lines if SENTENCE.search(line.replace("trtprof fix", ""))] == []
    assert "/residual_onesided_qdq.onnx:/block/Add: Q101 它的捷径输入“/relu/Relu_output_0”没有 Q/DQ" in lines


def test_rules_in_every_form(trtprof) -> None:
    for form in ("table", "markdown"):
        text = trtprof("rules", "Q1", "--format", form, "--lang", "zh").stdout
        assert "为什么耗时" in text or "角色" in text
    listed = json.loads(trtprof("rules", "--format", "json", "--lang", "zh").stdout)
    assert listed["rules"][0]["title"] == "Skip input of a residual Add is not quantised"


def test_gates(trtprof, tmp_path: Path) -> None:
    """Names of gates and engines stay, and so does what stands on stderr."""
    write_engine(tmp_path / "old", "Half", [0.5] * 200)
    write_engine(tmp_path / "slow", "Half", [0.6] * 200)
    gates = ("--fail-if", "latency:+3%", "--fail-if", "accuracy.sqnr:-1dB", "--fail-if", "conversions:+1")
    result = trtprof("diff", "old", "slow", *gates, "--lang", "zh")
    assert result.exit_code == 1
    assert [line.rstrip() for line in result.stdout.splitlines()[:5]] == [
        "门禁未通过：1 项未通过，1 项无法判断，1 项通过。",
        "结果      门禁                引擎      基准      新版     变化    噪声  原因",
        "未通过    latency:+3%         fp16  0.500 ms  0.600 ms  +20.0 %  ±4.0 %",
        f"无法判断  accuracy.sqnr:-1dB  fp16{'–':>10}{'–':>10}{'–':>9}{'':10}两个引擎都没有：手头没有它的 ONNX 模型",
        "通过      conversions:+1      fp16         0         0        0",
    ]
    assert result.stderr.startswith("error: 1 of 3 gates failed: latency:+3% on fp16")
    comment = trtprof("diff", "old", "slow", *gates, "--lang", "zh", "--format", "markdown").stdout.splitlines()
    assert comment[:5] == [
        "## 门禁未通过：1 项未通过，1 项无法判断，1 项通过。",
        "",
        "| 结果 | 门禁 | 引擎 | 基准 | 新版 | 变化 | 噪声 | 原因 |",
        "|---|---|---|---|---|---|---|---|",
        "| ❌ 未通过 | latency:+3% | fp16 | 0.500 ms | 0.600 ms | +20.0 % | ±4.0 % |  |",
    ]


def test_figures_alone(trtprof, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_engine(tmp_path / name, "Half", [0.5] * 200)
    for name, other in (("base", "b"), ("head", "c")):
        text = trtprof("compare", "a=a", f"b={other}", "--format", "json").stdout
        (tmp_path / f"{name}.json").write_text(text)
    for form in ("table", "markdown"):
        lines = trtprof("diff", "base.json", "head.json", "--lang", "zh", "--format", form).stdout.splitlines()
        assert [line for line in lines if SENTENCE.search(line)] == []
        assert any(re.match(r"\W*latency\W", line) for line in lines)
        said = "".join(line.strip() for line in lines)
        assert "accuracy.sqnr、accuracy.cosine、accuracy.top1、accuracy.max-error（两个引擎都没有：手头没有它的" in said


def test_the_first_screen_keeps_its_commands(trtprof) -> None:
    english, chinese = (trtprof(*arguments).stdout.splitlines() for arguments in ((), ("--lang", "zh")))
    assert len(english) == len(chinese)
    commands = [[line.rpartition("  ")[0] for line in lines] for lines in (english, chinese)]
    assert commands[0] == commands[1]
    unsaid = [line for line in chinese if line.strip() and not re.search("[\u4e00-\u9fff]", line)]
    assert all(line.startswith("  trtprof ") for line in unsaid)


def test_explain(trtprof) -> None:
    name = "ampere_fp32_icudnn_int8x4_128x64_relu_medium_nn_v1"
    result = trtprof("explain", name, "--lang", "zh")
    assert [line.rstrip() for line in result.stdout.splitlines()[:7]] == [
        name,
        "  CUDA 核心（读取 INT8，以 INT32 累加）；卷积，主 kernel",
        "  依据：icudnn 没有指令编号：INT8（dp4a）在 CUDA 核心上（置信度 98%）；为计算能力 8.0 及以上编写",
        "ampere    编写时面向的 GPU 架构",
        "fp32      输出：FP32",
        "i         以 INT32 累加",
        "cudnn     卷积；前面没有指令编号：CUDA 核心",
    ]
    text = trtprof("explain", name, "--lang", "zh", "--format", "markdown").stdout
    assert text.startswith("**CUDA 核心（读取 INT8，以 INT32 累加）**：icudnn 没有指令编号")
    assert "| 片段 | 含义 |" in text


def test_report_as_a_table(trtprof, tmp_path: Path) -> None:
    write_engine(tmp_path / "a", "Half", [0.5] * 200)
    write_engine(tmp_path / "b", "Half", [0.7] * 200)
    assert trtprof("compare", "a=a", "b=b", "--db", "s.db", "--out", "out").exit_code == 0
    lines = trtprof("report", "--db", "s.db", "--format", "markdown", "--lang", "zh").stdout.splitlines()
    assert lines[0].startswith("| 运行 | 时间 | 模型 | 设备 | 工具 | 引擎 | 时间，ms | p99，ms |")
    assert "| 0.500，实测 |" in lines[2]
    assert "最快：" in trtprof("report", "--db", "s.db", "--lang", "zh").stdout


def test_a_language_that_one_command_was_given_ends_with_it(trtprof) -> None:
    assert trtprof("rules", "Q101", "--lang", "zh").stdout != trtprof("rules", "Q101").stdout
    assert shown("unknown") == "unknown"
