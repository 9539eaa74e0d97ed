"""What each real file of ../shared/data must give: pinned by hand-checked runs, compared by test_real_files.py.

Layers pins the number of layers, how many there are of each kind, and how many by the type of their first input.
"""

from __future__ import annotations

from typing import NamedTuple


class Layers(NamedTuple):
    """Layer information."""

    number: int
    kinds: dict[str, int]
    operands: dict[str, int]


class Times(NamedTuple):
    """A layer profile: rows, sum of the averages in ms, iterations."""

    rows: int
    total_ms: float
    iterations: int


class Iterations(NamedTuple):
    """End-to-end times: iterations after warm-up, median compute time in ms, warm-up iterations left out."""

    number: int
    median_ms: float
    warm_up: int


class Options(NamedTuple):
    """TREx metadata: lines, device, median compute time of the summary in ms."""

    lines: int
    device: str | None
    median_ms: float | None


class Log(NamedTuple):
    """A log: version and verdict, profile rows and their sum in ms, layers listed, trials, tactics, conversions."""

    version: str | None
    passed: bool | None
    timed: int
    total_ms: float
    listed: int
    kinds: dict[str, int]
    trials: int
    tactics: int
    reformats: int


READ: dict[str, Layers | Times | Iterations | Options | Log] = {
    "blackwell/as_sm80_orin_layers.json": Layers(
        104,
        {"compute": 87, "dequantize": 4, "foreign": 2, "plugin": 1, "quantize": 3, "reformat": 7},
        {"bool": 1, "fp16": 9, "fp32": 4, "int8": 90},
    ),
    "blackwell/as_sm80_orin_profile.json": Times(104, 18.5141, 839),
    "blackwell/dmt_sm100_layers.json": Layers(
        1309,
        {
            "cast": 2,
            "compute": 1160,
            "constant": 2,
            "copy": 67,
            "noop": 2,
            "plugin": 3,
            "quantize": 1,
            "reformat": 45,
            "signal": 27,
        },
        {"fp16": 1207, "fp32": 15, "int32": 4, "int8": 52, "none": 31},
    ),
    "blackwell/dmt_sm100_profile.json": Times(1309, 42.1242, 501),
    "cookbook/cookbook_EngineInspector.log": Log(
        None, None, 0, 0, 26, {"cast": 4, "compute": 16, "copy": 2, "reformat": 2, "shape": 2}, 0, 0, 0
    ),
    "cookbook/cookbook_ProfilingVerbosity.log": Log(
        None, None, 0, 0, 26, {"cast": 2, "compute": 16, "noop": 4, "reformat": 2, "shape": 2}, 174, 2304, 18
    ),
    "cookbook/cookbook_Sparsity.log": Log(None, None, 0, 0, 5, {"compute": 4, "foreign": 1}, 29, 673, 0),
    "cookbook/cookbook_exportLayerInfo.json": Layers(9, {"cast": 1, "compute": 8}, {"fp32": 8, "int32": 1}),
    "cookbook/cookbook_nsys_result-01.log": Log("10.16.1", True, 0, 0, 0, {}, 0, 0, 0),
    "cookbook/cookbook_trt_verbose.log": Log(None, None, 0, 0, 1, {"reformat": 1}, 1, 4, 0),
    "cookbook/cookbook_trtexec_result-02_verbose.log": Log(
        "10.16.1", True, 0, 0, 6, {"compute": 2, "foreign": 3, "reformat": 1}, 230, 3158, 4
    ),
    "cookbook/cookbook_trtexec_result-04_layerinfo.log": Log(
        "10.16.1", True, 0, 0, 9, {"cast": 1, "compute": 8}, 0, 0, 0
    ),
    "cookbook/cookbook_trtexec_result-05_profile.log": Log("10.16.1", True, 15, 0.0833, 0, {}, 0, 0, 0),
    "cookbook/cookbook_trtrtx_verbose.log": Log(None, None, 0, 0, 1, {"foreign": 1}, 1, 0, 0),
    "dla/jetson_dla_tutorial_README.md": Log(None, None, 0, 0, 0, {}, 0, 0, 0),
    "fuzzylabs/jetson_resnet18_trt_engine_info.json": Layers(
        26, {"compute": 23, "noop": 2, "reformat": 1}, {"fp16": 26}
    ),
    "fuzzylabs/jetson_vgg16_trt_engine_info.json": Layers(37, {"compute": 21, "noop": 14, "reformat": 2}, {"fp16": 37}),
    "fuzzylabs/torch_onnx_trt_alexnet_trt_engine_info.json": Layers(
        17, {"compute": 11, "noop": 3, "reformat": 3}, {"fp16": 1, "fp32": 16}
    ),
    "fuzzylabs/torch_onnx_trt_alexnet_trt_layer_latency.json": Times(17, 1.10638, 100),
    "fuzzylabs/torch_onnx_trt_mobilenet_v2_trt_engine_info.json": Layers(
        59, {"compute": 54, "noop": 3, "reformat": 2}, {"fp16": 1, "fp32": 58}
    ),
    "fuzzylabs/torch_onnx_trt_mobilenet_v2_trt_layer_latency.json": Times(59, 0.708519, 100),
    "fuzzylabs/torch_onnx_trt_resnet18_trt_engine_info.json": Layers(
        29, {"compute": 23, "noop": 1, "reformat": 5}, {"fp16": 1, "fp32": 28}
    ),
    "fuzzylabs/torch_onnx_trt_resnet18_trt_layer_latency.json": Times(29, 1.18818, 100),
    "fuzzylabs/torch_trt_alexnet_trt_engine_info.json": Layers(
        20, {"compute": 11, "noop": 7, "reformat": 2}, {"fp16": 20}
    ),
    "fuzzylabs/torch_trt_alexnet_trt_layer_latency.json": Times(20, 0.527117, 100),
    "fuzzylabs/torch_trt_mobilenet_v2_trt_engine_info.json": Layers(
        123, {"compute": 98, "noop": 23, "reformat": 2}, {"fp16": 123}
    ),
    "fuzzylabs/torch_trt_mobilenet_v2_trt_layer_latency.json": Times(123, 0.670686, 100),
    "fuzzylabs/torch_trt_resnet18_trt_engine_info.json": Layers(
        26, {"compute": 23, "noop": 2, "reformat": 1}, {"fp16": 26}
    ),
    "fuzzylabs/torch_trt_resnet18_trt_layer_latency.json": Times(26, 0.422239, 100),
    "fuzzylabs/trtexec_alexnet_fp16.build.metadata.json": Options(56, "NVIDIA GeForce RTX 3060 Laptop GPU", None),
    "fuzzylabs/trtexec_alexnet_fp16.graph.json": Layers(
        14, {"compute": 12, "reformat": 1, "shape": 1}, {"fp16": 13, "none": 1}
    ),
    "fuzzylabs/trtexec_alexnet_fp16.profile.json": Times(14, 0.524171, 14590),
    "fuzzylabs/trtexec_alexnet_fp16.profile.metadata.json": Options(33, "NVIDIA GeForce RTX 3060 Laptop GPU", 0.495605),
    "fuzzylabs/trtexec_alexnet_fp16.timing.json": Iterations(6039, 0.495605, 0),
    "fuzzylabs/trtexec_mobilenet_v2_fp16.build.metadata.json": Options(56, "NVIDIA GeForce RTX 3060 Laptop GPU", None),
    "fuzzylabs/trtexec_mobilenet_v2_fp16.graph.json": Layers(
        57, {"compute": 54, "noop": 1, "reformat": 1, "shape": 1}, {"fp16": 56, "none": 1}
    ),
    "fuzzylabs/trtexec_mobilenet_v2_fp16.profile.json": Times(57, 0.411273, 18488),
    "fuzzylabs/trtexec_mobilenet_v2_fp16.profile.metadata.json": Options(
        33, "NVIDIA GeForce RTX 3060 Laptop GPU", 0.232422
    ),
    "fuzzylabs/trtexec_resnet18_fp16.build.metadata.json": Options(56, "NVIDIA GeForce RTX 3060 Laptop GPU", None),
    "fuzzylabs/trtexec_resnet18_fp16.graph.json": Layers(
        26, {"compute": 23, "noop": 1, "reformat": 1, "shape": 1}, {"fp16": 25, "none": 1}
    ),
    "fuzzylabs/trtexec_resnet18_fp16.profile.json": Times(26, 0.363516, 21071),
    "fuzzylabs/trtexec_resnet18_fp16.profile.metadata.json": Options(
        33, "NVIDIA GeForce RTX 3060 Laptop GPU", 0.276855
    ),
    "logs/trt8203_a100_centerpoint_fp16_verbose.log": Log(
        "8.2.3", True, 94, 2.5802, 94, {"compute": 56, "reformat": 38}, 612, 5541, 37
    ),
    "trex/examples__pytorch__resnet__A100__fp16__resnet.onnx.engine.build.metadata.json": Options(7, None, None),
    "trex/examples__pytorch__resnet__A100__fp16__resnet.onnx.engine.graph.json": Layers(
        36, {"compute": 23, "noop": 11, "reformat": 2}, {"fp16": 35, "fp32": 1}
    ),
    "trex/examples__pytorch__resnet__A100__fp16__resnet.onnx.engine.metadata.json": Options(
        0, "NVIDIA A100 80GB PCIe", None
    ),
    "trex/examples__pytorch__resnet__A100__fp16__resnet.onnx.engine.profile.json": Times(36, 1.01683, 1),
    "trex/examples__pytorch__resnet__A100__fp16__resnet.onnx.engine.profile.metadata.json": Options(
        23, "NVIDIA A100 80GB PCIe", 0.862183
    ),
    "trex/examples__pytorch__resnet__A100__fp16__resnet.onnx.engine.timing.json": Iterations(3468, 0.862183, 230),
    "trex/examples__pytorch__resnet__A100__fp32__resnet.onnx.engine.build.metadata.json": Options(7, None, None),
    "trex/examples__pytorch__resnet__A100__fp32__resnet.onnx.engine.graph.json": Layers(
        32, {"compute": 23, "noop": 8, "reformat": 1}, {"fp32": 32}
    ),
    "trex/examples__pytorch__resnet__A100__fp32__resnet.onnx.engine.profile.json": Times(32, 2.12378, 1),
    "trex/examples__pytorch__resnet__A100__fp32__resnet.onnx.engine.profile.metadata.json": Options(
        23, "NVIDIA A100 80GB PCIe", 1.99072
    ),
    "trex/examples__pytorch__resnet__A100__fp32__resnet.onnx.engine.timing.json": Iterations(1500, 1.99072, 100),
    "trex/examples__pytorch__resnet__A100__qat-residual__resnet-qat-residual.onnx.engine.build.metadata.json": Options(
        7, None, None
    ),
    "trex/examples__pytorch__resnet__A100__qat-residual__resnet-qat-residual.onnx.engine.graph.json": Layers(
        26, {"compute": 22, "dequantize": 1, "noop": 1, "quantize": 2}, {"fp32": 4, "int8": 22}
    ),
    "trex/examples__pytorch__resnet__A100__qat-residual__resnet-qat-residual.onnx.engine.profile.json": Times(
        26, 0.731136, 1
    ),
    "trex/examples__pytorch__resnet__A100__qat-residual__resnet-qat-residual.onnx.engine.profile.metadata.json": Options(  # noqa: E501
        23, "NVIDIA A100 80GB PCIe", 0.545776
    ),
    "trex/examples__pytorch__resnet__A100__qat-residual__resnet-qat-residual.onnx.engine.timing.json": Iterations(
        5472, 0.545776, 361
    ),
    "trex/examples__pytorch__resnet__A100__qat__resnet-qat.onnx.engine.build.metadata.json": Options(7, None, None),
    "trex/examples__pytorch__resnet__A100__qat__resnet-qat.onnx.engine.graph.json": Layers(
        37, {"compute": 23, "noop": 2, "quantize": 10, "reformat": 2}, {"fp16": 11, "fp32": 4, "int8": 22}
    ),
    "trex/examples__pytorch__resnet__A100__qat__resnet-qat.onnx.engine.profile.json": Times(37, 1.09568, 1),
    "trex/examples__pytorch__resnet__A100__qat__resnet-qat.onnx.engine.profile.metadata.json": Options(
        23, "NVIDIA A100 80GB PCIe", 0.882568
    ),
    "trex/examples__pytorch__resnet__A100__qat__resnet-qat.onnx.engine.timing.json": Iterations(3392, 0.882568, 222),
    "trex/examples__tensorflow__resnet__RTX-3090__fp16__resnet.onnx.engine.build.metadata.json": Options(7, None, None),
    "trex/examples__tensorflow__resnet__RTX-3090__fp16__resnet.onnx.engine.graph.json": Layers(
        86, {"compute": 57, "copy": 2, "noop": 25, "reformat": 2}, {"fp16": 83, "fp32": 3}
    ),
    "trex/examples__tensorflow__resnet__RTX-3090__fp16__resnet.onnx.engine.profile.json": Times(86, 4.27274, 1),
    "trex/examples__tensorflow__resnet__RTX-3090__fp16__resnet.onnx.engine.profile.metadata.json": Options(
        23, "NVIDIA GeForce RTX 3090", 4.02026
    ),
    "trex/examples__tensorflow__resnet__RTX-3090__fp16__resnet.onnx.engine.timing.json": Iterations(747, 4.02026, 48),
    "trex/examples__tensorflow__resnet__RTX-3090__fp32__resnet.onnx.engine.build.metadata.json": Options(7, None, None),
    "trex/examples__tensorflow__resnet__RTX-3090__fp32__resnet.onnx.engine.graph.json": Layers(
        103, {"compute": 57, "copy": 2, "noop": 31, "reformat": 13}, {"fp32": 103}
    ),
    "trex/examples__tensorflow__resnet__RTX-3090__fp32__resnet.onnx.engine.profile.json": Times(103, 12.3997, 1),
    "trex/examples__tensorflow__resnet__RTX-3090__fp32__resnet.onnx.engine.profile.metadata.json": Options(
        23, "NVIDIA GeForce RTX 3090", 12.1682
    ),
    "trex/examples__tensorflow__resnet__RTX-3090__fp32__resnet.onnx.engine.timing.json": Iterations(248, 12.1682, 15),
    "trex/examples__tensorflow__resnet__RTX-3090__qat__resnet-qat.onnx.engine.build.metadata.json": Options(
        7, None, None
    ),
    "trex/examples__tensorflow__resnet__RTX-3090__qat__resnet-qat.onnx.engine.graph.json": Layers(
        63, {"compute": 57, "copy": 3, "noop": 1, "quantize": 1, "reformat": 1}, {"fp32": 5, "int8": 58}
    ),
    "trex/examples__tensorflow__resnet__RTX-3090__qat__resnet-qat.onnx.engine.profile.json": Times(63, 2.38061, 1),
    "trex/examples__tensorflow__resnet__RTX-3090__qat__resnet-qat.onnx.engine.profile.metadata.json": Options(
        23, "NVIDIA GeForce RTX 3090", 2.19547
    ),
    "trex/examples__tensorflow__resnet__RTX-3090__qat__resnet-qat.onnx.engine.timing.json": Iterations(
        1369, 2.19547, 87
    ),
}

