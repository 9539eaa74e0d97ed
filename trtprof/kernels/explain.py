"""A kernel name, token by token: what each piece means, where anybody says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from trtprof.kernels.family import Family, Token
from trtprof.kernels.lexicon import spell_words
from trtprof.kernels.registry import FAMILIES, family_of
from trtprof.kernels.spelling import cpp_type
from trtprof.kernels.symbol import Symbol, take_apart

_PIECES: Final = re.compile(
    r"(?P<type>(?:const )?[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*(?: ?[*&])*)|(?P<cast>\((?:int|bool|unsigned \w+)\))"
    r"|(?P<number>-?\d+[ul]*)|(?P<other>.)",
    re.DOTALL,
)
_NAMESPACES: Final = {
    "at": "PyTorch", "native": "PyTorch's own kernels", "c10": "PyTorch", "cutlass": "CUTLASS", "cute": "CuTe",
    "cub": "CUB", "thrust": "Thrust", "cudnn": "cuDNN", "cublasLt": "cuBLAS", "cublas": "cuBLAS", "vllm": "vLLM",
    "flash": "FlashAttention", "pytorch_flash": "FlashAttention in PyTorch", "flashinfer": "FlashInfer",
    "genericReformat": "TensorRT's reformats", "cuInt8": "TensorRT's layout changes", "nvinfer1": "TensorRT",
    "tensorrt_llm": "TensorRT-LLM", "trt_edgellm": "TensorRT Edge-LLM", "<unnamed>": "anonymous namespace",
    "(anonymous namespace)": "anonymous namespace", "cutlass__5x_cudnn": "CUTLASS in cuDNN",
    "cutlass_cudnn": "CUTLASS in cuDNN", "engines_precompiled": "cuDNN",
}  # fmt: skip
_LAUNCHER: Final = "launches the kernel that its first template argument describes"
_LONGEST: Final = 400  # tokens of template arguments and parameters; the rest of a very long name is one token


def explain(name: str) -> tuple[Token, ...]:
    """Return the tokens of a kernel's name, in order; their texts put together are the name again.

    A token whose meaning nobody documents, and a separator, has an empty meaning. Never raises.
    """
    symbol = take_apart(name)
    if name and not symbol.ident:  # [CUDA memcpy HtoD] is a phrase, not a symbol
        return (Token(name, _title(family_of(symbol))),)
    tokens = [
        *_before(symbol),
        *_identifier(symbol),
        *_arguments(name[symbol.end :], mangled=symbol.is_mangled),
    ]
    return tuple(token for token in tokens if token.text)


def _before(symbol: Symbol) -> Iterator[Token]:
    """Yield what stands before the identifier: return type, launcher, namespaces."""
    text = symbol.name[: symbol.start]
    if symbol.is_mangled:
        yield Token(text, "mangled C++ name: namespaces and lengths" if text else "")
        return
    if text.startswith("void "):
        yield Token("void ", "returns nothing, as every kernel")
        text = text[len("void ") :]
    for piece in re.split(r"(::|<|>|, | )", text):
        meaning = _LAUNCHER if symbol.launcher and piece == symbol.launcher else _NAMESPACES.get(piece, "")
        yield Token(piece, meaning)


def _identifier(symbol: Symbol) -> Iterable[Token]:
    """Return the tokens of the identifier, as its family spells it."""
    family = family_of(symbol)
    spell = family.spell if family.spell is not None else spell_words
    tokens = tuple(spell(symbol.ident))
    if any(token.meaning for token in tokens):
        return tokens
    return (Token(symbol.ident, _title(family)),)


def _title(family: Family) -> str:
    """Return what belonging to the family says of a name; the last family takes what belongs nowhere."""
    return "" if family is FAMILIES[-1] else family.title


def _arguments(text: str, *, mangled: bool) -> Iterator[Token]:
    """Yield the tokens of template arguments and parameters."""
    if mangled:
        yield Token(text, "mangled template arguments and parameters")
        return
    end = 0
    for count, found in enumerate(_PIECES.finditer(text)):
        if count == _LONGEST:
            break
        end = found.end()
        yield Token(found[0], _argument(found))
    yield Token(text[end:], "more template arguments and parameters")


def _argument(found: re.Match[str]) -> str:
    """Return what one piece of an argument list means."""
    if found.lastgroup != "type":
        return ""
    kind = cpp_type(f"{found[0]} ")
    if kind is not None:
        return kind.value
    return "template parameter" if re.fullmatch(r"T\d+", found[0]) else ""
