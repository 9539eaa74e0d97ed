"""How fast kernel names are classified: distinct names a second on one core, and what repeats cost.

Run with ``python benchmarks/bench_kernels.py``. Rates depend on the machine; the ratios compare two things of one run.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from trtprof.kernels import classify_all

AIM = 200_000  # distinct names a second
EACH = 20_000
FIVE = [re.compile(word) for word in ("h884", "i8816", "hcudnn", "icudnn", "scudnn")]
FORMS = {
    "xmma": "sm80_xmma_fprop_implicit_gemm_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize{}x{}x64_stage4_warpsize2x2x1_g1"
    "_tensor16x8x16_t1r3s3_execute_kernel__5x_cudnn",
    "legacy": "ampere_fp16_s16816gemm_fp16_{}x{}_ldg8_relu_f2f_stages_32x5_tn",
    "nvjet": "nvjet_sm90_hsh_{}x{}_64x6_2x1_v_bz_coopB_TNN",
    "cutlass": "void cutlass::Kernel2<cutlass_80_tensorop_f16_s16816gemm_relu_f16_{}x{}_64x4_nn_align8>(T1::Params)",
    "flash": "void flash::flash_fwd_kernel<Flash_fwd_kernel_traits<{}, {}, 64, 4, false, false, cutlass::half_t, "
    "Flash_kernel_traits<96, 64, 64, 4, cutlass::half_t>>, false, true>(flash::Flash_fwd_params)",
    "myelin": "__myl_CastMulMeanAddSqrtDivMulCastMul_0x{:016x}{:016x}",
    "triton": "triton_poi_fused_add_mul_relu_{}_{}",
    "pytorch": "void at::native::vectorized_elementwise_kernel<4, at::native::BinaryFunctor<float, float, float, "
    "at::native::MulFunctor<float>>, std::array<char *, {}>>(int, T2, T{})",
    "reformat": "void genericReformat::copyPackedKernel<float, __half, true, genericReformat::ArrayN<{}>, {}>(int)",
    "words": "fused_add_rms_norm_kernel_{}_{}",
}


def names_of(form: str) -> list[str]:
    return [form.format(number // 500 + 1, number % 500 + 1) for number in range(EACH)]


def seconds(work: Callable[[], object]) -> float:
    """Best processor time of five runs."""
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def by_five_patterns(names: list[str]) -> dict[str, bool]:
    """The rule that the field began with: wrong for most names since, but the least that can be done."""
    return {name: any(word.search(name) for word in FIVE) for name in names}


def distinct() -> None:
    every: list[str] = []
    for family, form in FORMS.items():
        names = names_of(form)
        every += names
        print(f"  {family:9} {len(names) / seconds(lambda names=names: classify_all(names)):9,.0f} names/s")
    random.Random(0).shuffle(every)
    for count in (2_000, 20_000, len(every)):  # a busy trace has some hundreds, one with run-time compilation thousands
        some = every[:count]
        rate = count / seconds(lambda some=some: classify_all(some))
        print(f"  {count:>7,} mixed {rate:9,.0f} names/s: {rate / AIM:.2f} x the aim of {AIM:,}")
    some = every[:20_000]
    ratio = seconds(lambda: classify_all(some)) / seconds(lambda: by_five_patterns(some))
    print(f"  against five regular expressions a name: {ratio:.1f} x the time")


def repeated() -> None:
    few = [name for form in FORMS.values() for name in names_of(form)[:100]]
    launches = few * 1000
    ratio = seconds(lambda: classify_all(launches)) / seconds(lambda: dict.fromkeys(launches))
    print(f"  {len(launches):,} launches of {len(few):,} names: {ratio:.2f} x a dictionary of them (aim: 1.5 or less)")


if __name__ == "__main__":
    print("classify_all, distinct names:")
    distinct()
    print("classify_all, repeats:")
    repeated()
