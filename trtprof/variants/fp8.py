"""Which targets multiply in FP8. The model itself is made as INT8's is: same edges, another type (see ``int8``)."""

from __future__ import annotations

from typing import Final

from trtprof.model import Unknown

_FIRST_WITH_FP8: Final = 89


def fp8_support(target: str) -> Unknown | None:
    """Return ``None`` where the target (``sm89``) multiplies in FP8, else why it does not."""
    digits = "".join(letter for letter in target if letter.isdigit())
    if digits and int(digits) >= _FIRST_WITH_FP8:
        return None
    return Unknown(f"{target.upper()} has no FP8: tensor cores multiply it from SM89 (Ada) on")
