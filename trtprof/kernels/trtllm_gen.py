"""trtllm-gen: the batched GEMMs and attention kernels that TensorRT-LLM and FlashInfer ship for Blackwell.

``{Bmm|Gemm}_<out>_<A><B>_<acc>_t<tile>_..._m<MxNxK>_..._sm<cc>`` and ``fmhaSm100fKernel_Q<type>Kv<type>O<type>...``;
every type is spelled out, ``Mx`` marks a shared scale factor. All of them multiply on Tensor Cores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from trtprof.kernels.family import Family, Token
from trtprof.kernels.lexicon import spell_words
from trtprof.kernels.spelling import CODES, instruction_shape
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import CERTAIN, Verdict, tensor
from trtprof.model import DType

_TYPE: Final = r"(?:[Mm]x)?(?:[Ee]\dm\d|[Bb]float16|[Ff]p16|[Ff]p32|[Ii]nt4|[Ii]nt8)"
_GEMM: Final = re.compile(rf"(?i:bmm|gemm(?:GatedAct)?)_{_TYPE}_({_TYPE})({_TYPE})(?:_({_TYPE}))?(?=_|$)")
_SHAPE: Final = re.compile(r"_m(\d+x\d+x\d+)(?=_|$)")
_SM: Final = re.compile(r"_sm(\d+)[af]?(?=_|$)")
_FMHA: Final = re.compile(rf"(?i:fmha)Sm(\d+)[af]?Kernel_Q(kv)?({_TYPE})(?:Kv({_TYPE}))?")


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a trtllm-gen name, None when it is not one."""
    ident = symbol.ident
    gemm = _GEMM.match(ident)
    if gemm is not None:
        shape, floor = _SHAPE.search(ident), _SM.search(ident)
        return _product(gemm[1], gemm[2], gemm[3], shape[1] if shape else None, floor[1] if floor else None)
    attention = _FMHA.match(ident)
    if attention is None:
        return None
    query, values = _code(attention[3]), _code(attention[4] or attention[3])
    mma = _wider(query, values)
    return tensor("attention", f"trtllm-gen attention: Q in {attention[3]}, on Tensor Cores", mma=mma, operand=query,
                  accumulate=DType.FP32, isa=int(attention[1]), confidence=CERTAIN)  # fmt: skip


@lru_cache(maxsize=4096)
def _product(a: str, b: str, acc: str | None, shape: str | None, floor: str | None) -> Verdict:
    """Return the verdict on the parts of a GEMM's name."""
    first, second = _code(a), _code(b)
    return tensor("gemm", f"trtllm-gen GEMM: {a} by {b} on Blackwell's Tensor Cores", mma=_wider(first, second),
                  operand=first, accumulate=_code(acc) if acc else DType.FP32,
                  shape=instruction_shape(shape) if shape else None, isa=int(floor) if floor else 100,
                  confidence=CERTAIN)  # fmt: skip


def _code(text: str) -> DType | None:
    """Return the type of ``MxE4m3``."""
    return CODES[text.lower().removeprefix("mx")]


def _wider(first: DType | None, second: DType | None) -> DType | None:
    """Return the type two operands are multiplied in: the narrower one is widened."""
    if first is None or second is None:
        return first or second
    return max(first, second, key=lambda kind: kind.bits)


def spell(ident: str) -> Iterator[Token]:
    """Yield the tokens of a trtllm-gen name, the types of a GEMM by position."""
    gemm = _GEMM.match(ident)
    if gemm is None:
        yield Token(ident, "trtllm-gen attention: types of Q, K, V and the output, head size, cache and schedule")
        return
    yield from spell_words(ident[: gemm.start(1)], types=("output",))
    yield Token(gemm[1], "operand A")
    yield Token(gemm[2], "operand B")
    yield from spell_words(ident[gemm.end(2) :], types=("accumulator",))


FAMILY: Final = Family(
    name="trtllm-gen",
    title="trtllm-gen GEMMs and attention (TensorRT-LLM, FlashInfer)",
    ident=r"(?i:bmm|gemm(?:gatedact)?)_(?:[Mm]x)?(?:[Ee]\dm\d|[BbFfIi]\w+?\d)_|(?i:fmhasm)\d+",
    read=read,
    spell=spell,
)
