"""CUTLASS and CuTe kernels that are spelled out as C++ types instead of by a procedural name.

``cutlass::device_kernel<cutlass::gemm::kernel::GemmUniversal<...>>`` holds the whole kernel in its template arguments.
What decides is the MMA atom (``SM80_16x8x16_F32BF16BF16F32_TN``, ``MMA_64x128x32_F32E4M3E4M3_SS``), else the mainloop
(``MainloopSm90TmaGmma``), else the operator class (``MmaTensorOp``, ``OpClassSimt``); never the first type in the list.
Any kernel with such an atom among its arguments is read here, unless its identifier says that it only helps.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from trtprof.kernels.family import Family
from trtprof.kernels.spelling import CODES, cpp_type, instruction_shape
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import CERTAIN, FAIR, LEANING, STRONG, Verdict, cuda, helps, tensor, unknown
from trtprof.model import DType

_TYPE: Final = r"BF16|TF32|F16|F32|F64|C64|S32|S8|U8|S4|U4|U1|E4M3|E5M2|E2M1"
# Each begins with a literal, which is what makes a search through thousands of characters quick.
_ATOMS: Final = (
    re.compile(rf"SM(\d+)_(\d+x\d+x\d+)_((?:{_TYPE})+)"),
    re.compile(rf"MMA_(\B)?(\d+x\d+x\d+)_((?:{_TYPE})+)"),
)
_BARE: Final = re.compile(r"SM(120)_(\d+x\d+x\d+)_TN")
_UMMA: Final = re.compile(r"SM(10\d)_(?:MMA_)?(TF32|F16BF16|S8|F8F6F4|MXF8F6F4|MXF4NVF4|MXF4)")
_MAINLOOP: Final = re.compile(r"MainloopSm(\d+)\w*?(Gmma|Umma)|MainloopSm(12\d)|Mainloop\w*?Sm(90)\w*?TmaGmma")
_CLASS: Final = re.compile(
    r"OpClass[A-Z]?[a-z]*?TensorOp|(?:Sparse|Wmma|Dq)?Mma(?:[A-Z][a-z]+)*?TensorOp|WmmaTensorOp|OpClassWmma"
)
_SIMT: Final = re.compile(
    r"OpClassSimt|MmaSimt|UniversalFMA|GemmShape<\(?i?n?t?\)?1, \(?i?n?t?\)?1, |GemmShapeILi1ELi1E"
)
_INT: Final = r"(?:\(int\))?(\d+)"
_INSTRUCTION: Final = re.compile(
    rf"Mma<[\w:]*GemmShape<{_INT}, {_INT}, {_INT}>, (?:\(int\))?32|MmaIN\w*?ILi(\d+)ELi(\d+)ELi(\d+)EEELi32E"
)
_HELPER: Final = re.compile(
    r"(?i)reduc|_starts|convert|copy|prepare|preprocess|precompute|metadata|epilogue_?only|transform"
)
_UMMA_TYPES: Final = {
    "TF32": DType.TF32, "S8": DType.INT8, "MXF4": DType.FP4, "MXF4NVF4": DType.FP4,
}  # fmt: skip
_DSL: Final = re.compile(r"kernel_cutlass_|cutlass_kernel_")
_KERNELS: Final = (
    r"Gemm\w*|Default(?:Gemm|Conv)\w*|ImplicitGemm\w*|MoeFCGemm\w*|SparseGemm\w*|B2bGemm\w*|kernel_cutlass_"
)


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a kernel with CUTLASS or CuTe types among its arguments, None where it has none."""
    if _DSL.match(symbol.ident):
        return _dsl(symbol.ident)
    text = symbol.rest
    if not text or ("Mma" not in text and "MMA" not in text and "OpClass" not in text and "SM80_" not in text):
        return _plain(symbol) if symbol.launcher or symbol.scope.startswith("cutlass::") else None
    if _HELPER.search(symbol.ident):
        return helps(None, f"{symbol.ident}: prepares or finishes, whatever its arguments name", confidence=FAIR)
    operation = _operation(symbol)
    return _by_atom(text, operation) or _by_mainloop(text, operation) or _by_class(text, operation)


def _operation(symbol: Symbol) -> str:
    """Return what the kernel computes, from its identifier and scope."""
    if "Conv" in symbol.ident or "::conv::" in symbol.scope:
        return "convolution"
    return "grouped_gemm" if "Grouped" in symbol.ident or "GroupProblemShape" in symbol.rest[:80] else "gemm"


