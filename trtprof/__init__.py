"""trtprof: compares TensorRT engines of one model across precisions and says why INT8 is not faster.

``import trtprof`` is cheap; pandas, plotly, onnx and TensorRT are imported by the calls that need them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trtprof.api import Report as Report
    from trtprof.api import compare as compare
    from trtprof.api import load as load

__version__ = "0.1.0"
__all__ = ["Report", "__version__", "compare", "load"]


def __getattr__(name: str) -> object:
    if name in ("Report", "compare", "load"):
        from trtprof import api

        return getattr(api, name)
    raise AttributeError(f"module 'trtprof' has no attribute {name!r}")
