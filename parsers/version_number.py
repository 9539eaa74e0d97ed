"""TensorRT's version as one number, the way trtexec and calibration caches write it. Imports nothing of ours."""

from __future__ import annotations


def version_text(number: str) -> str | None:
    """Return ``8.6.1`` for ``8601``, ``10.16.1`` for ``101601``, ``None`` for what is no version number.

    Up to 9 it is major * 1000 + minor * 100 + patch, from 10 major * 10000 + minor * 100 + patch
    (``NV_TENSORRT_VERSION`` in ``NvInferVersion.h``).
    """
    if not number.isascii() or not number.isdigit() or not 4 <= len(number) <= 6:
        return None
    value = int(number)
    base = 1_000 if value < 10_000 else 10_000
    major, rest = divmod(value, base)
    minor, patch = divmod(rest, 100)
    return f"{major}.{minor}.{patch}" if major else None
