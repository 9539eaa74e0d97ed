"""A page open in a real browser, and what must hold of any page."""

from __future__ import annotations

from typing import Any

import pytest

DRAWN_MS = 120_000
"""How long a busy machine may take to draw a page; nothing is timed."""
_PICKED = (
    "[...document.querySelectorAll('[data-picked={how}]')].map(e => e.id || e.dataset.l || e.getAttribute('href'))"
)


class Reader:
    """An open page, and everything it did that it should not have done."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.on("request", lambda request: self._asked(request.url))

    def _asked(self, url: str) -> None:
        if not url.startswith(("file:", "data:", "blob:")):
            self.complaints.append(url)

    def open(self, address: str) -> None:
        self.page.goto("about:blank")
        self.page.goto(address)
        self.page.wait_for_selector("html[data-charts]", state="attached", timeout=DRAWN_MS)

    def picked(self, how: str) -> set[str]:
        return set(self.page.evaluate(_PICKED.format(how=how)))

    @property
    def said(self) -> str:
        return str(self.page.text_content(".said"))


def violations(page: Any) -> list[tuple[str, list[str]]]:
    """Return what axe-core complains of, with the first places."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(page).response["violations"]
    return [(item["id"], [node["html"][:120] for node in item["nodes"][:3]]) for item in found]
