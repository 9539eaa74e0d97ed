"""The Jetson boards: which chip and module they are, which JetPack their Linux belongs to, what TensorRT it brings.

Facts: NVIDIA's module ids in the device tree, jetson_stats' table of L4T releases, release notes of JetPack and
TensorRT (compute capabilities, DLA cores, versions). Pure data and look-ups.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from trtprof.backends.trtexec_flags import Version
from trtprof.model import Device


@dataclass(frozen=True, slots=True)
class Chip:
    """A Tegra: its name in the device tree, the compute capability of its GPU, and TensorRT's first and last series."""

    soc: str
    title: str
    capability: tuple[int, int]
    first_trt: tuple[int, int]
    last_trt: tuple[int, int] | None

    @property
    def gpu(self) -> Device:
        """Its GPU."""
        return Device(self.title, self.capability)


@dataclass(frozen=True, slots=True)
class Board:
    """A kind of board: the word for ``--board``, its chip, its DLA cores, and the prefixes of its module ids."""

    key: str
    title: str
    chip: Chip
    dla_cores: int
    modules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JetPack:
    """A release: L4T versions that are of it (prefixes), and the CUDA and TensorRT it brings."""

    version: str
    l4t: tuple[str, ...]
    cuda: str
    trt: tuple[int, int]


_NANO: Final = Chip("tegra210", "Tegra X1", (5, 3), (7, 1), (8, 2))
_TX2: Final = Chip("tegra186", "Tegra X2", (6, 2), (7, 1), (8, 2))
_XAVIER: Final = Chip("tegra194", "Xavier", (7, 2), (7, 1), (8, 5))
_ORIN: Final = Chip("tegra234", "Orin", (8, 7), (8, 4), None)
_THOR: Final = Chip("tegra264", "Thor", (11, 0), (10, 13), None)

BOARDS: Final = (
    Board("nano", "Jetson Nano", _NANO, 0, ("p3448",)),
    Board("tx1", "Jetson TX1", _NANO, 0, ("p2180",)),
    Board("tx2", "Jetson TX2", _TX2, 0, ("p3310", "p3489", "p3636")),
    Board("xavier-nx", "Jetson Xavier NX", _XAVIER, 2, ("p3668",)),
    Board("agx-xavier", "Jetson AGX Xavier", _XAVIER, 2, ("p2888",)),
    Board("orin-nano", "Jetson Orin Nano", _ORIN, 0, ("p3767-0003", "p3767-0004", "p3767-0005")),
    Board("orin-nx-8gb", "Jetson Orin NX 8GB", _ORIN, 1, ("p3767-0001",)),
    Board("orin-nx", "Jetson Orin NX 16GB", _ORIN, 2, ("p3767-0000", "p3767")),
    Board("agx-orin", "Jetson AGX Orin", _ORIN, 2, ("p3701",)),
    Board("thor", "Jetson AGX Thor", _THOR, 0, ("p3834",)),
)

JETPACKS: Final = (
    JetPack("4.6", ("32.6",), "10.2", (8, 0)),
    JetPack("4.6.1", ("32.7.1",), "10.2", (8, 2)),
    JetPack("4.6.2", ("32.7.2",), "10.2", (8, 2)),
    JetPack("4.6.3", ("32.7.3",), "10.2", (8, 2)),
    JetPack("4.6.4", ("32.7.4",), "10.2", (8, 2)),
    JetPack("4.6.5", ("32.7.5",), "10.2", (8, 2)),
    JetPack("4.6.6", ("32.7.6",), "10.2", (8, 2)),
    JetPack("5.0.2", ("35.1",), "11.4", (8, 4)),
    JetPack("5.1", ("35.2",), "11.4", (8, 5)),
    JetPack("5.1.1", ("35.3",), "11.4", (8, 5)),
    JetPack("5.1.2", ("35.4",), "11.4", (8, 5)),
    JetPack("5.1.3", ("35.5",), "11.4", (8, 5)),
    JetPack("5.1.4", ("35.6.0",), "11.4", (8, 5)),
    JetPack("5.1.5", ("35.6.1", "35.6.2", "35.6.3"), "11.4", (8, 5)),
    JetPack("5.1.6", ("35.6.4",), "11.4", (8, 5)),
    JetPack("6.0", ("36.3",), "12.2", (8, 6)),
    JetPack("6.1", ("36.4.0",), "12.6", (10, 3)),
    JetPack("6.2", ("36.4.3",), "12.6", (10, 3)),
    JetPack("6.2.1", ("36.4.4", "36.4.7"), "12.6", (10, 3)),
    JetPack("6.2.2", ("36.5",), "12.6", (10, 3)),
    JetPack("7.0", ("38.2",), "13.0", (10, 13)),
    JetPack("7.1", ("38.4",), "13.0", (10, 13)),
    JetPack("7.2", ("39",), "13.2", (10, 16)),
)

