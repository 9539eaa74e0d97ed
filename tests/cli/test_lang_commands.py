"""Commands that make or judge, in Chinese: no English sentence on stdout but names, messages of tools and commands."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT

SENTENCE = re.compile(r"\b[a-z]{2,} [a-z]{2,}\b")
COMMANDS = re.compile(
    r"trtprof (?:compare|run|verify|recipe|lint)|package lib|apt \w+|pip \w+|sudo .*|Linux .*|NVIDIA Jetson .*"
)


def english_in(text: str) -> list[str]:
    bare = re.sub(r"“[^”]*”|`[^`]*`", "", "".join(f"{line.strip()} " for line in text.splitlines()))
    return [left for line in re.split(r"[。；]|  ", bare) for left in SENTENCE.findall(COMMANDS.sub("", line))]


@pytest.fixture
def micro(models: Path, tmp_path: Path) -> str:
    """The micro net and data for it in the directory of the test."""
    shutil.copy(models / "residual_micro.onnx", tmp_path)
    samples = np.random.default_rng(0).standard_normal((2, 3, 56, 56)).astype(np.float32)
    np.savez(tmp_path / "s.npz", input=samples)
    return "residual_micro.onnx"


@pytest.mark.parametrize("form", ["table", "markdown"])
@pytest.mark.parametrize("data", ["s.npz", "random:2"])
def test_quantize(trtprof, micro: str, form: str, data: str) -> None:
    result = trtprof("--lang", "zh", "quantize", micro, "--calib", data, "-o", "q.onnx", "--format", form)
    assert (result.exit_code, english_in(result.stdout)) == (0, [])
    assert "5 个层为 INT8；数值范围用 " in result.stdout


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_sensitivity_and_plan(trtprof, micro: str, micro_capture: Path, form: str) -> None:
    result = trtprof("--lang", "zh", "sensitivity", micro, "--calib", "s.npz", "--out", "s", "--format", form)
    assert (result.exit_code, english_in(result.stdout)) == (0, [])
    assert "靠近输入和输出？无法判断，5 层太少，看不出趋势，需要 8 层" in result.stdout
    for budget in ((), ("--budget-db", "40"), ("-o", "p.onnx", "--calib", "s.npz")):
        common = ("plan", micro, "--sensitivity", "s", "--times", micro_capture, "--format", form)
        result = trtprof("--lang", "zh", *common, *budget)
        assert (result.exit_code, english_in(result.stdout)) == (0, [])
        assert "为 INT8，分在" in result.stdout


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_fix(trtprof, models: Path, form: str) -> None:
    model = models / "residual_onesided_qdq.onnx"
    result = trtprof("--lang", "zh", "fix", model, "-o", "f.onnx", "--no-build", "--format", form)
    assert (result.exit_code, english_in(result.stdout)) == (0, [])
    assert "（有舍入）" in result.stdout
    assert "trtprof lint 的发现：Q101 从 1 到 0" in result.stdout


@pytest.mark.parametrize("form", ["table", "markdown"])
@pytest.mark.parametrize("board", ["nano", "xavier-nx", "orin-nano", "agx-orin", "thor"])
def test_doctor(trtprof, boards: Path, board: str, form: str) -> None:
    result = trtprof("--lang", "zh", "doctor", "--root", boards / board, "--format", form)
    assert english_in(result.stdout) == []
    assert "测量" in result.stdout


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_verify(trtprof, form: str) -> None:
    result = trtprof("--lang", "zh", "verify", ROOT / "fixtures/nsys/h100_ncu_raw.csv", "--format", form)
    assert (result.exit_code, english_in(result.stdout)) == (0, [])
    assert "按名称：正确 100.0%，精确率 100.0%，召回率 100.0%" in result.stdout


@pytest.mark.parametrize("command", ["quantize", "doctor"])
def test_csv_and_json_stay_english(trtprof, micro: str, boards: Path, command: str) -> None:
    arguments = {
        "quantize": ("quantize", micro, "--calib", "s.npz", "-o", "q.onnx"),
        "doctor": ("doctor", "--root", boards / "orin-nano"),
    }[command]
    for form in ("csv", "json"):
        texts = [trtprof(*chosen, *arguments, "--format", form).stdout for chosen in ((), ("--lang", "zh"))]
        assert texts[0] == texts[1]
