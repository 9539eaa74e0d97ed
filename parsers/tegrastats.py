"""Lines of ``tegrastats``, NVIDIA's monitor on Jetson boards: memory, clocks, loads, temperatures and power rails.

Grammar read off lines of JetPack 4 to 7 (Nano, TX2, Xavier, Orin, Thor): a date since JetPack 5, ``mW`` behind powers
since 6, second temperatures and third powers since 7.2, no utilisation of the GPU on Thor, no clocks for users other
than root. A word that is not known is kept as it is, so a line always prints as it was read. Lines in, records out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trtprof.errors import InputError
from trtprof.model import Notice
from trtprof.parsers.log_lines import open_lines

_HINT: Final = "record it with: tegrastats --interval 200 > tegrastats.txt"
_SENSOR_OFF_MILLIDEGREES: Final = -200_000
"""A sensor of a block without power reads -256 °C; nothing as cold is a temperature."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Local time of a line, as ``MM-DD-YYYY HH:MM:SS``; tegrastats writes no zone and no fraction."""

    text: str

    def __str__(self) -> str:
        """Return it as tegrastats writes it."""
        return self.text


@dataclass(frozen=True, slots=True)
class Memory:
    """``RAM``, ``SWAP`` or ``IRAM``: used and total in ``unit`` (MB and kB are binary), and what the bracket says.

    ``note`` is ``lfb 331x4MB`` (largest free blocks) or ``cached 0MB``; ``spaced`` whether a blank stands before it.
    """

    name: str
    used: int
    total: int
    unit: str
    note: str | None = None
    spaced: bool = True

    def __str__(self) -> str:
        """Return it as tegrastats writes it."""
        note = f"{' ' if self.spaced else ''}({self.note})" if self.note is not None else ""
        return f"{self.name} {self.used}/{self.total}{self.unit}{note}"

    @property
    def used_bytes(self) -> int:
        """Bytes in use."""
        return self.used * _UNITS[self.unit]

    @property
    def total_bytes(self) -> int:
        """Bytes there are."""
        return self.total * _UNITS[self.unit]


@dataclass(frozen=True, slots=True)
class Core:
    """One CPU core: its load in percent and clock in MHz, both ``None`` where it is switched off."""

    load_percent: int | None = None
    mhz: int | None = None

    def __str__(self) -> str:
        """Return it as tegrastats writes it."""
        if self.load_percent is None:
            return "off"
        return f"{self.load_percent}%" + ("" if self.mhz is None else f"@{self.mhz}")


@dataclass(frozen=True, slots=True)
class Cpu:
    """The CPU cores in their order."""

    cores: tuple[Core, ...]

    def __str__(self) -> str:
        """Return it as tegrastats writes it."""
        return f"CPU [{','.join(map(str, self.cores))}]"


@dataclass(frozen=True, slots=True)
class Unit:
    """A block with a clock (``GR3D_FREQ`` is the GPU, ``EMC_FREQ`` the memory controller, ``NVDLA0``, ``APE``).

    ``load_percent`` and ``mhz`` are absent where the line has none; ``off`` blocks have neither. ``form`` is how the
    clocks are written: ``bare`` (``APE 150``), ``at`` (``@921``) or ``list`` (``@[1300,1300]``, a clock for each GPC).
    """

    name: str
    off: bool = False
    load_percent: int | None = None
    mhz: tuple[int, ...] = ()
    form: str = "at"

    def __str__(self) -> str:
        """Return it as tegrastats writes it."""
        if self.off:
            return f"{self.name} off"
        load = "" if self.load_percent is None else f"{self.load_percent}%"
        clocks = ",".join(map(str, self.mhz))
        written = {"bare": clocks, "at": f"@{clocks}", "list": f"@[{clocks}]"}[self.form] if self.mhz else ""
        return f"{self.name} {load}{written}"


@dataclass(frozen=True, slots=True)
class Temperature:
    """A sensor in millidegrees Celsius, as ``name@41.437C``; JetPack 7.2 writes a second figure behind a slash."""

    name: str
    millidegrees: int
    second_millidegrees: int | None = None

    def __str__(self) -> str:
        """Return it as tegrastats writes it."""
        second = "" if self.second_millidegrees is None else f"/{_degrees(self.second_millidegrees)}C"
        return f"{self.name}@{_degrees(self.millidegrees)}C{second}"

    @property
    def celsius(self) -> float | None:
        """Degrees Celsius, ``None`` where the sensor is off."""
        return None if self.millidegrees <= _SENSOR_OFF_MILLIDEGREES else self.millidegrees / 1000


