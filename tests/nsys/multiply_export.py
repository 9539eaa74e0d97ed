"""Make a big export of a small one by repeating its kernels, calls and ranges in SQL, shifted in time."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from .synthetic_export import KERNEL, NVTX, RUNTIME, SyntheticExport

KERNEL_NAMES = (
    "sm80_xmma_fprop_implicit_gemm_interleaved_i8i8_i8i32_f32_nchw_vect_c_32kcrs_vect_c_32_nchw_vect_c_32_tilesize"
    "{0}x32x64_stage1_warpsize4x1x1_g1_tensor16x8x32_t1r3s3_execute_kernel_trt",
    "void genericReformat::copyVectorizedKernel<double, float, __half, (bool)1, (bool)0, (int){0}>(unsigned int, "
    "void const*, void*)",
    "void at::native::vectorized_elementwise_kernel<(int)4, at::native::CUDAFunctor_add<c10::Half>, "
    "std::array<char *, (unsigned long){0}>>(int, T2, T3)",
    "__myl_CasMulMeaAddSqrDivMulCasMulMulMul_0x{0:032x}",
)
OTHER_CALLS = ("cudaStreamIsCapturing_v10000", "cudaEventRecord_v3020")


def base_export(kernels: int = 10_600, layers: int = 200) -> SyntheticExport:
    """Return an export with one layer range and 1.7 other calls a kernel: the mix of a real TensorRT trace."""
    export = SyntheticExport("2025.5")
    export.meta()
    export.gpu()
    export.domain("TensorRT", 1, -1_000)
    time = 0
    for index in range(kernels):
        if index % layers == 0:
            export.range("ExecutionContext::enqueue", time, time + layers * 2_000 - 10, domain=1)
            time += 10
        export.call(OTHER_CALLS[0], time + 20, time + 60)
        export.launch(
            KERNEL_NAMES[index % 4].format(index % 97), time + 100, time + 9_000, 900 + index % 601, call=700,
            api="cuLaunchKernel" if index % 3 else "cudaLaunchKernel_v7000",
        )  # fmt: skip
        if index % 10 < 7:
            export.call(OTHER_CALLS[1], time + 850, time + 900)
        export.range(f"layer_{index % layers}", time + 10, time + 1_000, domain=1)
        time += 1_990 if index % layers == layers - 1 else 2_000
    return export


def multiply(path: Path, times: int) -> None:
    """Repeat the rows of three tables until there are ``times`` as many; ids and times move on."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = off")
    database.execute("PRAGMA synchronous = off")
    (span,) = database.execute(f'SELECT MAX("end") + 20000 FROM {RUNTIME}').fetchone()
    (ids,) = database.execute(f"SELECT MAX(correlationId) + 1 FROM {RUNTIME}").fetchone()
    for table in (KERNEL, RUNTIME, NVTX):
        names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        which = "WHERE eventType < 75" if table == NVTX else ""
        database.execute(f"CREATE TEMP TABLE base AS SELECT * FROM {table} {which}")
        moved = {"start": f"+ :turn * {span}", "end": f"+ :turn * {span}", "correlationId": f"+ :turn * {ids}"}
        chosen = ", ".join(f'"{name}" {moved.get(name, "")}' for name in names)
        for turn in range(1, times):
            database.execute(f"INSERT INTO {table} SELECT {chosen} FROM temp.base", {"turn": turn})
        database.commit()
        database.execute("DROP TABLE temp.base")
    database.close()
