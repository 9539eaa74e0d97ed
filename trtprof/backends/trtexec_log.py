"""Why a trtexec run failed, read off its log.

Up to 10 the last line says ``&&&& FAILED``; 11.1 leaves it out where it refuses an option, so the exit status decides
and the log only explains. The first ``[E]`` line is the cause, those after it are its consequences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trtprof.backends.trtexec_flags import Version, flag_name, lookup

FAILED: Final = "&&&& FAILED TensorRT.trtexec"
_ERROR: Final = re.compile(r"(?:\[[\d/]+-[\d:]+\] )?\[([EF])\] (?:\[TRT\] )?(.*)")
_PREFIX: Final = re.compile(r"(?:\[[\d/]+-[\d:]+\] )?\[[VIWEF]\] ")
_SOURCE: Final = re.compile(r"^(?:[\w/]+/)?\w+\.(?:cpp|cu|h):\d+: ")
_NODE: Final = re.compile(r"While parsing node number (\d+) \[(\w+)(?: -> \"([^\"]*)\")?")
_UNKNOWN: Final = re.compile(r"Unknown option: (--\S+)")
_CAUSE_LIMIT: Final = 400
_ENTRY_LINES: Final = 4

_HINTS: Final = (
    (r"OutOfMemory|out of memory|insufficient memory|cudaErrorMemoryAllocation|std::bad_alloc",
     "free memory on the GPU, build a smaller shape, or limit the workspace: --memPoolSize=workspace:MiB"),
    (r"no CUDA-capable device|CUDA initialization failure|cudaErrorNoDevice|Cuda failure: (?:100|no )"
     r"|driver version is insufficient",
     "look at nvidia-smi: trtexec needs a GPU and a driver as new as its CUDA"),
    (r"not compatible with this version of TensorRT|[sS]erialization ?[vV]ersion|[vV]ersion tag does not match",
     "the engine is of another TensorRT or GPU: build it again with this trtexec"),
    (r"Plugin not found|getPluginCreator|No importer registered|creator && ",
     "give the library with the plugin: --plugins=LIBRARY up to 8.5, --staticPlugins=LIBRARY since"),
    (r"Non-zero zero point|shiftIsAllZeros", "TensorRT needs symmetric quantisation: zero points of 0, int8"),
    (r"has type Int32 but must have|type Int32", "do not quantise the bias: TensorRT takes float biases"),
    (r"must all be positive|[sS]cale.*positive", "a quantisation scale is 0 or negative; calibrate again"),
    (r"Calibration table does not match", "the table is of another TensorRT or calibrator: calibrate again"),
    (r"Could not find any implementation for node",
     "allow more workspace (--memPoolSize=workspace:MiB), or another type or shape for that node"),
    (r"While parsing node|Failed to parse onnx|Parsing model failed",
     "replace or remove that node, or cut the model before it (polygraphy surgeon extract)"),
    (r"Model missing or format not recognized|Could not open file|Cannot open",
     "the file is missing or cannot be read by trtexec"),
    (r"[dD]ynamic dimensions|no optimization profile|optimization profile", "give shapes: --shapes NAME:DIMS"),
    (r"No space left", "free some space, or choose another directory with --out"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """The cause as trtexec words it, on one line, and what may be done about it."""

    cause: str
    hint: str | None


def said_failed(log: Path) -> bool:
    """Return whether the last lines of a log say that trtexec failed."""
    with suppress(OSError), log.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 4096))
        return FAILED.encode() in file.read()
    return False


def read_failure(log: Path, version: Version) -> Failure | None:
    """Return the first error in a log, ``None`` when there is none.

    For a node that the ONNX parser refuses, trtexec spreads the reason over several entries: the node comes first, the
    reason in the entry that begins with ``ERROR:``.
    """
    entries = _errors(log)
    first = next(entries, None)
    if first is None:
        return None
    cause = _SOURCE.sub("", first)
    node = _NODE.search(cause)
    if node is not None:
        reason = next((text for text in map(_bare, entries) if text.startswith("ERROR: ")), "")
        named = f" that makes '{node[3]}'" if node[3] else ""
        cause = f"the ONNX parser refuses node {node[1]} ({node[2]}){named}: {reason.removeprefix('ERROR: ')}"
        return Failure(_clip(cause), _hint(f"{cause} While parsing node", version))
    return Failure(_clip(cause), _hint(cause, version))


def _errors(log: Path) -> Iterator[str]:
    """Yield each error of a log with the few lines that belong to it.

    An entry ends with the next prefix; up to 8.5 the help follows a refused option, so a blank line or a heading ends
    it too.
    """
    entry: list[str] = []
    with suppress(OSError), log.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            found = _ERROR.match(line)
            if found or _PREFIX.match(line) or not line.strip() or line.startswith(("&&&& ", "===")):
                if entry:
                    yield " ".join(" ".join(entry).split())
                entry = [found[2]] if found else []
            elif 0 < len(entry) < _ENTRY_LINES:
                entry.append(line)
    if entry:
        yield " ".join(" ".join(entry).split())


def _bare(entry: str) -> str:
    return _SOURCE.sub("", entry)


def _clip(text: str) -> str:
    return text if len(text) <= _CAUSE_LIMIT else text[: _CAUSE_LIMIT - 1] + "…"


def _hint(cause: str, version: Version) -> str | None:
    unknown = _UNKNOWN.search(cause)
    if unknown is not None:
        flag = lookup(flag_name(unknown[1]))
        instead = f"; instead: {flag.instead}" if flag is not None and flag.instead else ""
        return f"trtexec {version} does not know {flag_name(unknown[1])}{instead}"
    return next((hint for sign, hint in _HINTS if re.search(sign, cause)), None)
