"""`trtprof sensitivity` as a user runs it: the ranking, its files, going on after an interruption, a user's metric."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.variants.support import load_script
from trtprof.analysis.depth import depth_test, depth_words
from trtprof.quantisation import LayerSensitivity
from trtprof.sensitivity_json import read_sensitivity
from trtprof.variants import sensitivity as module


@pytest.fixture
def micro(tmp_path):
    make = load_script(ROOT / "fixtures/models/make_models.py")
    np.savez(tmp_path / "s.npz", input=np.random.default_rng(0).standard_normal((4, 3, 56, 56)).astype(np.float32))
    return make.write_model("residual_micro", tmp_path)


def test_the_ranking_and_its_files(trtprof, micro):
    result = trtprof("sensitivity", micro, "--calib", "s.npz", "--out", "o")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines()[:2] == [
        "running the model on calibration data",
        "measuring 5 layers on 4 samples",
    ]
    assert result.stderr.splitlines()[-3:] == [f"wrote o/sensitivity.{kind}" for kind in ("json", "csv", "html")]
    first = result.stdout.splitlines()[0]
    assert first.startswith("residual_micro.onnx: 5 layers, each quantised alone, on 4 samples in ")
    with Path("o/sensitivity.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["layer", "sqnr_db", "cosine", "top1_agreement"]
    order = [float(row["sqnr_db"]) for row in rows]
    assert order == sorted(order)
    found = read_sensitivity(Path("o/sensitivity.json"))
    assert {row.layer for row in found.rows} == {row["layer"] for row in rows}
    # The noises of the layers nearly add up to that of all of them.
    noise = sum(10 ** (-value / 10) for value in order)
    assert found.whole_db is not None
    assert -10 * math.log10(noise) == pytest.approx(found.whole_db, abs=1.5)
    assert "Which layers cost accuracy?" in Path("o/sensitivity.html").read_text(encoding="utf-8")


def test_a_second_run_measures_nothing_and_says_the_same(trtprof, micro, monkeypatch):
    first = trtprof("sensitivity", micro, "--calib", "s.npz", "--out", "o", "--format", "json")
    assert first.exit_code == 0, first.stderr
    monkeypatch.setattr(module.Sweep, "_effect", lambda *a: pytest.fail("measured again"))
    assert trtprof("sensitivity", micro, "--calib", "s.npz", "--out", "o", "--format", "json").stdout == first.stdout


def test_an_interrupted_run_goes_on(trtprof, micro, monkeypatch):
    whole = trtprof("sensitivity", micro, "--calib", "s.npz", "--out", "whole", "--format", "csv").stdout
    real, count = module.Sweep._effect, []

    def interrupted(*arguments):
        count.append(1)
        if len(count) >= 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(module.Sweep, "_effect", interrupted)
    stopped = trtprof("sensitivity", micro, "--calib", "s.npz", "--out", "o", "--jobs", 1)
    assert (stopped.exit_code, stopped.stdout) == (130, "")
    assert "error: interrupted; 2 finished layers are kept in o" in stopped.stderr
    monkeypatch.setattr(module.Sweep, "_effect", real)
    again = trtprof("sensitivity", micro, "--calib", "s.npz", "--out", "o", "--format", "csv")
    assert "measuring 3 layers on 4 samples, 2 known from an earlier run" in again.stderr
    assert again.stdout == whole


def test_groups_and_leaving_out(trtprof, micro):
    def ask(*options):
        result = trtprof("sensitivity", micro, "--calib", "s.npz", "--format", "json", *options)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    grouped = ask("--group", "^/block")
    assert {row["layer"]: len(row["nodes"]) for row in grouped["layers"]} == {
        "/stem/Conv": 1,
        "/block": 3,
        "/fc/Gemm": 1,
    }
    left = ask("--mode", "leave-one-out")
    assert all(row["sqnr_db"] >= left["all_layers"]["sqnr_db"] - 3 for row in left["layers"])
    # The classifier costs most alone, so most is gained by leaving it out.
    alone = ask()
    worst = min(alone["layers"], key=lambda row: row["sqnr_db"])["layer"]
    assert max(left["layers"], key=lambda row: row["sqnr_db"])["layer"] == worst


def test_a_users_metric(trtprof, micro, tmp_path):
    (tmp_path / "mine_of_user.py").write_text(
        "def largest(outputs, reference):\n    return abs(outputs['output'] - reference['output']).max()\n"
        "def broken(outputs, reference):\n    return outputs['nothing']\n"
    )
    result = trtprof("sensitivity", micro, "--calib", "s.npz", "--metric", "mine_of_user:largest", "--format", "csv")
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert list(rows[0]) == ["layer", "sqnr_db", "cosine", "top1_agreement", "metric"]
    assert all(0 < float(row["metric"]) < 1 for row in rows)
    result = trtprof("sensitivity", micro, "--calib", "s.npz", "--metric", "mine_of_user:broken")
    assert result.exit_code == 3
    assert "error: the metric 'broken' failed: KeyError: 'nothing'" in result.stderr


@pytest.mark.parametrize(
    ("options", "code", "error"),
    [
        (["--metric", "nothing"], 2, "--metric nothing: expected module:function"),
        (["--metric", "no_such_module:f"], 3, "--metric no_such_module:f: cannot be loaded: ModuleNotFoundError"),
        (["--group", "("], 2, "--group (: no regular expression"),
        (["--group", "zzz"], 2, "--group zzz: matches no layer"),
    ],
)
def test_refusals(trtprof, micro, options, code, error):
    result = trtprof("sensitivity", micro, "--calib", "s.npz", *options)
    assert (result.exit_code, result.stdout) == (code, "")
    assert f"error: {error}" in result.stderr


def layers(decibels):
    count = len(decibels)
    return [
        LayerSensitivity(f"l{place}", (f"l{place}",), ("Conv",), place / (count - 1), value, None, None)
        for place, value in enumerate(decibels)
    ]


def test_the_claim_about_depth_is_told_from_chance():
    ends = depth_test(layers([20 + min(place, 29 - place) for place in range(30)]))
    middle = depth_test(layers([50 - min(place, 29 - place) for place in range(30)]))
    assert (ends.holds, middle.holds) == (True, False)
    assert (ends.outer, ends.top) == (6, 6)
    assert middle.outer == 0
    noise = depth_test(layers(list(np.random.default_rng(5).normal(40, 5, 30))))
    assert noise.chance > 0.05
    assert depth_words(depth_test(layers([1.0] * 4))).startswith("cannot tell, 4 layers are too few")
