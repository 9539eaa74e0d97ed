"""The store under what happens to files: two writers, SIGKILL, a full disk, no permission, damage."""

from __future__ import annotations

import ctypes
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.pipeline.test_measured import write_engine
from trtprof.comparison import Comparison
from trtprof.errors import BuildError, InputError
from trtprof.pipeline.measured import read_measured
from trtprof.store.database import reading, writing
from trtprof.store.runs import import_comparison, list_runs

LAYERS = 300
WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from trtprof.pipeline.measured import read_measured
from trtprof.store.runs import import_comparison

store, engine = Path(sys.argv[1]), Path(sys.argv[2])
comparison = read_measured([("fp16", engine)], command="test")


def put(name):
    made = replace(comparison.made, created=f"2026-01-01T00:00:00+00:00 {name}")
    return import_comparison(store, replace(comparison, made=made))
"""
KILLER = """
import os, random, signal, time

draw = random.Random(int(sys.argv[3]))
for kill in range(int(sys.argv[4])):
    child = os.fork()
    if not child:
        for number in range(10_000):
            put(f"{kill} {number}")
        os._exit(0)
    time.sleep(draw.uniform(0.002, 0.08))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print(put("after"))
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An engine of many layers, so that an import takes a while and fills more than a page."""
    return write_engine(tmp_path_factory.mktemp("engine") / "fp16", "Half", [0.5] * 50, convs=LAYERS)


@pytest.fixture(scope="module")
def comparison(engine: Path) -> Comparison:
    """The comparison of that engine alone."""
    return read_measured([("fp16", engine)], command="test")


def script(text: str, *arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WRITER + text, *map(str, arguments)],
        check=False, capture_output=True, text=True, timeout=timeout,
    )  # fmt: skip


def whole_runs(store: Path) -> int:
    """Every run in the store is there with all that belongs to it; return how many there are."""
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM engine WHERE run_id = run.id), "
            "(SELECT count(*) FROM layer WHERE run_id = run.id) FROM run"
        ).fetchall()
    assert set(counts) <= {(1, LAYERS)}
    return len(counts)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_writer_that_is_killed_leaves_all_of_a_run_or_nothing(engine: Path, tmp_path: Path, seed: int) -> None:
    store = tmp_path / "trtprof.db"
    done = script(KILLER, store, engine, seed, 20)
    assert done.returncode == 0, done.stderr
    assert whole_runs(store) >= 1
    assert len(list_runs(store)) == whole_runs(store)


def _killed_in_the_middle(store: Path) -> None:
    """Pages of an unfinished transaction are in the file, and the journal to take them back lies beside it."""
    code = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 5")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE run SET verdict = 'half'")
connection.execute("CREATE TABLE half AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 50000) "
                   "SELECT x FROM n")
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code, str(store)], check=False)
    assert store.with_name(f"{store.name}-journal").stat().st_size


def test_what_a_killed_writer_left_half_done_is_taken_back(comparison: Comparison, tmp_path: Path) -> None:
    store = tmp_path / "trtprof.db"
    import_comparison(store, comparison)
    before = store.read_bytes()
    _killed_in_the_middle(store)
    assert store.read_bytes() != before
    (run,) = list_runs(store)
    assert run.verdict != "half"
    assert store.read_bytes() == before
    _killed_in_the_middle(store)
    with writing(store) as connection:
        assert connection.execute("SELECT verdict FROM run").fetchall() == [(run.verdict,)]


def test_processes_that_write_at_once_wait_for_each_other(engine: Path, tmp_path: Path) -> None:
    store = tmp_path / "trtprof.db"
    many = "for number in range(8): put(f'{sys.argv[3]} {number}')"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER + many, str(store), str(engine), name], stderr=subprocess.PIPE, text=True
        )
        for name in "abc"
    ]
    said = [writer.communicate(timeout=120)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0], said
    assert whole_runs(store) == 24


def _trtprof(folder: Path, *arguments: object, before: str = "", shell: str = "") -> subprocess.CompletedProcess[str]:
    code = f"import sys\n{before}\nfrom trtprof.cli import main\nsys.argv = ['trtprof', *sys.argv[1:]]\nmain()\n"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    if shell:
        command = ["unshare", "-rm", "sh", "-c", shell, "sh", *command]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, timeout=120)


def _small_disk_or_skip(folder: Path) -> None:
    try:
        tried = subprocess.run(
            ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)],
            check=False, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
    except OSError as error:
        pytest.skip(f"no unshare here: {error}")
    if tried.returncode:
        pytest.skip(f"no disk can be mounted here: {tried.stderr.strip()}")


def test_a_full_disk_is_one_error_after_the_answer_and_the_store_is_as_it_was(engine: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    _small_disk_or_skip(disk)
    store = tmp_path / "trtprof.db"
    with writing(store):
        pass
    size = store.stat().st_size // 1024 + 24
    shell = (
        f'mount -t tmpfs -o size={size}k none {disk} && cp {store} {disk}/trtprof.db && "$@"; '
        f"code=$?; cp {disk}/trtprof.db {tmp_path}/after.db; ls {disk} > {tmp_path}/left.txt; exit $code"
    )
    full = _trtprof(tmp_path, "compare", f"fp16={engine}", "--db", disk / "trtprof.db", "--out", "o2", shell=shell)
    assert full.returncode == 5, full.stderr
    assert [line for line in full.stderr.splitlines() if not line.startswith("wrote ")] == [
        f"error: {disk}/trtprof.db: the store cannot be used: database or disk is full",
        "hint: free some space, or choose another with --db; the store is as it was before",
    ]
    assert "Engines (times measured, ms)" in full.stdout
    assert (tmp_path / "left.txt").read_text() == "trtprof.db\n"
    assert (tmp_path / "after.db").read_bytes() == store.read_bytes()


WITHOUT_PRIVILEGE = """
import ctypes
# Root writes where nothing permits it, by a capability; without any, permissions hold for root too.
ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())
"""


@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_store_that_may_not_be_written_is_one_error_after_the_answer(
    engine: Path, comparison: Comparison, tmp_path: Path, what: str
) -> None:
    if not hasattr(ctypes.CDLL(None), "capset"):
        pytest.skip("capabilities are Linux's")
    place = tmp_path / "place"
    place.mkdir()
    store = place / "trtprof.db"
    import_comparison(store, comparison)
    before = store.read_bytes()
    (store if what == "file" else place).chmod(0o444 if what == "file" else 0o555)
    refused = _trtprof(tmp_path, "compare", f"fp16={engine}", "--db", store, "--out", "o2", before=WITHOUT_PRIVILEGE)
    (run,) = list_runs(store)
    place.chmod(0o755)
    assert refused.returncode == 5
    error, hint = [line for line in refused.stderr.splitlines() if not line.startswith("wrote ")]
    assert error.startswith(f"error: {store}: the store cannot be used: ")
    assert hint.startswith("hint: ")
    assert "Engines (times measured, ms)" in refused.stdout
    assert store.read_bytes() == before
    assert run.engines == ("fp16",)


def _damage(store: Path, how: str) -> None:
    content = bytearray(store.read_bytes())
    if how == "cut":
        del content[len(content) // 2 :]
    elif how == "page":
        content[8192 : 8192 + 2048] = b"\xff" * 2048
    elif how == "schema":
        content[100:4096] = b"\x00" * 3996
    else:
        content[:16] = b"No SQLite at all"
    store.write_bytes(content)


@pytest.mark.parametrize("how", ["cut", "page", "schema", "head"])
def test_a_damaged_store_is_refused_and_left_byte_for_byte(comparison: Comparison, tmp_path: Path, how: str) -> None:
    store = tmp_path / "trtprof.db"
    import_comparison(store, comparison)
    _damage(store, how)
    before = store.read_bytes()
    for use in (lambda: import_comparison(store, comparison), lambda: list_runs(store)):
        with pytest.raises(InputError) as caught:
            use()
        words = "expected an SQLite database" if how == "head" else "the store is damaged"
        assert caught.value.message.startswith(f"{store}: {words}")
        assert caught.value.hint
        assert store.read_bytes() == before
    assert not list(tmp_path.glob("trtprof.db-*"))


@pytest.mark.parametrize(
    "statements",
    ["CREATE TABLE kernels (x)", "CREATE TABLE kernels (x); PRAGMA user_version = 2", "PRAGMA application_id = 77"],
)
def test_another_programs_database_is_refused_and_left(comparison: Comparison, tmp_path: Path, statements: str) -> None:
    store = tmp_path / "other.db"
    with closing(sqlite3.connect(store)) as connection:
        connection.executescript(statements)
    before = store.read_bytes()
    for use in (lambda: import_comparison(store, comparison), lambda: list_runs(store)):
        with pytest.raises(InputError) as caught:
            use()
        assert caught.value.message == f"{store}: expected a trtprof store, found another program's database"
        assert caught.value.hint == "choose another with --db"
    assert store.read_bytes() == before
    assert not list(tmp_path.glob("other.db-*"))


def test_a_store_is_one_file_that_can_be_copied_and_read_where_nothing_is_written(
    comparison: Comparison, tmp_path: Path
) -> None:
    store = tmp_path / "trtprof.db"
    import_comparison(store, comparison)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trtprof.db"]
    copy = tmp_path / "copy.db"
    shutil.copy(store, copy)
    copy.chmod(0o444)
    with reading(copy) as database:
        assert database.execute("SELECT count(*) FROM layer").fetchone() == (LAYERS,)


def test_a_store_that_another_process_keeps_locked_is_one_error(
    comparison: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "trtprof.db"
    import_comparison(store, comparison)
    monkeypatch.setattr("trtprof.store.database._BUSY_TIMEOUT_S", 0.05)
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for use in (lambda: import_comparison(store, comparison), lambda: list_runs(store)):
            with pytest.raises(BuildError) as caught:
                use()
            assert caught.value.message == f"{store}: the store cannot be used: database is locked"
            assert caught.value.hint == "another process writes to it; try again when that is done"
