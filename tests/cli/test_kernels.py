"""`trtprof kernels`, `run` and `verify`: on traces and counters measured on an H100 for this project."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import stat
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.conftest import ROOT

NSYS = ROOT / "fixtures" / "nsys"


def test_a_trace_says_where_time_went(trtprof) -> None:
    result = trtprof("kernels", NSYS / "h100_eager.sqlite", "--by-range")
    assert result.exit_code == 0, result.stderr
    text = result.stdout
    assert "nsys trace on NVIDIA H100 80GB HBM3" in text
    assert "Tensor Cores did " in text
    assert "TensorRT layers: " in text
    assert "conv1 + relu1" in text
    assert "waiting for the host" in text
    answer = json.loads(trtprof("kernels", NSYS / "h100_eager.sqlite", "--format", "json").stdout)
    assert sum(share["total_ns"] for share in answer["units"]) == sum(row["total_ns"] for row in answer["kernels"])
    assert sum(row["launches"] for row in answer["kernels"]) == _launches(NSYS / "h100_eager.sqlite")
    low, high = answer["tensor_cores"]["ratio"]
    assert 0 < low <= high <= 1
    assert answer["compute_capability"] == [9, 0]


def _launches(path: Path) -> int:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    count = connection.execute("SELECT count(*) FROM CUPTI_ACTIVITY_KIND_KERNEL").fetchone()[0]
    connection.close()
    return int(count)


@pytest.mark.parametrize(
    "name", ["h100_eager.sqlite", "h100_threads.sqlite", "h100_ncu_raw.csv", "h100_graph_whole.sqlite"]
)
def test_json_keeps_its_contract(trtprof, name: str) -> None:
    answer = json.loads(trtprof("kernels", NSYS / name, "--format", "json").stdout)
    jsonschema.validate(answer, json.loads((ROOT / "docs" / "kernels.schema.json").read_text()))


def test_a_trace_of_whole_graphs_says_what_it_hides(trtprof) -> None:
    text = trtprof("kernels", NSYS / "h100_graph_whole.sqlite").stdout
    assert "hides its kernels" in text
    assert "--cuda-graph-trace=node" in text
    assert "hides its kernels" not in trtprof("kernels", NSYS / "h100_graph_node.sqlite").stdout


def test_reading_a_trace_leaves_it_as_it_was(trtprof) -> None:
    path = NSYS / "h100_threads.sqlite"
    before, beside = path.read_bytes(), sorted(path.parent.iterdir())
    for output in ("table", "json", "csv", "markdown"):
        assert trtprof("kernels", path, "--format", output).exit_code == 0
    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == beside


def test_csv_has_a_line_a_kernel(trtprof) -> None:
    rows = list(csv.DictReader(io.StringIO(trtprof("kernels", NSYS / "h100_eager.sqlite", "--format", "csv").stdout)))
    assert {row["unit"] for row in rows} <= {"tensor_core", "cuda_core", "none", "unknown"}
    assert sum(float(row["ratio"]) for row in rows) == pytest.approx(1, abs=1e-4)
    assert all(row["why"] for row in rows)


def test_statistics_counters_and_lists_are_read_too(trtprof, tmp_path: Path) -> None:
    assert "nsys statistics" in trtprof("kernels", NSYS / "h100_eager_cuda_gpu_kern_sum.csv").stdout
    assert "h100_ncu_raw.csv: ncu" in trtprof("kernels", NSYS / "h100_ncu_raw.csv").stdout
    (tmp_path / "names.txt").write_text(
        "ampere_h16816gemm_128x128_ldg8_stages_32x5_nn\n\nvolta_scudnn_128x64_relu_v1\n"
    )
    text = trtprof("kernels", "names.txt").stdout
    assert "Tensor Core share: cannot tell, the file has names and no times." in text
    assert "0.000" not in text
    (tmp_path / "names.json").write_text('["ampere_h16816gemm_128x128_ldg8_stages_32x5_nn"]')
    assert json.loads(trtprof("kernels", "names.json", "--format", "json").stdout)["timed"] is False


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("none.sqlite", None),
        ("empty.txt", b""),
        ("cut.sqlite", b"SQLite format 3\x00"),
        ("x.bin", b"\xff\xfe\x00"),
    ],
)
def test_what_has_no_kernels_is_refused(trtprof, tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = trtprof("kernels", name)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith(f"error: {name}: ")
    assert "\nhint: " in result.stderr


def test_counters_and_names_agree_and_disagreements_are_told(trtprof, tmp_path: Path) -> None:
    result = trtprof("verify", NSYS / "h100_ncu_raw.csv", "--learn", "rules.json")
    assert result.exit_code == 0, result.stderr
    assert "Disagreements: found none" in result.stdout
    assert "by name: right 100.0%" in result.stdout
    rules = json.loads((tmp_path / "rules.json").read_text())
    assert rules["schema_version"] == 1
    # A rule that contradicts the counters, as an earlier machine might have taught it.
    name = next(key for key, rule in rules["kernels"].items() if rule["unit"] == "tensor_core")
    rules["kernels"][name] = {"unit": "cuda_core", "mma": None}
    (tmp_path / "wrong.json").write_text(json.dumps(rules))
    wrong = trtprof("verify", NSYS / "h100_ncu_raw.csv", "--rules", "wrong.json", "--fail-on-disagreement")
    assert wrong.exit_code == 1
    assert "Disagreements: 1" in wrong.stdout
    taught = trtprof("kernels", NSYS / "h100_ncu_raw.csv", "--rules", "wrong.json", "--format", "json")
    entry = next(row for row in json.loads(taught.stdout)["kernels"] if row["name"] == name)
    assert entry["class"]["unit"] == "cuda_core", "counters that were kept overrule names"
    assert entry["class"]["why"] == "measured: hardware counters"


def test_counters_that_cannot_tell_are_not_guessed_from(trtprof, tmp_path: Path) -> None:
    (tmp_path / "pipe.csv").write_text(
        '"ID","Process ID","Process Name","Kernel Name","sm__inst_executed_pipe_tensor.sum"\n'
        '"","","","","inst"\n"0","1","python","void k(int)","12"\n'
    )
    result = trtprof("verify", "pipe.csv")
    assert result.exit_code == 3
    assert "sm__ops_path_tensor_src_" in result.stderr
    assert "hint: trtprof verify --run -- PROGRAM" in result.stderr
    (tmp_path / "rules.json").write_text("[]")
    assert trtprof("verify", NSYS / "h100_ncu_raw.csv", "--rules", "rules.json").exit_code == 3


def stand_in(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{body}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_a_program_is_measured_under_ncu(trtprof, tmp_path: Path, monkeypatch) -> None:
    """ncu's stand-in writes what a real one measured, to the file it is told, for the program it is told."""
    stand_in(
        tmp_path, "ncu",
        "import sys, shutil\na = sys.argv\nassert 'regex:sm__ops_path_tensor_src_' in a[a.index('--metrics') + 1]\n"
        f"shutil.copy({str(NSYS / 'h100_ncu_raw.csv')!r}, a[a.index('--log-file') + 1])\n"
        "assert a[-2:] == ['program', '--flag'], a\nassert a[a.index('--nvtx-include') + 1] == 'measure'\n",
    )  # fmt: skip
    monkeypatch.setenv("NCU", str(tmp_path / "ncu"))
    result = trtprof("verify", "--run", "--nvtx", "measure", "--out", "c.csv", "--", "program", "--flag")
    assert result.exit_code == 0, result.stderr
    assert "wrote c.csv" in result.stderr
    stand_in(
        tmp_path, "ncu",
        "import sys\nopen(sys.argv[sys.argv.index('--log-file') + 1], 'w').write("
        "'==ERROR== ERR_NVGPUCTRPERM - The user does not have permission')\nsys.exit(1)\n",
    )  # fmt: skip
    refused = trtprof("verify", "--run", "--out", "c.csv", "--", "program")
    assert refused.exit_code == 5
    assert "error: ncu may not read the GPU's counters (ERR_NVGPUCTRPERM)\nhint: run as root" in refused.stderr


def test_a_missing_tool_is_named(trtprof, monkeypatch, tmp_path: Path) -> None:
    from trtprof.backends import ncu, nsys

    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("NSYS", "NCU"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(nsys.find_nsys, "__defaults__", (None, None, ()))
    monkeypatch.setattr(ncu.find_ncu, "__defaults__", (None, ()))
    for arguments, words in (
        (("run", "--", "program"), "error: Nsight Systems was not found"),
        (("verify", "--run", "--", "program"), "error: Nsight Compute was not found"),
    ):
        result = trtprof(*arguments)
        assert result.exit_code == 4
        assert words in result.stderr
        assert "\nhint: " in result.stderr
    assert trtprof("run").exit_code == 2
    assert trtprof("verify").exit_code == 2


def test_what_ncu_settled_is_found_under_the_name_nsys_gives() -> None:
    from trtprof.kernels import classify
    from trtprof.pipeline.verification import classes_of

    settled = classify("h884gemm_128x64_nn")
    found = classes_of(
        ["void f<(int)128, (bool)1>(int)", "void f<(int)64, (bool)1>(int)"], {"void f<128, 1>(int)": settled}
    )
    assert list(found.values()) == [settled, classify("void f<(int)64, (bool)1>(int)")]
