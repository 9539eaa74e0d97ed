from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from tests.backends.nsys_stand_in import OPTIONS, install
from tests.backends.test_trtexec_find import program
from trtprof.backends.nsys import (
    Nsys,
    export_sqlite,
    find_nsys,
    open_nsys,
    profile,
    profile_command,
    redact,
    traced_environment,
)
from trtprof.errors import BuildError, MissingDependency, UsageError

HELLO = (sys.executable, "-IS", "-c", "print('hello')")


@pytest.fixture(params=list(OPTIONS))
def nsys(request: pytest.FixtureRequest, tmp_path: Path) -> Nsys:
    return open_nsys(install(tmp_path / "bin", request.param))


def newest(folder: Path) -> Nsys:
    return open_nsys(install(folder / "bin", "2025.3.1.0"))


def test_version_traces_and_options_are_what_it_tells(nsys: Nsys) -> None:
    expected = {
        "2022.4.2.1": ("cuda", "nvtx", "cudnn", "cublas"),
        "2025.3.1.0": ("cuda", "nvtx", "cudnn", "cublas"),
        "2026.2.1.0": ("cuda", "nvtx"),  # cublas-verbose is not cublas
    }
    assert nsys.traces == expected[nsys.version_text]
    assert ("--discard-environment" in nsys.options) == (nsys.version >= (2026,))


def test_the_command(nsys: Nsys) -> None:
    command = profile_command(nsys, ("trtexec", "--loadEngine=x"), Path("out/run.nsys-rep"))
    assert command[:2] == (str(nsys.path), "profile")
    assert command[-2:] == ("trtexec", "--loadEngine=x")
    assert {
        "--cuda-graph-trace=node",
        "--sample=none",
        "--cpuctxsw=none",
        "--export=sqlite",
        "--output=out/run",
    } <= set(command)
    assert ("--discard-environment=true" in command) == (nsys.version >= (2026,))


def test_a_run_leaves_a_report_and_its_export_without_environments(
    nsys: Nsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "s3cret-value")
    monkeypatch.setenv("PLAIN", "plain-value")
    report = tmp_path / "run.nsys-rep"
    sqlite = profile(nsys, HELLO, report, log=tmp_path / "nsys.log", timeout_s=60)
    assert sqlite == tmp_path / "run.sqlite"
    assert "hello" in (tmp_path / "nsys.log").read_text()
    for value in (b"s3cret-value", b"plain-value", b"OTHER=process"):
        assert value not in sqlite.read_bytes()
    # What nsys puts into the report cannot be taken out; secrets are not given to the run where it keeps them.
    assert b"s3cret-value" not in report.read_bytes()
    database = sqlite3.connect(sqlite)
    assert database.execute("SELECT text FROM NVTX_EVENTS").fetchall() == [("iteration",)]
    assert database.execute("SELECT value FROM StringIds ORDER BY id").fetchall() == [
        ("cudaLaunchKernel_v7000",),
        ("(environment removed)",),
    ]
    assert database.execute("SELECT name FROM META_DATA_CAPTURE").fetchall() == [("COMMAND",)]
    assert database.execute("SELECT name FROM TARGET_INFO_SYSTEM_ENV").fetchall() == [("CpuCores",)]
    database.close()


def test_secrets_are_kept_from_a_run_whose_report_would_keep_them(tmp_path: Path) -> None:
    env = {
        "PATH": "/bin",
        "HF_TOKEN": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "MY_APIKEY": "x",
        "db_password": "x",
        "HOME": "/",
    }
    assert traced_environment(newest(tmp_path), env) == {"PATH": "/bin", "HOME": "/"}
    discards = open_nsys(install(tmp_path / "new", "2026.2.1.0"))
    assert traced_environment(discards, env) == env


def test_an_export_that_nsys_left_out_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NSYS_FORGETS_EXPORT", "1")
    sqlite = profile(newest(tmp_path), HELLO, tmp_path / "run.nsys-rep", log=tmp_path / "log", timeout_s=60)
    assert sqlite.is_file()


def test_a_program_that_fails_fails_the_run_with_its_last_words(tmp_path: Path) -> None:
    child = (sys.executable, "-IS", "-c", "import sys; print('[E] no engine'); sys.exit(3)")
    with pytest.raises(BuildError, match=r"the run under nsys failed with status 3: \[E\] no engine"):
        profile(newest(tmp_path), child, tmp_path / "run.nsys-rep", log=tmp_path / "log", timeout_s=60)


def test_a_run_out_of_time_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trtprof.backends.nsys._GRACE_S", 0.2)
    child = (sys.executable, "-IS", "-c", "import time; time.sleep(120)")
    started = time.monotonic()
    with pytest.raises(BuildError, match="took longer than 1 s and was ended"):
        profile(newest(tmp_path), child, tmp_path / "run.nsys-rep", log=tmp_path / "log", timeout_s=1)
    assert time.monotonic() - started < 10


