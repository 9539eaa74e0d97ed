"""What any machine needs for a measurement: a GPU nobody else uses, TensorRT, Nsight, permissions, trtprof's extras."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from trtprof.backends.trtexec import parse_version
from trtprof.backends.trtexec_flags import Version
from trtprof.dependencies import installed, version_of
from trtprof.jetson.checks import Check, State, ok, unknown
from trtprof.jetson.machine import SMI_GPU_FIELDS, Machine
from trtprof.jetson.precisions import slow_precisions, support_words
from trtprof.model import Device
from trtprof.units import byte_size

_LIBRARY: Final = re.compile(r"/libnvinfer\.so\.(\d+)\.(\d+)(?:\.(\d+))?")
_DIST: Final = re.compile(r"/tensorrt(?:_cu\d+)?-(\d+)\.(\d+)(?:\.(\d+))?[^/]*\.dist-info$")
_PACKAGE: Final = re.compile(r"^(libnvinfer\d+|libnvinfer-bin|python3-libnvinfer) (\d+)\.(\d+)\.(\d+)", re.MULTILINE)
_RELEASE: Final = re.compile(r"(?:release|version|Version)\s+([\d.]+\d)")
_DISTRIBUTIONS: Final = ("tensorrt", "tensorrt-cu13", "tensorrt-cu12", "tensorrt-cu11")
_EXTRAS: Final = (
    ("rtx", ("tensorrt_rtx",), "build engines without a GPU"),
    ("quant", ("onnxruntime", "onnxconverter_common", "PIL"), "make and check INT8 and FP16 variants"),
    ("tensorrt", ("tensorrt", "pycuda", "nvtx", "pynvml"), "build and measure through TensorRT's Python API"),
    ("png", ("kaleido",), "write charts as PNG files"),
)
_TOOLS: Final = (
    ("nvcc", "CUDA toolkit", None, None),
    (
        "nsys",
        "Nsight Systems",
        "trtprof run and --nsys need it: kernels, gaps, Tensor Core share",
        "apt install nsight-systems-cli, or the nsight-systems package that JetPack lists",
    ),
    (
        "ncu",
        "Nsight Compute",
        "trtprof verify needs it to hold kernel names against counters",
        "apt install nsight-compute, or the nsight-compute package that JetPack lists",
    ),
)
_SAMPLING_LEVEL: Final = 2


@dataclass(frozen=True, slots=True)
class FoundTensorRT:
    """A TensorRT that is there: where it shows and its version."""

    place: str
    version: Version


def find_tensorrt(machine: Machine) -> tuple[FoundTensorRT, ...]:
    """Return each place where a TensorRT shows: trtexec, libraries, packages, Python distributions."""
    found: list[FoundTensorRT] = []
    trtexec = machine.ask("trtexec")
    version = parse_version(trtexec.text) if trtexec else None
    if version is not None:
        found.append(FoundTensorRT("trtexec", version))
    packages = machine.ask("packages")
    for name, *numbers in _PACKAGE.findall(packages.text if packages else ""):
        found.append(FoundTensorRT(f"package {name}", _version(numbers)))
    for path in machine.glob("/usr/lib/*/libnvinfer.so.*"):
        library = _LIBRARY.search(path)
        if library:
            found.append(FoundTensorRT(path, _version(library.groups())))
    for pattern in ("/usr/lib/python3*/dist-packages/*", "/usr/local/lib/python3*/dist-packages/*"):
        for path in machine.glob(f"{pattern.removesuffix('*')}tensorrt*-*.dist-info"):
            python = _DIST.search(path)
            if python:
                found.append(FoundTensorRT(path.rpartition("/")[2], _version(python.groups())))
    if machine.recorded is None:
        found.extend(_own_python())
    return tuple(dict.fromkeys(found))


def _own_python() -> list[FoundTensorRT]:
    result = []
    for name in _DISTRIBUTIONS:
        numbers = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version_of(name) or "")
        if numbers:
            result.append(FoundTensorRT(f"Python package {name}", _version(numbers.groups())))
    return result


def _version(numbers: Sequence[str | None]) -> Version:
    major, minor, patch = (int(number or 0) for number in (*numbers, "0")[:3])
    return Version(major, minor, patch)


def check_tensorrt(found: Sequence[FoundTensorRT], machine: Machine) -> list[Check]:
    """Return the lines about TensorRT: which versions there are and whether they are one."""
    if not found:
        why = "without it nothing is measured here; engines can be built ahead of time by TensorRT-RTX"
        return [
            Check("tools", "TensorRT", State.NOTE, "not found", why, "install TensorRT, or give trtexec in $TRTEXEC")
        ]
    series = sorted({item.version.series for item in found})
    places: dict[Version, list[str]] = {}
    for item in found:
        places.setdefault(item.version, []).append(item.place)
    words = "; ".join(f"{version} ({', '.join(names)})" for version, names in places.items())
    checks = []
    if len(series) > 1:
        why = "one may build what another cannot load, and engines of two TensorRTs are no comparison"
        checks.append(
            Check("tools", "TensorRT", State.WARNING, f"versions that clash: {words}", why,
                  "keep one: apt list --installed | grep nvinfer; pip list | grep tensorrt")
        )  # fmt: skip
    else:
        checks.append(ok("tools", "TensorRT", words))
    if not any(item.place == "trtexec" for item in found):
        answer = machine.ask("trtexec")
        said = f": {answer.lines[-1][:120]}" if answer and answer.lines else ""
        checks.append(
            Check("tools", "trtexec", State.NOTE, f"not found{said}" if not answer else f"does not start{said}",
                  "a capture script of trtprof recipe runs it", "install libnvinfer-bin, or give it in $TRTEXEC")
        )  # fmt: skip
    return checks


def check_gpus(machine: Machine) -> list[Check]:
    """Return the lines about GPUs that nvidia-smi tells of; a Jetson's own GPU is not its matter."""
    answer = machine.ask("nvidia-smi")
    if answer is None or answer.code != 0 or not answer.lines:
        said = f": {answer.lines[0][:160]}" if answer and answer.lines else ""
        reason = "no nvidia-smi" if answer is None else f"nvidia-smi fails{said}"
        return [
            Check("GPU", "GPU", State.BAD, f"none ({reason})", "nothing can be measured without one",
                  "measure elsewhere; trtprof compare MODEL builds engines here and models their times")
        ]  # fmt: skip
    checks: list[Check] = []
    for line in answer.lines:
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == len(SMI_GPU_FIELDS):
            checks.extend(_gpu(dict(zip(SMI_GPU_FIELDS, cells, strict=True))))
        else:
            checks.append(unknown("GPU", "GPU", f"nvidia-smi says: {line[:120]}"))
    return [*checks, _others(machine)]


