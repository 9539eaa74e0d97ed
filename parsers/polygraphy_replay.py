"""Polygraphy's tactic replay files: which tactic TensorRT's algorithm selector reported for each layer.

Written by ``polygraphy run --trt --save-tactics`` (``TacticReplayData`` in NVIDIA/TensorRT's
``polygraphy/backend/trt/algorithm_selector.py``); algorithm selectors are gone in TensorRT 11. Since Polygraphy 0.46 a
tensor has its type and strides, before it was ``["TensorFormat.LINEAR", "DataType.FLOAT"]``. Bytes in, records out;
imports the model and the readers of words.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trtprof.errors import InputError
from trtprof.model import Layout, Notice, Tensor, TensorFormat
from trtprof.parsers.document import integer, integers, load_json, read_bytes, type_name
from trtprof.parsers.formats import read_dtype

_WHAT: Final = "a tactic replay (an object with 'replay')"
_HINT: Final = "write it with polygraphy run MODEL --trt --save-tactics replay.json (TensorRT up to 10)"
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class ReplayedTactic:
    """The tactic of one layer of the network. ``tactic`` is written as in layer information; tensors have no names."""

    layer: str
    implementation: int
    tactic: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class TacticReplay:
    """A tactic replay, in the order written."""

    tactics: tuple[ReplayedTactic, ...]
    notices: tuple[Notice, ...]


def read_tactic_replay(path: Path) -> TacticReplay:
    """Return the tactics of a replay file.

    Raises:
        InputError: the file cannot be read, or :func:`parse_tactic_replay` refuses it.
    """
    return parse_tactic_replay(read_bytes(path), path=str(path))


def parse_tactic_replay(data: bytes | str, *, path: str = "tactic replay") -> TacticReplay:
    """Return the tactics of a replay document.

    Raises:
        InputError: it is not JSON, or holds no layer with an implementation and a tactic.
    """
    document = load_json(data, path=path, what=_WHAT, hint=_HINT)
    replay = document.get("replay") if isinstance(document, dict) else None
    if not isinstance(replay, dict):
        keys = ", ".join(map(repr, list(document)[:_SHOWN])) if isinstance(document, dict) else ""
        found = f"an object with {keys or 'no key'}" if isinstance(document, dict) else type_name(document)
        raise InputError(f"expected {_WHAT}, found {found}", path=path, hint=_HINT)
    tactics: list[ReplayedTactic] = []
    unread: list[str] = []
    for layer, value in replay.items():
        tactic = _tactic(layer, value)
        if tactic is None:
            unread.append(f"{layer!r} is {type_name(value)} without implementation and tactic")
        else:
            tactics.append(tactic)
    if not tactics:
        found = unread[0] if unread else "an empty replay"
        raise InputError(
            f"expected layers with 'implementation' and 'tactic', found {found}", path=path, where="replay", hint=_HINT
        )
    message = f"{len(unread)} layers could not be read: {'; '.join(unread[:_SHOWN])}"
    return TacticReplay(tuple(tactics), (Notice("row-unread", message, path),) if unread else ())


def _tactic(layer: str, value: Any) -> ReplayedTactic | None:
    if not isinstance(value, dict):
        return None
    implementation, tactic = integer(value.get("implementation")), integer(value.get("tactic"))
    if implementation is None or tactic is None:
        return None
    inputs, outputs = (
        tuple(_tensor(item) for item in items) if isinstance(items := value.get(key), list) else ()
        for key in ("inputs", "outputs")
    )
    return ReplayedTactic(layer, implementation, f"0x{tactic & 0xFFFF_FFFF_FFFF_FFFF:016x}", inputs, outputs)


def _tensor(item: Any) -> Tensor:
    if isinstance(item, dict):
        dtype, width = item.get("dtype"), integer(item.get("components_per_element"))
        layout = TensorFormat(Layout.CHANNEL_VECTOR, width) if width is not None and width > 1 else None
        return Tensor(
            "", None, read_dtype(dtype) if isinstance(dtype, str) else None, layout, integers(item.get("strides"))
        )
    words = [word for word in item if isinstance(word, str)] if isinstance(item, list) else []
    dtype = next((word for word in words if word.startswith("DataType.")), None)
    phrase = next((word for word in words if word.startswith("TensorFormat.")), None)
    linear = TensorFormat(Layout.LINEAR, 1, phrase) if phrase == "TensorFormat.LINEAR" else None
    other = TensorFormat(Layout.UNKNOWN, 1, phrase) if phrase else None
    return Tensor("", None, read_dtype(dtype) if dtype else None, linear or other)
