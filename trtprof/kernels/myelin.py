"""Kernels that TensorRT's compiler, Myelin, generates or names.

``__myl_[bb<n>_<n>_]<Ops>_<hash or myl id>[_com][_vec]``: Ops are CamelCase codes of three letters (older) or four. A
name of moves only (Move, Resh, Tran, Slic, Conc, Repl, Cast, ...) has no arithmetic; ``Fc``, ``Gemm``, ``Conv`` or
``Corr`` hide a matrix product whose engine and type only the inspector or counters can tell; the rest is pointwise
and reductions on CUDA cores. ``Etc`` means the list was cut. ``_gemm_mha_v2`` is fused attention on Tensor Cores
(FP16, BF16 or INT8: the name does not say), ``_gemv_mha_v1`` its decode form on CUDA cores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from trtprof.kernels.family import Family, Token
from trtprof.kernels.lexicon import spell_words
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import STRONG, Verdict, cuda, moves, tensor, unknown

_MHA: Final = re.compile(r"(?:__mye\d+)?_(gemm|gemv)_mha_v\d")
_NAME: Final = re.compile(r"(__my[el]\d*_)((?:bb\d+_\d+_)?)((?:[A-Z][a-z]*\d*)+)(_\w*)?$")
_OP: Final = re.compile(r"[A-Z][a-z]*\d*")
_OPS: Final[dict[str, tuple[str, str]]] = {
    # code: (what it is, move | reduce | math | product)
    "Mov": ("copy", "move"), "Res": ("reshape", "move"), "Tra": ("transpose", "move"), "Sli": ("slice", "move"),
    "Con": ("concatenate", "move"), "Rep": ("replicate", "move"), "Cas": ("cast", "move"), "Gat": ("gather", "move"),
    "Sca": ("scatter", "move"), "Exp": ("exponential", "math"), "Bro": ("broadcast", "move"), "Pad": ("pad", "move"),
    "Squ": ("squeeze", "move"), "Uns": ("unsqueeze", "move"), "Copy": ("copy", "move"), "Shu": ("shuffle", "move"),
    "Resi": ("resize", "math"), "Grid": ("grid sample", "math"), "Gri": ("grid sample", "math"),
    "Add": ("add", "math"), "Sub": ("subtract", "math"), "Mul": ("multiply", "math"), "Div": ("divide", "math"),
    "Sqr": ("square root", "math"), "Rsq": ("reciprocal square root", "math"), "Pow": ("power", "math"),
    "Neg": ("negate", "math"), "Abs": ("absolute value", "math"), "Max": ("maximum", "math"),
    "Min": ("minimum", "math"), "Rou": ("round", "math"), "Flo": ("floor", "math"), "Cei": ("ceiling", "math"),
    "Log": ("logarithm", "math"), "Sin": ("sine", "math"), "Cos": ("cosine", "math"), "Tan": ("tanh", "math"),
    "Erf": ("error function", "math"), "Sig": ("sigmoid", "math"), "Sil": ("SiLU", "math"), "Rel": ("ReLU", "math"),
    "Gel": ("GELU", "math"), "Cli": ("clip", "math"), "Sel": ("select", "math"), "Eql": ("equal", "math"),
    "Gtr": ("greater", "math"), "Les": ("less", "math"), "Lt": ("less", "math"), "Or": ("or", "math"),
    "And": ("and", "math"), "Not": ("not", "math"), "Mod": ("modulo", "math"), "Iot": ("counting sequence", "math"),
    "Mea": ("mean", "reduce"), "Sum": ("sum", "reduce"), "Maxr": ("maximum over an axis", "reduce"),
    "Minr": ("minimum over an axis", "reduce"), "Pro": ("product over an axis", "reduce"),
    "Top": ("top-k", "reduce"), "Cum": ("running sum", "reduce"), "Arg": ("index of the extreme", "reduce"),
    "Soft": ("softmax", "reduce"), "Red": ("reduction", "reduce"),
    "Fc": ("fully connected: a matrix product", "product"), "Gem": ("matrix product", "product"),
    "Conv": ("convolution", "product"), "Cor": ("correlation: a convolution", "product"),
    "Dot": ("matrix product", "product"), "Mat": ("matrix product", "product"), "Bmm": ("matrix product", "product"),
    "Fco": ("fully connected", "product"), "Dec": ("deconvolution", "product"), "Mha": ("attention", "product"),
    "Etc": ("the list was cut here", "etc"),
}  # fmt: skip


def _op(code: str) -> tuple[str, str] | None:
    """Return meaning and kind of an op code, four letters first, then the older three."""
    word = code.rstrip("0123456789")
    return _OPS.get(word) or _OPS.get(word[:3])


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a Myelin name, None when it is not one."""
    ident = symbol.ident
    attention = _MHA.match(ident)
    if attention is not None:
        return _ATTENTION[attention[1]]
    name = _NAME.match(ident)
    return _verdict(name[3]) if name is not None else _NAMELESS


