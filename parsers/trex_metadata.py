"""TREx's ``*.metadata.json``: what its scripts cut out of a trtexec log, or what they asked the CUDA driver.

Two documents carry the name: an object with ``build_options``, ``performance_summary`` and such sections, and (TREx
0.1.0) a list of devices with the driver's attributes. Bytes in, records out; imports the model only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trtprof.engine_facts import PerformanceSummary, Spread
from trtprof.errors import InputError
from trtprof.model import Device, Notice
from trtprof.parsers.device_options import device_of
from trtprof.parsers.document import integer, load_json, milliseconds, number, read_bytes, type_name
from trtprof.parsers.performance_summary import spread_of

SECTIONS: Final = (
    "model_options",
    "build_options",
    "system_options",
    "inference_options",
    "reporting_options",
    "device_information",
    "performance_summary",
)
_WHAT: Final = "TREx metadata (an object with 'build_options', 'performance_summary' or 'device_information')"
_HINT: Final = "write it with TREx's process_engine.py, or give the trtexec log that it was cut from"
_FIGURES: Final = ("min", "max", "mean", "median")
# TensorRT up to 8.4 prints the 99th percentile only, later ones 90, 95 and 99: five or seven figures in all.
_PERCENTILES: Final = {1: ("99",), 3: ("90", "95", "99")}


@dataclass(frozen=True, slots=True)
class TrexMetadata:
    """What one metadata file says. ``options`` maps a section's name to its lines, as text."""

    options: Mapping[str, Mapping[str, str]]
    device: Device | None
    summary: PerformanceSummary | None
    notices: tuple[Notice, ...]


def read_trex_metadata(path: Path) -> TrexMetadata:
    """Return the sections of a metadata file.

    Raises:
        InputError: the file cannot be read, or :func:`parse_trex_metadata` refuses it.
    """
    return parse_trex_metadata(read_bytes(path), path=str(path))


def parse_trex_metadata(data: bytes | str, *, path: str = "TREx metadata") -> TrexMetadata:
    """Return the sections of a metadata document.

    Raises:
        InputError: it is not JSON, or has none of the known sections and no device.
    """
    document = load_json(data, path=path, what=_WHAT, hint=_HINT)
    if isinstance(document, list):
        devices = [device for item in document if isinstance(item, dict) and (device := _driver_device(item))]
        if not devices:
            raise InputError(f"expected {_WHAT} or a list of devices, found a list", path=path, hint=_HINT)
        notices = (Notice("several-devices", f"{len(devices)} devices are listed; the first is used", path),)
        return TrexMetadata({}, devices[0], None, notices if len(devices) > 1 else ())
    if not isinstance(document, dict):
        raise InputError(f"expected {_WHAT}, found {type_name(document)}", path=path, hint=_HINT)
    sections = {name: document[name] for name in SECTIONS if isinstance(document.get(name), dict)}
    if not sections:
        found = ", ".join(map(repr, list(document)[:3])) or "an empty object"
        raise InputError(f"expected {_WHAT}, found {found}", path=path, hint=_HINT)
    figures = sections.pop("performance_summary", None)
    return TrexMetadata(
        options={name: {key: str(value) for key, value in lines.items()} for name, lines in sections.items()},
        device=device_of(sections.get("device_information", {})),
        summary=_summary(figures) if figures else None,
        notices=(),
    )


def _driver_device(item: Mapping[str, Any]) -> Device | None:
    """A device by the names of CUDA's device attributes; clocks are kilohertz there."""
    name, capability = item.get("Name"), item.get("ComputeCapability")
    if not isinstance(name, str) or not isinstance(capability, list):
        return None
    pair = [value for part in capability if (value := integer(part)) is not None]
    clock, memory_clock, bus = (
        number(item.get(key)) for key in ("CLOCK_RATE", "MEMORY_CLOCK_RATE", "GLOBAL_MEMORY_BUS_WIDTH")
    )
    return Device(
        name=name,
        compute_capability=(pair[0], pair[1]) if len(pair) > 1 else None,
        sm_count=integer(item.get("MULTIPROCESSOR_COUNT")),
        clock_hz=clock * 1e3 if clock else None,
        memory_bytes_per_s=memory_clock * 1e3 * 2 * bus / 8 if memory_clock and bus else None,
        l2_bytes=integer(item.get("L2_CACHE_SIZE")),
    )


def _summary(figures: Mapping[str, Any]) -> PerformanceSummary:
    throughput = number(figures.get("Throughput"))
    walltime, compute = (
        milliseconds(number(figures.get(key))) for key in ("Total Host Walltime", "Total GPU Compute Time")
    )
    return PerformanceSummary(
        throughput_per_s=throughput if throughput and throughput > 0 else None,
        latency=_spread(figures.get("Latency")),
        compute=_spread(figures.get("GPU Compute Time")),
        enqueue=_spread(figures.get("Enqueue Time")),
        h2d=_spread(figures.get("H2D Latency")),
        d2h=_spread(figures.get("D2H Latency")),
        end_to_end=_spread(figures.get("End-to-End Host Latency")),
        walltime_ns=walltime * 1e3 if walltime is not None else None,
        total_compute_ns=compute * 1e3 if compute is not None else None,
    )


def _spread(values: Any) -> Spread | None:
    """Figures in the order of trtexec's line: min, max, mean, median, then the percentiles."""
    if not isinstance(values, list) or len(values) - len(_FIGURES) not in _PERCENTILES:
        return None
    names = (*_FIGURES, *_PERCENTILES[len(values) - len(_FIGURES)])
    read = {name: time for name, value in zip(names, values, strict=True) if (time := milliseconds(value)) is not None}
    return spread_of(read) if read else None
