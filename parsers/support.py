"""Which files of which tool's versions are read, by which command, and how sure that is: said once.

``docs/formats.md`` is made of it. *Checked* names versions whose real exports the tests read; *documented* those whose
reader was written after documentation and source alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from trtprof.parsers.registry import FileKind


@dataclass(frozen=True, slots=True)
class Support:
    """What is read of one kind of file. ``lacks`` is what such a file never holds, or what is not read of it."""

    written_by: str
    versions: str
    read: str
    lacks: str
    command: str
    checked: str = ""
    documented: str = ""


_ENGINE: Final = "inspect, compare, diff"
_TRACE: Final = "kernels"

SUPPORT: Final[dict[FileKind, Support]] = {
    FileKind.LAYER_INFO: Support(
        "`--exportLayerInfo`, `IEngineInspector`, torch_tensorrt's engine info",
        "TensorRT 8.2 to 11",
        "layers in order: kind, tensors with type, layout and dims, tactic, ONNX nodes, stream, origin; inputs and"
        " outputs",
        "times; ONNX nodes before 8.6; everything but names unless built with `--profilingVerbosity=detailed`;"
        " accumulator"
        " types",
        _ENGINE,
        "8.2 (in a log), 8.4, 8.6 or later on Orin, 10.1, 10.16, 10.x on Blackwell; torch_tensorrt",
        "11; several optimisation profiles",
    ),
    FileKind.PROFILE: Support(
        "`--exportProfile`",
        "TensorRT 7 to 11",
        "mean, median (from 8.4) and total of each layer, iterations",
        "which GPU, which engine; with `--useCudaGraph` one iteration may be all there is; names are not escaped, so"
        " it is"
        " not always JSON",
        _ENGINE,
        "8.4, 10.1, 10.x",
        "7, 8.2 without median, names that break the JSON",
    ),
    FileKind.LAYER_LATENCY: Support(
        "scripts around torch_tensorrt's profiler",
        "any",
        "mean and median of each layer",
        "a warm-up mark: slow first iterations count",
        _ENGINE,
        "torch_tensorrt latencies",
    ),
    FileKind.TIMES: Support(
        "`--exportTimes`",
        "TensorRT 7.0 to 11",
        "latency, GPU compute, enqueue and copies of each iteration, warm-up left out",
        "enqueue times in 7.0; the warm-up's length: taken from the log or TREx metadata beside it, else trtexec's"
        " default"
        " of 200 ms",
        _ENGINE,
        "8.4, 10.1",
        "7.0, 7.2",
    ),
    FileKind.LOG: Support(
        "trtexec, the Python API, DeepStream, Torch-TensorRT; plain or `--verbose`",
        "TensorRT 7 to 11, TensorRT-RTX 1",
        "version, device, options, verdict, summary, layer profile, warnings; of verbose logs also tactic timings and"
        " choices, inserted reformats, graph rewrites, DLA refusals, memory, layers",
        "ONNX nodes of layers lose their separators; without `--verbose` nothing of the build",
        _ENGINE,
        "trtexec 8.2.3 and 10.16.1, verbose and plain; Python API; TensorRT-RTX",
        "7; 11; most DLA messages",
    ),
    FileKind.CALIBRATION_CACHE: Support(
        "INT8 calibrators, `--calib`",
        "TensorRT 7 to 10; 11 has none",
        "scale and dynamic range of each tensor, which calibrator",
        "ranges of single channels",
        "inspect, quantize",
        "",
        "all",
    ),
    FileKind.TREX_METADATA: Support(
        "TREx's `process_engine.py` (`.build.`, `.profile.` and plain `.metadata.json`)",
        "TREx 0.1 on",
        "device, options, summary of the run",
        "layers and times of layers",
        _ENGINE,
        "both releases' files",
    ),
    FileKind.TACTIC_REPLAY: Support(
        "`polygraphy --save-tactics`",
        "TensorRT 8 to 10",
        "tactic and tensor types of each layer",
        "times; names of tensors",
        _ENGINE,
        "",
        "all",
    ),
    FileKind.TIMING_CACHE: Support(
        "`--timingCacheFile`",
        "TensorRT-RTX 1.7 known",
        "format number and size",
        "entries: their layout is not public",
        "inspect",
        "TensorRT-RTX 1.7.1",
        "TensorRT",
    ),
    FileKind.ENGINE_PLAN: Support(
        "`--saveEngine`",
        "TensorRT 8.6 on, TensorRT-RTX",
        "the version that made it, size",
        "everything else: its layout is not public",
        "inspect",
        "TensorRT-RTX 1.7.1",
        "TensorRT",
    ),
    FileKind.ONNX_MODEL: Support(
        "exporters, quantisers",
        "Q/DQ from opset 10, one scale a channel from 13",
        "graph, types, scales, weights",
        "times",
        "compare, lint, fix, extract, quantize, sensitivity, plan, recipe",
        "PyTorch's names, onnxruntime's and ModelOpt 0.47's quantisers",
        "pytorch-quantization",
    ),
    FileKind.NSYS_SQLITE: Support(
        "`nsys export --type sqlite`",
        "Nsight Systems 2021 to 2026 (schemas 2.x to 3.25.0)",
        "kernels, API calls, NVTX ranges, CUDA graphs, copies, GPUs",
        "whatever was not traced: any table may be missing",
        _TRACE,
        "2024.6 to 2026.2",
        "2021 to 2024.5",
    ),
    FileKind.NSYS_REPORT: Support(
        "`nsys profile`",
        "whatever the nsys on this machine exports",
        "what its SQLite export holds",
        "anything, where nsys is not installed",
        _TRACE,
        "2025.3",
    ),
    FileKind.NSYS_STATS: Support(
        "`nsys stats` (`cuda_gpu_kern_sum`, `cuda_gpu_sum`, `cuda_gpu_trace`, any time unit)",
        "the file does not tell; columns are found by name",
        "kernels with launches and times",
        "layers, gaps",
        _TRACE,
        "2025.3 on an H100; published ones of a Jetson",
    ),
    FileKind.NCU_CSV: Support(
        "`ncu --csv` (raw page, details page, per-kernel summary)",
        "the file does not tell; columns are found by name",
        "counters of the Tensor Cores' path, times",
        "sections that were not collected",
        "verify, kernels",
        "2025.3 on an H100; published ones of a Jetson",
    ),
    FileKind.TEGRASTATS: Support(
        "tegrastats",
        "JetPack 4 to 7",
        "memory, clocks, loads, temperatures, power rails",
        "clocks, to all but root on most boards",
        "compare (of an imported capture)",
        "published lines of JetPack 4, 5, 6, 7 and 7.2",
    ),
}
"""Every kind of file that is recognised, in the order of the pages."""
