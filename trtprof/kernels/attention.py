"""Fused attention: TensorRT's fmha, FlashAttention 1 to 4, xFormers, FlashInfer, FlashMLA, cuDNN's generated SDPA.

Both matrix products of prefill attention run on Tensor Cores in every one of these; the exceptions are by name. Decode
kernels written as GEMVs (paged_attention, masked multi-head, FlashInfer's ``Decode``) run on CUDA cores, and the
kernels around them (combine, convert_dq, dot_do_o, preprocess) only serve. Type and capability come from the
identifier (``fmha_v2_flash_attention_fp16_..._sm87``) or from the template arguments (``cutlass::half_t``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from trtprof.kernels.family import Family, Token
from trtprof.kernels.lexicon import spell_words
from trtprof.kernels.spelling import CODES, cpp_type
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import CERTAIN, FAIR, STRONG, Verdict, cuda, helps, tensor
from trtprof.model import DType

_HELPER: Final = re.compile(
    r"(?i)combine|convert_?d[qkv]|bwdconvert|dot_do_o|dot_o_do|sumodo|pre_?proc|post_?proc|metadata|mergestate"
    r"|reduction(?:kernel|$)|attention\w{0,40}?reduce|prepare|splitkv_reduce|merge_attn|convert_dq|_init|varlen_num_blocks"
    r"|cast_?kv|build_\w{1,40}?_index|convert_vertical|get_\w{1,40}?_metadata"
)
_BACKWARD: Final = re.compile(r"(?i)bwd|bprop|backward|dgrad|cutlassB")
_GEMV: Final = re.compile(
    r"paged_attention_v|single_query_cached|masked_multihead|mmha|Decode(?!\w*Cute)|_gemv_|single_token_attention"
)
_CODE: Final = re.compile(r"_(fp16|bf16|f16|f32|fp32|int8|e4m3|fp8|fp8_e4m3|dt_fp16|dt_bf16|dt_e4m3)(?=_|$)")
_SM: Final = re.compile(r"[Ss]m_?([5-9]\d|1[0-2]\d)(?!\d)")
_ARCH: Final = re.compile(r"Sm([5-9]\d|1[0-2]\d)(?!\d)")
_GENERATED: Final = re.compile(r"cudnn_generated_\w*?(?:sdpa|flash|attention)")
_NAMES: Final = (
    r"(?:pytorch_)?flash_(?:fwd|bwd)|FlashAttn(?:Fwd|Bwd)|FlashAttention(?:Forward|Backward|Fwd|Bwd)|fmha_v2_|fmh[ac]+_"
    r"|fused_multihead_|fmha_(?:cutlass|fwd|bwd|fprop|dgrad|mhca|kernel)|attention_kernel_(?:backward_)?batched|AttentionKernel"
    r"|AttentionBackwardKernel|cudnn_generated_\w*?(?:sdpa|flash|attention)|kernel_mha|xqa_kernel|paged_attention_v"
    r"|single_query_cached|masked_multihead|mmha_|(?:Single|Batch)\w*(?:Prefill|Decode|MLA|Attention)\w*"
    r"|Prefill(?:With|Ragged|Paged)\w*|(?:Persistent\w*)?Merge(?:State|Attn)\w*|VariableLengthMerge\w*|Sm\d+Fmha\w*"
    r"|FmhaKernel\w*|fmhaReductionKernel|sparse_attn_fwd|flash_mla|get_mla_metadata|compute_dot_do_o|convert_dq_to"
    r"|merge_attn_states|prepare_varlen_num_blocks|sm\d+_(?:fp8|bf16)_(?:paged_)?mqa|flash_attention_\w*_sm\d"
    r"|convert_vertical_slash"
)
_NAMED: Final = re.compile(_NAMES)


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on an attention kernel, None when the identifier only looks like one."""
    ident = symbol.ident
    kind, floor = _spelled(ident)
    if kind is None:
        kind = cpp_type(symbol.name, symbol.end)
    if floor is None:
        arch = _ARCH.search(symbol.name, symbol.end)
        floor = int(arch[1]) if arch is not None else None
    verdict = _verdict(ident, kind, floor)
    if symbol.end == len(symbol.name) and _OPEN.fullmatch(ident) and verdict.confidence > _CUT:
        return verdict._replace(confidence=_CUT)
    return verdict


_CUT: Final = 0.75
# Names that a cut leaves open: flash_bwd_dot_do_o or the kernel itself, fmha_cutlassF_f32 for sm_75 or sm_80.
_OPEN: Final = re.compile(r"(?:pytorch_)?flash_(?:(?!kernel)\w)*|FlashAttn(?:Fwd|Bwd)[A-Za-z]*|fmha_(?:(?!_sm\d\d)\w)*")


