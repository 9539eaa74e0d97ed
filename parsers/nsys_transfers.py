"""Copies and memsets of an nsys export: totals by kind, and every one of them in columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trtprof.model import Unknown
from trtprof.parsers.nsys_database import NsysDatabase, in_order
from trtprof.parsers.nsys_gpus import gpu_index
from trtprof.parsers.nsys_schema import (
    COPY_KINDS,
    DURATION,
    MEMCPY,
    MEMORY_KINDS,
    MEMSET,
    NO_CUDA,
    VALID,
    ActivityColumns,
    TransferTotal,
)

if TYPE_CHECKING:
    from trtprof.parsers.nsys_schema import Ints

_KIND_COLUMNS: Final = {MEMCPY: ("copyKind", "srcKind", "dstKind"), MEMSET: (None, None, "memKind")}


def read_totals(database: NsysDatabase, table: str) -> tuple[TransferTotal, ...] | Unknown:
    """Return count, bytes and time by kind and by the memory at both ends, longest first.

    Raises:
        InputError: the table is damaged.
    """
    if not database.schema.has(table, "start", "end", "bytes"):
        return () if database.schema.cuda_traced else NO_CUDA
    kinds = ", ".join("-1" if name is None else database.schema.column(table, name) for name in _KIND_COLUMNS[table])
    rows = database.integers(
        table,
        f"SELECT {kinds}, COUNT(*), SUM(bytes), SUM({DURATION}), MIN({DURATION}), MAX({DURATION}) FROM {table} "
        f"WHERE {VALID} GROUP BY 1, 2, 3 ORDER BY 6 DESC, 1, 2, 3",
    )
    return tuple(
        TransferTotal(
            "memset" if table == MEMSET else COPY_KINDS.get(kind, "unknown"),
            MEMORY_KINDS.get(source), MEMORY_KINDS.get(target), *figures,
        )
        for kind, source, target, *figures in rows
    )  # fmt: skip


def read_activities(database: NsysDatabase) -> ActivityColumns | Unknown:
    """Return copies and memsets together, in order of start.

    Raises:
        InputError: a table is damaged.
    """
    import numpy as np

    found = [
        (table == MEMCPY, _columns(database, table))
        for table in (MEMCPY, MEMSET)
        if database.schema.has(table, "start", "end", "bytes")
    ]
    if not found and not database.schema.cuda_traced:
        return NO_CUDA
    none = np.zeros(0, np.int64)
    merged: dict[str, Ints] = {
        name: np.concatenate([none, *(columns[name] for _, columns in found)])
        for name in ("start", "end", "device", "size")
    }
    merged["copy"] = np.concatenate(
        [none.astype(bool), *(np.full(len(columns["start"]), is_copy) for is_copy, columns in found)]
    )
    merged = in_order(merged, "start")
    return ActivityColumns(merged["start"], merged["end"], merged["device"], merged["size"], merged["copy"])


def _columns(database: NsysDatabase, table: str) -> dict[str, Ints]:
    columns = database.columns(
        table,
        {
            "start": "start",
            "end": '"end"',
            "device": database.schema.column(table, "deviceId"),
            "process": database.schema.column(table, "globalPid"),
            "size": "bytes",
        },
        VALID,
    )
    columns["device"] = gpu_index(database, columns["process"], columns["device"])
    return columns