_ATTENTION: Final = {
    "gemm": tensor("attention", "_gemm_mha: Myelin's fused attention on Tensor Cores; FP16, BF16 or INT8 is not said"),
    "gemv": cuda("attention", "_gemv_mha: Myelin's decode attention, matrix-vector products on CUDA cores"),
}  # fmt: skip
_NAMELESS: Final = unknown("a Myelin kernel without a list of operations: ask the inspector for its layer")


@lru_cache(maxsize=4096)
def _verdict(codes: str) -> Verdict:
    """Return the verdict on a list of op codes."""
    ops = _OP.findall(codes)
    known = [_op(code) for code in ops]
    kinds = {op[1] for op in known if op is not None}
    if "product" in kinds:
        hidden = next(code for code, op in zip(ops, known, strict=True) if op is not None and op[1] == "product")
        return unknown(f"{hidden} hides a matrix product: its engine and type are in the layer's tensors or in "
                       "counters, not in the name", operation="gemm")  # fmt: skip
    strange = [code for code, op in zip(ops, known, strict=True) if op is None]
    sure = 0.7 if "etc" in kinds or strange else STRONG
    doubt = "; the list of operations was cut" if "etc" in kinds else f"; {strange[0]} is not known" if strange else ""
    if kinds <= {"move", "etc"} and not strange:
        return moves(_movement(ops), f"{codes}: only moves and converts{doubt}", confidence=sure)
    operation = _arithmetic(ops, kinds)
    return cuda(operation, f"{codes}: pointwise operations and reductions{doubt}", confidence=sure)


def _movement(ops: list[str]) -> str:
    """Return the word for a list of moves."""
    first = {"Tra": "transpose", "Con": "concat", "Gat": "gather", "Sca": "scatter", "Sli": "slice"}
    return next((word for code, word in first.items() if any(op.startswith(code) for op in ops)),
                "cast" if all(op.startswith("Cas") for op in ops) else "copy")  # fmt: skip


def _arithmetic(ops: list[str], kinds: set[str]) -> str:
    """Return the word for a list with arithmetic in it."""
    shorts = {op[:3] for op in ops}
    if "Mea" in shorts and shorts & {"Sqr", "Rsq"}:
        return "normalization"
    if "Exp" in shorts and "Sum" in shorts:
        return "softmax"
    if "Topk" in ops or "Top" in ops:
        return "sort"
    if "Resi" in ops:
        return "resize"
    return "reduction" if "reduce" in kinds else "elementwise"


def spell(ident: str) -> Iterator[Token]:
    """Yield the tokens of a Myelin name, one an op code."""
    name = _NAME.match(ident)
    if name is None:
        yield from spell_words(ident)
        return
    yield Token(name[1], "generated by TensorRT's Myelin compiler")
    if name[2]:
        yield Token(name[2], "basic block and kernel number")
    for code in _OP.findall(name[3]):
        op = _op(code)
        yield Token(code, op[0] if op is not None else "")
    yield from spell_words(name[4] or "")


FAMILY: Final = Family(
    name="myelin",
    title="kernels generated by TensorRT's Myelin compiler",
    ident=r"__my[el]|_gem[mv]_mha_v",
    read=read,
    spell=spell,
)
