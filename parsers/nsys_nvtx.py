"""NVTX ranges of an nsys export: names, domains, and the ONNX nodes that Myelin tells in its payloads.

A range's domain is a number that nsys gives out when the program creates the domain, and gives out again when the
domain has been destroyed: Myelin makes ``myelin-exec`` anew for every graph it loads. So the name of a number is that
of its latest creation, by the same process, before the range.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from trtprof.model import Notice, Unknown
from trtprof.parsers.nsys_database import NsysDatabase, in_order, interned
from trtprof.parsers.nsys_schema import DOMAIN_CREATE, LENGTH, NO_STRING, NVTX, RangeColumns
from trtprof.parsers.onnx_metadata import onnx_nodes

if TYPE_CHECKING:
    from trtprof.parsers.nsys_schema import Ints

PROCESS_MASK: Final = ~0xFFFFFF
"""What of a global thread id is the global process id."""

_IS_RANGE: Final = "(eventType BETWEEN 59 AND 60 OR eventType BETWEEN 70 AND 71)"
"""SQL of rows that are ranges: 59 and 70 push/pop, 60 and 71 start/end (nsys 2021 to 2026)."""

_INLINE: Final = -2
_Creations = dict[tuple[int, int], tuple[tuple[int, ...], tuple[str, ...]]]
MYELIN: Final = "myelin-exec"
"""The domain of Myelin's ranges, the only ones known to tell ONNX nodes in their payload."""

NO_NVTX: Final = Unknown(
    "the export has no NVTX_EVENTS table and does not say that NVTX was traced: "
    "profile with `nsys profile -t cuda,nvtx`"
)


def read_ranges(database: NsysDatabase) -> tuple[RangeColumns | Unknown, tuple[Notice, ...]]:
    """Return the ranges in order of start, and what was left out of them.

    Raises:
        InputError: the table is damaged.
    """
    import numpy as np

    schema = database.schema
    if not schema.has(NVTX, "start", "end", "eventType", "globalTid"):
        if not schema.nvtx_traced:
            return NO_NVTX, ()
        none = np.zeros(0, np.int64)
        return RangeColumns((), (), (), none, none, none, none, none, none), ()
    created = _creations(database)
    creators = {name for _, names in created.values() for name in names}
    columns = database.columns(
        NVTX,
        {
            "start": "start",
            "length": _enclosing_length(database),
            "thread": schema.column(NVTX, "globalTid"),
            "domain": schema.column(NVTX, "domainId", absent=0),
            "name": _text_id(database, "text", "textId"),
            "payload": _text_id(database, "jsonText", "jsonTextId") if MYELIN in creators else "-1",
        },
        _IS_RANGE,
        steady=("thread", "domain", "payload"),
    )
    names = _texts(database, columns, "name", "text")
    payloads = _texts(database, columns, "payload", "jsonText")
    encloses = (columns["length"] > 0) & (columns["thread"] >= 0)
    notices = _left_out(len(encloses), int(encloses.sum()))
    if notices:
        columns = {name: column[encloses] for name, column in columns.items()}
    columns = in_order(columns, "start")
    domains = _domains(created, columns)
    onnx, nodes = _payload_nodes(payloads, columns["payload"])
    ranges = RangeColumns(
        names, domains, onnx, columns["start"], columns["start"] + columns["length"], columns["thread"],
        columns["name"], columns["domain"], nodes,
    )  # fmt: skip
    return ranges, notices


def _enclosing_length(database: NsysDatabase) -> str:
    """Return SQL for the length of a range, -1 where it encloses no calls of its thread: open, or closed by another."""
    if not database.schema.has(NVTX, "endGlobalTid"):
        return LENGTH
    return f"CASE WHEN endGlobalTid IS NULL OR endGlobalTid = globalTid THEN {LENGTH} ELSE -1 END"


def _text_id(database: NsysDatabase, text: str, number: str) -> str:
    """Return SQL for the string id of a text, -2 where the row itself holds the text, -1 where there is none."""
    by_id = database.schema.column(NVTX, number)
    if not database.schema.has(NVTX, text):
        return by_id
    return f'CASE WHEN "{text}" IS NULL THEN {by_id} ELSE {_INLINE} END'


