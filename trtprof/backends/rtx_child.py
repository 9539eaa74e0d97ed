"""The child process of :mod:`trtprof.backends.rtx_aot`: reads a request on stdin, builds, answers on stdout.

Runs as ``python -m trtprof.backends.rtx_child``. Answer lines start with a mark, since Myelin prints to stdout too.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from typing import Any, Final, TextIO

from trtprof.backends.child import make_monitor

MARK: Final = "\x1etrtprof "


def main() -> int:
    """Build what stdin asks for; return 0 when an answer was given, whatever it says."""
    request = json.loads(sys.stdin.read())
    with open(request["log"], "w", encoding="utf-8") as log:  # noqa: PTH123 - a path from JSON, used once
        try:
            answer = _build(request, log)
        except OSError as error:
            answer = {"error": f"{error.filename or request['log']}: {error.strerror or error}"}
        except Exception as error:  # TensorRT raises RuntimeError, TypeError and pybind11's own
            answer = {"error": f"{type(error).__name__}: {error}"}
    say(answer)
    return 0


def _build(request: dict[str, Any], log: TextIO) -> dict[str, Any]:
    import tensorrt_rtx as trt

    errors: list[str] = []
    logger = _logger(trt, log, errors)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(request["onnx"]):
        return _refusal(parser)
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    # Auxiliary streams add signal and wait rows that say nothing about the model.
    config.max_aux_streams = 0
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(trt.ComputeCapability, request["target"].upper()), 0)
    if not request["tf32"]:
        config.clear_flag(trt.BuilderFlag.TF32)
    monitor = make_monitor(trt, lambda phase, step, steps: say({"phase": phase, "step": step, "steps": steps}))
    config.progress_monitor = monitor
    started = time.perf_counter_ns()
    plan = builder.build_serialized_network(network, config)
    build_ns = time.perf_counter_ns() - started
    if plan is None:
        return {"error": errors[-1] if errors else "the builder gave no engine and no reason"}
    view = memoryview(plan)
    return {
        "built": {
            "plan_bytes": view.nbytes,
            "plan_sha256": hashlib.sha256(view).hexdigest(),
            "build_ns": build_ns,
            "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
    }


def _refusal(parser: Any) -> dict[str, Any]:
    """The parser's first error with the node it is about; the others follow from it."""
    error = parser.get_error(0)
    node, operator, text = error.node_name(), error.node_operator(), error.desc().strip()
    where = f"node '{node}' ({operator}): " if node or operator else ""
    return {"error": f"the ONNX parser refuses {where}{text}", "node": node or operator}


def _logger(trt: Any, log: TextIO, errors: list[str]) -> Any:
    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            letter = severity.name[0]
            log.write(f"[{letter}] {message}\n")
            if letter in "EI" and severity.name in ("ERROR", "INTERNAL_ERROR"):
                errors.append(message)

    return Logger()


def say(message: dict[str, Any]) -> None:
    """Write one answer line."""
    sys.stdout.write(MARK + json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
