"""Which API call put a kernel on the GPU, by process and correlation id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trtprof.analysis.trace import PROCESS_MASK

if TYPE_CHECKING:
    from trtprof.analysis.trace import Calls, Ints, Kernels

_DENSE: Final = 8
"""How many times as long as the ids a table of all ids in their range may be."""


def launch_calls(kernels: Kernels, calls: Calls) -> Ints:
    """Return for each kernel the index of its launch call, -1 where there is none.

    All kernels of a CUDA graph launch share one call.
    """
    return calls_of(kernels.process, kernels.correlation, calls)


def calls_of(process: Ints, correlation: Ints, calls: Calls) -> Ints:
    """Return for work on the GPU the index of the call that put it there, -1 where there is none.

    Correlation ids count from 1 in every process, so the process is part of the key.
    """
    import numpy as np

    if len(calls) == 0:
        return np.full(len(correlation), -1, np.int32)
    call_process = calls.thread & PROCESS_MASK
    processes = np.unique(call_process)
    if len(processes) == 1 and (process == processes[0]).all():
        return _positions(calls.correlation, correlation)
    found = np.full(len(correlation), -1, np.int32 if len(calls) < 1 << 31 else np.int64)
    for number in processes:
        own_calls = np.flatnonzero(call_process == number)
        own_work = np.flatnonzero(_is_of(process, number))
        if len(own_work):
            place = _positions(calls.correlation[own_calls], correlation[own_work])
            known = place >= 0
            found[own_work[known]] = own_calls[place[known]]
    return found


def _is_of(processes: Ints, process: Ints) -> Ints:
    """Which work is of a process; what names none (cut-down exports) is taken to be of any."""
    of_it: Ints = (processes == process) | (processes < 0)
    return of_it


def _positions(ids: Ints, wanted: Ints) -> Ints:
    """Return the first place of each wanted id among the ids, -1 for none and for absent ids."""
    import numpy as np

    low, high = int(ids.min()), int(ids.max())
    if high - low < _DENSE * len(ids) + 1024:
        table = np.full(high - low + 3, -1, np.int32 if len(ids) < 1 << 31 else np.int64)
        table[ids[::-1] - low + 1] = np.arange(len(ids) - 1, -1, -1)  # the first of equal ids is written last
        place = table[np.clip(wanted - low + 1, 0, high - low + 2)]
    else:
        order = np.argsort(ids, kind="stable")
        place = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
        place[ids[place] != wanted] = -1
    place[wanted < 0] = -1
    found: Ints = place
    return found
