"""Six generations of exports, tables that are missing, and the order of rows."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from trtprof.model import Device, KernelLaunch, Unknown
from trtprof.parsers.nsys_schema import KernelTotal, TracedGpu, TransferTotal
from trtprof.parsers.nsys_sqlite import NsysExport

from .synthetic_export import GENERATIONS, KERNEL, MEMCPY, MEMSET, NVTX, RUNTIME, SyntheticExport
from .test_export_file import small

every_generation = pytest.mark.parametrize("generation", GENERATIONS)


@every_generation
def test_kernels_of_every_generation(tmp_path: Path, generation: str) -> None:
    with NsysExport(small(generation).write(tmp_path / "e.sqlite")) as export:
        assert export.kernel_totals() == (
            KernelTotal("sm80_xmma_fprop", 0, 3, 2_700, 900, 900),
            KernelTotal("nvjet_tst", 0, 3, 1_500, 500, 500),
        )
        first = next(export.launches())
        assert first == KernelLaunch("sm80_xmma_fprop", 5_000, 900, 0, 7, (4, 2, 1), (128, 1, 1), 32, 101, None)
        trace = export.trace()
        assert export.schema.schema_version == (GENERATIONS[generation].schema or None)
    assert [trace.kernels.names[place] for place in trace.kernels.name] == ["sm80_xmma_fprop", "nvjet_tst"] * 3
    assert len(trace.calls) == 7
    assert len(trace.ranges) == 12
    assert trace.ranges.domains == ("", "TensorRT")
    assert len(trace.activities) == 2
    assert trace.notices == ()


@every_generation
def test_copies_of_every_generation(tmp_path: Path, generation: str) -> None:
    with NsysExport(small(generation).write(tmp_path / "e.sqlite")) as export:
        assert export.copy_totals() == (TransferTotal("host to device", "pinned", "device", 1, 4096, 30, 30, 30),)
        assert export.memset_totals() == (TransferTotal("memset", None, "device", 1, 64, 1, 1, 1),)


@every_generation
def test_gpus_of_every_generation(tmp_path: Path, generation: str) -> None:
    with NsysExport(small(generation).write(tmp_path / "e.sqlite")) as export:
        (gpu,) = export.gpus()
    if generation == "2021.1":
        assert gpu == TracedGpu(0, Device("NVIDIA H100 80GB HBM3", (9, 0), 132))
    else:
        device = Device("NVIDIA H100 80GB HBM3", (9, 0), 132, 1_980_000_000, 3_352_320_000_000, 52_428_800)
        used = ((1000, 0),) if GENERATIONS[generation].cuda_device else ()
        assert gpu == TracedGpu(0, device, "GH100", 85_017_493_504, False, used)


@every_generation
@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_rows_changes_nothing(tmp_path: Path, generation: str, seed: int) -> None:
    with NsysExport(small(generation).write(tmp_path / "a.sqlite")) as export:
        expected, totals, launches = export.trace(), export.kernel_totals(), list(export.launches())
    with NsysExport(small(generation).write(tmp_path / "b.sqlite", seed=seed)) as export:
        shuffled = export.trace()
        assert export.kernel_totals() == totals
        assert list(export.launches()) == launches
    for part in ("kernels", "calls", "activities"):
        for field in ("start_ns", "end_ns"):
            assert (getattr(getattr(expected, part), field) == getattr(getattr(shuffled, part), field)).all()

    def spelled(trace: object) -> list[tuple[str, int, int]]:
        ranges = trace.ranges  # type: ignore[attr-defined]
        names = [ranges.names[place] for place in ranges.name]
        return sorted(zip(names, ranges.start_ns.tolist(), ranges.end_ns.tolist(), strict=True))

    assert spelled(expected) == spelled(shuffled)


def test_equal_starts_keep_the_order_of_the_file(tmp_path: Path) -> None:
    export = SyntheticExport()
    for name in "dacbead":
        export.kernel(name, 100, 110, correlation=None)
    export.kernel("first", 99, 100, correlation=None)
    with NsysExport(export.write(tmp_path / "e.sqlite")) as opened:
        assert [launch.name for launch in opened.launches()] == ["first", *"dacbead"]
        kernels = opened.kernels()
        assert [kernels.names[place] for place in kernels.name] == ["first", *"dacbead"]
        assert [(total.name, total.launches) for total in opened.kernel_totals()] == [
            ("d", 2), ("a", 2), ("c", 1), ("b", 1), ("e", 1), ("first", 1),
        ]  # fmt: skip


def test_an_index_someone_added_does_not_change_the_order(tmp_path: Path) -> None:
    path = small().write(tmp_path / "e.sqlite", seed=3)
    with NsysExport(path) as export:
        before = export.kernels()
    database = sqlite3.connect(path)
    database.execute(f"CREATE INDEX added ON {KERNEL} (correlationId, start, streamId)")
    database.close()
    with NsysExport(path) as export:
        after = export.kernels()
    assert (before.correlation == after.correlation).all()


@pytest.mark.parametrize("table", [KERNEL, RUNTIME, MEMCPY, MEMSET, NVTX, "TARGET_INFO_GPU", "StringIds"])
def test_any_table_may_be_missing(tmp_path: Path, table: str) -> None:
    path = small().write(tmp_path / "e.sqlite")
    database = sqlite3.connect(path)
    database.execute(f"DROP TABLE {table}")
    database.close()
    with NsysExport(path) as export:
        trace, totals = export.trace(), export.kernel_totals()
        copies, memsets = export.copy_totals(), export.memset_totals()
    assert isinstance(trace.kernels, Unknown) == isinstance(totals, Unknown) == (table == KERNEL)
    assert isinstance(trace.calls, Unknown) == (table == RUNTIME)
    assert isinstance(trace.ranges, Unknown) == (table == NVTX)
    assert isinstance(trace.gpus, Unknown) == (table == "TARGET_INFO_GPU")
    assert (copies == ()) == (table == MEMCPY)
    assert (memsets == ()) == (table == MEMSET)
    if table == "StringIds":
        assert [total.name for total in totals] == ["(string 2)", "(string 5)"]
        assert "nsys-names-missing" in [notice.code for notice in trace.notices]


def test_found_nothing_and_cannot_tell_are_two_answers(tmp_path: Path) -> None:
    nothing = SyntheticExport()
    nothing.call("cudaMalloc_v3020", 0, 10)
    with NsysExport(nothing.write(tmp_path / "nothing.sqlite")) as export:
        assert export.kernel_totals() == ()
        assert len(export.kernels()) == 0
        assert export.copy_totals() == ()
    lost = SyntheticExport()
    lost.call("cudaLaunchKernel_v7000", 0, 10)
    with NsysExport(lost.write(tmp_path / "lost.sqlite")) as export:
        assert isinstance(found := export.kernel_totals(), Unknown)
        assert "1 launch calls and no kernel" in found.reason
    untraced = SyntheticExport()
    untraced.range("a", 0, 5)
    with NsysExport(untraced.write(tmp_path / "untraced.sqlite")) as export:
        for found in (export.kernel_totals(), export.copy_totals(), export.activities()):
            assert isinstance(found, Unknown)
            assert "nsys profile -t cuda,nvtx" in found.reason


@pytest.mark.parametrize(("recorded", "is_unknown"), [("true", False), ("false", True)])
def test_no_nvtx_range_where_nvtx_was_traced(tmp_path: Path, recorded: str, is_unknown: bool) -> None:
    export = SyntheticExport()
    export.meta(PROCESS_0__COLLECT_NVTX_TRACE=recorded)
    export.launch("k", 0, 5, 5)
    with NsysExport(export.write(tmp_path / "e.sqlite")) as opened:
        ranges = opened.ranges()
        assert isinstance(ranges, Unknown) == is_unknown
        assert is_unknown or len(ranges) == 0


def test_a_cut_down_export(tmp_path: Path) -> None:
    """Somebody's 1 % sample: no process, no graph node, a GPU of two columns."""
    path = tmp_path / "cut.sqlite"
    database = sqlite3.connect(path)
    database.executescript(
        f"""
        CREATE TABLE StringIds (id INTEGER PRIMARY KEY, value TEXT);
        INSERT INTO StringIds VALUES (1, 'k'), (2, 'cudaLaunchKernel_v7000');
        CREATE TABLE {KERNEL} (start, "end", deviceId, streamId, correlationId, shortName, demangledName);
        INSERT INTO {KERNEL} VALUES (10, 20, 0, 7, 1, 1, 1), (30, 45, 0, 7, 2, 1, 1);
        CREATE TABLE {RUNTIME} (start, "end", correlationId, globalTid, nameId);
        INSERT INTO {RUNTIME} VALUES (1, 2, 1, 5, 2), (3, 4, 2, 5, 2);
        CREATE TABLE TARGET_INFO_GPU (id, name);
        INSERT INTO TARGET_INFO_GPU VALUES (0, 'H100');
        """
    )
    database.close()
    with NsysExport(path) as export:
        assert export.kernel_totals() == (KernelTotal("k", 0, 2, 25, 10, 15),)
        assert export.gpus() == (TracedGpu(0, Device("H100")),)
        assert next(export.launches()) == KernelLaunch("k", 10, 10, 0, 7, correlation_id=1)
        trace = export.trace()
    assert trace.kernels.process.tolist() == [-1, -1]
    assert isinstance(trace.ranges, Unknown)


