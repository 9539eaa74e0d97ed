"""``trtprof --version``: our own version alone on the first line, then those of what a result depends on."""

from __future__ import annotations

import platform
from typing import Final

from trtprof import __version__
from trtprof.dependencies import version_of
from trtprof.errors import TrtprofError

_PACKAGES: Final = (
    ("tensorrt", ("tensorrt", "tensorrt-cu13", "tensorrt-cu12", "tensorrt-bindings")),
    ("tensorrt-rtx", ("tensorrt-rtx-cu13", "tensorrt-rtx")),
    ("onnx", ("onnx",)),
    ("onnxruntime", ("onnxruntime", "onnxruntime-gpu")),
    ("plotly", ("plotly",)),
)
"""What is shown, and the distributions it goes by."""


def version_lines() -> list[str]:
    """Return the lines to print: name and version of what is installed, name and place of programs that are found.

    Nothing is imported and no program is run, for this must be quick; what is not there has no line.
    """
    lines = [f"trtprof {__version__}", f"python {platform.python_version()}"]
    for name, distributions in _PACKAGES:
        found = next((found for item in distributions if (found := version_of(item))), None)
        lines += [f"{name} {found}"] if found else []
    return [*lines, *_programs()]


def _programs() -> list[str]:
    from trtprof.backends.nsys import find_nsys
    from trtprof.backends.trtexec import find_trtexec

    found = []
    for name, find in (("nsys", find_nsys), ("trtexec", find_trtexec)):
        try:
            found.append(f"{name} {find()}")
        except TrtprofError:
            continue
    return found
