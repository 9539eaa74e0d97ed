"""Templates: everything that becomes HTML passes through here and is escaped here."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any

from trtprof.dashboards.said import mark, said
from trtprof.units import ABSENT

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def draw(template: str, **context: Any) -> Markup:
    """Return a template of ``templates/`` filled in, safe to put into another one."""
    from markupsafe import Markup

    return Markup(_environment().get_template(template).render(context))


def source(name: str) -> Markup:
    """Return a file of ``templates/`` as it is, for a script that must not be read as a template."""
    from markupsafe import Markup

    environment = _environment()
    if environment.loader is None:
        raise AssertionError("the environment was made without a loader")
    return Markup(environment.loader.get_source(environment, name)[0])


def visible(text: str) -> str:
    """Return the text with characters nobody sees spelled out.

    Names come from model files: a control character would break the page, a direction mark would make one name read
    like another, and half a surrogate pair cannot be written to a file at all.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if _is_plain(character) else f"\\u{ord(character):04x}" for character in text)


def _is_plain(character: str) -> bool:
    return character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _final(value: object) -> object:
    """Print an absent value as the absent mark, never as the word None."""
    if value is None:
        return ABSENT
    return value if not isinstance(value, str) or hasattr(value, "__html__") else visible(value)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context

    environment = Environment(
        loader=PackageLoader("trtprof.dashboards", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_final,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Without a context jinja would look constants up once, in the language of whoever comes first.
    environment.filters["said"] = pass_context(lambda _, text: said(text))
    environment.filters["mark"] = pass_context(lambda _, text: mark(text))
    return environment
