"""The tables of docs/jetson.md name what the program knows; its commands and its Python are run by tests/docs."""

from __future__ import annotations

from tests.conftest import ROOT
from trtprof.jetson.boards import BOARDS, JETPACKS

TEXT = (ROOT / "docs" / "jetson.md").read_text()


def test_every_board_and_series_is_in_the_tables() -> None:
    for board in BOARDS:
        assert f"`{board.key}`" in TEXT
    for jetpack in JETPACKS:
        assert ".".join(map(str, jetpack.trt)) in TEXT, jetpack.version
