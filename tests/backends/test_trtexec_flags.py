"""trtprof's table of flags against the scan that the stand-in carries, which was transcribed on its own."""

from __future__ import annotations

import pytest

from tests.backends.trtexec_stand_in import BANNERS, flags_of
from trtprof.backends.trtexec_flags import FLAGS, Version, flag_name, has_effect, knows, lookup

VERSIONS = sorted({*BANNERS, (10, 1), (10, 4), (10, 6), (10, 8), (10, 15), (11, 4)})


@pytest.mark.parametrize("series", VERSIONS)
def test_every_flag_of_the_table_is_known_where_the_scan_has_it(series: tuple[int, int]) -> None:
    version = Version(*series)
    known = {flag.name for flag in FLAGS if flag.known_to(version)}
    assert known == flags_of(series) & {flag.name for flag in FLAGS}


def test_a_flag_stands_in_the_table_once() -> None:
    assert len({flag.name for flag in FLAGS}) == len(FLAGS)


def test_a_flag_that_went_says_what_came_instead_or_why_not() -> None:
    """``--minTiming`` and ``--restricted`` went without a successor."""
    silent = {flag.name for flag in FLAGS if flag.last is not None and not flag.instead}
    assert silent == {"--minTiming", "--restricted"}


def test_flags_that_do_nothing_any_more_have_no_effect() -> None:
    for name in ("--separateProfileRun", "--useCudaGraph", "--noDataTransfers", "--useSpinWait", "--stronglyTyped"):
        assert knows(Version(11, 0), name)
        assert not has_effect(Version(11, 0), name)
        assert has_effect(Version(10, 16, 1), name)


def test_looking_up() -> None:
    assert lookup("--nonsense") is None
    assert lookup("--workspace") is not None
    assert flag_name("--shapes=x:1=2") == "--shapes"
    assert str(Version(10, 3, 0)) == "10.3.0"
