"""What the analyses of a GPU trace need to know of it: any parser's records of this shape will do.

Times are nanoseconds since the start of the session. A column is a NumPy array with one element a row; -1 stands for
absent in columns of indices and ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[Any]

PROCESS_MASK: Final = ~0xFFFFFF
"""What of a global thread id is the global process id (user guide of Nsight Systems, SQLite schema)."""


class KernelTotal(Protocol):
    """All launches of one kernel on one device."""

    @property
    def name(self) -> str:
        """Name of the kernel."""

    @property
    def launches(self) -> int:
        """Number of launches."""

    @property
    def total_ns(self) -> int:
        """Time of all launches."""

    @property
    def min_ns(self) -> int | None:
        """Time of the shortest launch, where known."""

    @property
    def max_ns(self) -> int | None:
        """Time of the longest launch, where known."""


class Kernels(Protocol):
    """Kernels in order of start."""

    @property
    def names(self) -> Sequence[str]:
        """The distinct names."""

    @property
    def start_ns(self) -> Ints:
        """When each began on the GPU."""

    @property
    def end_ns(self) -> Ints:
        """When each ended."""

    @property
    def name(self) -> Ints:
        """Place of each one's name among the names."""

    @property
    def device(self) -> Ints:
        """The GPU of each."""

    @property
    def process(self) -> Ints:
        """Global process id of each."""

    @property
    def correlation(self) -> Ints:
        """What each shares with its launch call, within a process."""

    @property
    def graph_node(self) -> Ints:
        """The CUDA graph node each is a run of, -1 for a kernel launched by itself."""

    @property
    def stream(self) -> Ints:
        """The CUDA stream of each, -1 where the trace does not say."""

    def __len__(self) -> int:
        """Number of kernels."""


class Calls(Protocol):
    """CUDA API calls in order of start."""

    @property
    def apis(self) -> Sequence[str]:
        """The distinct functions."""

    @property
    def start_ns(self) -> Ints:
        """When each was entered."""

    @property
    def end_ns(self) -> Ints:
        """When each returned."""

    @property
    def thread(self) -> Ints:
        """Global thread id of each."""

    @property
    def correlation(self) -> Ints:
        """What each shares with the work it put on the GPU."""

    @property
    def api(self) -> Ints:
        """Place of each one's function among the functions."""

    def __len__(self) -> int:
        """Number of calls."""


class Ranges(Protocol):
    """Closed NVTX ranges in order of start."""

    @property
    def names(self) -> Sequence[str]:
        """The distinct texts."""

    @property
    def domains(self) -> Sequence[str]:
        """The distinct domains; the default domain is the empty string."""

    @property
    def onnx_nodes(self) -> Sequence[tuple[str, ...]]:
        """The distinct groups of ONNX nodes that payloads name."""

    @property
    def start_ns(self) -> Ints:
        """When each was opened."""

    @property
    def end_ns(self) -> Ints:
        """When each was closed."""

    @property
    def thread(self) -> Ints:
        """Global thread id of each."""

    @property
    def name(self) -> Ints:
        """Place of each one's text among the texts, -1 for none."""

    @property
    def domain(self) -> Ints:
        """Place of each one's domain among the domains."""

    @property
    def nodes(self) -> Ints:
        """Place of each one's ONNX nodes among the groups, -1 for none."""

    def __len__(self) -> int:
        """Number of ranges."""


class Activities(Protocol):
    """Copies and memsets on the GPU in order of start."""

    @property
    def start_ns(self) -> Ints:
        """When each began."""

    @property
    def end_ns(self) -> Ints:
        """When each ended."""

    @property
    def device(self) -> Ints:
        """The GPU of each."""


class GraphNode(Protocol):
    """A node of a CUDA graph."""

    @property
    def process(self) -> int:
        """Global process id."""

    @property
    def node(self) -> int:
        """Id of the node, unique in the process."""

    @property
    def original(self) -> int | None:
        """The node it is a clone of."""

    @property
    def start_ns(self) -> int:
        """When it came to be."""

    @property
    def thread(self) -> int:
        """Global id of the thread that made it."""


class GraphRun(Protocol):
    """A launch of a CUDA graph that was traced as a whole."""

    @property
    def graph(self) -> int:
        """Id of the graph."""

    @property
    def start_ns(self) -> int:
        """When it began on the GPU."""

    @property
    def end_ns(self) -> int:
        """When it ended."""

    @property
    def device(self) -> int:
        """The GPU it ran on."""

    @property
    def process(self) -> int:
        """Global process id."""

    @property
    def correlation(self) -> int:
        """What it shares with the call that launched it."""


class GraphCreation(Protocol):
    """The creation of a CUDA graph that was traced as a whole."""

    @property
    def process(self) -> int:
        """Global process id."""

    @property
    def graph(self) -> int:
        """Id of the graph."""

    @property
    def start_ns(self) -> int:
        """When it came to be."""

    @property
    def thread(self) -> int:
        """Global id of the thread that made it."""
