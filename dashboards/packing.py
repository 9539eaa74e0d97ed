"""Text packed into a page: compressed, in digits that mean nothing in HTML, so it cannot end the element it is in."""

from __future__ import annotations

import base64
import gzip
from typing import Final

_B85: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
"""The digits of :func:`base64.b85encode`; three of them mean something in HTML and are swapped for ones it has not."""
_SAFE: Final = str.maketrans("<>&", ",.:")
ALPHABET: Final = _B85.translate(_SAFE)
"""The digits of packed text in order of their value, for the page's script to read it by."""


def packed(text: str) -> str:
    """Return the text packed; the same text gives the same digits."""
    compressed = gzip.compress(text.encode(), compresslevel=9, mtime=0)
    return base64.b85encode(compressed).decode("ascii").translate(_SAFE)
