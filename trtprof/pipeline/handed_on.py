"""What a comparison says in free text, without the places it was made in: builders and readers quote paths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from trtprof.comparison import Comparison
from trtprof.model import Unknown
from trtprof.privacy import Places


def without_places(comparison: Comparison, paths: Iterable[str]) -> Comparison:
    """Return the comparison with the absolute paths among ``paths``, and those below here and home, left out of text.

    Where the model and the capture lie stays in its record of how it was made, for the commands that go on from there;
    what draws or stores that record shortens it.
    """
    places = Places(paths)
    return replace(
        comparison,
        notices=tuple(
            replace(item, message=places.left_out(item.message), where=item.where and places.left_out(item.where))
            for item in comparison.notices
        ),
        missing=tuple(
            replace(
                item, reason=Unknown(places.left_out(item.reason.reason)), hint=item.hint and places.left_out(item.hint)
            )
            for item in comparison.missing
        ),
    )
