"""The committed traces are what their notes say, and hold nothing of the machine they were made on."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from pathlib import Path

import pytest

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "nsys"
NOTES = (FIXTURES / "README.md").read_text(encoding="utf-8")
LISTED = dict(re.findall(r"^\| `([\w.]+)` \|.*\| `([0-9a-f]{64})` \|$", NOTES, re.MULTILINE))
FILES = sorted(path.name for path in FIXTURES.iterdir() if path.suffix in {".sqlite", ".csv"})


def test_every_file_is_in_the_notes() -> None:
    assert sorted(LISTED) == FILES
    assert len(FILES) == 8


@pytest.mark.parametrize("name", FILES)
def test_no_test_has_rewritten_a_file(name: str) -> None:
    assert hashlib.sha256((FIXTURES / name).read_bytes()).hexdigest() == LISTED[name]


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".sqlite")])
def test_no_environment_in_a_trace(name: str) -> None:
    database = sqlite3.connect(f"{(FIXTURES / name).as_uri()}?mode=ro", uri=True)
    tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master ORDER BY name")}
    keys = {row[0] for row in database.execute("SELECT name FROM META_DATA_CAPTURE ORDER BY name")}
    texts = [row[0] for row in database.execute("SELECT value FROM StringIds ORDER BY id")]
    database.close()
    assert not tables & {"TARGET_INFO_SYSTEM_ENV", "PROCESSES", "ThreadNames", "OSRT_API", "DIAGNOSTIC_EVENT"}
    assert keys <= {"PROCESS_0:CUDA_GRAPH_TRACE_OPTIONS:MODE", "PROCESS_0:COLLECT_CUDA_TRACE",
                    "PROCESS_0:COLLECT_NVTX_TRACE"}  # fmt: skip
    assert not [text for text in texts if re.search(r"^/(?!attention)|/(?:home|root|opt|tmp|usr)/", text)]
