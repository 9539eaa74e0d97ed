"""The page in a real browser. Skipped where there is none."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import sample

from trtprof.comparison import Comparison
from trtprof.dashboards.page import page_data, render
from trtprof.dashboards.panels import PANELS

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--enable-logging=stderr", "--v=0",
    "--virtual-time-budget=20000", "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip


def dump(browser: str, page: Path, profile: Path, *flags: str) -> tuple[str, str]:
    """Return the page after its scripts ran, and what the browser logged."""
    command = [browser, *FLAGS, *flags, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout, done.stderr


def console(log: str) -> list[str]:
    return [line for line in log.splitlines() if "CONSOLE" in line]


def requests_of_pages(net_log: str) -> list[str]:
    """Return the lines of requests that a page made; those of the browser itself have no origin."""
    lines = [
        line for line in net_log.splitlines() if '"initiator":' in line and '"initiator":"not an origin"' not in line
    ]
    return [line for line in lines if re.search(r'"url":"(https?|wss?|ftp)://', line)]


def test_a_page_that_asks_the_network_is_noticed(browser: str, tmp_path: Path) -> None:
    page, events = tmp_path / "page.html", tmp_path / "net.json"
    page.write_text("<!DOCTYPE html><img src=http://trtprof.invalid/x.png>", encoding="utf-8")
    dump(browser, page, tmp_path / "profile", f"--log-net-log={events}")
    assert requests_of_pages(events.read_text(encoding="utf-8", errors="replace"))


def test_charts_are_drawn_and_hostile_names_do_nothing(browser: str, tmp_path: Path) -> None:
    comparison = sample.comparison()
    charts = len(page_data([make(comparison) for make in PANELS])["figures"])
    page = tmp_path / "page.html"
    page.write_text(render(comparison), encoding="utf-8")
    events = tmp_path / "net.json"
    dom, log = dump(
        browser, page, tmp_path / "profile", f"--log-net-log={events}", "--blink-settings=preferredColorScheme=0"
    )
    assert console(log) == []
    assert f'data-charts="{charts}"' in dom
    assert dom.count('class="main-svg"') >= charts
    body = dom[dom.index("<body") :]
    assert "The chart" not in body
    assert not re.search(r"<img|onerror=|onmouseover=", re.sub(r"\"[^\"]*\"|>[^<]*<", "><", body))
    assert 'aria-sort="none"' in dom
    assert "2 of 3 rows shown" in dom
    assert requests_of_pages(events.read_text(encoding="utf-8", errors="replace")) == []


def test_tables_carry_everything_when_the_charts_cannot_be_drawn(browser: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    text = render(sample.comparison())
    page.write_text(re.sub(r'(id="plotly"[^>]*>)[^<]{200}', r"\1", text), encoding="utf-8")
    dom, _ = dump(browser, page, tmp_path / "profile")
    assert 'data-charts="0"' in dom
    assert "The chart could not be drawn" in dom
    assert "2 of 3 rows shown" in dom


def test_a_page_without_engines_opens(browser: str, tmp_path: Path) -> None:
    nothing: Comparison = sample.nothing_built()
    page = tmp_path / "page.html"
    page.write_text(render(nothing), encoding="utf-8")
    dom, log = dump(browser, page, tmp_path / "profile")
    assert console(log) == []
    assert 'data-charts="0"' in dom
