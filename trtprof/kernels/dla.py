"""Work of the Deep Learning Accelerator, the fixed-function engine beside the GPU on Jetson and DRIVE.

It shows up in traces as cuDLA or NvMedia tasks and in layer lists as ``DLA`` or ``nvm`` nodes, never as a CUDA kernel.
"""

from __future__ import annotations

from typing import Final

from trtprof.kernels.family import Family
from trtprof.kernels.symbol import Symbol
from trtprof.kernels.verdict import STRONG, Verdict
from trtprof.model import KernelRole, Unit

_TASK: Final = Verdict(
    Unit.DLA, None, None, None, None, None, None, KernelRole.MAIN, STRONG,
    "DLA: a task of the Deep Learning Accelerator, not of the GPU",
)  # fmt: skip


def read(symbol: Symbol) -> Verdict | None:
    """Return the verdict on a DLA task."""
    del symbol
    return _TASK


FAMILY: Final = Family(
    name="dla",
    title="Deep Learning Accelerator",
    ident=r"(?i:cudla|nvdla|nvmdla|nvm_dla|nvmedia_?dla|dla(?:_|$|[0-9]|task|core|loadable|submit))",
    read=read,
)
