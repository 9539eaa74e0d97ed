"""How fast kernel names are classified: distinct names a second, and what repeats cost; processor time of one core."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator

from measures import Measure, paired, seconds

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


def best(work: Callable[[], object]) -> float:
    """Best processor time of five runs."""
    return min(seconds(work, time.process_time) for _ in range(5))


def by_five_patterns(names: list[str]) -> dict[str, bool]:
    """The rule that the field began with: wrong for most names since, but the least that can be done."""
    return {name: any(word.search(name) for word in FIVE) for name in names}


def distinct(every: list[str]) -> Iterator[Measure]:
    """How many distinct names a second, by how many there are; and against the least that can be done."""
    for count in (2_000, len(every)):  # a busy trace has some hundreds, one with run-time compilation thousands
        some = every[:count]
        rate = count / best(lambda some=some: classify_all(some))
        yield Measure(
            f"classify, {count:,} distinct names", "time a name", f"{AIM:,} names a second", AIM / rate,
            1.0 if count == 2_000 else None, f"{rate:,.0f} names a second on one core",
        )  # fmt: skip
    some = every[:20_000]
    ratio, spread = paired(lambda: classify_all(some), lambda: by_five_patterns(some), 5, time.process_time)
    yield Measure(
        "classify against words", "20,000 distinct names by grammar", "five regular expressions a name", ratio, None,
        f"{spread}; the five are wrong for most names",
    )  # fmt: skip


def repeated() -> Measure:
    """What launches cost whose names repeat."""
    few = [name for form in FORMS.values() for name in names_of(form)[:100]]
    launches = few * 1000
    ratio, spread = paired(lambda: classify_all(launches), lambda: dict.fromkeys(launches), 9, time.process_time)
    return Measure(
        "classify, names that repeat", f"{len(launches):,} launches of {len(few):,} names", "a dictionary of them",
        ratio, 1.5, spread,
    )  # fmt: skip


def measures() -> Iterator[Measure]:
    """Yield what classifying distinct and repeated names comes to."""
    every = [name for form in FORMS.values() for name in names_of(form)]
    random.Random(0).shuffle(every)
    yield from distinct(every)
    yield repeated()