def _gpu(cells: dict[str, str]) -> list[Check]:
    subject = f"GPU {cells['index']}"
    size = byte_size(int(cells["memory.total"]) << 20) if cells["memory.total"].isdecimal() else "unknown memory"
    capability = cells["compute_cap"]
    checks = [
        ok(
            "GPU",
            subject,
            f"{cells['name']}, compute capability {capability}, {size}, driver {cells['driver_version']}",
        )
    ]
    numbers = re.fullmatch(r"(\d{1,3})\.(\d)", capability)
    if numbers:
        device = Device(cells["name"], (int(numbers[1]), int(numbers[2])))
        support, slow = support_words(device), [item.value.upper() for item in slow_precisions(device)]
        if support:
            why = f"{' and '.join(slow)} cannot be faster than FP32 there" if slow else None
            checks.append(Check("GPU", f"{subject} precisions", State.NOTE if slow else State.OK, support, why))
    checks.append(_desktop_clock(subject, cells))
    if cells["mig.mode.current"] == "Enabled":
        why = "an instance has a share of the SMs and of the memory: peaks of the whole GPU do not hold"
        checks.append(Check("GPU", f"{subject} MIG", State.NOTE, "enabled", why))
    return checks


def _desktop_clock(subject: str, cells: dict[str, str]) -> Check:
    now, top, heat = cells["clocks.sm"], cells["clocks.max.sm"], cells["temperature.gpu"]
    found = f"{now} of {top} MHz now, {heat} °C; whether it is locked, NVML does not tell"
    why = "a free clock follows load, heat and the power cap; a lock that the GPU can hold makes runs comparable"
    return Check("GPU", f"{subject} clock", State.NOTE, found, why, f"sudo nvidia-smi -i {cells['index']} -lgc MHZ,MHZ")


