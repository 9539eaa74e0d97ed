"""The SQLite store: migrations, what is in it, and files that are no store."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

import trtprof
from trtprof import comparison_json
from trtprof.analysis.built_figures import figures_of
from trtprof.analysis.judge import changes
from trtprof.errors import BuildError, InputError
from trtprof.model import Estimate, Unknown
from trtprof.parsers.comparison_json import read_comparison_json
from trtprof.store.database import reading, writing
from trtprof.store.figures import read_figures
from trtprof.store.history import read_history
from trtprof.store.runs import import_comparison, list_runs


def test_a_comparison_goes_in_whole_and_once(micro_capture: Path, tmp_path: Path) -> None:
    comparison = trtprof.load(micro_capture).comparison
    store = tmp_path / "deep" / "trtprof.db"
    first, second = import_comparison(store, comparison), import_comparison(store, comparison)
    assert (first.id, first.again, second.again) == (second.id, False, True)
    assert str(second) == f"run {first.id}, imported before"
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


def make(path: Path) -> None:
    """An empty store."""
    with writing(path):
        pass


def test_an_empty_store_has_no_runs(tmp_path: Path) -> None:
    make(tmp_path / "s.db")
    assert list_runs(tmp_path / "s.db") == ()
    (tmp_path / "nothing.db").touch()
    assert list_runs(tmp_path / "nothing.db") == ()
    assert (tmp_path / "nothing.db").stat().st_size == 0


def test_what_is_no_store_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    text, foreign, newer = tmp_path / "text.db", tmp_path / "foreign.db", tmp_path / "newer.db"
    text.write_text("no database at all, but long enough to be read as one" * 20)
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE kernels (name TEXT)")
    connection.close()
    make(newer)
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
            make(path)
        assert words in caught.value.message
        assert str(path) in caught.value.message
        assert path.read_bytes() == before
        with pytest.raises(InputError):
            list_runs(path)
    with pytest.raises(InputError, match="no such store"):
        list_runs(tmp_path / "none.db")


def test_reading_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    make(path)
    with pytest.raises(BuildError, match="readonly"), reading(path) as database:
        database.execute("DELETE FROM run")


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


def write_old_store(path: Path, schema: int) -> None:
    """A store as an older trtprof made it, with one run of one engine in it."""
    scripts = sorted((resources.files("trtprof.store") / "migrations").iterdir(), key=lambda item: item.name)
    with closing(sqlite3.connect(path)) as connection:
        for number, script in enumerate(scripts[:schema], start=1):
            connection.executescript(f"{script.read_text(encoding='utf-8')} PRAGMA user_version = {number};")
        connection.execute(
            "INSERT INTO run VALUES ('0123456789ab', '2020-01-01T00:00:00+00:00', 'old', NULL, 'sm80', 'A100', "
            "'files', 'trtexec', '8.6', 'unknown', 'fp16 is fastest', NULL, '/somewhere')"
        )
        connection.execute(
            "INSERT INTO engine (run_id, name, position, precision, provenance, total_mid_ns, latency_median_ns) "
            "VALUES ('0123456789ab', 'fp16', 0, 'fp16', 'measured', 1e6, 9e5)"
        )
        connection.execute(
            "INSERT INTO layer (run_id, engine, position, name, kind, constant_bytes, time_mid_ns) "
            "VALUES ('0123456789ab', 'fp16', 0, 'conv', 'compute', 0, 1e6)"
        )
        connection.commit()


@pytest.mark.parametrize("schema", [1, 2])
def test_an_older_store_is_read_as_it_is_and_brought_up_to_date_when_written(
    micro_capture: Path, tmp_path: Path, schema: int
) -> None:
    store = tmp_path / "old.db"
    write_old_store(store, schema)
    before = store.read_bytes()
    (run,) = read_history(store, [])
    assert (run.model, [engine.latency_median_ns for engine in run.engines]) == ("old", [9e5])
    assert len(list_runs(store)) == 1
    model, (engine,) = read_figures(store, "old@-1")
    assert (model, engine.device) == ("old", "A100")
    assert engine.figures["latency"] == Unknown("the run was stored before that was kept: import it again")
    layers = engine.figures["layers"]
    assert not isinstance(layers, Unknown)
    assert layers[0].value == 1
    assert store.read_bytes() == before
    import_comparison(store, trtprof.load(micro_capture).comparison)
    assert [run.model for run in read_history(store, [])] == ["old", "residual_micro"]


def test_a_migration_that_fails_leaves_the_store_as_it_was(
    micro_capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trtprof.store import database

    store = tmp_path / "old.db"
    write_old_store(store, 1)
    scripts = database._migrations()
    monkeypatch.setattr(database, "_migrations", lambda: [*scripts, "CREATE TABLE half (x);\nCREATE TABLE run (x);\n"])
    with pytest.raises(BuildError, match="already exists"):
        import_comparison(store, trtprof.load(micro_capture).comparison)
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert not connection.execute("SELECT name FROM sqlite_master WHERE name IN ('half', 'finding')").fetchall()


def test_the_figures_of_a_stored_run_are_those_of_its_files(micro_capture: Path, tmp_path: Path) -> None:
    comparison = trtprof.load(micro_capture).comparison
    store = tmp_path / "trtprof.db"
    import_comparison(store, comparison)
    _, stored = read_figures(store, "@-1")
    read = [
        figures_of(built, comparison.diagnosis.of(built.name), "", comparison.device) for built in comparison.engines
    ]
    content = json.dumps(comparison_json.to_json(comparison)).encode()
    for others in (stored, read_comparison_json(content, "baseline.json").engines):
        assert [(item.name, item.precision, item.device, item.findings) for item in others] == [
            (item.name, item.precision, item.device, item.findings) for item in read
        ]
        for one, other in zip(read, others, strict=True):
            assert not [item for item in changes("x", one, other) if item.change]
            assert {name: isinstance(item, Unknown) for name, item in one.figures.items()} == {
                name: isinstance(item, Unknown) for name, item in other.figures.items()
            }
