"""Archives from a board: taken whole, or refused whole with nothing left behind."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trtprof.errors import InputError, TrtprofError, UsageError
from trtprof.jetson.archive import unpack
from trtprof.jetson.board_capture import import_capture, read_board_capture
from trtprof.model import Unknown

INFO = b"trtprof-capture: 1\nstatus: complete\nboard: orin-nano\ntrt: 10.3.0\nmodel: net.onnx\nengines: fp16\n"
Entry = tuple[str, bytes, Callable[[tarfile.TarInfo], None] | None]


def pack(path: Path, entries: Sequence[Entry]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content, change in entries:
            item = tarfile.TarInfo(name)
            item.size = len(content)
            if change:
                change(item)
            tar.addfile(item, io.BytesIO(content) if item.isreg() else None)
    return path


def of_type(kind: bytes, target: str = "") -> Callable[[tarfile.TarInfo], None]:
    def change(item: tarfile.TarInfo) -> None:
        item.type, item.linkname, item.size = kind, target, 0

    return change


GOOD: Entry = ("capture/capture.txt", INFO, None)
HOSTILE = {
    "parent": ("capture/../../evil", b"x", None, "leaves its folder"),
    "absolute": ("/tmp/evil", b"x", None, "is an absolute path"),
    "other folder": ("elsewhere/evil", b"x", None, "lies outside its folder 'capture'"),
    "symbolic link": ("capture/evil", b"", of_type(tarfile.SYMTYPE, "/etc/passwd"), "is a link"),
    "hard link": ("capture/evil", b"", of_type(tarfile.LNKTYPE, "capture/capture.txt"), "is a link"),
    "device": ("capture/evil", b"", of_type(tarfile.CHRTYPE), "is a device or a pipe"),
    "block device": ("capture/evil", b"", of_type(tarfile.BLKTYPE), "is a device or a pipe"),
    "pipe": ("capture/evil", b"", of_type(tarfile.FIFOTYPE), "is a device or a pipe"),
    "sparse": ("capture/evil", b"", of_type(tarfile.GNUTYPE_SPARSE), "is neither a plain file nor a directory"),
    "unknown type": ("capture/evil", b"", of_type(b"Z"), "is neither a plain file nor a directory"),
    "twice": ("capture/capture.txt", b"x", None, "is in it twice"),
    "control character": ("capture/e\x1b[2Jvil", b"x", None, "has characters that no name of a capture has"),
    "backslash": ("capture/..\\evil", b"x", None, "has characters that no name of a capture has"),
    "too deep": ("capture/" + "a/" * 40 + "evil", b"x", None, "is too deep or too long a path"),
    "too long": ("capture/" + "a" * 250, b"x", None, "is too deep or too long a path"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_whole(tmp_path: Path, name: str) -> None:
    path, content, change, words = HOSTILE[name]
    archive = pack(tmp_path / "bad.tgz", [GOOD, (path, content, change), ("capture/later", b"x", None)])
    with pytest.raises(InputError) as refused:
        unpack(archive, tmp_path / "work" / "out")
    assert words in refused.value.message
    assert "\x1b" not in refused.value.message
    assert refused.value.hint
    assert list((tmp_path / "work").iterdir()) == []


def test_a_bomb_is_refused_while_it_unpacks(tmp_path: Path) -> None:
    archive = pack(tmp_path / "bomb.tgz", [GOOD, ("capture/zeros", bytes(8 << 20), None)])
    assert archive.stat().st_size < 1 << 16
    with pytest.raises(InputError, match="holds more than a capture may"):
        unpack(archive, tmp_path / "work" / "out", most_bytes=1 << 20, most_files=10)
    assert list((tmp_path / "work").iterdir()) == []


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    archive = pack(tmp_path / "many.tgz", [(f"capture/{number}", b"", None) for number in range(12)])
    with pytest.raises(InputError, match="more than 10 files"):
        unpack(archive, tmp_path / "work" / "out", most_files=10)


def test_a_header_without_end_is_refused(tmp_path: Path) -> None:
    header = tarfile.TarInfo("capture/x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 30
    archive = tmp_path / "header.tgz"
    archive.write_bytes(gzip.compress(header.tobuf() + bytes(1 << 20), mtime=0))
    with pytest.raises(InputError):
        unpack(archive, tmp_path / "work" / "out")
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"plain text", gzip.compress(b"no tar in it", mtime=0), gzip.compress(bytes(2048), mtime=0)],
    ids=["empty", "text", "gzip of text", "gzip of zeros"],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "capture.tgz"
    archive.write_bytes(content)
    with pytest.raises(InputError):
        unpack(archive, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["capture.tgz"]


def test_an_archive_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    whole = pack(tmp_path / "whole.tgz", [GOOD, ("capture/a", bytes(range(256)) * 400, None)]).read_bytes()
    for length in range(1, len(whole) - 1, 97):
        archive = tmp_path / "cut.tgz"
        archive.write_bytes(whole[:length])
        with pytest.raises(InputError):
            unpack(archive, tmp_path / "out")
        assert not (tmp_path / "out").exists()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_damage_leaves_anything_but_a_refusal_or_the_whole(tmp_path_factory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("damage")
    content = bytearray(pack(folder / "a.tgz", [GOOD, ("capture/fp16/x", b"y" * 300, None)]).read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    (folder / "a.tgz").write_bytes(bytes(content))
    try:
        unpack(folder / "a.tgz", folder / "out")
    except TrtprofError:
        assert not (folder / "out").exists()
    else:
        assert (folder / "out").is_dir()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_directory_that_is_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="is there already"):
        unpack(pack(tmp_path / "a.tgz", [GOOD]), tmp_path / "out")


def test_an_archive_without_a_capture_leaves_nothing(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.tgz", [("capture/notes.txt", b"x", None)])
    with pytest.raises(InputError, match=r"expected a capture of a board"):
        import_capture(archive, None, tmp_path / "work")
    assert list((tmp_path / "work").iterdir()) == []


def test_an_archive_is_imported_once_under_a_name_that_says_what_it_is(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.tgz", [GOOD])
    first, fresh = import_capture(archive, None, tmp_path / "work")
    assert fresh
    assert first.name.startswith("net-orin-nano-")
    assert import_capture(archive, None, tmp_path / "work") == (first, False)


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (b"trtprof-capture: 2\nengines: fp16\n", "expected 'trtprof-capture: 1', found 2"),
        (b"trtprof-capture: 1\n", "expected a line 'engines: …', found none"),
        (b"trtprof-capture: 1\nengines: ../../etc\n", "expected the name of an engine, found '../../etc'"),
        (b"hello", "expected 'trtprof-capture: 1', found none"),
    ],
)
def test_a_capture_of_another_form_is_refused(tmp_path: Path, info: bytes, words: str) -> None:
    (tmp_path / "capture.txt").write_bytes(info)
    with pytest.raises(InputError) as refused:
        read_board_capture(tmp_path)
    assert words in refused.value.message


def test_tegrastats_that_only_complains_costs_no_times(tmp_path: Path) -> None:
    (tmp_path / "capture.txt").write_bytes(INFO)
    (tmp_path / "tegrastats.txt").write_text("1.00 tegrastats: cannot open /sys\n")
    (tmp_path / "marks.txt").write_text("1.5 fp16 latency start\nx y\n\n")
    capture = read_board_capture(tmp_path)
    assert isinstance(capture.samples, Unknown)
    assert [mark.what for mark in capture.marks] == ["latency start"]
    assert capture.engines[0].failure == "the script was ended before it wrote layers.json, times.json, profile.json"
