"""CSV of ``nsys stats``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trtprof.errors import InputError
from trtprof.model import KernelLaunch
from trtprof.parsers.nsys_schema import KernelTotal
from trtprof.parsers.nsys_stats_csv import parse_nsys_stats

SUMMARY = """Time (%),Total Time (ns),Instances,Avg (ns),Med (ns),Min (ns),Max (ns),StdDev (ns),Name
40.6,1000,4,250.0,250.0,200,300,1.0,"void f<(int)4, int>(T1 *)"
59.4,1500,1,1500.0,1500.0,1500,1500,0.0,sm80_xmma_gemm
"""
TRACE = """Start ({u}),Duration ({u}),CorrId,GrdX,GrdY,GrdZ,BlkX,BlkY,BlkZ,Reg/Trd,Bytes (MB),Device,Ctx,Strm,Name
{a},{b},50,,,,,,,,3.2,NVIDIA H100 (1),1,7,[CUDA memcpy Host-to-Device]
{c},{d},56,3136,1,1,128,1,1,18,,NVIDIA H100 (1),1,7,"void f<(int)4, int>(T1 *)"
"""
TOTALS = (
    KernelTotal("sm80_xmma_gemm", None, 1, 1500, 1500, 1500),
    KernelTotal("void f<(int)4, int>(T1 *)", None, 4, 1000, 200, 300),
)


def test_the_kernel_summary_longest_first() -> None:
    assert parse_nsys_stats(SUMMARY, path="x.csv").totals == TOTALS


def test_a_summary_as_printed_between_others() -> None:
    text = (
        "Processing [/tmp/a b.sqlite] with [cuda_api_sum.py]... \n"
        "Time (%),Total Time (ns),Num Calls,Avg (ns),Name\n99,5,1,5.0,cudaMalloc\n\n"
        f"Processing [a.sqlite] with [cuda_gpu_kern_sum.py]...\n{SUMMARY}\n"
        "Time (%),Total Time (ns),Instances,Style,Range\n99,5,1,PushPop,:forward\n"
    )
    assert parse_nsys_stats(text, path="x.csv").totals == TOTALS


def test_a_summary_of_all_work_has_kernels_only() -> None:
    text = """Time (%),Total Time (ns),Instances,Avg (ns),Min (ns),Max (ns),Category,Operation
52.2,200417,2,100208.5,69888,130529,MEMORY_OPER,[CUDA memcpy Host-to-Device]
12.9,30,2,15.0,10,20,CUDA_KERNEL,"k<1, 2>"
0.1,4,1,4.0,4,4,MEMORY_OPER,[CUDA memset]
"""
    assert parse_nsys_stats(text, path="x.csv").totals == (KernelTotal("k<1, 2>", None, 2, 30, 10, 20),)


def test_names_of_columns_before_2021() -> None:
    text = 'Time (%),Total Time (ns),Instances,Average (ns),Minimum (ns),Maximum (ns),Name\n1,30,2,15.0,10,20,"k"\n'
    assert parse_nsys_stats(text, path="x.csv").totals == (KernelTotal("k", None, 2, 30, 10, 20),)


@pytest.mark.parametrize(("unit", "factor"), [("ns", 1), ("us", 1_000), ("ms", 1_000_000)])
def test_the_list_of_work_in_any_unit(unit: str, factor: int) -> None:
    numbers = [f"{value * 1_000_000 / factor:.6f}" for value in (1, 2, 3, 4)]
    text = TRACE.format(u=unit, **dict(zip("abcd", numbers, strict=True)))
    found = parse_nsys_stats(text, path="x.csv")
    assert found.totals == ()
    assert found.launches == (
        KernelLaunch(
            "void f<(int)4, int>(T1 *)", 3_000_000, 4_000_000, 1, 7, (3136, 1, 1), (128, 1, 1), 18, 56
        ),
    )  # fmt: skip


def test_a_summary_without_rows_is_no_error() -> None:
    assert parse_nsys_stats(SUMMARY.splitlines()[0], path="x.csv").totals == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found an empty file"),
        ("hello\n", "expected a kernel summary of nsys stats, found 'hello'"),
        (
            "Time (%),Total Time (ns),Num Calls,Name\n1,2,3,cudaMalloc\n",
            "found a report with columns Time, Total Time,",
        ),
        (SUMMARY.rsplit(",", 1)[0], "expected 9 cells, found 8"),
        (SUMMARY.replace("1500,1,1500.0", "1500,,1500.0"), "expected a number, found an empty cell"),
        (SUMMARY.replace("1000,4", "many,4"), "expected a number, found 'many'"),
        (SUMMARY[:150], "expected CSV, found a row that does not end"),
    ],
)
def test_what_is_no_summary(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_nsys_stats(text, path="x.csv")
    assert message in caught.value.message
    assert "cuda_gpu_kern_sum" in (caught.value.hint or "")


@given(st.text(alphabet='Time (%),TotalNsInstcM\n"0123.', max_size=200))
def test_any_text_is_an_input_error_or_read(text: str) -> None:
    try:
        parse_nsys_stats(text, path="x.csv")
    except InputError as error:
        assert error.path == "x.csv"
