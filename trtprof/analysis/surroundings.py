"""What two engines were made and measured with, where it differs: versions, GPU, clocks, flags, types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from trtprof.comparison import Built
from trtprof.engine_facts import EngineFacts
from trtprof.model import Device

_HEADINGS: Final = ("Model Options", "Build Options", "System Options", "Inference Options")
_FILES: Final = frozenset(
    {"Save engine", "Load engine", "timingCacheFile", "Tempfile Controls", "Inputs", "Debug Tensor Save Destinations"}
)
"""Lines that name files of the run itself, which never changed a time."""
_STRONG_MAJOR: Final = 11
"""From this version on every network is strongly typed."""


@dataclass(frozen=True, slots=True)
class Circumstance:
    """One thing around the engines, as each one's files say it; ``None`` where they do not."""

    what: str
    base: str | None
    head: str | None


def circumstances(base: Built, head: Built) -> tuple[tuple[Circumstance, ...], tuple[Circumstance, ...]]:
    """Return what differs for certain, and what cannot be told because one engine's files, or both's, do not say."""
    both = [*_made(base, head), *_options(_facts(base), _facts(head))]
    differs = tuple(item for item in both if None not in (item.base, item.head) and item.base != item.head)
    return differs, tuple(item for item in both if None in (item.base, item.head))


def _made(base: Built, head: Built) -> Iterator[Circumstance]:
    for what, tell in (
        ("tool", lambda built: built.engine.tool),
        ("TensorRT version", lambda built: built.engine.tool_version),
        ("precision", lambda built: built.precision.value if built.precision else None),
        ("typing", _typing),
        ("GPU", lambda built: _device(built).name or None),
        ("GPU clock", lambda built: _clock(_device(built))),
        ("driver", lambda built: _device(built).driver),
        ("time measured", lambda built: built.latency.what if built.latency else None),
    ):
        yield Circumstance(what, tell(base), tell(head))


def _options(base: EngineFacts, head: EngineFacts) -> Iterator[Circumstance]:
    """Lines of trtexec's listings; a heading that one side lacks is one thing unknown, a single line is another's."""
    for heading in _HEADINGS:
        before, after = base.options.get(heading), head.options.get(heading)
        if before is None or after is None:
            if before is not after:
                yield Circumstance(heading, _listed(before), _listed(after))
            continue
        for name in dict.fromkeys((*before, *after)):
            if name not in _FILES and before.get(name) != after.get(name):
                # A version that does not print a line does not have the option.
                yield Circumstance(f"{heading}: {name}", before.get(name) or "not set", after.get(name) or "not set")


def _listed(lines: Mapping[str, str] | None) -> str | None:
    return None if lines is None else f"{len(lines)} lines"


def _facts(built: Built) -> EngineFacts:
    return built.engine.facts or EngineFacts()


def _device(built: Built) -> Device:
    return built.engine.device or Device("")


def _clock(device: Device) -> str | None:
    """The clock the files state, which is the highest one or the application clock, not what it ran at."""
    return None if device.clock_hz is None else f"{device.clock_hz / 1e6:,.0f} MHz"


def _typing(built: Built) -> str | None:
    facts = _facts(built)
    major = (built.engine.tool_version or "").partition(".")[0]
    said = f"{facts.command or ''} {facts.option('Build Options', 'Precision') or ''}".lower().replace(" ", "")
    if "stronglytyped" in said or (major.isdigit() and int(major) >= _STRONG_MAJOR):
        return "strong"
    return "weak" if facts.command or facts.option("Build Options", "Precision") else None
