"""The ``Metadata`` of a layer: which ONNX nodes TensorRT says it came from. Imports the model only."""

from __future__ import annotations

import re

# TensorRT's core writes 0x1E between entries, Myelin 0x1F; text logs lose both. Names may hold brackets, so an entry
# ends at its last one. Myelin marks a node it rewrote behind it: `[ONNX Layer: conv]__gemm_from_conv1x1`
# (TensorRT-RTX 1.7.1).
_MARK = re.compile(r"(?:__\w+)?\s*$")
_HEAD, _TAIL, _BETWEEN = "[ONNX Layer: ", "]", "]\x1f[ONNX Layer: "


def onnx_nodes(metadata: str) -> tuple[str, ...]:
    """Return the node names in the order TensorRT lists them, each once."""
    # One row may hold both separators: Myelin fuses what the core has fused before.
    text = metadata.replace("\x1e", "\x1f")
    names: list[str] = text.split(_BETWEEN)
    if text.startswith(_HEAD) and text.endswith(_TAIL) and text.count(_HEAD) == len(names):
        names[0] = names[0][len(_HEAD) :]
        names[-1] = names[-1][: -len(_TAIL)]
    else:  # without its separators the text no longer splits: entries are told apart by their heads
        entries = (part.partition("\x1f")[0].rpartition(_TAIL) for part in text.split(_HEAD)[1:])
        names = [name for name, bracket, mark in entries if bracket and _MARK.match(mark)]
    return tuple(names) if len(set(names)) == len(names) else tuple(dict.fromkeys(names))
