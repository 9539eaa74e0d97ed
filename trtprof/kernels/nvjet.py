"""nvjet: the matrix products of cuBLAS 12.x and 13, Hopper and newer, always on Tensor Cores.

``nvjet_[sm<cc>_]<letters>_[mma_]<tile>_<K>x<stages>_<cluster>_[2cta_]{h|v}_..._bz_..._{TNT..}``. Three letters are A
(and B), the compute type and D; five are A, B, C, the compute type and D. h FP16, t BF16, s FP32, q E4M3, o E2M1, b
INT8, i INT32: hsh, tst and qqtst were measured, the others read from what the calling programs multiplied. ``splitK``
is still the main kernel. ``Avec16UE4M3`` is the type of NVFP4's scale factors, not of the data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from trtprof.kernels.family import Family, Token
from trtprof.kernels.lexicon import spell_words
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import CERTAIN, FAIR, STRONG, Verdict, helps, tensor
from trtprof.model import DType

_HEAD: Final = re.compile(r"nvjet_(?:sm(\d+)[af]?_)?(?:([a-z]{5}|[a-z]{3})(?=_|$))?")
_LETTERS: Final = {
    "h": DType.FP16, "t": DType.BF16, "s": DType.FP32, "q": DType.FP8, "r": DType.FP8, "o": DType.FP4,
    "b": DType.INT8, "i": DType.INT32, "u": DType.UINT8, "d": DType.FP64,
}  # fmt: skip
_GUESSED: Final = frozenset("rud")  # letters that no public run has tied to a type


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on an nvjet name, None when it is not one."""
    head = _HEAD.match(symbol.ident)
    if head is None:
        return None
    if "_ker" in symbol.ident and "set_device" in symbol.ident:
        return helps("gemm", "set_device_ptrs: hands pointers to the kernel that multiplies")
    return _verdict(head[1], head[2])


@lru_cache(maxsize=1024)
def _verdict(cc: str | None, letters: str | None) -> Verdict:
    """Return the verdict on the capability and the type letters of a name."""
    floor = int(cc) if cc else 90
    if letters is None or any(letter not in _LETTERS for letter in letters):
        return tensor("gemm", "nvjet is cuBLAS's Tensor Core GEMM; its type letters are not known", isa=floor)
    operand = _LETTERS[letters[0]]
    compute = _LETTERS[letters[-2]]
    mma = DType.TF32 if operand is DType.FP32 else operand
    sure = CERTAIN
    why = f"nvjet is cuBLAS's Tensor Core GEMM; {letters} reads {operand.value} and sums in {compute.value}"
    if operand is DType.FP32 or letters[0] in _GUESSED:
        sure, why = FAIR, why + "; that letter is a guess"
    elif len(letters) == 5 and letters[1] != letters[0]:
        sure = STRONG
    return tensor("gemm", why, mma=mma, operand=operand, accumulate=compute, isa=floor, confidence=sure)


def spell(ident: str) -> Iterator[Token]:
    """Yield the tokens of an nvjet name."""
    head = _HEAD.match(ident)
    start = 0
    if head is not None and head[2]:
        yield from _opening(ident[: head.start(2)])
        parts = ("A and B", "compute", "D") if len(head[2]) == 3 else ("A", "B", "C", "compute", "D")
        for letter, part in zip(head[2], parts, strict=True):
            kind = _LETTERS.get(letter)
            yield Token(letter, f"{part}: {kind.value if kind is not None else 'a type nobody documents'}")
        start = head.end(2)
    yield from _opening(ident[start:], ("tile of the output, M x N", "K a step x stages", "cluster"))


_SPECIAL: Final = {
    "nvjet": "matrix product of cuBLAS 12 and 13, on Tensor Cores", "h": "cluster multicast along N",
    "v": "cluster multicast along M", "splitK": "K split over blocks; still the main kernel",
    "Avec16UE4M3": "scale factors of A: one E4M3 for 16 elements (NVFP4)",
    "Bvec16UE4M3": "scale factors of B: one E4M3 for 16 elements (NVFP4)",
    "Avec32UE8M0": "scale factors of A: one power of two for 32 elements (MX)",
    "Bvec32UE8M0": "scale factors of B: one power of two for 32 elements (MX)",
}  # fmt: skip


def _opening(text: str, sizes: Iterable[str] = ()) -> Iterator[Token]:
    """Yield words with the meanings that only nvjet gives them."""
    for token in spell_words(text, sizes):
        yield Token(token.text, _SPECIAL.get(token.text, token.meaning))


FAMILY: Final = Family(
    name="nvjet",
    title="cuBLAS nvjet (Hopper and newer)",
    ident=r"nvjet_",
    read=read,
    spell=spell,
)