def test_two_processes_call_different_gpus_device_0(tmp_path: Path) -> None:
    export = SyntheticExport()
    for pid, gpu in ((1000, 0), (2000, 1)):
        export.add("TARGET_INFO_CUDA_DEVICE", gpuId=gpu, cudaId=0, pid=pid)
        export.launch(f"k{pid}", 0, 10 + gpu, 10, thread=export.thread(pid))
    with NsysExport(export.write(tmp_path / "e.sqlite")) as opened:
        assert opened.kernels().device.tolist() == [0, 1]


def test_a_launch_by_an_api_nobody_heard_of(tmp_path: Path) -> None:
    export = SyntheticExport()
    export.launch("a", 0, 10, 5)
    correlation = export.call("cuFutureExecute_v99", 20, 25)
    export.kernel("b", 30, 40, correlation=correlation)
    export.call("cudaEventRecord_v3020", 26, 27)
    with NsysExport(export.write(tmp_path / "e.sqlite")) as opened:
        assert "cuFutureExecute_v99" not in opened.calls().apis
        calls = opened.trace().calls
    assert set(calls.correlation.tolist()) >= {101, 102}


def test_long_calls_are_read_whatever_their_name(tmp_path: Path) -> None:
    export = SyntheticExport()
    export.call("cuModuleLoadData", 0, 20_000)
    export.call("cuModuleLoadData", 30_000, 30_010)
    export.call("cudaStreamBeginCapture_v10000", 40_000, 40_001)
    with NsysExport(export.write(tmp_path / "e.sqlite")) as opened:
        calls = opened.calls()
    assert [calls.apis[place] for place in calls.api] == ["cuModuleLoadData", "cudaStreamBeginCapture_v10000"]


