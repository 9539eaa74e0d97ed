"""Myelin's generated kernels (``kgen``): the operations their name lists, and what those amount to.

A name such as ``__myl_MulMinMaxRounCastConc_myl0_0`` strings together operation codes of three or four letters in the
order the kernel applies them. What quantise and dequantise spell was read off TensorRT-RTX 1.7 verbose logs, where the
Metadata of the same row names the QuantizeLinear and DequantizeLinear nodes. Imports the model only.
"""

from __future__ import annotations

import re

from trtprof.model import LayerKind

_NAME = re.compile(r"^__myl_(?P<ops>[A-Za-z0-9]+?)(?:_myl\d+_\d+|_0x[0-9a-f]+)?$")
_CODE = re.compile(r"[A-Z][a-z0-9]*")

# Order matters: the longer spelling of an action must be tried before a shorter one that it contains.
_QUANTIZE = ("MulMinMaxRounCast", "MulMaxMinRounCast", "DivMinMaxRounCast", "MulRounMinMaxCast", "MinMaxRounCast")
_DEQUANTIZE = ("CastMulCast", "CastMul")
_MOVES = {"Tran": "transpose", "Move": "move", "Conc": "pad", "Resh": "reshape", "Repl": "replicate", "Slic": "slice"}
_CASTS = {"Cast": "cast"}


def operation_codes(name: str) -> tuple[str, ...] | None:
    """Return the operation codes of a generated kernel's name or tactic, or ``None`` when it is not such a name."""
    found = _NAME.match(name)
    return tuple(_CODE.findall(found["ops"])) if found else None


def conversions(codes: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the conversions a kernel consists of (``quantize``, ``transpose``, …) or ``None`` if it computes too."""
    text = "".join(codes)
    actions: list[str] = []
    while text:
        action, length = _next_conversion(text)
        if action is None:
            return None
        actions.append(action)
        text = text[length:]
    return tuple(dict.fromkeys(actions)) or None


def kind_of_codes(codes: tuple[str, ...]) -> LayerKind:
    """Return what a generated kernel does as a whole: one of the conversions, copy, or compute."""
    actions = conversions(codes)
    if actions is None:
        return LayerKind.COMPUTE
    for action, kind in (
        ("quantize", LayerKind.QUANTIZE),
        ("dequantize", LayerKind.DEQUANTIZE),
        ("cast", LayerKind.CAST),
        ("transpose", LayerKind.REFORMAT),
        ("pad", LayerKind.REFORMAT),
        ("move", LayerKind.REFORMAT),
    ):
        if action in actions:
            return kind
    return LayerKind.COPY


def _next_conversion(text: str) -> tuple[str | None, int]:
    for action, spellings in (("quantize", _QUANTIZE), ("dequantize", _DEQUANTIZE)):
        for spelling in spellings:
            if text.startswith(spelling):
                return action, len(spelling)
    for code, action in (_MOVES | _CASTS).items():
        if text.startswith(code):
            return action, len(code)
    return None, 0
