"""tegrastats of every JetPack: what a line says, that it prints as it was, and what is no line of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trtprof.errors import InputError
from trtprof.parsers.registry import FileKind, read_any, sniff
from trtprof.parsers.tegrastats import (
    Core,
    Cpu,
    Memory,
    Other,
    Rail,
    Stamp,
    TegraSample,
    Temperature,
    Unit,
    parse_line,
    parse_tegrastats,
    read_tegrastats,
)

NANO = (
    "RAM 1504/3956MB (lfb 331x4MB) IRAM 0/252kB(lfb 252kB) CPU [19%@1479,27%@1479,23%@1479,19%@1479] EMC_FREQ 9%@1600 "
    "GR3D_FREQ 99%@921 NVDEC 716 VIC_FREQ 0%@140 APE 25 PLL@39.5C CPU@43.5C PMIC@100C GPU@43C AO@48C thermal@43C "
    "POM_5V_IN 4523/3422 POM_5V_GPU 1113/313 POM_5V_CPU 538/701"
)
ORIN_NANO = (
    "11-15-2024 08:38:09 RAM 6185/7620MB (lfb 8x2MB) SWAP 851/3810MB (cached 1MB) CPU [15%@729,off] EMC_FREQ 43%@2133 "
    "GR3D_FREQ 63%@[621] NVDEC off APE 200 cpu@53.968C gpu@53.343C tj@53.968C VDD_IN 12479mW/12470mW"
)
AGX_ORIN = (
    "07-25-2026 09:08:28 RAM 20642/62817MB (lfb 1x2MB) GR3D_FREQ 12%@[1300,1200] NVDLA0 off PVA0_FREQ off "
    "cpu@52.968C/53C VIN_SYS_5V0 5500mW/5501mW/5502mW"
)


def facts(shared: Path) -> list[str]:
    """The lines in the collected facts; an ellipsis stands for what was cut out when they were collected."""
    text = (shared.parent / "reference" / "facts.md").read_text()
    lines = [line for line in text.splitlines() if re.match(r"(?:\d\d-\d\d-\d{4} [\d:]{8} )?RAM \d", line)]
    return [" ".join(line.replace(",…]", "]").replace("…", "").split()) for line in lines]


def test_every_line_in_the_facts_is_read_and_prints_as_it_was(shared: Path) -> None:
    lines = facts(shared)
    assert len(lines) == 8
    for line in lines:
        sample = parse_line(line)
        assert sample is not None
        assert str(sample) == line
        others = [str(field) for field in sample.fields if isinstance(field, Other)]
        assert others in ([], ["MTS fg 1% bg 1%"])


def test_a_line_of_jetpack_4() -> None:
    sample = parse_line(NANO)
    assert sample is not None
    assert str(sample) == NANO
    assert sample.memory("RAM") == Memory("RAM", 1504, 3956, "MB", "lfb 331x4MB")
    assert sample.memory("IRAM") == Memory("IRAM", 0, 252, "kB", "lfb 252kB", spaced=False)
    assert sample.memory("SWAP") is None
    assert sample.cores == (Core(19, 1479), Core(27, 1479), Core(23, 1479), Core(19, 1479))
    assert (sample.gpu_mhz, sample.gpu_load_percent) == (921, 99)
    assert sample.unit("NVDEC") == Unit("NVDEC", mhz=(716,), form="bare")
    assert sample.temperatures[0] == Temperature("PLL", 39_500)
    assert sample.rails[0] == Rail("POM_5V_IN", 4523, 3422)


def test_a_line_of_jetpack_6_has_a_date_and_units() -> None:
    sample = parse_line(ORIN_NANO)
    assert sample is not None
    assert sample.fields[0] == Stamp("11-15-2024 08:38:09")
    assert sample.cores == (Core(15, 729), Core())
    assert (sample.gpu_mhz, sample.gpu_load_percent) == (621, 63)
    assert sample.unit("NVDEC") == Unit("NVDEC", off=True)
    assert sample.rails == (Rail("VDD_IN", 12479, 12470, unit="mW"),)


def test_a_line_of_jetpack_7_has_pairs_and_triples_and_a_clock_for_each_gpc() -> None:
    sample = parse_line(AGX_ORIN)
    assert sample is not None
    assert sample.gpu_mhz == 1200
    assert sample.temperatures == (Temperature("cpu", 52_968, 53_000),)
    assert sample.rails == (Rail("VIN_SYS_5V0", 5500, 5501, 5502, "mW"),)


def test_thor_tells_clocks_and_no_utilisation() -> None:
    sample = parse_line("RAM 4722/7844MB (lfb 1x512kB) EMC_FREQ 2%@1866 GR3D_FREQ @[1000,1000,1000] APE 150")
    assert sample is not None
    assert (sample.gpu_mhz, sample.gpu_load_percent) == (1000, None)


def test_without_root_there_are_no_clocks() -> None:
    sample = parse_line("RAM 1689/3825MB (lfb 339x4MB) CPU [3%@345,off] EMC_FREQ 0% GR3D_FREQ 0% GPU@50C")
    assert sample is not None
    assert (sample.gpu_mhz, sample.gpu_load_percent) == (None, 0)


def test_a_sensor_without_power_is_no_temperature() -> None:
    sample = parse_line("RAM 1/2MB CV0@-256C GPU@-5.5C")
    assert sample is not None
    assert sample.temperatures == (Temperature("GPU", -5_500),)
    assert str(sample) == "RAM 1/2MB CV0@-256C GPU@-5.5C"


def test_a_recording_has_stamps_and_may_hold_other_lines() -> None:
    log = parse_tegrastats(f"1200.25 {NANO}\n\nsudo: a password is required\n1200.45 {NANO}\n{NANO[:30]}\n")
    assert [item.uptime_s for item in log.samples] == [1200.25, 1200.45, None]
    assert [notice.message for notice in log.notices] == [
        "1 lines are not tegrastats' and are left out, the first is line 3"
    ]


@pytest.mark.parametrize("text", ["", "\n \n", "hello", '{"RAM": 1}', "RAM x/yMB"])
def test_what_holds_no_line_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"expected lines of tegrastats"):
        parse_tegrastats(text)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt"):
        read_tegrastats(tmp_path / "none.txt")


def test_a_recording_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "power.dat"
    path.write_text(f"1200.25 {ORIN_NANO}\n")
    assert sniff(path) is FileKind.TEGRASTATS
    with pytest.raises(InputError, match="found an output of tegrastats"):
        read_any(path)


NUMBERS = st.integers(0, 10**6)
NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{1,8}", fullmatch=True)
CORES = st.one_of(st.just(Core()), st.builds(Core, st.integers(0, 100), st.one_of(st.none(), NUMBERS)))
UNITS = st.one_of(
    st.builds(Unit, NAMES, off=st.just(True)),
    st.builds(Unit, NAMES, load_percent=st.integers(0, 100)),
    st.builds(Unit, NAMES, load_percent=st.integers(0, 100), mhz=st.tuples(NUMBERS)),
    st.builds(Unit, NAMES, mhz=st.tuples(NUMBERS), form=st.just("bare")),
    st.builds(
        Unit,
        NAMES,
        load_percent=st.one_of(st.none(), st.integers(0, 100)),
        mhz=st.lists(NUMBERS, min_size=1, max_size=3).map(tuple),
        form=st.just("list"),
    ),
)
DEGREES = st.integers(-256_000, 150_000)
FIELDS = st.one_of(
    st.builds(Cpu, st.lists(CORES, min_size=1, max_size=4).map(tuple)),
    UNITS,
    st.builds(Temperature, NAMES, DEGREES, st.one_of(st.none(), DEGREES)),
    st.builds(Rail, NAMES, NUMBERS, NUMBERS, st.one_of(st.none(), NUMBERS), st.sampled_from(["", "mW"])),
    st.builds(Memory, st.sampled_from(["SWAP", "IRAM"]), NUMBERS, NUMBERS, st.sampled_from(["kB", "MB"])),
)


@given(st.lists(FIELDS, max_size=8))
def test_what_is_printed_is_read_again(fields: list) -> None:
    sample = TegraSample((Memory("RAM", 1, 2, "MB", "lfb 1x4MB"), *fields))
    assert parse_line(str(sample)) == sample


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        log = parse_tegrastats(text)
    except InputError:
        return
    assert log.samples
