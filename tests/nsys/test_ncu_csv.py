"""CSV of Nsight Compute, as ncu prints it and as terminals and scripts leave it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trtprof.errors import InputError
from trtprof.parsers.ncu_csv import MeasuredLaunches, parse_ncu_csv, read_ncu_csv

FP16 = "sm__ops_path_tensor_src_fp16.sum"
INT8 = "sm__ops_path_tensor_src_int8.sum"

HEADER = f'"ID","Process ID","Kernel Name","Block Size","Device","CC","gpu__time_duration.sum","grid","{FP16}","{INT8}"'
RAW = f"""{HEADER}
"","","","","","","us","","",""
"0","77","void f<float, 4>(T1 *)","(1, 1, 1)","0","9.0","12.576","3,136","1,849,688,064","0"
"1","77","g","(1, 1, 1)","0","9.0","4","8","0","n/a"
"""
DETAILS = f'''"ID","Process ID","Kernel Name","CC","Section Name","Metric Name","Metric Unit","Metric Value"
"0","77","f","8.7","GPU Speed Of Light Throughput","Duration","ms","1.5"
"0","77","f","8.7","Command line profiler metrics","{FP16}","","1,024"
"0","77","f","8.7","Launch Statistics","Grid Size","","3"
"1","77","f","8.7","Command line profiler metrics","{FP16}","","0"
'''


def test_the_raw_page() -> None:
    found = parse_ncu_csv(RAW, path="x.csv")
    first = {"gpu__time_duration.sum": 12_576.0, FP16: 1_849_688_064.0, INT8: 0.0}
    second = {"gpu__time_duration.sum": 4_000.0, FP16: 0.0}
    assert found.page == "raw"
    assert found.metric_names == ("gpu__time_duration.sum", FP16, INT8)
    assert found.launches == (
        MeasuredLaunches("void f<float, 4>(T1 *)", 1, 12_576.0, (9, 0), first, first),
        MeasuredLaunches("g", 1, 4_000.0, (9, 0), second, second),
    )


def test_the_details_page() -> None:
    found = parse_ncu_csv(DETAILS, path="x.csv")
    assert found.page == "details"
    assert [(one.name, one.duration_ns, one.metrics.get(FP16)) for one in found.launches] == [
        ("f", 1_500_000.0, 1_024.0), ("f", None, 0.0),
    ]  # fmt: skip
    assert found.launches[0].compute_capability == (8, 7)


@pytest.mark.parametrize(
    "noise",
    ["==PROF== Connected to process 1 (/usr/bin/python3)", '==WARNING== Note: "quoted", with, commas',
     "epoch 1, loss 0.5", "a, b, c, d, e, f, g, h", 'my program says "unbalanced', "", HEADER],
)  # fmt: skip
@pytest.mark.parametrize("text", [RAW, DETAILS])
def test_lines_that_are_no_rows(noise: str, text: str) -> None:
    if noise.startswith('"') and text is not RAW:
        noise = text.splitlines()[0]
    lines = text.splitlines()
    dirty = "\n".join([noise, *lines[:1], noise, *lines[1:-1], noise, lines[-1], noise, ""])
    assert parse_ncu_csv(dirty, path="x.csv").launches == parse_ncu_csv(text, path="x.csv").launches


def test_a_table_saved_without_quotes() -> None:
    text = "==PROF== x\nID,Kernel Name,CC,gpu__time_duration.sum,a,b\n,,,nsecond,,\n0,k,7.5,100,1,2\n"
    (found,) = parse_ncu_csv(text, path="x.csv").launches
    assert (found.name, found.duration_ns, found.compute_capability) == ("k", 100.0, (7, 5))


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ("", "found an empty file", None),
        ("\n  \n", "found an empty file", None),
        ("Time (%),Total Time (ns),Name\n1,2,k\n", "expected a header with `Kernel Name`, found 'Time", "line 1"),
        ("==PROF== Connected\n==PROF== Disconnected\n", "expected a header with `Kernel Name`", "line 1"),
        (RAW[:-30], "expected CSV, found a row that does not end", "line 4"),
        (RAW[: RAW.rindex(',"0"')] + "\n", "expected 10 cells, found 8", "line 4"),
        (DETAILS[: DETAILS.rindex(',"0"')] + "\n", "expected 8 cells, found 7", "line 5"),
    ],
)
def test_what_is_no_table_or_is_cut_off(text: str, message: str, where: str | None) -> None:
    with pytest.raises(InputError) as caught:
        parse_ncu_csv(text, path="x.csv")
    assert message in caught.value.message
    assert caught.value.where == where
    assert "ncu" in (caught.value.hint or "")


def per_kernel(rows: list[list[str]]) -> str:
    header = ["Process ID", "Process Name", "Host Name", "Kernel Name", "Block Size", "Grid Size", "Device", "CC",
              "Invocations", "Section Name", "Metric Name", "Metric Unit", "Minimum", "Maximum", "Average"]  # fmt: skip
    return "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in [header, *rows])


def metric(kernel: str, name: str, low: str, high: str, mean: str, unit: str = "") -> list[str]:
    return [
        "1",
        "python",
        "127.0.0.1",
        kernel,
        "(1, 1, 1)",
        "(2, 1, 1)",
        "0",
        "8.7",
        "3",
        "S",
        name,
        unit,
        low,
        high,
        mean,
    ]


def test_the_summary_per_kernel() -> None:
    text = per_kernel(
        [
            metric("k", "gpu__time_duration.sum", "1", "3", "2", "us"),
            metric("k", FP16, "0", "9,000", "3,000"),
            metric("other", FP16, "0", "0", "0"),
        ]
    )
    found = parse_ncu_csv(text, path="x.csv")
    assert found.page == "per-kernel"
    assert found.launches == (
        MeasuredLaunches(
            "k", 3, 2_000.0, (8, 7), {"gpu__time_duration.sum": 2_000.0, FP16: 3_000.0},
            {"gpu__time_duration.sum": 3_000.0, FP16: 9_000.0},
        ),
        MeasuredLaunches("other", 3, None, (8, 7), {FP16: 0.0}, {FP16: 0.0}),
    )  # fmt: skip
    assert found.notices == ()


def test_sections_without_metrics_shift_the_lines() -> None:
    """ncu writes the beginning of a row, no end, and goes on counting cells to fifteen: seen on a Jetson."""
    rows = [metric("k", f"m{number}", "0", "1", "1") for number in range(4)]
    rows += [metric("k", FP16, "0", "5", "5"), metric("l", FP16, "0", "0", "0")]
    cells = [*rows[0], *rows[1][:10], *(cell for row in rows[1:5] for cell in row)]
    broken = [cells[start : start + 15] for start in range(0, len(cells), 15)]
    broken[-1].append("")
    text = per_kernel([*broken, rows[5]])
    found = parse_ncu_csv(text, path="x.csv")
    assert [(one.name, one.metrics) for one in found.launches] == [("k", {FP16: 5.0}), ("l", {FP16: 0.0})]
    assert [notice.message for notice in found.notices] == ["1 rows have no metric: their section collected none"]


def test_a_summary_cut_off() -> None:
    text = per_kernel([metric("k", FP16, "0", "5", "5")])
    with pytest.raises(InputError, match="expected 15 cells, found 13"):
        parse_ncu_csv(text[: text.rindex(',"5","5"')] + "\n", path="x.csv")


@given(st.text(alphabet='"ID,Kernel Namec0\n=P9.', max_size=200))
def test_any_text_is_an_input_error_or_read(text: str) -> None:
    try:
        parse_ncu_csv(text, path="x.csv")
    except InputError as error:
        assert error.path == "x.csv"


@given(st.integers(1, len(RAW) - 1))
def test_any_beginning_of_a_table_is_an_input_error_or_a_beginning(count: int) -> None:
    try:
        found = parse_ncu_csv(RAW[:count], path="x.csv")
    except InputError:
        return
    whole = parse_ncu_csv(RAW, path="x.csv").launches
    assert [one.name for one in found.launches] == [one.name for one in whole][: len(found.launches)]


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_ncu_csv(tmp_path / "absent.csv")