def _others(machine: Machine) -> Check:
    answer = machine.ask("nvidia-smi-processes")
    if answer is None or answer.code != 0:
        return unknown("GPU", "other programs", "nvidia-smi does not list them")
    busy = [line for line in answer.lines if "," in line]
    if not busy:
        return ok("GPU", "other programs", "none computes on a GPU")
    words = "; ".join(busy[:3]) + (f"; and {len(busy) - 3} more" if len(busy) > 3 else "")
    return Check("GPU", "other programs", State.WARNING, words, "they take time and memory from what is measured",
                 "end them, or choose another GPU")  # fmt: skip


def check_tools(machine: Machine) -> list[Check]:
    """Return the lines about CUDA's toolkit, Nsight Systems and Nsight Compute."""
    return [
        _tool(machine, "nvcc", "CUDA toolkit", "measuring needs none; compiling plugins does"),
        _tool(machine, "nsys", "Nsight Systems", "trtprof run and --nsys need it: kernels, gaps, Tensor Core share"),
        _tool(machine, "ncu", "Nsight Compute", "trtprof verify needs it to hold kernel names against counters"),
    ]


def _tool(machine: Machine, name: str, title: str, why: str) -> Check:
    answer, package = machine.ask(name), title.lower().replace(" ", "-")
    cure = f"install {title} (apt install {package})" if name != "nvcc" else None
    if answer is None:
        return Check("tools", title, State.NOTE, "not found", why, cure)
    version = next((found[1] for line in answer.lines if (found := _RELEASE.search(line))), None)
    if answer.code != 0 or version is None:
        said = answer.lines[-1][:120] if answer.lines else "it says nothing"
        return unknown("tools", title, f"{name} --version: {said}", why, cure)
    return ok("tools", title, version)


def check_permissions(machine: Machine) -> list[Check]:
    """Return what this user may look at: CPU samples and context switches for nsys, counters for ncu."""
    level = machine.read("/proc/sys/kernel/perf_event_paranoid")
    checks = []
    if level is None or not re.fullmatch(r"-?\d{1,3}", level):
        checks.append(unknown("permissions", "CPU sampling", "/proc/sys/kernel/perf_event_paranoid may not be read"))
    elif int(level) > _SAMPLING_LEVEL:
        checks.append(
            Check("permissions", "CPU sampling", State.NOTE, f"perf_event_paranoid is {level}",
                  "nsys then samples no CPU stacks; GPU times are not touched",
                  "sudo sysctl kernel.perf_event_paranoid=2")
        )  # fmt: skip
    else:
        checks.append(ok("permissions", "CPU sampling", f"perf_event_paranoid is {level}"))
    restricted = re.search(r"RmProfilingAdminOnly: (\d)", machine.read("/proc/driver/nvidia/params") or "")
    user = machine.ask("user")
    root = user is not None and user.text.strip() == "0"
    if restricted and restricted[1] == "1" and not root:
        checks.append(
            Check("permissions", "hardware counters", State.NOTE, "for root only (RmProfilingAdminOnly is 1)",
                  "ncu ends with ERR_NVGPUCTRPERM, so kernel names cannot be verified",
                  "sudo ncu …, or load the driver with NVreg_RestrictProfilingToAdminUsers=0")
        )  # fmt: skip
    elif restricted:
        checks.append(ok("permissions", "hardware counters", "readable"))
    return checks


def check_extras(machine: Machine) -> list[Check]:
    """Return which of trtprof's extras are missing here; a recording tells nothing of that."""
    if machine.recorded is not None:
        return []
    checks = []
    for extra, modules, purpose in _EXTRAS:
        missing = [module for module in modules if not installed(module)]
        if missing:
            found = f"lacks {', '.join(missing)}"
            cure = f"pip install 'trtprof[{extra}]'"
            checks.append(Check("trtprof", f"extra {extra}", State.NOTE, found, f"it is there to {purpose}", cure))
        else:
            checks.append(ok("trtprof", f"extra {extra}", f"installed: can {purpose}"))
    return checks
