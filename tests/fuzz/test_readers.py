"""A short, seeded part of ``make fuzz``: every reader answers or refuses in one line, whatever it is given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.harness import Finding, check, mutated
from tests.fuzz.readers import READERS
from trtprof.parsers.registry import READERS as PARSERS

SEEDED = settings(derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="fuzz-") as name:
        yield Path(name)


def assert_sound(finding: Finding | None) -> None:
    assert finding is None, f"{finding.line()}\n{finding.data[:300]!r}"


@pytest.mark.parametrize("name", READERS)
def test_what_the_search_begins_with_is_read(name: str, folder: Path) -> None:
    for seed in READERS[name].seeds():
        assert_sound(check(name, seed, folder, memory=True))


@pytest.mark.parametrize("name", [name for name, reader in READERS.items() if not reader.slow])
@settings(SEEDED, max_examples=25)
@given(number=st.integers(0, 2**32))
def test_changed_files(name: str, number: int, folder: Path) -> None:
    random = Random(number)
    assert_sound(check(name, mutated(READERS[name], random.choice(READERS[name].seeds()), random), folder))


@pytest.mark.parametrize("name", [name for name, reader in READERS.items() if reader.slow])
@settings(SEEDED, max_examples=8)
@given(number=st.integers(0, 2**32))
def test_changed_databases_models_and_archives(name: str, number: int, folder: Path) -> None:
    random = Random(number)
    assert_sound(check(name, mutated(READERS[name], random.choice(READERS[name].seeds()), random), folder))


@pytest.mark.parametrize("name", READERS)
@settings(SEEDED, max_examples=15)
@given(data=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-16")))
def test_any_bytes(name: str, data: bytes, folder: Path) -> None:
    assert_sound(check(name, data, folder))


def test_every_parser_of_the_registry_has_a_harness() -> None:
    modules = {reader.__module__.rpartition(".")[2] for reader in PARSERS.values()}
    assert modules <= READERS.keys() | {"trtexec_profile"}


@pytest.mark.parametrize("name", READERS)
def test_memory_stays_in_proportion_to_the_input(name: str, folder: Path) -> None:
    """Each seed repeated to a megabyte, and a megabyte in one line."""
    seed = max(READERS[name].seeds(), key=len)
    lines = seed * ((1 << 20) // max(len(seed), 1))
    for data in (lines, seed + b"a" * (1 << 20), b"[" * (1 << 20), b"1," * (1 << 19)):
        assert_sound(check(name, data, folder, memory=True))
