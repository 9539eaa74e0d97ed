"""How the comparison was made: enough to make it again."""

from __future__ import annotations

from trtprof.comparison import Comparison
from trtprof.dashboards.drawing import draw
from trtprof.dashboards.panel import Panel
from trtprof.dashboards.said import Said, about, said
from trtprof.dashboards.words import dtype_word
from trtprof.model import Device, DType
from trtprof.privacy import shown_command_line, shown_path
from trtprof.units import byte_size, dims, plural, significant

Facts = list[tuple[str, str, bool]]


def panel(comparison: Comparison) -> Panel:
    """Return the model, the tools and the command as a list of facts."""
    made, model = comparison.made, comparison.model
    return Panel(
        id="provenance",
        title="How was this made?",
        text=(
            f"{made.tool} {made.tool_version} built {plural(len(comparison.engines), 'engine')} of {model.name} "
            f"({plural(model.node_count, 'ONNX node')}) for {made.target}."
        ),
        html=draw("facts.html", facts=facts(comparison)),
    )


def facts(comparison: Comparison) -> Facts:
    """Return (what, value, whether it is code) for each fact of the record."""
    made, model = comparison.made, comparison.model
    device = "GPU the times are modelled for" if comparison.device_is_modelled else "GPU measured on"
    result: Facts = [
        ("command", Said(shown_command_line(made.command)), True),
        ("model", Said(shown_path(model.path)) if model.path else "unknown: only engines were given", True),
        ("sha256", model.sha256 or "unknown", True),
        ("opset", "unknown" if model.opset is None else str(model.opset), False),
        ("weights", byte_size(model.parameter_bytes), False),
    ]
    result += [("input", _tensor(*item), True) for item in model.inputs]
    result += [("output", _tensor(*item), True) for item in model.outputs]
    result += [
        ("calibration", made.calibration, False),
        ("backend", Said(made.backend), False),
        ("builder", f"{made.tool} {made.tool_version}", False),
        ("target", Said(made.target), False),
        (device, device_words(comparison.device), False),
        ("versions", ", ".join(f"{name} {version}" for name, version in made.versions) or "not recorded", False),
        ("capture", Said(", ".join(shown_path(path) for path in made.capture.split(", "))), True),
        ("started", made.created, False),
    ]
    return result


def device_words(device: Device) -> str:
    """Return a GPU with what is known of it."""
    parts = [device.name]
    if device.compute_capability:
        parts.append("compute capability {}.{}".format(*device.compute_capability))
    if device.sm_count is not None:
        parts.append(f"{device.sm_count} SMs")
    if device.memory_bytes_per_s is not None:
        parts.append(f"{significant(device.memory_bytes_per_s / 1e9, 3)} GB/s")
    if device.l2_bytes is not None:
        parts.append(f"{byte_size(device.l2_bytes)} L2")
    if device.driver:
        parts.append(f"driver {device.driver}")
    return ", ".join(parts)


def _tensor(name: str, shape: tuple[int, ...] | None, dtype: DType | None) -> str:
    return about(name, Said(f"{dims(shape)} {said(dtype_word(dtype))}"))
