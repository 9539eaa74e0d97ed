"""Opening an export: what is no export, what is damaged, what must not be touched or read."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trtprof.errors import InputError
from trtprof.parsers import nsys_database
from trtprof.parsers.nsys_sqlite import NsysExport

from .synthetic_export import GENERATIONS, SyntheticExport, inference

SECRET = "sk-planted-0123456789"
LAYERS = [("conv1", "sm80_xmma_fprop", 900), ("const", "", 0), ("fc", "nvjet_tst", 500)]


def small(generation: str = "2025.5") -> SyntheticExport:
    export = SyntheticExport(generation)
    export.meta()
    export.gpu()
    export.domain("TensorRT", 1, -100)
    at = 0
    for _ in range(3):
        at = inference(export, LAYERS, at) + 500
    export.copy(1, 50, 80, 4096, host=10)
    export.memset(81, 82, 64)
    return export


def read_all(path: Path) -> list[object]:
    with NsysExport(path) as export:
        return [
            export.trace(), export.kernel_totals(), export.copy_totals(), export.memset_totals(),
            list(export.launches()), export.schema.capture,
        ]  # fmt: skip


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return small().write(tmp_path / "small.sqlite")


@pytest.mark.parametrize(
    ("name", "content", "found", "hint"),
    [
        ("empty.sqlite", b"", "an empty file", "nsys export --type sqlite"),
        ("report.nsys-rep", b"QDREP\x00", "an nsys report", "nsys export --type sqlite report.nsys-rep"),
        ("old.qdrep", b"QDREP\x00", "an nsys report", "nsys export --type sqlite old.qdrep"),
        ("e.sqlite", b"\x1f\x8b\x08", "a gzip archive", "unpack"),
        ("e.json", b'{"a": 1}', "JSON", "nsys export"),
        ("e.txt", b"Time (%),Total", "something else", "nsys export"),
        ("e.sqlite", b"SQLite format 3\x00abc", "expected 100 bytes, found 19", "again"),
    ],
)  # fmt: skip
def test_files_of_another_kind(tmp_path: Path, name: str, content: bytes, found: str, hint: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        NsysExport(path)
    assert str(path) in caught.value.message
    assert found in caught.value.message
    assert hint in (caught.value.hint or "")


def test_no_such_file_and_a_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        NsysExport(tmp_path / "absent.sqlite")
    with pytest.raises(InputError, match="found a directory"):
        NsysExport(tmp_path)


@pytest.mark.parametrize(
    ("tables", "found"),
    [
        (("runs", "layers"), "layers, runs"),
        (("CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL", "StringTable"), "a profile of nvprof"),
        ((), "no table at all"),
    ],
)
def test_another_sqlite_file(tmp_path: Path, tables: tuple[str, ...], found: str) -> None:
    path = tmp_path / "other.sqlite"
    database = sqlite3.connect(path)
    database.execute("VACUUM")
    for table in tables:
        database.execute(f"CREATE TABLE {table} (id INTEGER)")
    database.close()
    with pytest.raises(InputError, match="expected tables of an nsys export") as caught:
        NsysExport(path)
    assert found in caught.value.message
    assert caught.value.where == "list of tables"


def test_a_file_cut_off_says_so(export: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.sqlite"
    path.write_bytes(export.read_bytes()[: export.stat().st_size // 2])
    with pytest.raises(InputError, match=r"expected [\d,]+ bytes, found [\d,]+: the file is cut off"):
        NsysExport(path)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_an_input_error_or_nothing(export: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(export.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content) - 1))
        for place in range(start, min(start + data.draw(st.integers(1, 400)), len(content))):
            content[place] = data.draw(st.integers(0, 255)) if place == start else 0xFF
    path = tmp_path / "damaged.sqlite"
    path.write_bytes(bytes(content))
    try:
        read_all(path)
    except InputError as error:
        assert str(path) in error.message


@pytest.mark.parametrize("value", ["text", 1.5, None, b"\x00\x01"])
@pytest.mark.parametrize("column", ["start", "demangledName", "deviceId"])
def test_a_number_that_is_none(export: Path, column: str, value: object) -> None:
    database = sqlite3.connect(export)
    database.execute(f"UPDATE CUPTI_ACTIVITY_KIND_KERNEL SET {column} = ? WHERE rowid = 2", (value,))
    database.commit()
    database.close()
    if value is None and column != "start":
        with NsysExport(export) as opened:
            assert len(opened.trace().kernels) == len(list(opened.launches())) == 6
        return
    for read in (NsysExport.trace, lambda opened: list(opened.launches())):
        with NsysExport(export) as opened, pytest.raises(InputError, match="CUPTI_ACTIVITY_KIND_KERNEL"):
            read(opened)


def test_the_file_and_its_directory_stay_as_they_are(export: Path) -> None:
    before = hashlib.sha256(export.read_bytes()).hexdigest(), export.stat().st_mtime_ns
    export.chmod(0o444)
    export.parent.chmod(0o555)
    try:
        read_all(export)
        assert [path.name for path in export.parent.iterdir()] == [export.name]
    finally:
        export.parent.chmod(0o755)
    assert (hashlib.sha256(export.read_bytes()).hexdigest(), export.stat().st_mtime_ns) == before


def test_writing_is_refused(export: Path) -> None:
    with NsysExport(export) as opened, pytest.raises(InputError, match="readonly"):
        opened._database.rows("StringIds", "DELETE FROM StringIds")


@pytest.mark.parametrize("keep_log", [False, True])
def test_a_database_in_wal_mode(export: Path, tmp_path: Path, keep_log: bool) -> None:
    """Without a log the file is declared immutable and nothing is made beside it; a log's pages are not lost."""
    writer = sqlite3.connect(export)
    writer.execute("PRAGMA journal_mode = wal")
    writer.execute("PRAGMA wal_autocheckpoint = 0")
    writer.execute("UPDATE CUPTI_ACTIVITY_KIND_KERNEL SET streamId = 99")
    writer.commit()
    copy = tmp_path / "copy" / "wal.sqlite"
    copy.parent.mkdir()
    if keep_log:
        for end in ("", "-wal"):
            shutil.copy(f"{export}{end}", f"{copy}{end}")
        writer.close()
    else:
        writer.close()  # the last connection moves the log into the file
        shutil.copy(export, copy)
    with NsysExport(copy) as opened:
        assert {launch.stream for launch in opened.launches()} == {99}
    if not keep_log:
        assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_a_path_with_every_kind_of_letter(export: Path, tmp_path: Path) -> None:
    path = tmp_path / "50% größer? #1 & mode=rw.sqlite"
    shutil.copy(export, path)
    with NsysExport(path) as opened:
        assert len(list(opened.launches())) == 6