@dataclass(frozen=True, slots=True)
class Rail:
    """A power rail in mW: now, the mean since tegrastats began, and the third figure of JetPack 7.2."""

    name: str
    now_mw: int
    mean_mw: int
    third_mw: int | None = None
    unit: str = ""

    def __str__(self) -> str:
        """Return it as tegrastats writes it."""
        figures = (self.now_mw, self.mean_mw, *(() if self.third_mw is None else (self.third_mw,)))
        return f"{self.name} " + "/".join(f"{figure}{self.unit}" for figure in figures)


@dataclass(frozen=True, slots=True)
class Other:
    """Words that are not known, as they stand."""

    text: str

    def __str__(self) -> str:
        """Return the words."""
        return self.text


Field = Stamp | Memory | Cpu | Unit | Temperature | Rail | Other


@dataclass(frozen=True, slots=True)
class TegraSample:
    """One line: its fields in the order of the line."""

    fields: tuple[Field, ...]

    def __str__(self) -> str:
        """Return the line as tegrastats writes it."""
        return " ".join(map(str, self.fields))

    def memory(self, name: str) -> Memory | None:
        """Return ``RAM``, ``SWAP`` or ``IRAM``, ``None`` where the line has none."""
        return next((field for field in self.fields if isinstance(field, Memory) and field.name == name), None)

    def unit(self, name: str) -> Unit | None:
        """Return a block by its name, ``None`` where the line has none."""
        return next((field for field in self.fields if isinstance(field, Unit) and field.name == name), None)

    @property
    def cores(self) -> tuple[Core, ...]:
        """The CPU cores, empty where the line has none."""
        return next((field.cores for field in self.fields if isinstance(field, Cpu)), ())

    @property
    def temperatures(self) -> tuple[Temperature, ...]:
        """The sensors that are on."""
        found = (field for field in self.fields if isinstance(field, Temperature))
        return tuple(field for field in found if field.celsius is not None)

    @property
    def rails(self) -> tuple[Rail, ...]:
        """The power rails."""
        return tuple(field for field in self.fields if isinstance(field, Rail))

    @property
    def gpu_mhz(self) -> int | None:
        """Clock of the GPU, the lowest where GPCs differ; ``None`` where the line has none or the GPU is off."""
        clocks = [
            clock for field in self.fields if isinstance(field, Unit) and _GPU.match(field.name) for clock in field.mhz
        ]
        return min(clocks) if clocks else None

    @property
    def gpu_load_percent(self) -> int | None:
        """Utilisation of the GPU; ``None`` where the line has none, as on Thor."""
        unit = self.unit("GR3D_FREQ") or self.unit("GR3D")
        return unit.load_percent if unit else None

    @property
    def emc_load_percent(self) -> int | None:
        """Utilisation of the memory controller; ``None`` where the line has none, as for users other than root."""
        unit = self.unit("EMC_FREQ") or self.unit("EMC")
        return unit.load_percent if unit else None


@dataclass(frozen=True, slots=True)
class TimedSample:
    """A line and when it was written: seconds of the board's uptime, where whoever recorded it put that before it."""

    uptime_s: float | None
    sample: TegraSample


@dataclass(frozen=True, slots=True)
class TegraLog:
    """The samples of a recording in its order."""

    samples: tuple[TimedSample, ...]
    notices: tuple[Notice, ...] = ()


def read_tegrastats(path: Path) -> TegraLog:
    """Return the samples of a file; lines that are none are left out and said.

    Raises:
        InputError: the file cannot be read, or no line of it is tegrastats'.
    """
    return parse_tegrastats(open_lines(path), path=str(path))


def parse_tegrastats(source: str | Iterable[str], *, path: str = "tegrastats") -> TegraLog:
    """Return the samples of a recording.

    Each line may begin with the board's uptime in seconds, which a recipe's script puts there. The last line may be cut
    off where tegrastats was ended.

    Raises:
        InputError: no line is one of tegrastats'.
    """
    samples: list[TimedSample] = []
    skipped: list[int] = []
    lines = source.split("\n") if isinstance(source, str) else source
    for number, raw in enumerate(lines, start=1):
        text = raw.strip()
        if not text:
            continue
        stamped = _UPTIME.match(text)
        sample = parse_line(text[stamped.end() :] if stamped else text)
        if sample is None:
            skipped.append(number)
        else:
            samples.append(TimedSample(float(stamped[1]) if stamped else None, sample))
    if not samples:
        raise InputError("expected lines of tegrastats (RAM …/…MB …), found none", path=path, hint=_HINT)
    if not skipped:
        return TegraLog(tuple(samples))
    message = f"{len(skipped)} lines are not tegrastats' and are left out, the first is line {skipped[0]}"
    return TegraLog(tuple(samples), (Notice("line-unread", message, path),))