def _texts(database: NsysDatabase, columns: dict[str, Ints], name: str, inline: str) -> tuple[str, ...]:
    """Turn a column of string ids into one of indices into the texts returned; -1 stays where there is none.

    Must be called while the column is whole and in the order of the file.
    """
    import numpy as np

    index, ids = interned(columns[name])
    known = database.strings(int(number) for number in ids if number >= 0)
    texts: dict[str, int] = {}
    places = np.full(max(len(ids), 1), -1, np.int32)
    for position, number in enumerate(ids):
        if number >= 0:
            text = known.get(int(number), f"{NO_STRING}{number})")
            places[position] = texts.setdefault(text, len(texts))
    if len(ids) and ids[0] == _INLINE:
        resolved = places[index]
        sql = f'SELECT "{inline}" FROM {NVTX} NOT INDEXED WHERE {_IS_RANGE} AND "{inline}" IS NOT NULL ORDER BY rowid'
        own = (texts.setdefault(str(row[0]), len(texts)) for row in database.stream(NVTX, sql))
        resolved[columns[name] == _INLINE] = np.fromiter(own, np.int32)
    elif len(ids) == 1:
        resolved = np.broadcast_to(places[0], len(index))
    else:
        resolved = places[index]
    columns[name] = resolved
    return tuple(texts)


def _domains(created: _Creations, columns: dict[str, Ints]) -> tuple[str, ...]:
    """Turn the domain numbers into indices of the names returned. The default domain, 0, is the empty string."""
    import numpy as np

    names: dict[str, int] = {"": 0}
    resolved = np.zeros(len(columns["start"]), np.int32)
    index, numbers = interned(columns["domain"])
    processes, pids = interned(columns["thread"] & PROCESS_MASK)
    for place, which in np.ndindex(len(numbers), len(pids)):
        if numbers[place] == 0:
            continue
        rows: Ints | slice = slice(None)
        if len(numbers) > 1 or len(pids) > 1:
            rows = np.flatnonzero((index == place) & (processes == which))
        times, labels = created.get((int(pids[which]), int(numbers[place])), ((), ()))
        latest = np.searchsorted(np.array(times, np.int64), columns["start"][rows], "right")
        used = np.flatnonzero(np.bincount(latest, minlength=len(times) + 1))
        texts = (f"(domain {numbers[place]})", *labels)
        lookup = np.zeros(len(texts), np.int32)
        lookup[used] = [names.setdefault(texts[number], len(names)) for number in used]
        resolved[rows] = lookup[latest]
    columns["domain"] = resolved
    return tuple(names)


def _creations(database: NsysDatabase) -> _Creations:
    """Return the times and names of domain creations by process and number, in order of time."""
    schema = database.schema
    if not schema.has(NVTX, "domainId"):
        return {}
    text = schema.column(NVTX, "text", absent=0) if schema.has(NVTX, "text") else "0"
    sql = (
        f"SELECT start, globalTid, domainId, {text}, {schema.column(NVTX, 'textId')} FROM {NVTX} "
        f"WHERE eventType = {DOMAIN_CREATE} AND globalTid IS NOT NULL AND domainId IS NOT NULL ORDER BY start, rowid"
    )
    rows = database.rows(NVTX, sql)
    if not all(
        type(value) is int for start, thread, number, _, by_id in rows for value in (start, thread, number, by_id)
    ):
        raise database.no_integer(NVTX)
    known = database.strings(sorted({row[4] for row in rows if row[4] >= 0}))
    found: dict[tuple[int, int], tuple[list[int], list[str]]] = {}
    for start, thread, number, inline, by_id in rows:
        name = inline if isinstance(inline, str) else known.get(by_id, f"(domain {number})")
        times, names = found.setdefault((thread & PROCESS_MASK, number), ([], []))
        times.append(start)
        names.append(name)
    return {key: (tuple(times), tuple(names)) for key, (times, names) in found.items()}


def _payload_nodes(payloads: tuple[str, ...], index: Ints) -> tuple[tuple[tuple[str, ...], ...], Ints]:
    """Return the ONNX nodes that the payloads name and each range's place among them, -1 for none."""
    import numpy as np

    if not payloads:
        return (), index
    places: dict[tuple[str, ...], int] = {}
    lookup = np.array([_place(places, _nodes_of(payload)) for payload in payloads] + [-1], np.int32)
    return tuple(places), lookup[index]


def _place(places: dict[tuple[str, ...], int], nodes: tuple[str, ...]) -> int:
    return places.setdefault(nodes, len(places)) if nodes else -1


def _nodes_of(payload: str) -> tuple[str, ...]:
    r"""Return the nodes of ``{"Name": …, "Layers": "[ONNX Layer: a]\u001f[ONNX Layer: b]"}`` (Myelin, TensorRT 10)."""
    try:
        content = json.loads(payload, strict=False)
    except (ValueError, RecursionError):
        return ()
    layers = content.get("Layers") if isinstance(content, dict) else None
    return onnx_nodes(layers) if isinstance(layers, str) and layers else ()


def _left_out(count: int, kept: int) -> tuple[Notice, ...]:
    """Return a notice on ranges that enclose nothing."""
    if count == kept:
        return ()
    message = f"{count - kept} of {count} NVTX ranges enclose nothing: left open, closed by another thread, or empty"
    return (Notice("nvtx-ranges-left-out", message, NVTX),)
