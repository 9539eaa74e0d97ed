"""CASK and xmma kernels of cuDNN, cuBLAS, cuSPARSELt and TensorRT.

``sm<CC>_xmma_<op>_<IO>_<MMA>_<EPI>_<layout>_..._<MARKER>_..._<entry>``: IO are the operand and output types, MMA the
multiply types and the accumulator, EPI the scale type. The marker decides (``tensor16x8x16``, ``warpgroupsize``,
``ffma``, ``simt``); where a name was cut off before it, the MMA group does: ``f32f32`` is never, ``tf32f32``,
``f16f32``, ``bf16f32``, ``i8i32`` and ``e4m3f32`` are always a Tensor Core's. ``sm<CC>`` is the ISA floor, not the GPU.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from trtprof.kernels.family import Family, Token
from trtprof.kernels.lexicon import spell_words
from trtprof.kernels.spelling import CODES, instruction_shape
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import CERTAIN, FAIR, LEANING, STRONG, Verdict, cuda, helps, tensor, unknown
from trtprof.model import DType

_CODE: Final = r"(?:e4m3|e5m2|e2m1|c?bf16|tf32|cf(?:16|32|64)|f(?:16|32|64)|[iu](?:8|32|16|4|1)(?!\d))"
_HEAD: Final = re.compile(
    rf"_*(?:(?:trt|cudnn|cublas)_)*sm(\d+)_xmma_((?:[A-Za-z]\w*?_)??)({_CODE}+)_({_CODE}+)_(?:({_CODE}+)_)?(?=[a-z])"
)
_BARE: Final = re.compile(r"_*(?:(?:trt|cudnn|cublas)_)*sm(\d+)_xmma_(\w+)")
_TENSOR: Final = re.compile(r"_((?:sp)?tensor)(\d+(?:x\d+x\d+)?)?")
_MARKER: Final = re.compile(r"_(?:(warpgroupsize|[hiqd]g?mma)|(ffma|simt|idp4a|hfma|dfma)|(wngd\d))")
_TURING: Final = re.compile(r"trt_(volta|turing|ampere)_xmma_")
_TURING_TYPES: Final = re.compile(rf"_({_CODE}{{2,4}})_")
_TURING_SHAPE: Final = re.compile(r"_(\d+x\d+x\d+)_\d+stages")
_FUSED: Final = re.compile(r"sm(\d+)_conv_act_pool_v\d+_([a-z]\d+)_")
_SCALAR: Final = frozenset({"ffma", "simt", "idp4a", "hfma", "dfma"})
_FLOORS: Final = {"volta": 70, "turing": 75, "ampere": 80}
# An entry point that does not multiply: it sums partial results, prepares offsets or shuffles a filter.
_HELPER: Final = re.compile(r"_(?:execute_split_k|helper_|pre_kernel|post_kernel|init_|reorder|precompute)")
_MULTIPLIES: Final = frozenset({"tf32", "f16", "bf16", "i8", "u8", "e4m3", "e5m2", "i4", "u4", "e2m1", "i1", "u1"})


_OPERATIONS: Final = (
    ("depthwise", "depthwise_convolution"), ("pool", "pooling"), ("deconv", "deconvolution"), ("gemv", "gemv"),
    ("dgrad", "convolution_dgrad"), ("wgrad", "convolution_wgrad"), ("fprop", "convolution"), ("conv", "convolution"),
)  # fmt: skip


def _operation(text: str) -> str:
    """Return what ``fprop_implicit_gemm_indexed_`` and its kin compute."""
    return next((operation for word, operation in _OPERATIONS if word in text), "gemm")


def _codes(group: str) -> list[str]:
    """Return the type codes run together in ``i8f16``."""
    return re.findall(_CODE, group)


class _Parts(NamedTuple):
    """The parts of a name that its verdict hangs on."""

    sm: str
    op: str
    io: str
    mma: str
    marker: str
    shape: str
    helper: str
    tiled: bool


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on an xmma name, None when it is not one."""
    ident = symbol.ident
    tile = ident.find("_tilesize")
    head = _head(ident[:tile] if tile > 0 else ident)
    if head is None:
        return _read_bare(ident)
    groups, end = head
    after = tile if tile > 0 else end - 1
    helper = _HELPER.search(ident, after)
    word, shape = _marker(ident, after)
    return _verdict(_Parts(*groups, word, shape, helper[0] if helper is not None else "", "tile" in ident))


@lru_cache(maxsize=8192)
def _head(text: str) -> tuple[tuple[str, str, str, str], int] | None:
    """Return capability, operation, IO and MMA groups of a name up to its tile size, and where they end."""
    found = _HEAD.match(text)
    return ((found[1], found[2], found[3], found[4]), found.end()) if found is not None else None


