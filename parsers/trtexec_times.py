"""End-to-end times of each iteration: ``trtexec --exportTimes``.

Keys by version, from ``exportJSONTrace`` in NVIDIA/TensorRT's ``sampleReporting.cpp``: ``…H2dMs`` and ``…D2hMs`` since
8.0, ``…InMs`` and ``…OutMs`` in 7, ``endToEndMs`` up to 8.2. TensorRT 7.2 writes the enqueue times under ``startInMs``
and ``endInMs`` and the input copies under ``startEnqMs`` and ``endEnqMs``. Up to 8.4 the warm-up iterations are in the
file. Bytes in, records out; imports the model only.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trtprof.errors import InputError
from trtprof.model import Inference, Notice
from trtprof.parsers.document import as_text, json_fault, milliseconds, number, read_bytes, type_name

_WHAT: Final = "iteration times (a list of objects with 'computeMs')"
_HINT: Final = "export them with trtexec --loadEngine=… --exportTimes=times.json, without --exportProfile up to 10"
_SPACE: Final = re.compile(r"\s*")
DEFAULT_WARM_UP_MS: Final = 200.0
"""trtexec's warm-up unless ``--warmUp`` says otherwise, in every version."""


@dataclass(frozen=True, slots=True)
class InferenceTimes:
    """Times of the iterations of one engine, warm-up left out.

    ``inference`` is the last of ``runs``, of which there is one unless documents were written one after another.
    ``end_to_end_ns`` is TensorRT up to 8.2's own figure of the last run, which includes waiting for the query before.
    """

    inference: Inference
    runs: tuple[Inference, ...]
    end_to_end_ns: tuple[float, ...]
    warm_up_iterations: int
    notices: tuple[Notice, ...]


def read_times(path: Path, *, warm_up_ms: float | None = None) -> InferenceTimes:
    """Return the times of an ``--exportTimes`` file.

    Raises:
        InputError: the file cannot be read, or :func:`parse_times` refuses it.
    """
    return parse_times(read_bytes(path), path=str(path), warm_up_ms=warm_up_ms)


def parse_times(data: bytes | str, *, path: str = "times", warm_up_ms: float | None = None) -> InferenceTimes:
    """Return the times of an ``--exportTimes`` document, or of several one after another.

    ``warm_up_ms`` is what ``--warmUp`` was; unless given, trtexec's default is taken for a file that starts at zero,
    that is: one that has its warm-up iterations in it.

    Raises:
        InputError: it is cut off, is no such list, or holds no iteration with a compute time.
    """
    notices: list[Notice] = []
    runs = [
        _run(rows, number, path, notices, warm_up_ms) for number, rows in enumerate(_documents(data, path), start=1)
    ]
    inference, end_to_end, skipped = runs[-1]
    if len(runs) > 1:
        medians = ", ".join(f"{statistics.median(run.compute_ns) / 1e6:.3f}" for run, _, _ in runs)
        message = f"{len(runs)} documents one after another (median compute {medians} ms); the last one is used"
        notices.append(Notice("several-runs", message, path))
    return InferenceTimes(inference, tuple(run for run, _, _ in runs), end_to_end, skipped, tuple(notices))


def _documents(data: bytes | str, path: str) -> Iterator[list[Any]]:
    """Yield each document: TensorRT 7's files hold one for each run."""
    text, decoder, found = as_text(data), json.JSONDecoder(strict=False), 0
    position = _after_space(text, 0)
    while position < len(text):
        try:
            rows, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise InputError(f"expected {_WHAT}; {json_fault(error)}", path=path, where=place, hint=_HINT) from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"expected {_WHAT}, found JSON that is none: {error}", path=path, hint=_HINT) from error
        if not isinstance(rows, list):
            raise InputError(f"expected {_WHAT}, found {type_name(rows)}", path=path, hint=_HINT)
        found += 1
        position = _after_space(text, position)
        yield rows
    if not found:
        raise InputError(f"expected {_WHAT}, found an empty file", path=path, hint=_HINT)


def _after_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _run(
    rows: Sequence[Any], document: int, path: str, notices: list[Notice], warm_up_ms: float | None
) -> tuple[Inference, tuple[float, ...], int]:
    read = [row for row in rows if isinstance(row, dict) and milliseconds(row.get("computeMs")) is not None]
    where = f"document {document}" if document > 1 else None
    if not read:
        found = type_name(rows[0]) if rows else "an empty list"
        raise InputError(f"expected {_WHAT}, found {found}", path=path, where=where, hint=_HINT)
    if len(read) < len(rows):
        message = f"{len(rows) - len(read)} of {len(rows)} iterations have no compute time and are left out"
        notices.append(Notice("iteration-unread", message, path))
    kept = _after_warm_up(read, path, notices, warm_up_ms)
    old = any("startInMs" in row for row in kept)
    start, end = ("startInMs", "endInMs") if old and "startEnqMs" in kept[0] else ("startEnqMs", "endEnqMs")
    inference = Inference(
        latency_ns=_column(kept, "latencyMs"),
        compute_ns=_column(kept, "computeMs"),
        enqueue_ns=_spans(kept, start, end),
        h2d_ns=_copies(kept, "inMs" if old else "h2dMs"),
        d2h_ns=_copies(kept, "outMs" if old else "d2hMs"),
        start_ns=_column(kept, "startComputeMs"),
    )
    return inference, _column(kept, "endToEndMs"), len(read) - len(kept)


def _after_warm_up(
    rows: list[dict[str, Any]], path: str, notices: list[Notice], warm_up_ms: float | None
) -> list[dict[str, Any]]:
    """The iterations that count; trtexec's own rule is that compute starts after the warm-up time."""
    starts = [number(row.get("startComputeMs")) for row in rows]
    limit = DEFAULT_WARM_UP_MS if warm_up_ms is None else warm_up_ms
    known = [start for start in starts if start is not None]
    if len(known) < len(rows) or min(known) >= limit:
        return rows
    kept = [row for row, start in zip(rows, known, strict=True) if start >= limit]
    if not kept:  # a short run: --duration below the warm-up, or --warmUp=0
        return rows
    message = (
        f"{len(rows) - len(kept)} of {len(rows)} iterations start within the first {limit:g} ms: warm-up, left out"
    )
    notices.append(Notice("warm-up", message, path))
    return kept


def _column(rows: Sequence[dict[str, Any]], key: str) -> tuple[float, ...]:
    """The figures of one key in nanoseconds; empty unless every row has it, so that columns stay of one length."""
    values = [time for row in rows if (time := milliseconds(row.get(key))) is not None]
    return tuple(values) if len(values) == len(rows) else ()


def _copies(rows: Sequence[dict[str, Any]], key: str) -> tuple[float, ...]:
    """Times of a transfer; 0 in every row is how trtexec writes that transfers were off, so not measured."""
    values = _column(rows, key)
    return values if any(values) else ()


def _spans(rows: Sequence[dict[str, Any]], start: str, end: str) -> tuple[float, ...]:
    spans = []
    for row in rows:
        first, last = number(row.get(start)), number(row.get(end))
        span = milliseconds(last - first) if first is not None and last is not None else None
        if span is None:
            return ()
        spans.append(span)
    return tuple(spans)
