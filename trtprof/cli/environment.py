"""The environment variables that trtprof looks at, for the reference; a test holds the list against the code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Variable:
    """What one variable says, and the option that wins over it."""

    meaning: str
    option: str = ""


VARIABLES: Final[dict[str, Variable]] = {
    "TRTPROF_LANG": Variable(
        "The language of what is printed for people on stdout, en or zh; JSON, CSV, SARIF, help and all of stderr stay "
        "English. Without it LC_ALL, LC_MESSAGES and LANG decide.",
        "`--lang`",
    ),
    "TRTPROF_DB": Variable("The SQLite store to read and to add to.", "`--db`"),
    "TRTPROF_RULES": Variable("Classes of kernels that counters taught (`trtprof verify --learn`).", "`--rules`"),
    "TRTEXEC": Variable("The trtexec to use.", "`--trtexec`"),
    "TRT_ROOT": Variable("Where TensorRT lies; trtexec is looked for in `bin` and `targets/*/bin` below it."),
    "TENSORRT_ROOT": Variable("The same as `TRT_ROOT`, looked at after it."),
    "TRT_LIBPATH": Variable("The same; its `lib` directory will do."),
    "NSYS": Variable("The nsys to use."),
    "NCU": Variable("The ncu to use."),
    "PATH": Variable("Where programs are looked for after the variables above."),
    "HOME": Variable("Written as `~` in what is handed on, unless `--keep-host`."),
    "PWD": Variable("Left out of paths in what is handed on, unless `--keep-host`."),
    "BROWSER_PATH": Variable("The Chrome or Chromium that draws charts for `--png` (kaleido looks at it)."),
    "NO_COLOR": Variable("Set to anything: no colour (rich looks at it)."),
    "COLUMNS": Variable("Width of tables; without it 120 where stdout is no terminal."),
}
