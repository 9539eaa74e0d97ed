"""CUTLASS kernels by their procedural names, 2.x and 3.x, as CUTLASS, cuBLAS, cuDNN and TensorRT ship them.

2.x: ``cutlass_[<cc>_]<opclass>_[<D>_]<L><MNK>[<math>]<op>_[..][<A>_[<B>_]]<tile>_<K>x<stages>_<layout>_align<N>``. D
and A are left out where they are the accumulator's type; so ``s1688gemm`` alone reads FP32 and multiplies in TF32
(measured), and a type behind the instruction (``s1688bf16gemm``) is what FP32 is rounded to.

3.x: ``cutlass3x_sm<cc>_<opclass>_[<L><MxNxK>][<math>]<op>_[block_scaled_]<A>_<B>_<acc>_<C>_<D>_<tile>...`` with every
type spelled out; ``ue4m3xe2m1`` is FP4 with a scale factor a block. Grammar of CUTLASS 4.2's generator (BSD-3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from trtprof.kernels.family import Family, Token
from trtprof.kernels.lexicon import capability, spell_words, word_meaning
from trtprof.kernels.spelling import ACCUMULATORS, CODES, instruction_shape
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import CERTAIN, FAIR, STRONG, Verdict, cuda, tensor, unknown
from trtprof.model import DType

_CODE: Final = r"c?f64|c?f32|tf32|c?f16|c?bf16|e4m3|e5m2|e2m1|e3m2|e2m3|f8|f6|f4|[su](?:8|4|2|16|32|64)|b1"
_OPCLASS: Final = r"(?:wmma_|b?ssp|bs|sp)?tensorop|wmma|simt"
_OP: Final = (
    r"(?:sp)?gemm\w{0,4}?|sp_?gemm|fprop3d|dgrad3d|wgrad3d|fprop|dgrad|wgrad|deconv|conv3d|conv2d|implicit|strided"
    r"|dwconv2d|syrk|herk|syr2k|her2k|symm|hemm|trmm|few|fixed"
)
_TWO: Final = re.compile(
    rf"cutlass_(?:(?:sm)?(\d+)_)?({_OPCLASS})_(?:(?:{_CODE})_)?(?:(g?[hsidcz])(\d{{3,6}})?)?"
    rf"(tf32|bf16|f16|fastf32|fastaccum|3xtf32|xor|and)*({_OP})(?=_|$)(\w*)"
)
_WORDS: Final = r"gemm|fprop|dgrad|wgrad|deconv|grouped|strided|implicit|weight|stationary|nq|tiled|block|scaled|[23]d"
_THREE: Final = re.compile(
    rf"cutlass3x_sm(\d+)[af]?_({_OPCLASS})_(?:(g?[hsidcz])(?:(\d+x\d+x\d+)|(\d{{3,6}})))?"
    rf"_?(\d+x(?=bf16|tf32))?(tf32|bf16|f16|fastf32)?({_OP}|[hsdcz]gemm|igemm)((?:_(?:{_WORDS}))*)(?=_|$)"
)
_SCALE: Final = r"(?:\d+x\d+f32x|u?e\dm\dx)?"
_TYPES: Final = re.compile(
    rf"_{_SCALE}({_CODE}|xf4)(?:n[dhwc]+)?_{_SCALE}({_CODE}|xf4)(?:n[dhwc]+)?_({_CODE})_"
)  # fmt: skip
_ONE_TYPE: Final = re.compile(rf"_({_CODE})(?=_|$)")
_TILE: Final = re.compile(r"_\d+x\d+(?:x\d+)?_")
_OPERATIONS: Final = (
    ("dgrad", "convolution_dgrad"), ("wgrad", "convolution_wgrad"), ("dwconv", "depthwise_convolution"),
    ("deconv", "deconvolution"), ("fprop", "convolution"), ("conv", "convolution"), ("implicit", "convolution"),
    ("grouped", "grouped_gemm"),
)  # fmt: skip


class _Two(NamedTuple):
    """The parts of a 2.x name."""

    cc: str | None
    opclass: str
    letter: str | None
    digits: str | None
    math: str | None
    op: str
    tail: str


class _Three(NamedTuple):
    """The parts of a 3.x name before its types."""

    cc: str
    opclass: str
    letter: str | None
    mnk: str | None
    run: str | None
    times: str | None
    math: str | None
    op: str
    tail: str


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a procedural CUTLASS name, None when it is not one."""
    ident = symbol.ident
    tile = _TILE.search(ident)
    # Everything that tells stands before the tile size, and few distinct heads make up a hundred thousand names.
    head = ident[: tile.start() + 1] if tile is not None else ident
    return _read_head(head, tile is not None and "depthwise" in ident)