# A known kind that is read elsewhere, by its name; or words of the reason for which the file is not known.
REFUSED: dict[str, str] = {
    "MANIFEST.tsv": "text without a line of trtexec or TensorRT in it",
    "cookbook/cookbook_nsys_help_recipe.txt": "text without a line of trtexec or TensorRT in it",
    "cookbook/cookbook_nsys_help_stats.txt": "text without a line of trtexec or TensorRT in it",
    "dla/cudla_layerwise_hybrid_README.md": "text without a line of trtexec or TensorRT in it",
    "jetson_ncu/ncu_per_kernel_fp16.csv": "NCU_CSV",
    "jetson_ncu/ncu_raw_fp16.csv": "NCU_CSV",
    "jetson_ncu/ncu_raw_fp32.csv": "NCU_CSV",
    "jetson_ncu/nsys_stats.txt": "text without a line of trtexec or TensorRT in it",
    "jetson_ncu/nsys_stats_cuda_api_sum.csv": "NSYS_STATS",
    "jetson_ncu/nsys_stats_cuda_gpu_kern_sum_fp16.csv": "NSYS_STATS",
    "jetson_ncu/nsys_stats_cuda_gpu_kern_sum_tf32.csv": "NSYS_STATS",
    "jetson_ncu/nsys_stats_nvtx_sum.csv": "NSYS_STATS",
    "kernel_truth_h100_torch.tsv": "text without a line of trtexec or TensorRT in it",
    "nsys_rep/trt_edgellm_orin_nano.nsys-rep": "NSYS_REPORT",
    "nsys_sqlite/flameox_rtx3060_nsys2025.5.2_schema3.24.0.sqlite": "NSYS_SQLITE",
    "nsys_sqlite/fuser_h100_nsys2024.6.2_schema3.16.1.sqlite": "NSYS_SQLITE",
    "nsys_sqlite/fuser_h200_nsys2025.1.1_schema3.17.1.sqlite": "NSYS_SQLITE",
    "nsys_sqlite/nsysai_h100_2gpu_nsys2026.2.1_schema3.25.0.sqlite": "NSYS_SQLITE",
    "nsys_sqlite/nsysai_h100_healthy1pct_schema3.24.14.sqlite": "NSYS_SQLITE",
    "nsys_sqlite/nsysai_mock_rtx3080_schema3.24.14.sqlite": "NSYS_SQLITE",
    "nsys_sqlite/trt_edgellm_orin_nano_nsys2025.3.1_schema3.20.sqlite": "NSYS_SQLITE",
    "thor/kernel_categories_thor_gen65536.json": "JSON, but neither layers nor times; its keys: 'llamacpp'",
}
