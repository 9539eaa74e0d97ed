"""What is particular to a Jetson: which board it is, its power mode, clocks, heat, memory and DLA."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from trtprof.backends.trtexec_flags import Version
from trtprof.jetson.boards import Board, Chip, JetPack, board_of, chip_of, dla_reason, jetpack_of, l4t_release, soc_in
from trtprof.jetson.checks import Check, State, ok, unknown
from trtprof.jetson.machine import Machine
from trtprof.jetson.precisions import slow_precisions, support_words
from trtprof.units import byte_size, percent

_TREE: Final = ("/proc/device-tree/compatible", "/proc/device-tree/nvidia,dtsfilename")
_MODE: Final = re.compile(r"POWER_MODEL:? ID=(\d+) NAME=(\w+)")
_WATTS: Final = re.compile(r"(\d+)W")
_GPU_CLOCK: Final = re.compile(r"/(?:57000000\.gpu|17000000\.\w+|gpu-gpc-\d+)/cur_freq$")
_MEMORY_LINE: Final = re.compile(r"^(\w+):\s+(\d+) kB", re.MULTILINE)
_HOT_C: Final = 85.0
_THROTTLING_C: Final = 95.0
"""Orin and Thor slow down near 95 to 99 °C, Nano and Xavier near 97 °C."""
_LITTLE_BYTES: Final = 1 << 30
_TOO_LITTLE_BYTES: Final = 256 << 20
_SMALL_BOARD_BYTES: Final = 9 << 30
_ADD_SWAP: Final = "sudo fallocate -l 4G /swap && sudo chmod 600 /swap && sudo mkswap /swap && sudo swapon /swap"
_LOCK: Final = "sudo jetson_clocks"
_EMC: Final = "/sys/kernel/debug/bpmp/debug/clk/emc"
_FANS: Final = ("fan", "pwm")


@dataclass(frozen=True, slots=True)
class Jetson:
    """A board as it was found; ``board`` and ``jetpack`` are ``None`` where they are not known."""

    model: str
    chip: Chip | None
    board: Board | None
    l4t: str | None
    jetpack: JetPack | None


def find_jetson(machine: Machine) -> Jetson | None:
    """Return the Jetson that this machine is, ``None`` where it is none."""
    compatible = machine.read(_TREE[0]) or ""
    soc = soc_in(compatible)
    release = machine.read("/etc/nv_tegra_release")
    if soc is None and release is None:
        return None
    board = board_of("\n".join([compatible, machine.read(_TREE[1]) or ""]))
    packages = machine.ask("packages")
    l4t = l4t_release(release, packages.text if packages else None)
    return Jetson(
        model=machine.read("/proc/device-tree/model") or "a Jetson that does not tell its model",
        chip=chip_of(soc) if soc else (board.chip if board else None),
        board=board,
        l4t=l4t,
        jetpack=jetpack_of(l4t) if l4t else None,
    )


def check_board(machine: Machine, jetson: Jetson, trt: Version | None) -> list[Check]:
    """Return every line about the board; ``trt`` is its TensorRT, ``None`` where there is none."""
    return [
        _model(jetson),
        _jetpack(jetson),
        *_precisions(jetson),
        _dla(machine, jetson, trt),
        _power_mode(machine),
        *_clocks(machine),
        *_heat(machine),
        _fan(machine),
        *_memory(machine),
    ]


def _model(jetson: Jetson) -> Check:
    name = f"{jetson.model}" + (f" ({jetson.board.title})" if jetson.board else "")
    if jetson.chip is None:
        return unknown("board", "model", f"the chip of {jetson.model} is not known")
    major, minor = jetson.chip.capability
    return ok("board", "model", f"{name}: {jetson.chip.title} ({jetson.chip.soc}), compute capability {major}.{minor}")


def _jetpack(jetson: Jetson) -> Check:
    if jetson.l4t is None:
        why = "containers often lack both; the release decides which TensorRT and drivers these are"
        return unknown("board", "JetPack", "neither /etc/nv_tegra_release nor package nvidia-l4t-core is there", why)
    if jetson.jetpack is None:
        return unknown("board", "JetPack", f"L4T {jetson.l4t} is of no JetPack known here")
    return ok("board", "JetPack", f"{jetson.jetpack.version} (L4T {jetson.l4t}), CUDA {jetson.jetpack.cuda}")


def _precisions(jetson: Jetson) -> list[Check]:
    if jetson.chip is None:
        return []
    words = support_words(jetson.chip.gpu)
    slow = [item.value.upper() for item in slow_precisions(jetson.chip.gpu)]
    if words is None:
        return []
    if not slow:
        return [ok("board", "precisions", words)]
    names = " and ".join(slow)
    why = f"TensorRT takes the request for {names} and runs the layers in wider types: no gain is to be had from it"
    return [Check("board", "precisions", State.NOTE, words, why)]


def _power_mode(machine: Machine) -> Check:
    answer = machine.ask("nvpmodel")
    lines = [line for line in answer.lines if not line.startswith("NVPM WARN")] if answer else []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("NV Power Mode:")), None)
    if answer is None or named is None:
        said = f"nvpmodel -q says: {lines[0]}" if lines else "nvpmodel is not there" if answer is None else "no answer"
        why = "the power mode caps clocks and switches cores off; two boards in two modes are two machines"
        return unknown("power", "power mode", said, why, "sudo nvpmodel -q")
    modes = [(int(number), name) for number, name in _MODE.findall(machine.read("/etc/nvpmodel.conf") or "")]
    best = best_mode(modes)
    if best is None or _budget(named) >= _budget(best[1]):
        return ok("power", "power mode", named + (", the highest this board has" if best else ""))
    return Check(
        "power", "power mode", State.WARNING, f"{named}; {best[1]} is the highest this board has",
        "a lower mode caps GPU and memory clocks, so the numbers are not those of the board's data sheet",
        f"sudo nvpmodel -m {best[0]}",
    )  # fmt: skip


def best_mode(modes: list[tuple[int, str]]) -> tuple[int, str] | None:
    """Return number and name of the power mode with the highest budget: ``MAXN_SUPER``, ``MAXN``, then most watts."""
    return max(modes, key=lambda mode: (_budget(mode[1]), -mode[0]), default=None)


def _budget(name: str) -> tuple[int, int]:
    """What a mode allows, to be compared: modes of equal watts differ in CPU cores, not in the GPU."""
    upper = name.upper()
    watts = _WATTS.search(upper)
    return ("MAXN" in upper) + ("SUPER" in upper), int(watts[1]) if watts else 0


def _clocks(machine: Machine) -> list[Check]:
    paths = [path for path in machine.glob("/sys/class/devfreq/*/cur_freq") if _GPU_CLOCK.search(path)]
    why = "a free clock follows load and heat: the same engine gives other times from run to run, and short ones lose"
    if not paths:
        return [unknown("power", "GPU clock", "no GPU in /sys/class/devfreq", why, _LOCK)]
    checks = [_gpu_clock(machine, path.removesuffix("/cur_freq"), why) for path in paths]
    return [*checks, _memory_clock(machine)]


def _gpu_clock(machine: Machine, folder: str, why: str) -> Check:
    current, low, high = (_number(machine.read(f"{folder}/{name}_freq")) for name in ("cur", "min", "max"))
    steps = [int(step) for step in (machine.read(f"{folder}/available_frequencies") or "").split() if step.isdecimal()]
    if low is None or high is None:
        return unknown("power", "GPU clock", f"{folder} may not be read", why, _LOCK)
    top = max(steps, default=high)
    performance = machine.read(f"{folder}/governor") == "performance"
    if low < high and not performance:
        now = f", {_mhz(current)} now" if current is not None else ""
        return Check("power", "GPU clock", State.BAD, f"free between {_mhz(low)} and {_mhz(high)}{now}", why, _LOCK)
    if high < top:
        found = f"locked at {_mhz(high)}; the GPU has {_mhz(top)}"
        return Check(
            "power", "GPU clock", State.NOTE, found, "the power mode caps it: times hold for this mode",
            "sudo nvpmodel -q",
        )  # fmt: skip
    return ok("power", "GPU clock", f"locked at {_mhz(high)}")


def _memory_clock(machine: Machine) -> Check:
    shown = machine.ask("jetson_clocks")
    found = re.search(r"^EMC .*FreqOverride=(\d)", shown.text, re.MULTILINE) if shown else None
    locked = found[1] if found else machine.read(f"{_EMC}/mrq_rate_locked")
    why = "the GPU shares its memory with the CPU; most layers at batch 1 wait for memory"
    if locked not in ("0", "1"):
        return unknown("power", "memory clock", "only root may see it", why, "sudo jetson_clocks --show")
    if locked == "1":
        return ok("power", "memory clock", "locked")
    return Check("power", "memory clock", State.WARNING, "free", why, _LOCK)


def _heat(machine: Machine) -> list[Check]:
    zones = {}
    for path in machine.glob("/sys/class/thermal/thermal_zone*/temp"):
        value = _number(machine.read(path))
        if value is not None and -100_000 < value < 150_000:
            zones[machine.read(path.removesuffix("temp") + "type") or path] = value / 1000
    # The power chip's sensor reads a constant 100 °C on Nano and TX2: it is no temperature.
    zones = {name: value for name, value in zones.items() if not name.upper().startswith("PMIC")}
    return [_temperature(zones), _throttling(machine), *_over_current(machine)]


def _temperature(zones: dict[str, float]) -> Check:
    if not zones:
        return unknown("heat", "temperature", "no thermal zone can be read")
    name, hottest = max(zones.items(), key=lambda item: item[1])
    found = f"{hottest:.1f} °C ({name}), the hottest of {len(zones)} zones"
    if hottest >= _THROTTLING_C:
        return Check("heat", "temperature", State.BAD, found, "the board slows its clocks down at this heat",
                     "let it cool down, and give it a heat sink and a fan")  # fmt: skip
    if hottest >= _HOT_C:
        return Check("heat", "temperature", State.WARNING, found, "a run of some minutes may reach the limit",
                     "set the fan to full speed: sudo jetson_clocks --fan")  # fmt: skip
    return ok("heat", "temperature", found)


def _throttling(machine: Machine) -> Check:
    active, seen = [], 0
    for path in machine.glob("/sys/class/thermal/cooling_device*/cur_state"):
        kind = machine.read(path.removesuffix("cur_state") + "type") or ""
        state = _number(machine.read(path))
        if state is None or any(word in kind.lower() for word in _FANS):
            continue
        seen += 1
        if state > 0:
            active.append(kind or path)
    if not seen:
        return unknown("heat", "throttling", "no cooling device can be read")
    if active:
        return Check("heat", "throttling", State.BAD, f"now, by {', '.join(active)}",
                     "clocks are being held down: times say how hot the board is", "let it cool down")  # fmt: skip
    return ok("heat", "throttling", "none now")


def _over_current(machine: Machine) -> list[Check]:
    """Over-current events since the board started, where its kernel counts them (JetPack 5 and later)."""
    counts = [_number(machine.read(path)) for path in machine.glob("/sys/class/hwmon/hwmon*/oc*_event_cnt")]
    known = [count for count in counts if count is not None]
    if not known:
        return []
    if sum(known):
        return [
            Check("heat", "over-current", State.WARNING, f"{sum(known)} events since the board started",
                  "each one halves the clocks for a moment", "use a stronger supply, or a lower power mode")
        ]  # fmt: skip
    return [ok("heat", "over-current", "no event since the board started")]


def _fan(machine: Machine) -> Check:
    paths = ("/sys/devices/pwm-fan/cur_pwm", *machine.glob("/sys/class/hwmon/hwmon*/pwm1"))
    speeds = [speed for path in paths if (speed := _number(machine.read(path))) is not None]
    if not speeds:
        return Check("heat", "fan", State.NOTE, "none found", "without one, heat decides the clocks of longer runs")
    found = f"at {percent(max(speeds) / 255)} of its speed"
    if max(speeds) == 0:
        return Check("heat", "fan", State.NOTE, "stands still", "it may start in the middle of a run, or never",
                     "sudo jetson_clocks --fan")  # fmt: skip
    return ok("heat", "fan", found)


def _memory(machine: Machine) -> list[Check]:
    sizes = {name: int(size) * 1024 for name, size in _MEMORY_LINE.findall(machine.read("/proc/meminfo") or "")}
    total, free = sizes.get("MemTotal"), sizes.get("MemAvailable")
    if total is None or free is None:
        return [unknown("memory", "memory", "/proc/meminfo may not be read")]
    found = f"{byte_size(free)} of {byte_size(total)} free, shared by CPU and GPU"
    cure = "close the desktop (sudo init 3) and other programs"
    if free < _TOO_LITTLE_BYTES:
        memory = Check("memory", "memory", State.BAD, found, "builds are killed, runs swap", cure)
    elif free < _LITTLE_BYTES:
        why = "the builder skips tactics that find no room, so it may choose slower ones"
        memory = Check("memory", "memory", State.WARNING, found, why, cure)
    else:
        memory = ok("memory", "memory", found)
    return [memory, _swap(machine, sizes, total)]


def _swap(machine: Machine, sizes: dict[str, int], total: int) -> Check:
    size, free = sizes.get("SwapTotal", 0), sizes.get("SwapFree", 0)
    swaps = (machine.read("/proc/swaps") or "").splitlines()[1:]
    compressed = bool(swaps) and all("zram" in line for line in swaps)
    used = size - free
    if not size:
        state = State.WARNING if total < _SMALL_BOARD_BYTES else State.NOTE
        return Check("memory", "swap", state, "none", "a build that needs more than is free is killed", _ADD_SWAP)
    kind = " of compressed memory (zram)" if compressed else ""
    found = f"{byte_size(size)}{kind}, {byte_size(used)} in use"
    if used > size // 2:
        return Check("memory", "swap", State.WARNING, found, "memory is short: pages come back in the middle of a run",
                     "close other programs, or restart the board")  # fmt: skip
    return ok("memory", "swap", found)


def _dla(machine: Machine, jetson: Jetson, trt: Version | None) -> Check:
    board = jetson.board
    if board is None:
        return unknown("board", "DLA", "the module is not known")
    if not board.dla_cores:
        return ok("board", "DLA", "this board has none")
    found = f"{board.dla_cores} core{'s' if board.dla_cores > 1 else ''}"
    if trt is None:
        return unknown("board", "DLA", f"{found}, and no TensorRT was found that could drive them")
    reason = dla_reason(board, trt)
    if reason is None and jetson.l4t and jetson.l4t.startswith("39") and not _has_compiler(machine):
        reason = "this JetPack has no libnvdla_compiler.so"
    if reason:
        return Check("board", "DLA", State.NOTE, f"{found}, idle: {reason}",
                     "--useDLACore fails, or runs on the GPU with --allowGPUFallback")  # fmt: skip
    return ok("board", "DLA", f"{found}, driven by TensorRT {trt}; FP16 and INT8 only")


def _has_compiler(machine: Machine) -> bool:
    folder = "/usr/lib/aarch64-linux-gnu"
    return any(machine.glob(f"{folder}/{name}") for name in ("libnvdla_compiler.so", "*/libnvdla_compiler.so"))


def _number(text: str | None) -> int | None:
    if text is None or not re.fullmatch(r"-?\d{1,18}", text.strip()):
        return None
    return int(text)


def _mhz(hertz: int) -> str:
    return f"{hertz / 1e6:.0f} MHz"
