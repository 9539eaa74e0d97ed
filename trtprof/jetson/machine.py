"""The machine that is examined: this one, or one that was recorded into a directory.

A recorded machine is a directory with the files of the other one at their own paths, and what its commands said in
``commands/NAME.txt`` (the exit status, where it is not 0, in ``commands/NAME.status``). Every probe of the doctor goes
through here, so whatever it can say of a board it can say of a recording of it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from trtprof.backends.trtexec import find_trtexec
from trtprof.errors import InputError, TrtprofError

COMMANDS_FOLDER: Final = "commands"
_TIMEOUT_S: Final = 20.0
_MOST_BYTES: Final = 1 << 20

SMI_GPU_FIELDS: Final = (
    "index", "name", "compute_cap", "driver_version", "memory.total", "memory.used", "clocks.sm", "clocks.max.sm",
    "temperature.gpu", "persistence_mode", "mig.mode.current", "utilization.gpu",
)  # fmt: skip

COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "uname": ("uname", "-srm"),
    "user": ("id", "-u"),
    "nvpmodel": ("nvpmodel", "-q"),
    "jetson_clocks": ("jetson_clocks", "--show"),
    "packages": (
        "dpkg-query", "-W", "-f", "${Package} ${Version}\\n",
        "nvidia-l4t-core", "nvidia-jetpack", "libnvinfer8", "libnvinfer10", "libnvinfer11", "libnvinfer-bin",
        "python3-libnvinfer",
    ),
    "nvidia-smi": ("nvidia-smi", f"--query-gpu={','.join(SMI_GPU_FIELDS)}", "--format=csv,noheader,nounits"),
    "nvidia-smi-processes": ("nvidia-smi", "--query-compute-apps=pid,name,used_memory", "--format=csv,noheader"),
    "nvcc": ("nvcc", "--version"),
    "trtexec": ("trtexec", "--help"),
    "nsys": ("nsys", "--version"),
    "ncu": ("ncu", "--version"),
    "tegrastats": ("tegrastats", "--help"),
}  # fmt: skip
"""Name and command of each question that only a program answers. None of them changes anything or needs root."""

FILES: Final = (
    "/etc/nv_tegra_release",
    "/etc/nvpmodel.conf",
    "/proc/device-tree/model",
    "/proc/device-tree/compatible",
    "/proc/device-tree/nvidia,dtsfilename",
    "/proc/meminfo",
    "/proc/swaps",
    "/proc/sys/kernel/perf_event_paranoid",
    "/proc/driver/nvidia/version",
    "/proc/driver/nvidia/params",
    "/sys/class/devfreq/*/cur_freq",
    "/sys/class/devfreq/*/min_freq",
    "/sys/class/devfreq/*/max_freq",
    "/sys/class/devfreq/*/available_frequencies",
    "/sys/class/devfreq/*/governor",
    "/sys/kernel/debug/bpmp/debug/clk/emc/rate",
    "/sys/kernel/debug/bpmp/debug/clk/emc/max_rate",
    "/sys/kernel/debug/bpmp/debug/clk/emc/mrq_rate_locked",
    "/sys/class/thermal/thermal_zone*/type",
    "/sys/class/thermal/thermal_zone*/temp",
    "/sys/class/thermal/cooling_device*/type",
    "/sys/class/thermal/cooling_device*/cur_state",
    "/sys/class/thermal/cooling_device*/max_state",
    "/sys/class/hwmon/hwmon*/name",
    "/sys/class/hwmon/hwmon*/oc*_event_cnt",
    "/sys/class/hwmon/hwmon*/pwm1",
    "/sys/devices/pwm-fan/cur_pwm",
    "/usr/local/cuda/version.json",
    "/usr/local/cuda/version.txt",
)
"""Files whose content counts. A star stands for any name within one directory."""

PRESENCES: Final = (
    "/usr/lib/*/libnvinfer.so.*",
    "/usr/lib/aarch64-linux-gnu/*/libnvdla_compiler.so",
    "/usr/lib/aarch64-linux-gnu/libnvdla_compiler.so",
    "/usr/lib/python3*/dist-packages/tensorrt-*.dist-info",
    "/usr/local/lib/python3*/dist-packages/tensorrt*-*.dist-info",
    "/usr/src/tensorrt/bin/trtexec",
)
"""Files and directories of which only the name counts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, stdout and stderr together, and its exit status."""

    code: int
    text: str

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that are not blank, without blanks around them."""
        return tuple(line.strip() for line in self.text.splitlines() if line.strip())


