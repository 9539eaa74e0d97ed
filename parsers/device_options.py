"""A GPU from trtexec's ``Device Information``, worded alike in its log and in TREx metadata. Imports the model only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from trtprof.model import Device
from trtprof.parsers.document import parse_number

_NUMBER: Final = re.compile(r"[\d.]+")
_CAPABILITY: Final = re.compile(r"(\d{1,2})\.(\d)$")
_TRANSFERS_PER_CLOCK: Final = 2


def device_of(lines: Mapping[str, object]) -> Device | None:
    """Return the device that ``Selected Device`` and the lines around it name, ``None`` without a name.

    The memory bandwidth is derived: bus width times memory clock times two transfers a clock, which gives the data
    sheet's figure for GDDR and HBM parts. Clocks are the ones set, not the ones measured.
    """
    name = lines.get("Selected Device")
    if not isinstance(name, str) or not name.strip():
        return None
    clock = _figure(lines, "Application Compute Clock Rate", "Compute Clock Rate")
    memory = _figure(lines, "Application Memory Clock Rate", "Memory Clock Rate")
    bus = _figure(lines, "Memory Bus Width")
    count = _figure(lines, "SMs")
    capability = _CAPABILITY.match(str(lines.get("Compute Capability", "")))
    return Device(
        name=name.strip(),
        compute_capability=(int(capability[1]), int(capability[2])) if capability else None,
        sm_count=int(count) if count else None,
        clock_hz=clock * 1e9 if clock else None,
        memory_bytes_per_s=memory * 1e9 * _TRANSFERS_PER_CLOCK * bus / 8 if memory and bus else None,
    )


def _figure(lines: Mapping[str, object], *names: str) -> float | None:
    """The first number of the first line there is: ``1.41 GHz`` in logs, ``1.41`` in TREx metadata."""
    for name in names:
        found = _NUMBER.match(str(lines[name])) if name in lines else None
        if found:
            return parse_number(found[0])
    return None