def _by_atom(text: str, operation: str) -> Verdict | None:
    """Return the verdict by the MMA atom."""
    atom = next((found for pattern in _ATOMS if (found := pattern.search(text)) is not None), None)
    if atom is not None:
        types = re.findall(_TYPE, atom[3])
        mma = CODES[types[1].lower()] if len(types) > 1 and types[1] != "C64" else DType.FP64
        floor = int(atom[1]) if atom[1] else 90
        return tensor(operation, f"{atom[0]}: the MMA atom", mma=mma,
                      operand=DType.FP32 if mma is DType.TF32 else mma, accumulate=CODES.get(types[0].lower()),
                      shape=instruction_shape(atom[2]), isa=floor, confidence=CERTAIN)  # fmt: skip
    umma = _UMMA.search(text)
    if umma is not None:
        mma = _UMMA_TYPES.get(umma[2]) or cpp_type(text, umma.end())
        if umma[2].endswith("F8F6F4") and mma is not DType.FP4:
            mma = DType.FP8  # in a mangled name the operands are back references
        return tensor(operation, f"{umma[0]}: Blackwell's MMA atom", mma=mma, isa=int(umma[1]), confidence=CERTAIN)
    bare = _BARE.search(text)
    if bare is not None:
        return tensor(operation, f"{bare[0]}: the MMA atom", mma=cpp_type(text, bare.end()),
                      shape=instruction_shape(bare[2]), isa=int(bare[1]), confidence=CERTAIN)  # fmt: skip
    return None


def _by_mainloop(text: str, operation: str) -> Verdict | None:
    """Return the verdict by the mainloop, where the name was cut before the atom."""
    loop = _MAINLOOP.search(text)
    if loop is None:
        return None
    floor = int(loop[1] or loop[3] or loop[4])
    kind = cpp_type(text, loop.end())
    mma = DType.TF32 if kind is DType.FP32 else kind
    return tensor(operation, f"{loop[0]}: a mainloop of Tensor Core instructions", mma=mma, operand=kind, isa=floor)


def _by_class(text: str, operation: str) -> Verdict | None:
    """Return the verdict by CUTLASS 2.x's operator class."""
    opclass = _CLASS.search(text) if "TensorOp" in text or "OpClassWmma" in text else None
    if opclass is not None:
        kind = _operand(text)
        mma = DType.TF32 if kind is DType.FP32 else kind
        why = f"{opclass[0].lstrip('0123456789')}: CUTLASS's Tensor Core operator"
        return tensor(operation, why, mma=mma, operand=kind, shape=_instruction(text))
    simt = _SIMT.search(text)
    if simt is not None:
        return cuda(operation, f"{simt[0]}: CUTLASS's CUDA core operator", operand=cpp_type(text))
    return unknown("CUTLASS types without an MMA atom or an operator class: the name may be cut", operation=operation)


_MANGLED_A: Final = re.compile(r"MmaTensorOpIN\w*?ILi\d+ELi\d+ELi\d+EEE(.)")
_SPELLED_A: Final = re.compile(r"MmaTensorOp<[\w:]*GemmShape<[^<>]*>, ([\w: ]+),")
_CODES: Final = {"a": DType.INT8, "h": DType.UINT8, "d": DType.FP64, "f": DType.FP32}


def _operand(text: str) -> DType | None:
    """Return the type of operand A: right behind the tile of ``MmaTensorOp``, else the first type of the list.

    In a mangled name a repeated type is a back reference; the first one spelled out is then the best reading.
    """
    spelled = _SPELLED_A.search(text)
    if spelled is not None:
        return cpp_type(f"{spelled[1]} ")
    mangled = _MANGLED_A.search(text)
    if mangled is not None and mangled[1] in _CODES:
        return _CODES[mangled[1]]
    if mangled is not None and mangled[1] == "N":
        return cpp_type(text, mangled.end())
    return cpp_type(text)


def _instruction(text: str) -> tuple[int, int, int] | None:
    """Return the shape of ``arch::Mma<GemmShape<16, 8, 16>, 32, ...>``."""
    found = _INSTRUCTION.search(text)
    if found is None:
        return None
    m, n, k = (int(part) for part in found.groups() if part is not None)
    return m, n, k


def _plain(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a launched kernel whose types tell nothing."""
    if _HELPER.search(symbol.ident):
        return helps(None, f"{symbol.ident}: prepares or finishes another kernel's work", confidence=FAIR)
    if re.match(_KERNELS, symbol.ident):
        return unknown(f"{symbol.ident} without an operator class or an MMA atom: the name may be cut",
                       operation=_operation(symbol))  # fmt: skip
    return None


@lru_cache(maxsize=1024)
def _dsl(ident: str) -> Verdict:
    """Return the verdict on a kernel of the CuTe DSL, which is named after its Python class."""
    product = re.search(r"Gemm|Attention|Mla|Fmha|gemm|attention", ident)
    floor = re.search(r"[Ss]m(\d{2,3})", ident)
    isa = int(floor[1]) if floor is not None else None
    if product is None:
        return cuda(None, "a CuTe DSL kernel whose class names no product", isa=isa, confidence=LEANING)
    operation = "attention" if product[0] in {"Attention", "Mla", "Fmha", "attention"} else "gemm"
    sure = STRONG if isa is not None and isa >= 80 else LEANING
    return tensor(operation, f"a CuTe DSL kernel of a class named {product[0]}", isa=isa, confidence=sure)


FAMILY: Final = Family(
    name="cutlass-types",
    title="CUTLASS and CuTe kernels spelled as C++ types",
    read=read,
)
