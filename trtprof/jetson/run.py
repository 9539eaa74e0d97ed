"""One engine's run on a board: its iterations and the samples of tegrastats on one time axis, and what follows."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from trtprof.board_run import BoardRun
from trtprof.jetson.board_capture import BoardCapture, Mark
from trtprof.jetson.periodicity import find_period
from trtprof.jetson.power import board_samples, energy_of, memory_pressure, throttles_in
from trtprof.jetson.state import board_state
from trtprof.model import Engine, Inference, Unknown
from trtprof.units import NS_PER_S

_IDLE: Final = "idle"


def board_run(capture: BoardCapture, name: str, engine: Engine) -> BoardRun:
    """Return what the board did while the engine ``name`` of a capture ran."""
    inference = engine.inference or Inference()
    starts = inference.start_ns
    spans = inference.compute_ns
    latencies = inference.latency_ns or spans
    timed_s = (starts[-1] + spans[-1] - starts[0]) / NS_PER_S if starts and len(spans) == len(starts) else 0.0
    zero, recorded = _first_inference(capture.marks, name, inference), capture.samples
    reason = next((item for item in (recorded, zero) if isinstance(item, Unknown)), Unknown("nothing was recorded"))
    run = BoardRun(
        board=capture.board.title if capture.board else "the board",
        samples=(),
        start_s=0.0,
        end_s=timed_s,
        iterations=_iterations(starts, latencies),
        energy=reason,
        throttles=reason,
        memory=reason,
        period=find_period(latencies, starts),
        state=board_state(capture),
        notices=capture.notices,
    )
    if isinstance(zero, Unknown) or isinstance(recorded, Unknown):
        return run
    window = (zero, zero + timed_s)
    low, high = _span(capture.marks, name, "latency", window)
    near = [item for item in recorded if item.uptime_s is not None and low <= item.uptime_s <= high]
    samples = board_samples(near, zero)
    return replace(
        run,
        samples=samples,
        energy=energy_of(recorded, window, len(starts), _idle(capture.marks)),
        throttles=throttles_in(samples, (0.0, timed_s)),
        memory=memory_pressure(near, (low, high)),
    )


def _first_inference(marks: tuple[Mark, ...], name: str, inference: Inference) -> float | Unknown:
    """Uptime at which the first timed inference began: trtexec counts from the moment it says that it starts.

    Where that line was not seen, the run's end is taken for the end of the last inference.
    """
    starts = inference.start_ns
    if not starts or len(inference.compute_ns) != len(starts):
        return Unknown("times.json does not tell when each iteration began")
    begin, end = (_at(marks, name, f"latency {word}") for word in ("start", "end"))
    if begin is None or end is None:
        return Unknown("the capture does not tell when the run began and ended")
    own = (mark.uptime_s for mark in marks if (mark.engine, mark.what) == (name, "inference"))
    said = next((uptime for uptime in own if begin <= uptime <= end), None)
    last = (starts[-1] + inference.compute_ns[-1]) / NS_PER_S
    return (said if said is not None else end - last) + starts[0] / NS_PER_S


def _at(marks: tuple[Mark, ...], engine: str, what: str) -> float | None:
    return next((mark.uptime_s for mark in marks if (mark.engine, mark.what) == (engine, what)), None)


def _span(marks: tuple[Mark, ...], name: str, step: str, otherwise: tuple[float, float]) -> tuple[float, float]:
    begin, end = (_at(marks, name, f"{step} {word}") for word in ("start", "end"))
    return (begin, end) if begin is not None and end is not None else otherwise


def _idle(marks: tuple[Mark, ...]) -> tuple[float, float] | None:
    begin, end = (_at(marks, _IDLE, word) for word in ("start", "end"))
    return (begin, end) if begin is not None and end is not None else None


def _iterations(starts: tuple[float, ...], latencies: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
    """Second of each iteration's begin and its latency in ns; none where one of the two is not known."""
    if not starts or len(starts) != len(latencies):
        return ()
    return tuple(((start - starts[0]) / NS_PER_S, latency) for start, latency in zip(starts, latencies, strict=True))