@lru_cache(maxsize=8192)
def _spelled(ident: str) -> tuple[DType | None, int | None]:
    """Return the type and the capability that the identifier itself spells."""
    code, floor = _CODE.search(ident), _SM.search(ident)
    kind = CODES[code[1].rpartition("_")[2]] if code is not None else None
    return kind, int(floor[1]) if floor is not None else None


def _quoted(ident: str) -> str:
    """Return the part of the identifier that makes it attention, without a long tail."""
    found = _NAMED.match(ident)
    return found[0][:48] if found is not None else ident[:48]


@lru_cache(maxsize=4096)
def _verdict(ident: str, kind: DType | None, floor: int | None) -> Verdict:
    """Return the verdict on an identifier with its type and its capability."""
    operation = "attention_backward" if _BACKWARD.search(ident) else "attention"
    exception = _exception(ident, operation, kind, floor)
    if exception is not None:
        return exception
    if _GENERATED.match(ident):
        return tensor(operation, "cuDNN's generated SDPA multiplies on Tensor Cores; its f16 also stands for BF16",
                      mma=kind, accumulate=DType.FP32, isa=floor, confidence=CERTAIN)  # fmt: skip
    if "_fp8_sparse" in ident:  # FlashMLA keeps the cache in FP8 and widens it before it multiplies
        return tensor(operation, "FlashMLA's sparse kernel widens its FP8 cache to BF16", mma=DType.BF16,
                      operand=DType.FP8, accumulate=DType.FP32, isa=floor, confidence=FAIR)  # fmt: skip
    why = f"{_quoted(ident)}: fused attention, both products on Tensor Cores"
    why += f", in {kind.value}" if kind is not None else "; the type is not in the name"
    accumulate = DType.INT32 if kind is DType.INT8 else DType.FP32
    return tensor(operation, why, mma=kind, accumulate=accumulate, isa=floor,
                  confidence=FAIR if ident.startswith("kernel_mha") else STRONG)  # fmt: skip


def _exception(ident: str, operation: str, kind: DType | None, floor: int | None) -> Verdict | None:
    """Return the verdict on what stands around attention and on what runs it elsewhere, None for the rule."""
    helper, gemv = _HELPER.search(ident), _GEMV.search(ident)
    if helper is not None:
        return helps(operation, f"{helper[0]}: serves the attention kernel, does not multiply", operand=kind, isa=floor)
    if gemv is not None:
        sure = FAIR if "masked" not in ident else 0.75  # masked multi-head attention has a build switch for HMMA
        return cuda(operation, f"{gemv[0]}: one query a sequence, a GEMV on CUDA cores", operand=kind, isa=floor,
                    confidence=sure)  # fmt: skip
    if kind is DType.FP32:
        return _single(_quoted(ident), operation, floor)
    if floor is not None and floor < 70:
        return cuda(operation, f"compiled for sm_{floor}, which has no Tensor Cores", operand=kind, isa=floor)
    return None


def _single(word: str, operation: str, floor: int | None) -> Verdict:
    """Return the verdict on attention in FP32: TF32 from sm_80 on, CUDA cores before it."""
    held, single = f"{word}: FP32 attention", DType.FP32
    if floor is None:
        return tensor(operation, f"{held}, TF32 if compiled for sm_80 or newer", mma=DType.TF32, operand=single,
                      accumulate=single, confidence=0.7)  # fmt: skip
    if floor < 80:
        why = f"{held} for sm_{floor}, whose Tensor Cores take no FP32"
        return cuda(operation, why, operand=single, isa=floor)
    why = f"{held} for sm_{floor}, multiplied in TF32"
    return tensor(operation, why, mma=DType.TF32, operand=single, accumulate=single, isa=floor)


_FMHA: Final = re.compile(
    r"(fmha_v2)((?:_flash_attention)?)(_)([a-z]+\d+(?:m\d)?(?:_[a-z]+\d+)?)(_)"
    r"(?:(\d+)(_)(\d+)(_)(S)|(\d+|S))((?:_[a-z]\w*?)?)(_)(\d+)(?=_|$)"
)
_ROLES: Final = (
    "TensorRT's fused attention, version 2", "softmax and both products in one pass", "", "types", "",
    "rows of Q a step", "", "rows of K and V a step", "", "any sequence length", "sequence length",
    "how Q, K and V are packed", "", "head size",
)  # fmt: skip


def spell(ident: str) -> Iterator[Token]:
    """Yield the tokens of an attention kernel's name, the numbers of TensorRT's by their position."""
    found = _FMHA.match(ident)
    if found is None:
        yield from spell_words(ident)
        return
    yield from (Token(part, role) for part, role in zip(found.groups(""), _ROLES, strict=True) if part)
    yield from spell_words(ident[found.end() :])


FAMILY: Final = Family(
    name="attention",
    title="fused attention of TensorRT, cuDNN, FlashAttention, xFormers, FlashInfer",
    ident=_NAMES,
    read=read,
    spell=spell,
)
