"""Kernels that Triton, Inductor, NNC and nvFuser generate.

Inductor says how a kernel was scheduled: ``triton_poi`` pointwise, ``triton_red`` and ``triton_per`` reductions, none
with a matrix instruction; ``triton_tem`` comes from a template that holds a product, whose engine depends on types and
flags that the name does not carry. nvFuser names its heuristic; ``nvfuser_none`` was written by hand.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from trtprof.kernels.family import Family
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import FAIR, LEANING, STRONG, Verdict, cuda, moves, tensor, unknown

_INDUCTOR: Final = re.compile(r"triton_(poi|red|per|for|spl|tem|mm|unk|split|mix)_?(?:fused_?)?(\w*)")
_SCHEDULES: Final = {
    "poi": "pointwise", "red": "a reduction", "per": "a persistent reduction", "for": "a foreach", "spl": "a scan",
}  # fmt: skip
_MOVING: Final = re.compile(
    r"(?:(?:_to_copy|clone|copy|cat|stack|view|permute|transpose|slice|expand|fill|zeros|ones|full|unsqueeze|squeeze"
    r"|select|index|embedding|t|\d+)(?:_|$))+$"
)
# A product that Inductor wrote as a multiplication and a sum; newer versions can write it as a dot instead.
_DECOMPOSED: Final = re.compile(r"(?:^|_)(?:mm|bmm|addmm|baddbmm|dot|matmul|conv\w*)(?:_|$)")


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a generated kernel, None when the identifier is not a generator's."""
    return _verdict(symbol.ident.rstrip("0123456789"))


@lru_cache(maxsize=8192)
def _verdict(ident: str) -> Verdict | None:
    """Return the verdict on an identifier."""
    if ident.startswith("nvfuser_"):
        return _nvfuser(ident)
    found = _INDUCTOR.match(ident)
    if found is None:
        return None
    schedule, operations = found[1], found[2]
    if schedule not in _SCHEDULES:
        return unknown(f"triton_{schedule}: a template with a matrix product, on Tensor Cores or not by types and "
                       "flags that the name does not carry", operation=_product(operations))  # fmt: skip
    if _MOVING.match(operations):
        return moves("copy", f"triton_{schedule} over {operations}: only moves or converts", confidence=FAIR)
    sure = STRONG if schedule == "poi" or not _DECOMPOSED.search(operations) else LEANING
    return cuda(_operation(schedule, operations), f"triton_{schedule}: {_SCHEDULES[schedule]}, no matrix instruction",
                confidence=sure)  # fmt: skip


def _product(operations: str) -> str:
    """Return the word for a template."""
    return "attention" if "attention" in operations else "convolution" if "conv" in operations else "gemm"


def _operation(schedule: str, operations: str) -> str:
    """Return the word for a fused list of ATen operations."""
    for part, operation in (("softmax", "softmax"), ("norm", "normalization"), ("rsqrt", "normalization"),
                            ("pool", "pooling"), ("upsample", "resize"), ("embedding", "embedding"),
                            ("sort", "sort"), ("cumsum", "scan"), ("adam", "optimizer")):  # fmt: skip
        if part in operations:
            return operation
    return "elementwise" if schedule in {"poi", "for"} else "scan" if schedule == "spl" else "reduction"


def _nvfuser(ident: str) -> Verdict:
    """Return the verdict on an nvFuser kernel by its heuristic."""
    heuristic = ident.removeprefix("nvfuser_")
    if heuristic.startswith("matmul"):
        return tensor("gemm", "nvfuser_matmul: nvFuser's matrix products are built on MMA", confidence=FAIR)
    if heuristic.startswith(("none", "expr_eval", "communication")):
        return unknown("nvfuser without a heuristic: scheduled by hand, a product or not")
    if heuristic.startswith(("transpose", "resize", "no_op")):
        return moves("transpose", f"nvFuser's {heuristic.partition('_f')[0]} heuristic", confidence=FAIR)
    word = "elementwise" if heuristic.startswith("pointwise") else "reduction"
    return cuda(word, f"nvFuser's {heuristic.partition('_f')[0]} heuristic: no matrix instruction", confidence=STRONG)


FAMILY: Final = Family(
    name="triton",
    title="Triton, Inductor and nvFuser",
    ident=r"triton_(?!gemm|softmax|dot)|nvfuser_",
    read=read,
)
