"""Kernels of cuDNN, cuBLAS and TensorRT up to the Ampere generation, named by hand.

``[trt_|cudnn_infer_|..]<generation>_[<out>_]<L><MMA>{gemm|cudnn}[_<in>]_...``: L is the accumulator (h FP16, s FP32,
i INT32, d FP64, c and z complex). A number behind it is a Tensor Core instruction: 884 on Volta, 1688 on Turing, 16816
on Ampere, 8816, 16832 and 16864 for INT8. No number is no Tensor Core: hcudnn is FP16 on CUDA cores, icudnn is dp4a,
scudnn is FP32, whatever types stand around it (``ampere_fp16_sgemm_fp16`` stores FP16 and multiplies in FP32).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from trtprof.kernels.family import Family, Token
from trtprof.kernels.lexicon import spell_words
from trtprof.kernels.spelling import ACCUMULATORS, CODES, instruction_shape
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import CERTAIN, FAIR, LEANING, STRONG, Verdict, cuda, helps, tensor, unknown
from trtprof.model import DType

_FLOORS: Final = {"maxwell": 50, "pascal": 60, "volta": 70, "turing": 75, "ampere": 80}
_BUILT_FOR: Final = r"_*(?:(?:trt|cudnn|infer|train|cublas|5x)_)*"
_GENERATION: Final = rf"{_BUILT_FOR}({'|'.join(_FLOORS)})_"
_TYPE: Final = r"fp64|fp32|fp16x2|fp16|bf16|tf32|int8x32|int8x4|uint8x4|uint8|int8|int4|int32|cf32|cf64"
_HEAD: Final = re.compile(
    rf"{_GENERATION}(?:({_TYPE})_)?(?:(g?[hsidcz]|cf)(\d{{3,6}})?(tf32|bf16|f16)?)(gemm|cudnn)(3m)?"
    rf"(?:_sp)?(?:_winograd)?(?:_({_TYPE})(?![a-z0-9]))?"
)
_FIRST_LAYER: Final = re.compile(rf"{_GENERATION}(?:\w*?_)?([hi]mma)_")


class _Parts(NamedTuple):
    """The parts of a name up to its tile."""

    generation: str
    out: str | None
    letter: str
    digits: str | None
    math: str | None
    kind: str
    three: str | None
    given: str | None


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a name of the generation's library, None when it is not one."""
    head = _HEAD.match(symbol.ident)
    if head is None:
        return _read_other(symbol.ident)
    if "_splitK_reduce" in symbol.ident or "_helper_" in symbol.ident:
        return helps("split_k_reduction", "a helper of the kernel it is named after", isa=_FLOORS[head[1]])
    return _verdict(_Parts(*head.groups()), "_winograd" in head[0])


@lru_cache(maxsize=4096)
def _verdict(parts: _Parts, winograd: bool) -> Verdict:
    """Return the verdict on the parts of a name."""
    floor, letter, digits = _FLOORS[parts.generation], parts.letter, parts.digits
    operation = "gemm" if parts.kind == "gemm" else "convolution"
    core = f"{letter}{digits or ''}{parts.math or ''}{parts.kind}{parts.three or ''}"
    if digits is None or floor < 70:
        return _scalar(core, parts, operation, winograd)
    operand, mma, sure = _multiplied(parts)
    # INT8 instructions came one step after FP16's: 8816 first on compute capability 7.2 (Xavier) and 7.5.
    floor = 72 if parts.generation == "volta" and letter == "i" else floor
    why = f"{core}: {digits} is a Tensor Core instruction"
    if sure < STRONG:
        why += ", its operand type is not in the name"
    return tensor(operation, why, mma=mma, operand=operand, accumulate=ACCUMULATORS[letter],
                  shape=instruction_shape(digits), isa=floor, confidence=sure)  # fmt: skip