def _marker(ident: str, start: int) -> tuple[str, str]:
    """Return the marker of a name and the instruction shape behind it, both empty where there is none."""
    found = _TENSOR.search(ident, start)
    if found is not None:
        return found[1], found[2] or ""
    other = _MARKER.search(ident, start)
    return (other[0][1:], "") if other is not None else ("", "")


@lru_cache(maxsize=8192)
def _verdict(parts: _Parts) -> Verdict:
    """Return the verdict on the parts of a full name: every distinct grammar is judged once."""
    floor, operation = int(parts.sm), _operation(parts.op)
    operand = CODES[_codes(parts.io)[0]]
    if parts.helper:
        why = f"{parts.helper[1:]}: an entry point that sums or prepares for the main kernel and does not multiply"
        return helps("split_k_reduction", why, operand=operand, isa=floor)
    if operation == "pooling":
        return cuda("pooling", "pooling: the xmma prefix is only the library's", operand=operand, isa=floor)
    codes = _codes(parts.mma)
    if operation in _NARROW:
        why = f"{operation.replace('_', ' ')} in {parts.mma}: too narrow to fill a matrix instruction"
        return cuda(operation, why, operand=operand, accumulate=CODES[codes[-1]], isa=floor, confidence=0.9)
    if parts.marker:
        return _by_marker(parts, operation, operand, codes)
    verdict = _by_types(operation, operand, codes, codes[0] if len(codes) > 1 else _codes(parts.io)[0], floor)
    # Without its tile size a name was cut, and the same beginning may belong to a split-K sum.
    return verdict if parts.tiled or verdict.confidence <= _CUT else verdict._replace(confidence=_CUT)


_CUT: Final = 0.75
_NARROW: Final = frozenset(("depthwise_convolution", "gemv"))


def _by_marker(parts: _Parts, operation: str, operand: DType | None, codes: list[str]) -> Verdict:
    """Return the verdict on a name with a marker; the short MMA group holds the accumulator only."""
    word, floor, accumulate = parts.marker, int(parts.sm), CODES[codes[-1]]
    if word in _SCALAR:
        return cuda(operation, f"{word}: multiplies on CUDA cores, whatever the xmma prefix suggests", operand=operand,
                    accumulate=accumulate, isa=floor, confidence=CERTAIN)  # fmt: skip
    if word.startswith("wngd"):
        return cuda(operation, f"{word}: Winograd in {parts.mma}, without a Tensor Core marker", operand=operand,
                    accumulate=accumulate, isa=floor,
                    confidence=FAIR if operand is DType.FP32 else LEANING)  # fmt: skip
    multiply = codes[0] if len(codes) > 1 else _codes(parts.io)[0]
    return tensor(operation, f"{word}{parts.shape} marks Tensor Cores; multiplies {multiply}, sums in {codes[-1]}",
                  mma=CODES[multiply], operand=operand, accumulate=accumulate,
                  shape=instruction_shape(parts.shape) if parts.shape else None, isa=floor,
                  confidence=CERTAIN)  # fmt: skip


def _by_types(operation: str, operand: DType | None, codes: list[str], multiply: str, floor: int) -> Verdict:
    """Return the verdict on a name without a marker, usually a truncated one, from its MMA group alone."""
    accumulate = CODES[codes[-1]]
    group = "".join(codes)
    full = len(codes) > 1  # the short form holds the accumulator only: f16f16_f32_f16
    if floor < 70 or multiply in {"f32", "cf32"} or (multiply in {"f64", "cf64"} and floor < 80):
        return cuda(operation, f"{group} multiplies as it is stored, which no Tensor Core of sm_{floor} does",
                    operand=operand, accumulate=accumulate, isa=floor, confidence=STRONG if full else FAIR)  # fmt: skip
    if multiply in _MULTIPLIES or (multiply in {"f64", "cf64"} and full):
        return tensor(operation, f"no marker left in the name; {group} is a Tensor Core's type group",
                      mma=CODES[multiply], operand=operand, accumulate=accumulate, isa=floor,
                      confidence=0.9 if full else 0.75)  # fmt: skip
    return unknown(f"neither a marker nor a telling type group: {group}", operation=operation, isa=floor)


@lru_cache(maxsize=1024)
def _read_bare(ident: str) -> Verdict | None:
    """Return the verdict on names of the library that do not follow the three type groups."""
    turing, fused, bare = _TURING.match(ident), _FUSED.match(ident), _BARE.match(ident)
    if turing is not None:
        return _read_turing(ident, _FLOORS[turing[1]])
    if fused is not None:
        why = f"conv_act_pool: convolution with its activation and pooling, in {fused[2]}, without a Tensor Core marker"
        return tensor("convolution", why, mma=CODES.get(fused[2]), isa=int(fused[1]), confidence=LEANING)
    return _read_untyped(int(bare[1]), bare[2], ident) if bare is not None else None


