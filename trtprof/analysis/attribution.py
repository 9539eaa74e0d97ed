"""From kernels to TensorRT layers, through the launch call, its host thread and the NVTX ranges around it.

TensorRT opens a push/pop range in the domain ``TensorRT`` around the launches of each layer, and one around them all
(``ExecutionContext::enqueue`` or ``execute``): an inference. Inside an opaque layer Myelin opens ranges of its own. A
kernel belongs to the innermost layer whose range encloses its launch call; when it ran on the GPU says nothing, since
the GPU runs behind the host.

What cannot be attributed is counted, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from trtprof.analysis.cuda_graphs import captures
from trtprof.analysis.intervals import Intervals, innermost
from trtprof.analysis.launches import launch_calls
from trtprof.model import Unknown

if TYPE_CHECKING:
    from trtprof.analysis.trace import Calls, GraphNode, Ints, Kernels, Ranges

DOMAIN: Final = "TensorRT"
EXECUTION: Final = "ExecutionContext::"
"""How the range around an inference begins: ``::enqueue``, or ``::execute`` for the synchronous call."""

MYELIN_DOMAIN: Final = "myelin-exec"
MYELIN_STEP: Final = "myelin"
"""How Myelin's ranges around steps of its own runtime begin (``myelinGraphExecute``); the others are operations."""


class Reason(str, Enum):
    """Why a launch has no layer."""

    OUTSIDE = "outside"
    NO_CALL = "no_call"
    NOT_CAPTURED = "not_captured"


@dataclass(frozen=True, slots=True)
class Attribution:
    """Where each kernel of a trace comes from, one element a kernel, -1 for nowhere.

    Indices are places in the trace's calls and ranges. ``call`` is the launch call; ``layer`` the range of the layer,
    found where the kernel's CUDA graph was captured or else around the launch call; ``operation`` the range of Myelin's
    operation inside that; ``execution`` the range of the inference around the launch call. ``replay`` is the launch
    call again for kernels of a graph that was captured in an inference and is replayed outside of one. ``captured`` is
    -1 except for kernels of a graph whose capture is in the trace.
    """

    call: Ints
    layer: Ints
    operation: Ints
    execution: Ints
    replay: Ints
    captured: Ints


def attribute(
    kernels: Kernels,
    calls: Calls | Unknown,
    ranges: Ranges | Unknown,
    nodes: Iterable[GraphNode] = (),
    *,
    domain: str = DOMAIN,
) -> Attribution | Unknown:
    """Return where each kernel comes from.

    :class:`Unknown` where the trace has no API calls, no NVTX ranges, or none in the domain of layers.
    """
    if isinstance(calls, Unknown):
        return calls
    if isinstance(ranges, Unknown):
        return ranges
    if domain not in ranges.domains:
        return Unknown(
            f"no NVTX range in the domain {domain}: the program ran no TensorRT engine while traced, or the engine was "
            "built with ProfilingVerbosity NONE, or NVTX was switched off (setNvtxVerbosity)"
        )
    captured = captures(kernels, nodes)
    call = launch_calls(kernels, calls)
    launching = Intervals(calls.thread, calls.start_ns, calls.end_ns)
    by_call, by_capture = [], []
    for chosen in (layer_ranges(ranges, domain), myelin_ranges(ranges), execution_ranges(ranges, domain)):
        rows = Intervals(ranges.thread, ranges.start_ns, ranges.end_ns).where(chosen)
        by_call.append(_at(_at(chosen, innermost(rows, launching)), call))
        by_capture.append(_at(_at(chosen, innermost(rows, captured.places)), captured.moment))
    return _merged(ranges, call, by_call, by_capture, captured.moment)


def _merged(ranges: Ranges, call: Ints, by_call: list[Ints], by_capture: list[Ints], moment: Ints) -> Attribution:
    """Return the attribution by capture where it gives a layer, else by launch call."""
    import numpy as np

    layer, operation, execution = by_call
    replay = np.broadcast_to(np.int32(-1), len(call))
    if (by_capture[0] >= 0).any():
        has_layer = by_capture[0] >= 0
        layer = np.where(has_layer, by_capture[0], layer)
        operation = np.where(has_layer, by_capture[1], operation)
    if (by_capture[2] >= 0).any():
        replay = np.where((by_capture[2] >= 0) & (execution < 0), call, -1)
    if (operation >= 0).any():
        nested = (ranges.start_ns[operation] >= ranges.start_ns[layer]) & (layer >= 0)
        operation = np.where(nested & (ranges.end_ns[operation] <= ranges.end_ns[layer]), operation, -1)
    return Attribution(call, layer, operation, execution, replay, moment)


def reasons(attribution: Attribution, calls: Calls) -> Ints:
    """Return for each kernel why it has no layer, as a place in :class:`Reason`; -1 for kernels that have one."""
    import numpy as np

    replays = np.array(["GraphLaunch" in api for api in calls.apis] + [False])
    api = _at(calls.api, attribution.call)
    order = list(Reason)
    why = np.where(
        replays[api] & (attribution.captured < 0), order.index(Reason.NOT_CAPTURED), order.index(Reason.OUTSIDE)
    )
    why[attribution.call < 0] = order.index(Reason.NO_CALL)
    why[attribution.layer >= 0] = -1
    return why


def _at(values: Ints, index: Ints) -> Ints:
    """Return the values at the index, -1 where the index is -1. Places fit 32 bits: half the memory of a big trace."""
    import numpy as np

    if len(values) == 0:
        return np.broadcast_to(np.int32(-1), len(index))
    kind = np.int32 if len(values) < 1 << 31 and int(values.max()) < 1 << 31 else np.int64
    found: Ints = np.append(values, -1).astype(kind)[index]
    return found


def layer_ranges(ranges: Ranges, domain: str = DOMAIN) -> Ints:
    """Return the indices of the ranges of layers."""
    import numpy as np

    return np.flatnonzero(_in_domain(ranges, domain) & ~_begins(ranges, EXECUTION) & (ranges.name >= 0))


def execution_ranges(ranges: Ranges, domain: str = DOMAIN) -> Ints:
    """Return the indices of the ranges of inferences."""
    import numpy as np

    return np.flatnonzero(_in_domain(ranges, domain) & _begins(ranges, EXECUTION))


def myelin_ranges(ranges: Ranges) -> Ints:
    """Return the indices of the ranges of Myelin's operations, without those of its runtime's own steps."""
    import numpy as np

    return np.flatnonzero(_in_domain(ranges, MYELIN_DOMAIN) & ~_begins(ranges, MYELIN_STEP) & (ranges.name >= 0))


def _in_domain(ranges: Ranges, domain: str) -> Ints:
    """Which ranges are in a domain."""
    import numpy as np

    if domain not in ranges.domains:
        return np.zeros(len(ranges), bool)
    within: Ints = ranges.domain == list(ranges.domains).index(domain)
    return within


def _begins(ranges: Ranges, start: str) -> Ints:
    """Which ranges have a name that begins so."""
    import numpy as np

    begins: Ints = np.array([*(name.startswith(start) for name in ranges.names), False])[ranges.name]
    return begins
