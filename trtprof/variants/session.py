"""onnxruntime on the CPU, quiet and with few threads: what calibration and accuracy run models with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from trtprof.dependencies import require

_ERRORS_ONLY: Final = 3


def open_session(path: Path | bytes, *, extra_outputs: Sequence[str] = (), threads: int = 2) -> Any:
    """Return an inference session on the CPU for the model in ``path``, where ``extra_outputs`` are outputs too.

    A model may also be given as bytes, which then hold its weights and has its own outputs only.

    Q/DQ pairs run as they are written. onnxruntime would quantise the float biases beside them to INT32, which TensorRT
    does not do, and with FP16 scales does so in FP16: a ResNet-50 went from 36 to 10 dB in its first block (1.31).

    Raises:
        MissingDependency: onnxruntime is not installed.
        onnxruntime's errors where it cannot load the model.
    """
    ort = require("onnxruntime", extra="quant", purpose="running the model on the CPU")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    if isinstance(path, bytes):
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    if not extra_outputs:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    structure = _with_outputs(path, extra_outputs)
    # Weights in external files are found relative to this directory when the graph itself comes as bytes.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.parent))
    return ort.InferenceSession(structure, options, providers=["CPUExecutionProvider"])


def _with_outputs(path: Path, names: Sequence[str]) -> bytes:
    import onnx

    model = onnx.load(path, load_external_data=False)
    present = {value.name for value in model.graph.output}
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names if name not in present)
    return bytes(model.SerializeToString())
