"""A version of TensorRT as it is typed after an option."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from trtprof.errors import UsageError

if TYPE_CHECKING:
    from trtprof.backends.trtexec_flags import Version

_WORD: Final = re.compile(r"(\d{1,2})\.(\d{1,3})(?:\.(\d{1,3}))?(?:\.\d{1,4})?", re.ASCII)


def version_word(option: str, text: str) -> Version:
    """Return the version in a word such as ``8.2``, ``10.3.0`` or ``8.6.1.6``; the fourth number is left out.

    Raises:
        UsageError: the word is no version.
    """
    from trtprof.backends.trtexec_flags import Version

    found = _WORD.fullmatch(text)
    if found is None:
        raise UsageError(f"{option} {text}: expected a version like 8.2 or 10.3.0", hint="trtexec --help tells it")
    return Version(int(found[1]), int(found[2]), int(found[3] or 0))