def _multiplied(parts: _Parts) -> tuple[DType | None, DType, float]:
    """Return operand type, MMA type and confidence of a name with an instruction number."""
    letter, given = parts.letter, CODES[parts.given] if parts.given else None
    if parts.math is not None:
        return given or DType.FP32, CODES[parts.math] or DType.TF32, CERTAIN
    if letter in _BY_LETTER:
        kind = given or _BY_LETTER[letter]
        return kind, kind, CERTAIN
    if given is None and parts.out in {"fp16", "bf16"}:
        given = CODES[parts.out]  # cut off before the operand type, which is the output's as a rule
        return given, given or DType.FP16, FAIR
    if given is DType.FP32 or (given is None and parts.digits in {"1688", "1684"}):
        return DType.FP32, DType.TF32, CERTAIN if given else FAIR
    if given is not None:
        return given, given, CERTAIN
    return DType.FP32, DType.FP16, FAIR  # s884 without a type: FP32 rounded to FP16 on the way in


_BY_LETTER: Final = {"h": DType.FP16, "i": DType.INT8, "d": DType.FP64, "z": DType.FP64, "gz": DType.FP64}


def _scalar(core: str, parts: _Parts, operation: str, winograd: bool) -> Verdict:
    """Return the verdict on a name without an instruction number."""
    letter, floor = parts.letter, _FLOORS[parts.generation]
    meaning = {"h": "FP16", "s": "FP32", "i": "INT8 (dp4a)", "d": "FP64", "z": "complex FP64"}.get(letter, "complex")
    stored = CODES[parts.given or parts.out or "fp32"] if parts.given or parts.out else None
    operand = stored if stored is not None else DType.INT8 if letter == "i" else ACCUMULATORS[letter]
    floor = max(floor, 61) if letter == "i" else floor  # dp4a came with compute capability 6.1
    way = "Winograd on" if winograd else "on"
    return cuda(operation, f"{core} has no instruction number: {meaning} {way} CUDA cores", operand=operand,
                accumulate=ACCUMULATORS[letter], isa=floor, confidence=CERTAIN)  # fmt: skip


@lru_cache(maxsize=1024)
def _read_other(ident: str) -> Verdict | None:
    """Return the verdict on first-layer kernels and on what else carries a generation's name."""
    first = _FIRST_LAYER.match(ident)
    if first is not None:
        mma = DType.INT8 if first[2] == "imma" else DType.FP16
        return tensor("convolution", f"{first[2]} is a Tensor Core instruction", mma=mma, isa=_FLOORS[first[1]])
    generation = re.match(_GENERATION, ident)
    if generation is None:
        return None
    floor = _FLOORS[generation[1]]
    if floor < 70:
        return cuda(None, f"{generation[1]} has no Tensor Cores", isa=floor, confidence=0.9)
    if re.search(r"cgemm|zgemm|sgemm|dgemm|scudnn|gemv", ident):
        return cuda("gemm", "a GEMM without an instruction number", isa=floor, confidence=LEANING)
    return unknown(f"written for {generation[1]}, but without an instruction number or a known core", isa=floor)


_LETTERS: Final = {
    "h": "FP16", "s": "FP32", "i": "INT32", "d": "FP64", "c": "complex FP32", "z": "complex FP64",
    "gc": "complex FP32 (Gaussian)", "gz": "complex FP64 (Gaussian)", "cf": "complex",
}  # fmt: skip


def spell(ident: str) -> Iterator[Token]:
    """Yield the tokens of a legacy name."""
    head = _HEAD.match(ident)
    if head is None:
        yield from spell_words(ident)
        return
    yield from spell_words(ident[: head.start(3)], types=("output",))
    yield Token(head[3], f"sums in {_LETTERS[head[3]]}")
    if head[4]:
        shape = instruction_shape(head[4])
        yield Token(head[4], f"Tensor Core instruction, M x N x K = {' x '.join(map(str, shape or ()))}")
    if head[5]:
        yield Token(head[5], "multiplies in this type")
    what = "matrix product" if head[6] == "gemm" else "convolution"
    yield Token(head[6], what if head[4] else f"{what}; no instruction number before it: CUDA cores")
    sizes = ("tile of the output, M x N", "K a step x stages")
    yield from spell_words(ident[head.end(6) :], sizes, ("input",))


FAMILY: Final = Family(
    name="legacy",
    title="hand-named kernels of cuDNN, cuBLAS and TensorRT (maxwell_ to ampere_)",
    ident=_GENERATION.replace("(", "(?:").replace("(?:?:", "(?:"),
    read=read,
    spell=spell,
)
