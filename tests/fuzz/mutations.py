"""Changes to a file that keep enough of its form to get past the guess at what it is. All randomness is handed in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any, Final

Mutation = Callable[[bytes, Random], bytes]

MOST_BYTES: Final = 1 << 18
"""Larger inputs are made by the tests of growth, one at a time; here they would only slow the search."""

ODD_TEXTS: Final = (
    "", " ", "\0", "\x1b[31m", "\u202e", "\ud800", "../../etc/passwd", "/etc/passwd", "a" * 300, "=cmd()",
    "'); DROP TABLE run; --", '"', "</script>", "nan", "-inf", "1e999", "0x", "9" * 40, "[profile 1]", "|", "\r",
)  # fmt: skip
ODD_NUMBERS: Final = (
    0, -1, 1, 2**31, 2**31 - 1, 2**63, 2**63 - 1, -(2**63), 2**64, 10**400, -0.0, 5e-324, 1.7976931348623157e308,
    float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
_TOKENS: Final = (
    b"\0", b"\r\n", b"\n", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\xaf", b"{", b"[", b'"', b"\\u0000",
    b"NaN", b"Infinity", b"-", b"1e999", b"9" * 5000, b"\x1b[2J", b",", b":", b"(", b")", b" -> ", b"null", b"\t",
    b"[" * 3000, b'{"a":' * 1200, b" " * 4000, b"a" * 70000,
)  # fmt: skip
_NUMBER: Final = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def any_bytes(data: bytes, random: Random) -> bytes:
    """Flip, cut, repeat, insert and re-encode, a few times over."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        _BYTES[random.randrange(len(_BYTES))](changed, random)
    return bytes(changed[:MOST_BYTES])


def _place(data: bytearray, random: Random) -> int:
    return random.randint(0, len(data))


def _flip(data: bytearray, random: Random) -> None:
    if data:
        data[random.randrange(len(data))] ^= random.randint(1, 255)


def _cut(data: bytearray, random: Random) -> None:
    start = _place(data, random)
    del data[start : start + random.choice((1, 2, 8, 64, 1024, len(data)))]


def _repeat(data: bytearray, random: Random) -> None:
    start = _place(data, random)
    part = bytes(data[start : start + random.choice((1, 16, 200))])
    data[start:start] = part * min(random.choice((1, 3, 50)), MOST_BYTES // max(len(part), 1))


def _insert(data: bytearray, random: Random) -> None:
    start = _place(data, random)
    data[start:start] = random.choice(_TOKENS)


def _number(data: bytearray, random: Random) -> None:
    found = [match.span() for match in _NUMBER.finditer(data)]
    if found:
        start, end = random.choice(found)
        data[start:end] = str(random.choice(ODD_NUMBERS)).encode()


def _other_encoding(data: bytearray, random: Random) -> None:
    if random.random() < 0.2:
        text = data.decode("utf-8", errors="replace")
        data[:] = text.encode(random.choice(("utf-16", "utf-8-sig", "utf-16-be", "utf-32")), errors="replace")


_BYTES: Final = (_flip, _flip, _cut, _repeat, _insert, _number, _other_encoding)


def lines(data: bytes, random: Random) -> bytes:
    """Drop, double, move and join lines, and put one line's words into another."""
    rows = data.split(b"\n")
    for _ in range(random.randint(1, 4)):
        here, there = random.randrange(len(rows)), random.randrange(len(rows))
        what = random.randrange(7)
        if what == 0 and len(rows) > 1:
            del rows[here]
        elif what == 1:
            rows.insert(there, rows[here])
        elif what == 2:
            rows[here], rows[there] = rows[there], rows[here]
        elif what == 3:
            rows[here] = rows[here] + b" " + rows[there]
        elif what == 4:
            rows[here] = _other_word(rows[here], rows[there], random)
        elif what == 5:
            rows[here] = any_bytes(rows[here], random)
        else:
            rows = [row + b"\r" for row in rows]
    return b"\n".join(rows)[:MOST_BYTES]


def _other_word(row: bytes, other: bytes, random: Random) -> bytes:
    words, others = re.split(rb"(\W+)", row), re.split(rb"(\W+)", other)
    odd = random.choice(ODD_TEXTS).encode("utf-8", errors="surrogatepass")
    words[random.randrange(len(words))] = random.choice((*others, odd))
    return b"".join(words)


def json_values(data: bytes, random: Random) -> bytes:
    """Change values, keys, types and nesting of a JSON document; whatever is none is changed as bytes."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return any_bytes(data, random)
    for _ in range(random.randint(1, 4)):
        document = _change(document, random)
    try:
        text = json.dumps(document, ensure_ascii=random.random() < 0.5)
    except (ValueError, RecursionError):
        return data
    if random.random() < 0.1:  # a key twice
        text = re.sub(
            r'("\w+":)', lambda found: f"{found[1]} {random.choice(('null', '1', '[]'))}, {found[1]}", text, count=3
        )
    return text.encode("utf-8", errors="surrogatepass")[:MOST_BYTES]


def odd_value(random: Random) -> Any:
    """Return a JSON value that is seldom what a reader expects."""
    what = random.randrange(7)
    if what == 0:
        return random.choice(ODD_TEXTS)
    if what == 1:
        return random.choice(ODD_NUMBERS)
    if what == 2:
        deep: Any = []
        for _ in range(random.choice((3, 200, 700))):
            deep = [deep]
        return deep
    return random.choice((None, True, False, [], {}, [[]], [None], {"": None}, {"Name": {}}, random.randint(-3, 3)))


def _change(document: Any, random: Random) -> Any:
    places = _places(document)
    if not places or random.random() < 0.02:
        return odd_value(random)
    container, key = random.choice(places)
    what = random.randrange(6)
    if what <= 1:
        container[key] = odd_value(random)
    elif what == 2:
        other, other_key = random.choice(places)
        container[key] = json.loads(json.dumps(other[other_key]))
    elif what == 3:
        del container[key]
    elif isinstance(container, list):
        container.insert(key, container[key])
    else:
        container[random.choice((*ODD_TEXTS, f"{key}s", str(key).lower()))] = container.pop(key)
    return document


def _places(document: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        value = waiting.pop()
        keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        found += [(value, key) for key in keys]
        waiting += [value[key] for key in keys]
    return found