_RELEASE: Final = re.compile(r"#\s*R(\d+)\s*\(release\),\s*REVISION:\s*([\d.]+)")
_PACKAGE: Final = re.compile(r"^nvidia-l4t-core (\d+(?:\.\d+)+)", re.MULTILINE)
_SOC: Final = re.compile(r"nvidia,(tegra\d+)")
_MODULE: Final = re.compile(r"p\d{4}-\d{4}")

LAST_DLA_TRT_10: Final = (10, 7)
"""The last TensorRT 10 that drives the DLA of a Jetson."""
DLA_AGAIN: Final = Version(11, 4, 1)
"""The first TensorRT that drives it again: on AGX Orin alone, with JetPack 7.2.2 or later."""


def board_called(key: str) -> Board | None:
    """Return the board of a ``--board`` word, ``None`` for a word that is none."""
    return next((board for board in BOARDS if board.key == key), None)


def soc_in(compatible: str) -> str | None:
    """Return the chip that ``/proc/device-tree/compatible`` names, such as ``tegra234``."""
    found = _SOC.search(compatible)
    return found[1] if found else None


def board_of(device_tree: str) -> Board | None:
    """Return the board whose module id stands in device-tree text; ``None`` for modules that are not known.

    The carrier board's id stands there too (``p3768-0000+p3767-0005``) and is of no board.
    """
    ids = _MODULE.findall(device_tree)
    for board in BOARDS:
        for prefix in board.modules:
            if any(identity.startswith(prefix) for identity in ids):
                return board
    return None


def chip_of(soc: str) -> Chip | None:
    """Return a chip by its name in the device tree."""
    return next((board.chip for board in BOARDS if board.chip.soc == soc), None)


def l4t_release(tegra_release: str | None, packages: str | None) -> str | None:
    """Return the L4T version such as ``36.4.3``, of ``/etc/nv_tegra_release`` or else of the installed package."""
    found = _RELEASE.search(tegra_release or "")
    if found:
        return f"{found[1]}.{found[2]}"
    package = _PACKAGE.search(packages or "")
    return package[1] if package else None


def jetpack_of(l4t: str) -> JetPack | None:
    """Return the JetPack an L4T version belongs to, ``None`` for one that is not known."""
    version = l4t.split(".")
    for jetpack in JETPACKS:
        for prefix in jetpack.l4t:
            if version[: len(prefix.split("."))] == prefix.split("."):
                return jetpack
    return None


def dla_reason(board: Board, trt: Version) -> str | None:
    """Return why this TensorRT does not drive the board's DLA, ``None`` where it does."""
    if not board.dla_cores:
        return f"{board.title} has no DLA"
    if trt.series <= LAST_DLA_TRT_10:
        return None
    if trt >= DLA_AGAIN:
        return None if board.key == "agx-orin" else f"TensorRT {trt} drives the DLA of AGX Orin only"
    return f"TensorRT {trt} does not drive the DLA: up to 10.7 does, and 11.4.1 on AGX Orin with JetPack 7.2.2"