@lru_cache(maxsize=16384)
def _read_head(head: str, depthwise: bool) -> Verdict | None:
    """Return the verdict on the part of a name before its tile size."""
    if head.startswith("cutlass3x"):
        three = _THREE.match(head)
        if three is None:
            return _truncated(head)
        types = _TYPES.search(head, three.end())
        a, b, acc = types.groups() if types is not None else (None, None, None)
        return _verdict3(_Three(*three.groups()), a, b, acc)
    two = _TWO.match(head)
    return _verdict2(_Two(*two.groups()), depthwise) if two is not None else _truncated(head)


def _operation(op: str) -> str:
    """Return what the operation word computes."""
    return next((operation for word, operation in _OPERATIONS if word in op), "gemm")


def _verdict2(parts: _Two, depthwise: bool) -> Verdict:
    """Return the verdict on the parts of a 2.x name."""
    given = _ONE_TYPE.findall(parts.tail)
    operation = "depthwise_convolution" if depthwise else _operation(parts.op + parts.tail)
    accumulate = ACCUMULATORS.get(parts.letter or "")
    floor = int(parts.cc) if parts.cc else None
    core = f"{parts.letter or ''}{parts.digits or ''}{parts.math or ''}{parts.op}"
    if parts.opclass == "simt":
        stored = CODES[given[0]] if given else DType.INT8 if parts.letter == "i" else accumulate
        return cuda(operation, f"simt: {core} multiplies on CUDA cores", operand=stored, accumulate=accumulate,
                    isa=floor, confidence=CERTAIN)  # fmt: skip
    operand, mma = _types2(parts, given)
    why = f"{parts.opclass}: Tensor Cores by CUTLASS's own word; {core} gives the types"
    if parts.digits == "1688" and mma is DType.TF32 and not given and not parts.math:
        why = f"{parts.opclass} and {core} without an operand type: reads FP32, multiplies in TF32"
    return tensor(operation, why, mma=mma, operand=operand, accumulate=accumulate,
                  shape=instruction_shape(parts.digits) if parts.digits else None,
                  isa=floor if floor is not None else _floor(parts, mma),
                  confidence=CERTAIN if parts.digits else STRONG)  # fmt: skip


def _types2(parts: _Two, given: list[str]) -> tuple[DType | None, DType | None]:
    """Return operand and MMA type of a 2.x Tensor Core name."""
    letter = parts.letter or ""
    stored = CODES[given[0]] if given else None
    if letter in {"d", "z", "gz"}:
        return DType.FP64, DType.FP64
    if parts.math in _MATHS:
        return stored or _MATHS[parts.math][0], _MATHS[parts.math][1]
    if len(given) > 1:  # mixed inputs: the narrow one is widened before it is multiplied
        return stored, max((CODES[code] for code in given[:2]), key=lambda kind: kind.bits if kind else 0)
    if stored is DType.FP32 or (stored is None and letter in {"s", "c", "gc"}):
        return DType.FP32, DType.TF32 if parts.digits in {None, "1688", "1684", "16168"} else DType.FP16
    operand = stored if stored is not None else {"h": DType.FP16, "i": DType.INT8}.get(letter)
    return operand, operand


_MATHS: Final = {
    # the word behind the instruction: what is stored, and what it is multiplied in
    "bf16": (DType.FP32, DType.BF16), "f16": (DType.FP32, DType.FP16), "tf32": (DType.FP32, DType.TF32),
    "xor": (DType.INT1, DType.INT1), "and": (DType.INT1, DType.INT1),
}  # fmt: skip
_OLDER: Final = frozenset((DType.FP16, DType.INT8, DType.UINT8, DType.INT4, DType.INT1))


def _floor(parts: _Two, mma: DType | None) -> int | None:
    """Return the first compute capability with the instruction, for names that carry none."""
    digits = parts.digits
    if digits is None:
        return None
    if mma is DType.FP8:
        return 89
    if mma is DType.FP64:
        return 90 if digits.startswith("16") else 80
    if digits == "884":
        return 70
    rounded = parts.math in {"bf16", "f16", "tf32"}
    return 75 if digits in {"1688", "8816", "8832", "88128"} and mma in _OLDER and not rounded else 80