def test_kernels_that_end_before_they_start_are_left_out_and_counted(tmp_path: Path) -> None:
    export = SyntheticExport()
    export.kernel("good", 10, 20, correlation=1)
    export.kernel("good", 40, 30, correlation=2)
    with NsysExport(export.write(tmp_path / "e.sqlite")) as opened:
        assert opened.kernel_totals() == (KernelTotal("good", 0, 1, 10, 10, 10),)
        trace = opened.trace()
        assert len(list(opened.launches())) == len(trace.kernels) == 1
    assert [notice.code for notice in trace.notices] == ["nsys-kernels-left-out"]


def test_totals_by_device(tmp_path: Path) -> None:
    export = SyntheticExport()
    export.kernel("k", 0, 10, correlation=1, device=1)
    export.kernel("k", 0, 30, correlation=2, device=0)
    with NsysExport(export.write(tmp_path / "e.sqlite")) as opened:
        assert opened.kernel_totals() == (KernelTotal("k", 0, 1, 30, 30, 30), KernelTotal("k", 1, 1, 10, 10, 10))


@pytest.mark.parametrize("window", [1, 7, 64])
def test_windows_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    """Many windows, holes between rows, and a column that is steady for some windows only."""
    export = small()
    for number in range(60):
        export.kernel(
            "late", 50_000 + number, 50_001 + number, correlation=900 + number, stream=7 if number < 40 else 8
        )
    path = export.write(tmp_path / "e.sqlite")
    database = sqlite3.connect(path)
    database.execute(f"DELETE FROM {KERNEL} WHERE rowid % 5 = 0")
    database.execute(f"UPDATE {KERNEL} SET rowid = rowid + 100000 WHERE rowid > 50")
    database.commit()
    rows = database.execute(
        f'SELECT start, "end", correlationId, deviceId FROM {KERNEL} ORDER BY start, rowid'
    ).fetchall()
    database.close()
    monkeypatch.setattr("trtprof.parsers.nsys_database._WINDOW", window)
    with NsysExport(path) as opened:
        kernels = opened.kernels()
    columns = (kernels.start_ns, kernels.end_ns, kernels.correlation, kernels.device)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == rows


def test_a_column_of_one_value_takes_no_memory(tmp_path: Path) -> None:
    export = SyntheticExport()
    for number in range(50):
        export.launch("k", number * 10, number * 10 + 5, 3)
    with NsysExport(export.write(tmp_path / "e.sqlite")) as opened:
        kernels = opened.kernels()
    for column in (kernels.process, kernels.graph_node, kernels.device):
        assert np.unique(column).size == 1
        assert column.strides == (0,)
