"""A kernel name taken apart: return type, scope, identifier, and what follows it.

Profilers hand over one function in many spellings: ``void cutlass::Kernel2<cutlass_80_...>(T1::Params)`` (Nsight),
``_ZN7cutlass7Kernel2I...`` (mangled), ``Kernel2`` (base name), any of them cut off at some length. A launcher such as
``Kernel2`` or ``device_kernel`` says nothing itself, so `take_apart` looks through it at its template argument.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Symbol(NamedTuple):
    """Where the telling parts of ``name`` lie; ``name[end:]`` are template arguments and parameters.

    ``launcher`` is the wrapper that was looked through, empty where there was none.
    """

    name: str
    scope: str
    ident: str
    start: int
    end: int
    launcher: str = ""

    @property
    def rest(self) -> str:
        """Return everything after the identifier."""
        return self.name[self.end :]

    @property
    def is_mangled(self) -> bool:
        """Return whether the name is in the Itanium mangling, so that types are single letters."""
        return self.name.startswith(("_Z", "__nv_static_"))


_PATH: Final = re.compile(r"[\w:$.@~-]*")
# Nine names in ten are one qualified name and its arguments, and one match takes them apart; the others take steps.
_USUAL: Final = re.compile(r"(?:void )?((?:\w+::)*)(\w+)(?=[<(>])")
_ANONYMOUS: Final = ("<unnamed>::", "(anonymous namespace)::", "{anonymous}::")
_LAUNCHERS: Final = frozenset(("Kernel", "Kernel2", "KernelArray", "device_kernel"))


def take_apart(name: str) -> Symbol:
    """Return the parts of ``name``, looking through launchers. Never raises, whatever the text."""
    encoded = _encoding(name) if name.startswith("_") else -1
    if encoded < 0 and name.isidentifier():
        return Symbol(name, "", name, 0, len(name))
    part, start, opens = (_mangled, encoded, "I") if encoded >= 0 else (_demangled, 0, "<")
    symbol = part(name, start, "")
    while _is_wrapper(symbol) and name.startswith(opens, symbol.end):
        inner = part(name, symbol.end + 1, symbol.ident)
        if not inner.ident:
            break
        symbol = inner
    return symbol


def _encoding(name: str) -> int:
    """Return where the mangled path of ``name`` begins, -1 in a name that is not mangled."""
    if name.startswith("_Z"):
        return 2
    # nvcc prefixes a kernel of internal linkage with the file it comes from: __nv_static_46__..._cu_..__ZN...
    found = name.find("__ZN") if name.startswith("__nv_static_") else -1
    return found + 3 if found >= 0 else -1


def _is_wrapper(symbol: Symbol) -> bool:
    """Return whether the identifier only launches or enables its first template argument."""
    ident = symbol.ident
    if ident in _LAUNCHERS:
        return ident in {"Kernel2", "device_kernel"} or symbol.scope.startswith("cutlass")
    return (ident.startswith("enable_") and not ident.startswith("enable_if")) or ident == "GemmUniversalAdapter"


def _demangled(name: str, start: int, launcher: str) -> Symbol:
    """Return the symbol that begins at ``start`` of a demangled name."""
    usual = _USUAL.match(name, start)
    if usual is not None and usual[2] != "enable_if":
        return Symbol(name, usual[1], usual[2], usual.start(2), usual.end(2), launcher)
    if name.startswith("void ", start):
        start += 5
    end = _path_end(name, start)
    if name.startswith("std::enable_if", start):  # std::enable_if<!T7, void>::type internal::gemvx::kernel<...>
        after = name.find("::type ", end)
        if after >= 0:
            start = after + len("::type ")
            end = _path_end(name, start)
    cut = name.rfind("::", start, end)
    at = cut + 2 if cut >= 0 else start
    return Symbol(name, name[start:at], name[at:end], at, end, launcher)


def _path_end(name: str, start: int) -> int:
    """Return where the qualified name that begins at ``start`` ends, through anonymous namespaces."""
    end = start
    while True:
        found = _PATH.match(name, end)
        end = found.end() if found is not None else end
        if not name.startswith(_ANONYMOUS, end):
            return end
        end = name.find("::", end) + 2


_LENGTH: Final = re.compile(r"\d+")
_QUALIFIERS: Final = re.compile(r"(?:S(?:[\dA-Z]*_|[tabsiod])|[KVrL])*")


def _mangled(name: str, start: int, launcher: str) -> Symbol:
    """Return the symbol whose mangled path begins at ``start``: ``N`` and length-prefixed parts, up to a ``I``."""
    nested = name.startswith("N", start)
    position = at = start + nested
    parts: list[str] = []
    while nested or not parts:
        qualifiers = _QUALIFIERS.match(name, position)
        length = _LENGTH.match(name, qualifiers.end() if qualifiers is not None else position)
        if length is None:
            break
        at, position = length.end(), min(length.end() + int(length[0][:6]), len(name))
        parts.append(name[at:position])
    scope = "".join(f"{part}::" for part in parts[:-1])
    return Symbol(name, scope, parts[-1] if parts else "", at, position, launcher)
