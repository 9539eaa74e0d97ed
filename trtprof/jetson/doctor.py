"""Everything the doctor says of a machine, most important last: a measurement here is worth something, or why not."""

from __future__ import annotations

from dataclasses import dataclass

from trtprof.jetson.board_checks import Jetson, check_board, find_jetson
from trtprof.jetson.checks import Check, State, ok, unknown
from trtprof.jetson.machine import Machine
from trtprof.jetson.tool_checks import (
    FoundTensorRT,
    check_extras,
    check_gpus,
    check_permissions,
    check_tensorrt,
    check_tools,
    find_tensorrt,
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found on a machine: its name, and the recording it was found in, ``None`` for the machine itself."""

    name: str
    source: str | None
    jetson: Jetson | None
    tensorrt: tuple[FoundTensorRT, ...]
    checks: tuple[Check, ...]

    @property
    def spoilers(self) -> tuple[Check, ...]:
        """What makes a measurement worthless."""
        return tuple(check for check in self.checks if check.state is State.BAD)

    @property
    def worthless(self) -> bool:
        """Whether a measurement would be worthless."""
        return bool(self.spoilers)


def diagnose(machine: Machine) -> Diagnosis:
    """Return what is here and what follows from it; changes nothing and needs no privileges."""
    jetson = find_jetson(machine)
    tensorrt = find_tensorrt(machine)
    version = tensorrt[0].version if tensorrt else None
    system = machine.ask("uname")
    parts = [_system(machine)]
    if jetson is None:
        parts += check_gpus(machine)
    else:
        parts += check_board(machine, jetson, version)
    parts += check_tensorrt(tensorrt, machine)
    parts += check_tools(machine)
    parts += check_permissions(machine)
    parts += check_extras(machine)
    name = jetson.model if jetson else (system.lines[0] if system and system.lines else "this machine")
    source = str(machine.recorded) if machine.recorded else None
    return Diagnosis(name, source, jetson, tensorrt, tuple(parts))


def _system(machine: Machine) -> Check:
    answer = machine.ask("uname")
    if answer is None or not answer.lines:
        return unknown("system", "kernel", "uname is not there")
    return ok("system", "kernel", answer.lines[0])
