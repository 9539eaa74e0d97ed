"""Kernel names against hardware counters measured for this project."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.conftest import ROOT
from trtprof.kernels import classify
from trtprof.model import Unit

TABLES = sorted((ROOT / "fixtures" / "truth").glob("*_h100.tsv"))


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)
def test_no_confident_answer_is_wrong(table: Path) -> None:
    for row in rows(table):
        kind = classify(row["kernel_name"])
        if kind.confidence >= 0.8 and kind.unit is not Unit.UNKNOWN:
            assert (kind.unit is Unit.TENSOR_CORE) is (row["tensor_core"] == "1"), kind


def test_names_launches_and_time_are_read_right_by_99_in_100() -> None:
    (table,) = [path for path in TABLES if path.stem == "torch_h100"]
    truth = rows(table)
    assert len(truth) > 150
    right = [
        row for row in truth if (classify(row["kernel_name"]).unit is Unit.TENSOR_CORE) is (row["tensor_core"] == "1")
    ]
    for weight in (lambda row: 1, lambda row: int(row["launches"]), lambda row: int(row["duration_ns"])):
        assert sum(map(weight, right)) >= 0.99 * sum(map(weight, truth))


def test_the_multiply_type_is_read_right_where_tensor_cores_work() -> None:
    (table,) = [path for path in TABLES if path.stem == "torch_h100"]
    truth = [row for row in rows(table) if row["tensor_core"] == "1"]
    kinds = [(classify(row["kernel_name"]), row["mma_dtype"].split("+")) for row in truth]
    right = [kind for kind, types in kinds if kind.mma is not None and kind.mma.value in types]
    assert len(right) >= 0.99 * len(truth)
