"""Commands that are killed at random points: what each needs, and which pieces its outcome has."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.backends import nsys_stand_in, trtexec_stand_in
from tests.cli.test_recipe import FILES, pack
from tests.conftest import ROOT

Pieces = Mapping[str, Any]
"""What a command left, by name: only what is there and whole, and nothing that is another each time, like times."""

TRACE = ROOT / "fixtures" / "nsys" / "h100_eager.sqlite"
NSYS = f"""#!{sys.executable} -IS
import sqlite3, sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(nsys_stand_in.__file__).parent)!r})
from nsys_stand_in import main
code = main("2026.2.1.0", sys.argv[1:])
stem = [item.partition("=")[2] for item in sys.argv if item.startswith("--output=")]
if stem and sys.argv[1] == "profile":
    with open({str(TRACE)!r}, "rb") as source, open(stem[0] + ".sqlite", "wb") as export:
        while part := source.read(32768):
            export.write(part)
            export.flush()
            time.sleep(0.01)
    database = sqlite3.connect(stem[0] + ".sqlite")
    database.execute("CREATE TABLE IF NOT EXISTS TARGET_INFO_SYSTEM_ENV (name TEXT, value TEXT)")
    database.execute("INSERT INTO TARGET_INFO_SYSTEM_ENV (name, value) VALUES ('DeviceEnvironment', 'MY_TOKEN=secret')")
    database.commit()
sys.exit(code)
"""
PROGRAM = "#!/bin/sh\nsetsid sleep 60 &\nsleep 60 &\nexec sleep 0.2\n"
"""A program that leaves two others running, one of them in a session of its own."""

LINE = "[I] as long as one of trtexec\n"
_VARYING = re.compile(r"created|finished|seconds|_ns$|order|^out$|^capture$|^model$")


@dataclass(frozen=True)
class Scene:
    """A command, and what finds the pieces of its outcome."""

    name: str
    arguments: tuple[str, ...]
    pieces: Callable[[Path], Iterator[tuple[str, Any]]]

    def outcome(self, folder: Path) -> Pieces:
        """Return the pieces that are there."""
        return dict(self.pieces(folder))


def prepare(folder: Path, models: Path, capture: Path, sensitivity: Path) -> None:
    """Put what the commands need into a folder."""
    for name in ("residual_micro", "residual_onesided_qdq"):
        shutil.copy(models / f"{name}.onnx", folder)
    shutil.copytree(capture, folder / "times")
    shutil.copytree(sensitivity, folder / "costs")
    (folder / "bin").mkdir()
    trtexec_stand_in.install(folder / "bin", (10, 3))
    for name, text in (("nsys", NSYS), ("program", PROGRAM)):
        path = folder / "bin" / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    long = {f"fp16/log-{number}": f"line {number}\n" * 20_000 for number in range(40)}
    pack(folder / "capture.tgz", {**FILES, **long})


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _plain(value: Any) -> Any:
    """Leave out of JSON what is another each time."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if not _VARYING.search(key)}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _page(path: Path) -> Iterator[tuple[str, Any]]:
    if path.is_file():
        yield path.name, path.read_text(encoding="utf-8").rstrip().endswith("</html>")


def _steps(capture: Path) -> Iterator[tuple[str, Any]]:
    """Each step that a capture says is finished; its files must be there as it says."""
    path = capture / "manifest.json"
    if not path.is_file():
        return
    manifest = json.loads(path.read_text())
    for name, step in manifest["steps"].items():
        for file, sha256 in step["files"].items():
            assert _hash(capture / file) == sha256, f"{name}: {file}"
        yield name, sorted(step["files"])
    if manifest["status"] == "complete":
        yield "complete", sorted(manifest["steps"])


def _compared(folder: Path) -> Iterator[tuple[str, Any]]:
    yield from _steps(folder / "out" / "capture")
    yield from _page(folder / "out" / "report.html")
    yield from ((f"{path.parent.name}/model", _hash(path)) for path in (folder / "out").glob("capture/*/model.onnx"))
    store = folder / "out" / "trtprof.db"
    if store.is_file():
        with closing(sqlite3.connect(store)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            known = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            tables = [name for name in ("run", "engine", "layer", "finding") if name in known]
            counts = [database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables]
            if any(counts):
                yield "store", dict(zip(tables, counts, strict=True))


def _measured(folder: Path) -> Iterator[tuple[str, Any]]:
    yield from _steps(folder / "out")
    yield from _page(folder / "out" / "sensitivity.html")
    table, sheet = folder / "out" / "sensitivity.json", folder / "out" / "sensitivity.csv"
    if table.is_file():
        yield "table", _plain(json.loads(table.read_text()))
    if sheet.is_file():
        yield "sheet", sheet.read_text()


def _files(*names: str) -> Callable[[Path], Iterator[tuple[str, Any]]]:
    return lambda folder: ((name, _hash(folder / name)) for name in names if (folder / name).is_file())


def _imported(folder: Path) -> Iterator[tuple[str, Any]]:
    for place in (folder / "there", *(folder / "trtprof-out").glob("[!.]*")):
        if place.is_dir():
            files = {str(path.relative_to(place)): _hash(path) for path in place.rglob("*") if path.is_file()}
            yield place.name, files


def _traced(folder: Path) -> Iterator[tuple[str, Any]]:
    path = folder / "trtprof-run" / "trace.sqlite"
    if path.is_file():
        assert b"MY_TOKEN" not in path.read_bytes()
        with closing(sqlite3.connect(path)) as trace:
            assert trace.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            yield "kernels", trace.execute("SELECT count(*) FROM CUPTI_ACTIVITY_KIND_KERNEL").fetchone()
    if path.with_suffix(".nsys-rep").is_file():
        yield "report", True


_MICRO, _ONESIDED = "residual_micro.onnx", "residual_onesided_qdq.onnx"
_TRTEXEC = ("--backend", "trtexec", "--trtexec", "bin/trtexec")
_RTX = ("--backend", "rtx-aot")
SCENES = (
    Scene("compare-rtx", ("compare", _MICRO, "-p", "fp32", "-p", "int8", *_RTX, "--out", "out"), _compared),
    Scene("compare-trtexec", ("compare", _MICRO, "-p", "fp16", *_TRTEXEC, "--out", "out"), _compared),
    Scene("sensitivity", ("sensitivity", _MICRO, "--out", "out"), _measured),
    Scene("quantize", ("quantize", _MICRO, "-o", "q.onnx"), _files("q.onnx", "q.onnx.calibration.json")),
    Scene("fix", ("fix", _ONESIDED, "-o", "f.onnx"), _files("f.onnx")),
    Scene("plan", ("plan", _MICRO, "--sensitivity", "costs", "--times", "times", "-o", "p.onnx"), _files("p.onnx")),
    Scene("recipe", ("recipe", _MICRO, "--board", "orin-nano", "--trt", "10.3", "-o", "r.sh"), _files("r.sh")),
    Scene("import", ("import", "capture.tgz"), _imported),
    Scene("import-there", ("import", "capture.tgz", "--out", "there"), _imported),
    Scene("run", ("run", "--", "bin/program"), _traced),
)