def _read_untyped(floor: int, text: str, ident: str) -> Verdict:
    """Return the verdict on a pooling, depthwise or other name that spells its types in its own way."""
    operation, operand = _operation(text), _stored(text)
    doubt = "MMA" in text  # depthwiseHMMA, pooling_IMMA: words that contradict the operation
    if operation == "pooling":
        return cuda("pooling", "pooling: the xmma prefix is only the library's", operand=operand, isa=floor,
                    confidence=LEANING if doubt else STRONG)  # fmt: skip
    if operation == "depthwise_convolution":
        return cuda(operation, "depthwise: one channel a filter leaves no matrix to multiply", operand=operand,
                    isa=floor, confidence=LEANING if doubt else 0.9)  # fmt: skip
    if floor < 70:
        return cuda(operation, f"sm{floor}: compiled for a GPU without Tensor Cores", operand=operand, isa=floor,
                    confidence=0.9)  # fmt: skip
    word, _ = _marker(ident, 0)
    if word and word not in _SCALAR and not word.startswith("wngd"):
        return tensor(operation, f"{word} marks Tensor Cores", mma=operand, isa=floor)
    return unknown("an xmma name without type groups or a marker", operation=operation, operand=operand, isa=floor)


def _read_turing(ident: str, floor: int) -> Verdict:
    """Return the verdict on TensorRT 7's form, where the last M x N x K is the instruction."""
    types, shape = _TURING_TYPES.search(ident), _TURING_SHAPE.search(ident)
    codes = _codes(types[1]) if types is not None else []
    if shape is None:
        return unknown("a TensorRT 7 name cut off before its instruction", operation=_operation(ident), isa=floor)
    accumulate = DType.INT32 if codes and codes[0] == "i8" else CODES[codes[-1]] if codes else None
    return tensor(_operation(ident), f"{shape[1]} before the stages is the Tensor Core instruction",
                  mma=CODES[codes[0]] if codes else None, accumulate=accumulate, shape=instruction_shape(shape[1]),
                  isa=floor, confidence=CERTAIN)  # fmt: skip


_STORED: Final = re.compile(r"(?i)(fp16|fp32|fp64|bf16|int8|kfloat|khalf|kint8)")


def _stored(text: str) -> DType | None:
    """Return the element type spelled in a pooling or depthwise name."""
    found = _STORED.search(text)
    return CODES[found[1].lower().removeprefix("k")] if found is not None else None


def spell(ident: str) -> Iterator[Token]:
    """Yield the tokens of an xmma name."""
    head = _HEAD.match(ident)
    if head is None:
        yield from spell_words(ident)
        return
    yield from spell_words(ident[: head.start(3)])
    yield Token(head[3], "operand and output types")
    yield Token("_", "")
    yield Token(head[4], "multiply and accumulate types" if len(_codes(head[4])) > 1 else "accumulate type")
    after = head.end(4)
    if head[5]:
        yield Token("_", "")
        yield Token(head[5], "type of the epilogue's scale and bias")
        after = head.end(5)
    layouts = _LAYOUTS.match(ident, after)
    if layouts is not None:
        parts = zip(layouts.groups(), ("", "input", "filter", "", "output"), strict=True)
        yield from (Token(part, _layout(part, role)) for part, role in parts)
        after = layouts.end()
    yield from spell_words(ident[after:])


# nhwckrsc_nhwc, nchw_vect_c_32kcrs_vect_c_32_nchw_vect_c_32: input, filter and output run together.
_LAYOUTS: Final = re.compile(r"(_)(n\w{3}(?:_vect_c_\d+)?)(k\w{3}(?:_vect_c_\d+)?)(_)(n\w{3}(?:_vect_c_\d+)?)(?=_|$)")


def _layout(text: str, role: str) -> str:
    """Return what a layout of one tensor means, empty for a separator."""
    plain, _, width = text.partition("_vect_c_")
    packed = f", {width} channels together" if width else ""
    return f"{role} laid out as {plain.upper()}{packed}" if role else ""


FAMILY: Final = Family(
    name="xmma",
    title="CASK and xmma kernels of cuDNN, cuBLAS and TensorRT",
    ident=r"_*(?:(?:trt|cudnn|cublas)_)*sm\d+_xmma_|trt_[a-z]+_xmma_|sm\d+_conv_act_pool",
    read=read,
    spell=spell,
)
