"""Copies, memsets and communication: rows of a trace that are no arithmetic at all.

Profilers put copies and memsets beside kernels (``[CUDA memcpy HtoD]``, ``Memcpy DtoH (Device -> Pinned)``,
``[CUDA memset]``), and NCCL's collectives are kernels that move, and sum on the way.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from trtprof.kernels.family import Family
from trtprof.kernels.spelling import CODES
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import CERTAIN, STRONG, Verdict, moves

_NCCL: Final = re.compile(
    r"(?i)nccl\w*?(AllReduce|AllGather|ReduceScatter|Broadcast|SendRecv|Reduce|AllToAll|Gather|Scatter)"
)
_TYPE: Final = re.compile(r"_(bf16|f16|f32|f64|half|float|double|[iu](?:8|32|64))(?=_|$)")


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a copy, a memset or a collective, None for anything else."""
    return _verdict(symbol.ident or symbol.name[:64], symbol.name[:64])


@lru_cache(maxsize=1024)
def _verdict(ident: str, name: str) -> Verdict | None:
    """Return the verdict on the beginning of a name."""
    lowered = name.lower()
    if "memset" in lowered:
        return moves("fill", "memset: writes one value", confidence=CERTAIN)
    if "memcpy" in lowered:
        return moves("copy", "memcpy: moves bytes", confidence=CERTAIN)
    collective = _NCCL.match(ident)
    if collective is not None or lowered.startswith("nccl"):
        kind = _TYPE.search(ident)
        what = collective[1] if collective is not None else "NCCL"
        return moves("communication", f"{what}: NCCL moves data between GPUs, summing on the way",
                     operand=CODES.get(kind[1]) if kind is not None else None)  # fmt: skip
    if ident.startswith(("nvshmem", "cross_device_reduce")):
        return moves("communication", f"{ident}: moves data between GPUs", confidence=STRONG)
    return None


FAMILY: Final = Family(
    name="memory",
    title="copies, memsets and communication",
    ident=r"(?i:memcpy|memset|nccl)|nvshmem|cross_device_reduce|$",
    read=read,
)
