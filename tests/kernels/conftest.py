"""Where the kernel tests find names: a table written by hand, and real files where they lie beside the checkout."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from trtprof.model import DType, KernelClass, KernelRole, Unit

TABLE = Path(__file__).with_name("classes.tsv")
_TACTIC = re.compile(r'(?:Tactic Name: |"TacticName"\s*:\s*")([^\s",\[]+)')


@dataclass(frozen=True)
class Measured:
    """A kernel whose Tensor Core instructions were counted while it ran."""

    name: str
    launches: int
    duration_ns: int
    tensor_core: bool
    mma: frozenset[str]


def table() -> list[KernelClass]:
    """The rows of classes.tsv, with an empty ``why``."""
    return [_row(line.split("\t")) for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]


def _row(cells: list[str]) -> KernelClass:
    name, family, unit, operation, *types, shape, floor, role, confidence = cells
    operand, mma, accumulate = (None if cell == "-" else DType(cell) for cell in types)
    m_n_k = tuple(int(extent) for extent in shape.split("x")) if shape != "-" else None
    return KernelClass(
        name, family, Unit(unit), None if operation == "-" else operation, operand, mma, accumulate,
        m_n_k if m_n_k is None else (m_n_k[0], m_n_k[1], m_n_k[2]), None if floor == "-" else int(floor),
        KernelRole(role), float(confidence), "",
    )  # fmt: skip


@pytest.fixture(scope="session")
def measured(shared: Path) -> list[Measured]:
    """117 kernels of PyTorch on an H100, with what hardware counters saw."""
    with (shared / "kernel_truth_h100_torch.tsv").open(encoding="utf-8", newline="") as file:
        return [
            Measured(
                row["kernel_name"], int(row["launches"]), int(row["duration_ns"]), row["tensor_core"] == "1",
                frozenset(row["mma_dtype"].split("+")),
            )
            for row in csv.DictReader(file, delimiter="\t")
        ]  # fmt: skip


@pytest.fixture(scope="session")
def real_names(shared: Path) -> set[str]:
    """Every kernel and tactic name in the real traces, layer dumps and build logs."""
    names = {name for path in shared.rglob("*.sqlite") for name in _traced(path)}
    for pattern in ("*.json", "*.log"):
        for path in shared.rglob(pattern):
            text = path.read_text(encoding="utf-8", errors="replace")
            names.update(json.loads(f'"{name}"') for name in _TACTIC.findall(text))
    return {name for name in names if not name.startswith("0x")}


def _traced(path: Path) -> Iterator[str]:
    """The demangled kernel names of one nsys export."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if {"CUPTI_ACTIVITY_KIND_KERNEL", "StringIds"} <= tables:
            query = (
                "SELECT DISTINCT value FROM CUPTI_ACTIVITY_KIND_KERNEL AS k JOIN StringIds AS s ON s.id = demangledName"
            )
            yield from (name for (name,) in database.execute(query))