def _verdict3(parts: _Three, a: str | None, b: str | None, acc: str | None) -> Verdict:
    """Return the verdict on the parts of a 3.x name."""
    floor, operation = int(parts.cc), _operation(parts.op + parts.tail)
    accumulate = CODES[acc] if acc else ACCUMULATORS.get(parts.letter or "")
    if parts.opclass == "simt":
        return cuda(operation, "simt: multiplies on CUDA cores", operand=CODES[a] if a else accumulate,
                    accumulate=accumulate, isa=floor, confidence=CERTAIN)  # fmt: skip
    digits = parts.mnk or parts.run
    operand, mma = _types3(parts.math, a, b)
    why = f"{parts.opclass}: Tensor Cores by CUTLASS's own word"
    if parts.times and parts.math:
        why += f"; {parts.times}{parts.math}: FP32 put together from {parts.times[:-1]} {parts.math.upper()} products"
    elif a:
        why += f"; operands {a}" + (f" and {b}" if b != a else "")
    shape = instruction_shape(digits) if digits else None
    return tensor(operation, why, mma=mma, operand=operand, accumulate=accumulate, shape=shape, isa=floor,
                  confidence=CERTAIN)  # fmt: skip


def _types3(math: str | None, a: str | None, b: str | None) -> tuple[DType | None, DType | None]:
    """Return operand and MMA type of a 3.x Tensor Core name."""
    operand = _code3(a)
    if math is not None:
        return operand or DType.FP32, CODES.get(math, DType.TF32)
    if a is None or b is None:
        return None, None
    if operand is DType.FP32:
        return operand, DType.TF32
    # The narrower operand is widened, and FP4, FP6 and FP8 together run as one kind, at FP8's rate. FP6 alone and the
    # 2-bit integers have no DType of ours.
    return operand, _code3(max((a, b), key=_bits))


def _bits(code: str) -> int:
    """Return the bits of a 3.x code, with those that no DType stands for."""
    kind = _code3(code)
    return kind.bits if kind is not None else 6 if code in {"e3m2", "e2m3", "f6"} else 2


def _code3(code: str | None) -> DType | None:
    """Return the type of a 3.x code, where ``xf4`` is NVFP4's data."""
    return CODES[code.removeprefix("x")] if code else None


def _truncated(ident: str) -> Verdict | None:
    """Return the verdict on a name cut off after its operation class."""
    if re.search(r"_simt(?:_|$)", ident):
        return cuda(None, "simt: multiplies on CUDA cores", confidence=STRONG)
    if re.search(r"tensorop(?:_|$)|_wmma_", ident):
        return tensor(None, "tensorop: Tensor Cores by CUTLASS's own word; the types are cut off", confidence=STRONG)
    if re.search(r"[hi]mma", ident):
        return tensor(None, "hmma or imma is a Tensor Core instruction", confidence=FAIR)
    return unknown("a CUTLASS name without an operation class")


_CORE: Final = re.compile(
    rf"(?<=_)(g?[hsidcz])?(\d+x\d+x\d+|\d{{3,6}})?(tf32|bf16|f16|fastf32|fastaccum|xor|and)?({_OP})(?=_|$)"
)
_SUM: Final = {"h": "FP16", "s": "FP32", "i": "INT32", "d": "FP64", "c": "complex FP32", "z": "complex FP64"}


def spell(ident: str) -> Iterator[Token]:
    """Yield the tokens of a CUTLASS name."""
    three = ident.startswith("cutlass3x")
    core = _CORE.search(ident)
    start = core.end() if core is not None else 0
    if core is not None:
        for token in spell_words(ident[: core.start()], types=("output D",)):
            bare = token.text.isdigit() and not three
            yield Token(token.text, capability(token.text) if bare else token.meaning)
        yield from _spell_core(core)
    # 2.x leaves out what is the accumulator's type; 3.x spells all five
    types = ("operand A", "operand B", "accumulator", "C", "output D") if three else ("operand A", "operand B")
    sizes = ("tile of the output, M x N x K", "cluster") if three else ("tile of the output, M x N", "K x stages")
    yield from spell_words(ident[start:], sizes, types)


def _spell_core(core: re.Match[str]) -> Iterator[Token]:
    """Yield the tokens of ``s16816gemm`` and its kin."""
    letter, digits, math, operation = core.groups()
    if letter:
        yield Token(letter, f"sums in {_SUM[letter[-1]]}")
    if digits:
        shape = instruction_shape(digits)
        size = f", M x N x K = {' x '.join(map(str, shape))}" if shape else ", M N K"
        yield Token(digits, f"Tensor Core instruction{size}")
    if math:
        yield Token(math, f"multiplies in {math.upper()}" if math in CODES else "how it multiplies")
    yield Token(operation, word_meaning(operation) or _operation(operation).replace("_", " "))


FAMILY: Final = Family(
    name="cutlass",
    title="CUTLASS 2.x and 3.x by procedural name",
    ident=r"_*(?:trt_\w+?_)?cutlass(?:3x)?_",
    read=read,
    spell=spell,
)
