"""What a board did during a run, in sentences that the terminal and the page share."""

from __future__ import annotations

from trtprof.board_run import BoardRun, BoardState, DlaPlacement, Energy, MemoryPressure, Period, Throttle
from trtprof.model import Unknown
from trtprof.units import NS_PER_MS, byte_size, ms_range, plural, significant


def board_words(run: BoardRun | None, dla: DlaPlacement | None) -> list[str]:
    """Return a sentence for each thing there is to say of an engine's run, none where nothing was recorded."""
    lines = []
    if run is not None:
        lines = [
            energy_words(run.energy),
            clock_words(run),
            *state_words(run.state),
            *([memory_words(run.memory)] if isinstance(run.memory, MemoryPressure) else []),
            *([period_words(run.period)] if isinstance(run.period, Period) else []),
        ]
    return [*lines, dla_words(dla)] if dla is not None else lines


def state_words(state: BoardState | None) -> list[str]:
    """Return what of the board's state spoils or lessens its times; nothing where it stood as it should."""
    if state is None:
        return []
    lines = [f"before the run, {spoiler}: times like these do not come back" for spoiler in state.spoilers]
    if state.best_power_mode is False:
        lines.append(f"power mode {state.power_mode}")
    return lines


def energy_words(energy: Energy | Unknown) -> str:
    """Return the energy of one inference and what it rests on, or why it cannot be told."""
    if isinstance(energy, Unknown):
        return f"energy: cannot tell, {energy.reason}"
    rails = (
        energy.rails[0] if energy.whole_board else f"{plural(len(energy.rails), 'rail')}, which are not the whole board"
    )
    above = "" if energy.above_idle_mj is None else f", {significant(energy.above_idle_mj, 3)} mJ of it above idle"
    basis = f"{energy.mean_mw / 1000:.2f} W, the mean of {energy.samples} samples of {rails}"
    each = f"{significant(energy.per_inference_mj, 3)} mJ an inference{above}"
    return f"{each} (derived from {basis}, over {energy.inferences:,} inferences)"


def clock_words(run: BoardRun) -> str:
    """Return the clock of the GPU over the run, whether it was held down, and the heat."""
    heat = "" if run.hottest_c is None else f"; {run.hottest_c:.1f} °C at most"
    clocks = run.gpu_mhz
    if clocks is None:
        reason = run.throttles.reason if isinstance(run.throttles, Unknown) else "no sample tells it"
        return f"GPU clock: cannot tell, {reason}{heat}"
    low, high = clocks
    steady = f"GPU at {high} MHz throughout" if low == high else f"GPU between {low} and {high} MHz"
    if isinstance(run.throttles, Unknown) or not run.throttles:
        return f"{steady}{heat}"
    return f"{steady}, held down {throttle_words(run.throttles)}{heat}"


def throttle_words(throttles: tuple[Throttle, ...]) -> str:
    """Return how often and how far the busy GPU was held down."""
    worst = min(throttles, key=lambda item: item.to_mhz)
    times = "once" if len(throttles) == 1 else f"{len(throttles)} times"
    return f"{times}, from {worst.from_mhz} to {worst.to_mhz} MHz at worst, {worst.start_s:.1f} s into it"


def memory_words(memory: MemoryPressure) -> str:
    """Return how full memory was."""
    swapped = f", {byte_size(memory.swap_growth_bytes)} went to swap" if memory.swap_growth_bytes else ""
    short = ": memory was short" if memory.short else ""
    return f"memory: {byte_size(memory.peak_bytes)} of {byte_size(memory.total_bytes)} in use at most{swapped}{short}"


def period_words(period: Period) -> str:
    """Return the rhythm of the latencies."""
    return (
        f"latency comes back every {plural(period.iterations, 'iteration')} ({period.period_ns / NS_PER_MS:.1f} ms, "
        f"autocorrelation {period.strength:.2f}): something else runs at that pace"
    )


def dla_words(dla: DlaPlacement) -> str:
    """Return how much ran on the DLA, how often data crossed, and what that may cost."""
    refused = f"; it refused {plural(len(dla.refusals), 'layer')}" if dla.refusals else ""
    where = f"{plural(len(dla.dla_layers), 'layer')} on the DLA, {len(dla.gpu_layers)} on the GPU{refused}"
    if isinstance(dla.hops, Unknown):
        return f"{where}; hops: cannot tell, {dla.hops.reason}"
    cost = dla.cost_ns
    if not dla.hops or cost is None:
        return f"{where}; no hop between them"
    return f"{where}; {plural(len(dla.hops), 'hop')} between them, modelled {ms_range(cost.low, cost.high)} ms"
