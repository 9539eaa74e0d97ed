"""A kernel's identifier is found in every spelling profilers use, through the launchers that wrap it."""

from __future__ import annotations

import pytest

from trtprof.kernels.symbol import take_apart

HIDDEN = "_GLOBAL__N__0123abcd_10_file_cu_0123abcd_12345"  # nvcc's anonymous namespace


@pytest.mark.parametrize(
    ("name", "scope", "ident", "rest"),
    [
        ("volta_sgemm_96x64_nn", "", "volta_sgemm_96x64_nn", ""),
        ("void a::b::c<int>(T1)", "a::b::", "c", "<int>(T1)"),
        ("a::b(int)", "a::", "b", "(int)"),
        ("void at::native::(anonymous namespace)::f<1>(int)", "at::native::(anonymous namespace)::", "f", "<1>(int)"),
        ("void <unnamed>::f<1>(int)", "<unnamed>::", "f", "<1>(int)"),
        ("std::enable_if<!T7, void>::type in::gemvx::kernel<int>(T1)", "in::gemvx::", "kernel", "<int>(T1)"),
        ("void cutlass::Kernel2<inner_x>(T1::Params)", "", "inner_x", ">(T1::Params)"),
        ("void cutlass::device_kernel<n::enable_sm90<m::inner<4>>>(T1)", "m::", "inner", "<4>>>(T1)"),
        ("void mine::Kernel<inner>(T1)", "mine::", "Kernel", "<inner>(T1)"),
        ("_Z5innerPfi", "", "inner", "Pfi"),
        ("_ZN2at6native5innerIfEEvT_", "at::native::", "inner", "IfEEvT_"),
        ("_ZN7cutlass7Kernel2I5innerEEvNT_6ParamsE", "", "inner", "EEvNT_6ParamsE"),
        (f"_ZN2at{len(HIDDEN)}{HIDDEN}5innerIfEEvT_", f"at::{HIDDEN}::", "inner", "IfEEvT_"),
        ("__nv_static_21__0123_7_f_cu_0123_1__Z5innerPf", "", "__nv_static_21__0123_7_f_cu_0123_1__Z5innerPf", ""),
        ("__nv_static_21__0123_7_f_cu_0123_1__ZN1a5innerEPf", "a::", "inner", "EPf"),
        ("", "", "", ""),
        ("void ", "", "", ""),
    ],
)  # fmt: skip
def test_scope_identifier_and_the_rest(name: str, scope: str, ident: str, rest: str) -> None:
    symbol = take_apart(name)
    assert (symbol.scope, symbol.ident, symbol.rest) == (scope, ident, rest)
    assert name[symbol.start : symbol.end] == ident


def test_the_launcher_is_remembered() -> None:
    assert take_apart("void cutlass::Kernel2<inner>(T1)").launcher == "Kernel2"
    assert take_apart("void cutlass::device_kernel<enable_sm90<inner>>(T1)").launcher == "enable_sm90"
    assert take_apart("inner").launcher == ""
