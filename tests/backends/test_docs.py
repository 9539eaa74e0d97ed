from __future__ import annotations

import re
from pathlib import Path

from tests.backends.bindings import WHEELS
from tests.backends.trtexec_stand_in import BANNERS
from trtprof.backends.choose import PROBES
from trtprof.backends.trtexec import PLACES
from trtprof.backends.trtexec_flags import FLAGS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "backends.md").read_text(encoding="utf-8")


def test_the_flag_table_is_the_program_s() -> None:
    rows = re.findall(
        r"^\| `(--\w+)` \| ([\d.]+) \| ([\d.]+)(?:, without effect since ([\d.]+))? \| (.*?) \|$", PAGE, re.M
    )

    def text(series: tuple[int, int] | None) -> str:
        return "" if series is None else f"{series[0]}.{series[1]}"

    assert {(name, first, last, idle, instead.strip()) for name, first, last, idle, instead in rows} == {
        (flag.name, text(flag.first), text(flag.last or (11, 1)), text(flag.idle_from), flag.instead) for flag in FLAGS
    }


def test_backends_places_and_tested_versions_are_named() -> None:
    for name in (*PROBES, *map(str, PLACES)):
        assert f"`{name}`" in PAGE
    tested = PAGE.partition("## What was run")[2]
    for series in BANNERS:
        assert f"{series[0]}.{series[1]}" in tested
    for version in WHEELS:
        assert ".".join(version.split(".")[:3]) in tested