def test_an_nsys_without_its_importer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with status 0 all the same."""
    monkeypatch.setenv("NSYS_WITHOUT_IMPORTER", "1")
    with pytest.raises(MissingDependency, match=r"nsys 2025\.3\.1\.0 collected a run but has no importer"):
        profile(newest(tmp_path), HELLO, tmp_path / "run.nsys-rep", log=tmp_path / "log", timeout_s=60)


def test_a_report_of_an_earlier_run_does_not_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nsys = newest(tmp_path)
    profile(nsys, HELLO, tmp_path / "run.nsys-rep", log=tmp_path / "log", timeout_s=60)
    monkeypatch.setenv("NSYS_WITHOUT_IMPORTER", "1")
    with pytest.raises(MissingDependency):
        profile(nsys, HELLO, tmp_path / "run.nsys-rep", log=tmp_path / "log", timeout_s=60)
    assert not (tmp_path / "run.sqlite").exists()


def test_a_report_that_cannot_be_exported_is_told(tmp_path: Path) -> None:
    (tmp_path / "old.nsys-rep").write_text("broken")
    with pytest.raises(BuildError, match=r"old\.nsys-rep: nsys .* cannot export it: Exportation error") as caught:
        export_sqlite(newest(tmp_path), tmp_path / "old.nsys-rep", tmp_path / "old.sqlite", log=tmp_path / "log")
    assert caught.value.hint is not None
    assert "a newer one" in caught.value.hint


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_text("hello " * 1000)
    with pytest.raises(BuildError, match="the environment cannot be taken out"):
        redact(tmp_path / "x.sqlite")


def test_real_exports_hold_no_environment_afterwards(shared: Path, tmp_path: Path) -> None:
    signs = (b"LOGNAME=", b"HOME=", b"LD_LIBRARY_PATH=", b"SSH_CONNECTION=")
    held = 0
    for source in sorted((shared / "nsys_sqlite").glob("*.sqlite")):
        copy = Path(shutil.copyfile(source, tmp_path / source.name))
        tables = _row_counts(copy)
        held += sum(copy.read_bytes().count(sign) for sign in signs)
        redact(copy)
        assert not any(sign in copy.read_bytes() for sign in signs), source.name
        changed = {name for name, count in _row_counts(copy).items() if count != tables[name]}
        assert changed <= {"META_DATA_CAPTURE", "TARGET_INFO_SYSTEM_ENV"}
    assert held > 50


def _row_counts(path: Path) -> dict[str, int]:
    database = sqlite3.connect(path)
    names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    counts = {name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
    database.close()
    return counts


class TestFinding:
    def test_the_one_given_then_the_variable_then_path_then_packages(self, tmp_path: Path) -> None:
        given, variable, on_path = (program(tmp_path / name / "nsys") for name in ("given", "variable", "path"))
        old, new = (program(tmp_path / "pkg" / release / "bin" / "nsys") for release in ("2023.4.4", "2024.10.1"))
        env = {"NSYS": str(variable), "PATH": str(on_path.parent)}
        places = [f"{tmp_path}/pkg/*/bin/nsys"]
        assert find_nsys(given, env, places) == given
        assert find_nsys(None, env, places) == variable
        assert find_nsys(None, {"PATH": env["PATH"]}, places) == on_path
        assert find_nsys(None, {"PATH": ""}, places) == new
        new.chmod(0o644)
        assert find_nsys(None, {"PATH": ""}, places) == old

    def test_one_that_is_named_must_be_there(self) -> None:
        with pytest.raises(UsageError, match=r"\$NSYS none: no executable file"):
            find_nsys(None, {"NSYS": "none"}, [])

    def test_none_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(MissingDependency, match="Nsight Systems was not found"):
            find_nsys(None, {"PATH": str(tmp_path)}, [])

    def test_one_that_lacks_a_library_is_told(self, tmp_path: Path) -> None:
        text = "#!/bin/sh\necho 'nsys: error while loading shared libraries: libdw.so.1' >&2\nexit 127\n"
        with pytest.raises(MissingDependency, match=r"does not tell its version: .*libdw\.so\.1"):
            open_nsys(program(tmp_path / "nsys", text))


@pytest.mark.skipif(shutil.which("nsys") is None, reason="needs Nsight Systems on PATH")
def test_the_real_one(tmp_path: Path) -> None:
    nsys = open_nsys(find_nsys())
    marker = f"marker-{os.getpid()}"
    sqlite = profile(
        nsys, HELLO, tmp_path / "run.nsys-rep", log=tmp_path / "log", timeout_s=300,
        environ={**os.environ, "PLAIN": marker},
    )  # fmt: skip
    assert marker.encode() not in sqlite.read_bytes()