@pytest.mark.parametrize("generation", ["2023.4", "2025.5", "2026.2"])
def test_secrets_never_leave_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, generation: str) -> None:
    """Not one text of the environment reaches Python, though the tables stand open beside the ones that are read."""
    export = small(generation)
    export.meta(
        PROCESS_0__ENVIRONMENT_VARIABLE=f"AWS_SECRET_ACCESS_KEY={SECRET}", PROCESS_0__COMMAND=f"/bin/{SECRET}",
        PROCESS_0__ARGUMENT_0=f"--token={SECRET}", PROCESS_0__WORKING_DIR=f"/home/{SECRET}",
        PROCESS_0__USER_NAME=SECRET, DEVICE_DISPLAY_NAME=SECRET, CUDA_GRAPH_TRACE_OPTIONS__MODE="Graph",
        PROCESS_0__COLLECT_NVTX_TRACE="true",
    )  # fmt: skip
    export.add("META_DATA_EXPORT", name="EXPORT_HOST", value=SECRET)
    export.add("META_DATA_EXPORT", name="EXPORT_PARAM_INPUT_PATH_ABS", value=f"/home/{SECRET}/a.nsys-rep")
    export.add("TARGET_INFO_SYSTEM_ENV", devStateName="", name="Hostname", nameEnum=1, value=SECRET)
    export.add("PROCESSES", globalPid=1, pid=1, name=f"/home/{SECRET}/python")
    path = export.write(tmp_path / "secret.sqlite")
    assert SECRET.encode() in path.read_bytes()
    seen: list[bytes] = []
    statements: list[str] = []
    connect = sqlite3.connect

    def watched(*arguments: object, **options: object) -> sqlite3.Connection:
        connection = connect(*arguments, **options)  # type: ignore[arg-type]
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(nsys_database, "_text", lambda data: (seen.append(data), data.decode())[1])
    monkeypatch.setattr(nsys_database.sqlite3, "connect", watched)
    results = read_all(path)
    assert results[-1] == {"CUDA_GRAPH_TRACE_OPTIONS:MODE": "Graph", "PROCESS_0:COLLECT_NVTX_TRACE": "true"}
    assert len(seen) > 20
    assert not [text for text in seen if SECRET.encode() in text]
    assert SECRET not in repr(results)
    selects = [statement for statement in statements if "SELECT" in statement]
    assert any("META_DATA_CAPTURE" in statement for statement in selects)
    assert not [statement for statement in selects if "TARGET_INFO_SYSTEM_ENV" in statement]
    assert all("name IN (" in statement for statement in selects if "META_DATA" in statement)


def test_errors_do_not_quote_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "meta.sqlite"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE META_DATA_CAPTURE (name TEXT, value TEXT)")
    database.execute("INSERT INTO META_DATA_CAPTURE VALUES ('PROCESS_0:ENVIRONMENT_VARIABLE', ?)", (SECRET,))
    database.commit()
    database.close()
    assert SECRET not in repr(read_all(path))


def test_every_generation_has_a_place_in_this_suite() -> None:
    assert {generation.schema for generation in GENERATIONS.values()} >= {"", "2.9.1", "3.0.0", "3.7.2", "3.25.0"}
