"""Layer times: ``trtexec --exportProfile`` and torch_tensorrt's layer latencies.

trtexec writes the file by hand (``Profiler::exportJSONProfile`` in NVIDIA/TensorRT's ``sampleReporting.cpp``): layer
names are not escaped and a total of zero gives ``nan``, so the file is JSON only most of the time. ``medianMs`` exists
since TensorRT 8.4. Bytes in, records out; imports the model only.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from trtprof.errors import InputError
from trtprof.model import LayerTiming, Notice
from trtprof.parsers.document import as_text, integer, load_json, milliseconds, parse_number, read_bytes, type_name

_WHAT: Final = "layer times (a list of objects with 'name' and 'averageMs')"
_HINT: Final = "export them with trtexec --loadEngine=… --separateProfileRun --exportProfile=profile.json"
_LATENCY_WHAT: Final = "layer latencies (an object of lists of milliseconds)"
_LATENCY_HINT: Final = "write one list of milliseconds for each layer name, as torch_tensorrt profiling scripts do"
_SHOWN: Final = 3
# trtexec prints six significant digits of each figure, and three of them take part in the comparison.
_ROUNDING: Final = 1e-4


@dataclass(frozen=True, slots=True)
class LayerProfile:
    """Times of the layers of one engine, in the order written.

    ``count`` is the number of iterations as the file has it, ``None`` where it is absent or contradicts the times.
    """

    timings: tuple[LayerTiming, ...]
    count: int | None
    notices: tuple[Notice, ...]

    @property
    def mean_sum_ns(self) -> float:
        """Sum of the layers' mean times, in nanoseconds: not the engine's latency, profiling adds to each layer."""
        return math.fsum(timing.mean_ns for timing in self.timings)


def read_profile(path: Path) -> LayerProfile:
    """Return the times of an ``--exportProfile`` file.

    Raises:
        InputError: the file cannot be read, or :func:`parse_profile` refuses it.
    """
    return parse_profile(read_bytes(path), path=str(path))


def parse_profile(data: bytes | str, *, path: str = "layer profile") -> LayerProfile:
    """Return the times of an ``--exportProfile`` document.

    Rows whose average is no number (``nan``) are left out and said, so their layers have no time rather than 0.

    Raises:
        InputError: it is cut off, is no such list, or has no row with a name and an average.
    """
    text = as_text(data)
    try:
        rows = load_json(text, path=path, what=_WHAT, hint=_HINT)
    except InputError as error:
        # A name with a quote in it, or a figure that is nan: no JSON, but every row can still be told.
        rows = list(_unescaped_rows(text))
        if not rows or not text.rstrip().endswith("]"):
            raise error
    if not isinstance(rows, list):
        raise InputError(f"expected {_WHAT}, found {type_name(rows)}", path=path, hint=_HINT)
    notices: list[Notice] = []
    times, unread = _times(rows)
    if not times:
        found = unread[0] if unread else "no row but the count" if rows else "an empty list"
        raise InputError(f"expected {_WHAT}, found {found}", path=path, hint=_HINT)
    if unread:
        message = f"{len(unread)} rows without a usable time: {'; '.join(unread[:_SHOWN])}; their layers have none"
        notices.append(Notice("time-unread", message, path))
    count = _count(rows, times, notices, path)
    _remark_repeated([layer for layer, *_ in times], notices, path)
    return LayerProfile(_timings(times, count), count, tuple(notices))


def read_layer_latency(path: Path) -> LayerProfile:
    """Return the times of a layer latency file.

    Raises:
        InputError: the file cannot be read, or :func:`parse_layer_latency` refuses it.
    """
    return parse_layer_latency(read_bytes(path), path=str(path))


def parse_layer_latency(data: bytes | str, *, path: str = "layer latencies") -> LayerProfile:
    """Return mean and median of a document that maps each layer name to its milliseconds, one an iteration.

    Every iteration counts, the first ones too; where those are slow, the median is the better figure.

    Raises:
        InputError: it is not JSON, or no entry is a list of times.
    """
    document = load_json(data, path=path, what=_LATENCY_WHAT, hint=_LATENCY_HINT)
    if not isinstance(document, dict):
        raise InputError(f"expected {_LATENCY_WHAT}, found {type_name(document)}", path=path, hint=_LATENCY_HINT)
    times: list[_Time] = []
    counts: list[int] = []
    unread: list[str] = []
    for name, values in document.items():
        if not isinstance(values, list):
            unread.append(f"{name!r} has {type_name(values)}")
            continue
        measured = [time for item in values if (time := milliseconds(item)) is not None]
        if not measured or len(measured) < len(values):
            unread.append(f"{name!r} has {len(measured)} times in {len(values)} entries")
        if measured:
            counts.append(len(measured))
            times.append((name, statistics.fmean(measured), statistics.median(measured), math.fsum(measured)))
    if not times:
        found = unread[0] if unread else "an empty object"
        raise InputError(f"expected {_LATENCY_WHAT}, found {found}", path=path, hint=_LATENCY_HINT)
    notices = []
    if unread:
        message = f"{len(unread)} layers with entries that are no times: {'; '.join(unread[:_SHOWN])}"
        notices.append(Notice("time-unread", message, path))
    if len(set(counts)) > 1:
        notices.append(Notice("count-differs", f"layers were timed {min(counts)} to {max(counts)} times", path))
    count = counts[0] if len(set(counts)) == 1 else None
    return LayerProfile(_timings(times, count), count, tuple(notices))


# A row before its share of the whole is known: layer, mean, median and total in nanoseconds. Ten thousand of them pass.
_Time: TypeAlias = tuple[str, float, float | None, float | None]


def _times(rows: Sequence[Any]) -> tuple[list[_Time], list[str]]:
    times: list[_Time] = []
    unread: list[str] = []
    for number, row in enumerate(rows, start=1):
        if type(row) is not dict:
            unread.append(f"row {number} is {type_name(row)}")
            continue
        get = row.get
        name, mean = get("name"), milliseconds(get("averageMs"))
        if type(name) is str and mean is not None:
            times.append((name, mean, milliseconds(get("medianMs")), milliseconds(get("timeMs"))))
        elif type(name) is str:
            unread.append(f"{name!r} has averageMs {get('averageMs', 'absent')!r}")
        elif "count" not in row:
            unread.append(f"row {number} has no 'name'")
    return times, unread


def _timings(times: Sequence[_Time], count: int | None) -> tuple[LayerTiming, ...]:
    whole = math.fsum([mean for _, mean, _, _ in times])
    if not 0 < whole < math.inf:
        return tuple([LayerTiming(*time, count) for time in times])
    return tuple([LayerTiming(name, mean, median, total, count, mean / whole) for name, mean, median, total in times])


def _unescaped_rows(text: str) -> Iterator[dict[str, Any]]:
    """Yield the rows by the words that trtexec puts around a name, so a name may hold anything but those words."""
    count = _between(text, '"count" : ', "}", 0)
    if count is not None:
        number = parse_number(count[0].strip())
        yield {"count": int(number) if number is not None else None}
    position = 0
    while (found := _between(text, '"name" : "', '", "timeMs" : ', position)) is not None:
        name, position = found
        figures = _between(text, "", "}", position)
        if figures is None:
            break
        fields = ('"timeMs" : ' + figures[0]).split(",")
        pairs = (field.partition(":") for field in fields)
        yield {"name": name} | {key.strip(' "'): parse_number(value.strip()) for key, _, value in pairs}
        position = figures[1]


def _between(text: str, start: str, end: str, place: int) -> tuple[str, int] | None:
    """What stands between two words from ``place`` on, and where the second word ends."""
    first = text.find(start, place)
    last = text.find(end, first + len(start)) if first >= 0 else -1
    return (text[first + len(start) : last], last + len(end)) if last >= 0 else None


def _count(rows: Sequence[Any], times: Sequence[_Time], notices: list[Notice], path: str) -> int | None:
    """The number of iterations, if the times bear it out: total = average x count for each layer."""
    written = next((row["count"] for row in rows if type(row) is dict and "count" in row and "name" not in row), None)
    count = integer(written)
    if count is None or count < 1:
        notices.append(Notice("no-count", f"the file gives no number of iterations (count: {written!r})", path))
        return None
    for layer, mean, _, total in times:
        if total is not None and abs(total - mean * count) > _ROUNDING * total:
            message = (
                f"count {count} contradicts the times: {layer!r} took {total / 1e6:g} ms in all "
                f"and {mean / 1e6:g} ms on average; the count is not used"
            )
            notices.append(Notice("count-differs", message, path))
            return None
    if count == 1:
        message = (
            "each layer was timed once (a CUDA graph was profiled, or one iteration asked for): no average to trust"
        )
        notices.append(Notice("single-iteration", message, path))
    return count


def _remark_repeated(names: Sequence[str], notices: list[Notice], path: str) -> None:
    if len(set(names)) < len(names):
        repeated = [name for name, times in Counter(names).items() if times > 1]
        shown = ", ".join(map(repr, repeated[:_SHOWN]))
        notices.append(Notice("layer-name", f"{len(repeated)} names stand for several rows each: {shown}", path))
