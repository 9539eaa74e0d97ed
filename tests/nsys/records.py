"""The columns of a parser, filled by hand: what the analyses take, without a file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trtprof.parsers.nsys_schema import ActivityColumns, CallColumns, KernelColumns, RangeColumns

THREAD = (1 << 48) | (1000 << 24) | 1000
PROCESS = THREAD & ~0xFFFFFF


def column(values: Sequence[int]) -> np.ndarray:
    return np.array(values, np.int64)


def kernels(
    rows: Sequence[tuple[str, int, int, int]], *, device: Sequence[int] = (), stream: Sequence[int] = ()
) -> KernelColumns:
    """Kernels of (name, start, end, correlation), in order of start."""
    names = tuple(dict.fromkeys(row[0] for row in rows))
    return KernelColumns(
        names, column([row[1] for row in rows]), column([row[2] for row in rows]),
        column([names.index(row[0]) for row in rows]), column(device or [0] * len(rows)),
        column([PROCESS] * len(rows)), column([row[3] for row in rows]), column([-1] * len(rows)),
        column(stream or [7] * len(rows)),
    )  # fmt: skip


def calls(rows: Sequence[tuple[str, int, int, int]], *, thread: Sequence[int] = ()) -> CallColumns:
    """Calls of (api, start, end, correlation), in order of start."""
    apis = tuple(dict.fromkeys(row[0] for row in rows))
    return CallColumns(
        apis, column([row[1] for row in rows]), column([row[2] for row in rows]),
        column(thread or [THREAD] * len(rows)), column([row[3] for row in rows]),
        column([apis.index(row[0]) for row in rows]),
    )  # fmt: skip


def ranges(rows: Sequence[tuple[str, str, int, int]], *, thread: Sequence[int] = ()) -> RangeColumns:
    """Ranges of (domain, name, start, end), in order of start."""
    domains = tuple(dict.fromkeys(["", *(row[0] for row in rows)]))
    names = tuple(dict.fromkeys(row[1] for row in rows))
    return RangeColumns(
        names, domains, (), column([row[2] for row in rows]), column([row[3] for row in rows]),
        column(thread or [THREAD] * len(rows)), column([names.index(row[1]) for row in rows]),
        column([domains.index(row[0]) for row in rows]), column([-1] * len(rows)),
    )  # fmt: skip


def copies(rows: Sequence[tuple[int, int]]) -> ActivityColumns:
    """Copies of (start, end) on GPU 0, in order of start."""
    return ActivityColumns(
        column([row[0] for row in rows]), column([row[1] for row in rows]), column([0] * len(rows)),
        column([1] * len(rows)), np.ones(len(rows), bool),
    )  # fmt: skip
