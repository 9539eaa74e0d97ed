"""The SQLite store: migrations, what is in it, and files that are no store."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

import trtprof
from trtprof.errors import InputError
from trtprof.model import Estimate
from trtprof.store.database import open_store, read_store
from trtprof.store.history import read_history
from trtprof.store.runs import import_comparison, list_runs


def test_a_comparison_goes_in_whole_and_once(micro_capture: Path, tmp_path: Path) -> None:
    comparison = trtprof.load(micro_capture).comparison
    store = tmp_path / "deep" / "trtprof.db"
    first, second = import_comparison(store, comparison), import_comparison(store, comparison)
    assert first == second
    with sqlite3.connect(store) as connection:
        counts = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("run", "engine", "layer", "conversion", "accuracy")
        }
        nodes = connection.execute("SELECT DISTINCT node FROM layer_node WHERE added = 0").fetchall()
        orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
    connection.close()
    assert counts == {
        "run": 1,
        "engine": 3,
        "layer": sum(len(built.rows) for built in comparison.engines),
        "conversion": sum(len(built.conversions) for built in comparison.engines),
        "accuracy": 2,
    }
    assert {node for (node,) in nodes} <= {node.name for node in comparison.graph.nodes}
    assert orphans == []


def test_runs_are_listed_newest_first(micro_capture: Path, tmp_path: Path) -> None:
    comparison = trtprof.load(micro_capture).comparison
    store = tmp_path / "trtprof.db"
    older = replace(comparison, made=replace(comparison.made, created="2020-01-01T00:00:00+00:00"))
    import_comparison(store, older)
    import_comparison(store, comparison)
    runs = list_runs(store)
    assert [run.created for run in runs] == [comparison.made.created, "2020-01-01T00:00:00+00:00"]
    assert runs[0].engines == ("fp32", "fp16", "int8")
    assert runs[0].model == "residual_micro"


def test_an_empty_store_has_no_runs(tmp_path: Path) -> None:
    open_store(tmp_path / "s.db").close()
    assert list_runs(tmp_path / "s.db") == ()


def test_what_is_no_store_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    text, foreign, newer = tmp_path / "text.db", tmp_path / "foreign.db", tmp_path / "newer.db"
    text.write_text("no database at all, but long enough to be read as one" * 20)
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE kernels (name TEXT)")
    connection.close()
    open_store(newer).close()
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    for path, words in (
        (text, "expected an SQLite database, found something else"),
        (foreign, "expected a trtprof store, found another program's database"),
        (newer, "expected a trtprof store of schema 3 or older, found schema 99"),
    ):
        before = path.read_bytes()
        with pytest.raises(InputError) as caught:
            open_store(path)
        assert words in caught.value.message
        assert str(path) in caught.value.message
        assert path.read_bytes() == before
        with pytest.raises(InputError):
            read_store(path)
    with pytest.raises(InputError, match="no such store"):
        read_store(tmp_path / "none.db")


def test_reading_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    open_store(path).close()
    database = read_store(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        database.execute("DELETE FROM run")
    database.close()


def test_a_history_has_runs_from_old_to_new_with_findings_and_shares(micro_capture: Path, tmp_path: Path) -> None:
    comparison = trtprof.load(micro_capture).comparison
    store = tmp_path / "trtprof.db"
    older = replace(comparison, made=replace(comparison.made, created="2020-01-01T00:00:00+00:00"))
    for item in (comparison, older):
        import_comparison(store, item)
    first, last = read_history(store, [])
    assert (first.created, last.created) == ("2020-01-01T00:00:00+00:00", comparison.made.created)
    assert [run.id for run in read_history(store, ["@-1", last.id[:8]])] == [last.id]
    stored = [(engine.name, item.code, item.saving_ns) for engine in last.engines for item in engine.findings]
    found = [
        (item.engine, item.code, item.saving_ns if isinstance(item.saving_ns, Estimate) else None)
        for built in comparison.engines
        for item in comparison.diagnosis.of(built.name)
    ]
    assert stored == found
    assert [engine.total_ns for engine in last.engines] == [built.total_ns for built in comparison.engines]


@pytest.mark.parametrize("name", ["@-2", "zzz", "", "@-x"])
def test_a_run_that_is_not_there_is_named(micro_capture: Path, tmp_path: Path, name: str) -> None:
    store = tmp_path / "trtprof.db"
    import_comparison(store, trtprof.load(micro_capture).comparison)
    with pytest.raises(InputError, match="expected a run named"):
        read_history(store, [name])


def test_a_store_of_the_first_schema_gains_what_it_lacked(micro_capture: Path, tmp_path: Path) -> None:
    store = tmp_path / "old.db"
    first = sorted((resources.files("trtprof.store") / "migrations").iterdir(), key=lambda item: item.name)[0]
    with sqlite3.connect(store) as connection:
        connection.executescript(f"{first.read_text(encoding='utf-8')} PRAGMA user_version = 1;")
    connection.close()
    with pytest.raises(InputError, match="schema 1"):
        read_history(store, [])
    import_comparison(store, trtprof.load(micro_capture).comparison)
    assert len(read_history(store, [])) == 1