def parse_line(line: str) -> TegraSample | None:
    """Return the fields of a line, ``None`` for one that tegrastats did not write: it has no ``RAM``."""
    fields = tuple(_fields(line.strip()))
    known = any(isinstance(field, Memory) and field.name == "RAM" for field in fields)
    return TegraSample(fields) if known else None


def _fields(line: str) -> Iterator[Field]:
    position, unknown = 0, []
    while position < len(line):
        field, end = _field(line, position)
        if field is None:
            unknown.append(line[position:end])
        else:
            if unknown:
                yield Other(" ".join(unknown))
                unknown = []
            yield field
        position = end
        while position < len(line) and line[position] == " ":
            position += 1
    if unknown:
        yield Other(" ".join(unknown))


def _field(line: str, position: int) -> tuple[Field | None, int]:
    """The field that begins here and where it ends; a word of its own where none does."""
    for pattern, make in _GRAMMAR:
        found = pattern.match(line, position)
        if found is not None:
            return make(found), found.end()
    end = line.find(" ", position)
    return None, len(line) if end < 0 else end


def _memory(found: re.Match[str]) -> Memory:
    name, used, total, unit, blank, note = found.groups()
    return Memory(name, int(used), int(total), unit, note, bool(blank) if note is not None else True)


def _cpu(found: re.Match[str]) -> Cpu:
    cores = []
    for item in found[1].split(","):
        load, _, clock = item.partition("@")
        cores.append(Core() if item == "off" else Core(int(load.rstrip("%")), int(clock) if clock else None))
    return Cpu(tuple(cores))


def _unit(found: re.Match[str]) -> Unit:
    name, off, load, listed, single, bare = found.groups()
    if off:
        return Unit(name, off=True)
    clocks = listed or single or bare
    return Unit(
        name,
        load_percent=int(load) if load else None,
        mhz=tuple(int(clock) for clock in clocks.split(",")) if clocks else (),
        form="list" if listed else "bare" if bare else "at",
    )


def _temperature(found: re.Match[str]) -> Temperature:
    return Temperature(found[1], _millidegrees(found[2]), _millidegrees(found[3]) if found[3] else None)


def _rail(found: re.Match[str]) -> Rail:
    name, now, unit, mean, third = found.groups()
    return Rail(name, int(now), int(mean), int(third) if third else None, unit)


def _millidegrees(text: str) -> int:
    whole, _, fraction = text.lstrip("-").partition(".")
    return (-1 if text.startswith("-") else 1) * (int(whole) * 1000 + int(f"{fraction:0<3}"))


def _degrees(millidegrees: int) -> str:
    """The figure without zeros behind it, as tegrastats has it: ``43``, ``39.5``, ``41.437``."""
    whole, fraction = divmod(abs(millidegrees), 1000)
    rest = f".{fraction:03d}".rstrip("0").rstrip(".")
    return f"{'-' if millidegrees < 0 else ''}{whole}{rest}"


# Digits are bounded so that no line can make a number of any length.
_N: Final = r"(\d{1,9})"
_END: Final = r"(?= |$)"
_UNITS: Final = {"kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_GPU: Final = re.compile(r"GR3D\d?(?:_FREQ)?$")
_UPTIME: Final = re.compile(r"(\d{1,12}\.\d{1,9}) ")
_LIST: Final = r"\[(\d{1,9}(?:,\d{1,9})*)\]"
_DEGREES: Final = r"(-?\d{1,6}(?:\.\d{1,3})?)C"
_GRAMMAR: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Field]], ...]] = (
    (re.compile(r"(\d\d-\d\d-\d{4} \d\d:\d\d:\d\d)" + _END), lambda found: Stamp(found[1])),
    (re.compile(rf"([A-Z]+) {_N}/{_N}([kMG]B)(?:( ?)\(([^()]*)\))?" + _END), _memory),
    (re.compile(r"CPU \[((?:off|\d{1,9}%(?:@\d{1,9})?)(?:,(?:off|\d{1,9}%(?:@\d{1,9})?))*)\]" + _END), _cpu),
    (re.compile(r"([A-Z]\w*) " + rf"{_N}(mW|)/{_N}\3(?:/{_N}\3)?" + _END), _rail),
    (re.compile(rf"([A-Z]\w*) (?=[\d@o])(?:(off)|(?:{_N}%)?(?:@{_LIST}|@{_N})?|{_N})" + _END), _unit),
    (re.compile(r"([A-Za-z]\w*)@" + _DEGREES + rf"(?:/{_DEGREES})?" + _END), _temperature),
)  # fmt: skip