class Machine(Protocol):
    """Where the doctor looks."""

    @property
    def recorded(self) -> Path | None:
        """The directory of a recording, ``None`` for this machine."""

    def read(self, path: str) -> str | None:
        """Return a file's text, ``None`` where there is none or it may not be read. NULs end lines, as in /proc."""

    def glob(self, pattern: str) -> tuple[str, ...]:
        """Return the paths that there are, sorted."""

    def ask(self, name: str) -> Answer | None:
        """Return what one of :data:`COMMANDS` says, ``None`` where there is no such program."""


class ThisMachine:
    """The machine this runs on."""

    recorded: Path | None = None

    def read(self, path: str) -> str | None:
        """See :class:`Machine`."""
        return _read(Path(path))

    def glob(self, pattern: str) -> tuple[str, ...]:
        """See :class:`Machine`."""
        return _glob(Path("/"), pattern)

    def ask(self, name: str) -> Answer | None:
        """See :class:`Machine`; a program that does not answer in 20 seconds is ended, and its status is 124."""
        program = _program(COMMANDS[name][0])
        return None if program is None else _run((program, *COMMANDS[name][1:]))


class RecordedMachine:
    """A machine that was recorded."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.recorded: Path | None = root

    def read(self, path: str) -> str | None:
        """See :class:`Machine`."""
        return _read(self._root / path.lstrip("/"))

    def glob(self, pattern: str) -> tuple[str, ...]:
        """See :class:`Machine`."""
        return _glob(self._root, pattern)

    def ask(self, name: str) -> Answer | None:
        """See :class:`Machine`."""
        text = _read(self._root / COMMANDS_FOLDER / f"{name}.txt")
        if text is None:
            return None
        status = (_read(self._root / COMMANDS_FOLDER / f"{name}.status") or "0").strip()
        return Answer(int(status) if status.isdecimal() and len(status) < 4 else 1, text)


def open_machine(root: Path | None) -> Machine:
    """Return this machine, or the one recorded in a directory.

    Raises:
        InputError: the directory holds no recording.
    """
    if root is None or root.resolve() == Path("/"):
        return ThisMachine()
    known = any((root / name).is_dir() for name in (COMMANDS_FOLDER, "proc", "sys", "etc"))
    if not known:
        raise InputError(
            "expected a recorded machine (a directory with commands/, proc/, sys/ or etc/), found none"
            if root.is_dir()
            else "no such directory",
            path=root,
            hint="the script of trtprof recipe records one; it is the directory board/ of what it brings",
        )
    return RecordedMachine(root)


def _read(path: Path) -> str | None:
    with suppress(OSError, ValueError), path.open("rb") as file:
        return file.read(_MOST_BYTES).replace(b"\x00", b"\n").decode("utf-8", errors="replace").strip()
    return None


def _glob(root: Path, pattern: str) -> tuple[str, ...]:
    found = []
    with suppress(OSError):
        found = [f"/{path.relative_to(root).as_posix()}" for path in root.glob(pattern.lstrip("/"))]
    return tuple(sorted(found, key=_natural))


def _natural(path: str) -> tuple[object, ...]:
    """Sort ``thermal_zone10`` behind ``thermal_zone9``."""
    digits = "".join(character if character.isdigit() else " " for character in path).split()
    return (*(int(number) for number in digits), path)


def _program(name: str) -> str | None:
    if name == "trtexec":
        with suppress(TrtprofError):
            return str(find_trtexec())
        return None
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/cuda/bin"))
    return shutil.which(name, path=path)


def _run(command: Sequence[str]) -> Answer:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(124, f"{command[0]} did not answer within {_TIMEOUT_S:g} s")
    except OSError as error:
        return Answer(126, f"{command[0]}: {error.strerror or error}")
    return Answer(done.returncode & 0xFF, done.stdout[:_MOST_BYTES].decode("utf-8", errors="replace"))
