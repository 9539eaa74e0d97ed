"""The capture directory: steps done once, one writer, and nothing lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trtprof.backends.capture import Capture, find_capture, read_manifest, write_text
from trtprof.errors import BuildError, InputError, UsageError


class Counter:
    """A step that counts how often it runs."""

    def __init__(self, root: Path, text: str = "content") -> None:
        self.path, self.text, self.runs = root / "artefact.txt", text, 0

    def __call__(self):
        self.runs += 1
        self.path.write_text(self.text)
        return {"run": self.runs}, (self.path,)


def test_a_step_runs_once_while_its_key_and_files_hold(tmp_path: Path) -> None:
    make = Counter(tmp_path)
    for _ in range(2):
        capture = Capture.open(tmp_path, {"model": "a"})
        assert capture.step("s", {"x": 1}, make) == {"run": 1}
        capture.close()
    assert make.runs == 1
    capture = Capture.open(tmp_path, {"model": "a"})
    assert capture.step("s", {"x": 2}, make) == {"run": 2}, "another key"
    make.path.write_text("damaged")
    assert capture.step("s", {"x": 2}, make) == {"run": 3}, "another content"
    make.path.unlink()
    assert capture.step("s", {"x": 2}, make) == {"run": 4}, "no file"
    capture.close()


def test_a_failed_step_leaves_the_capture_incomplete_and_what_was_done(tmp_path: Path) -> None:
    capture = Capture.open(tmp_path, {"model": "a"})
    first = Counter(tmp_path)
    capture.step("first", {}, first)

    def fail():
        raise BuildError("no")

    with pytest.raises(BuildError):
        capture.step("second", {}, fail)
    capture.close()
    manifest = read_manifest(tmp_path)
    assert manifest["status"] == "incomplete"
    assert list(manifest["steps"]) == ["first"]


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    capture = Capture.open(tmp_path, {"model": "a"})
    with pytest.raises(UsageError) as caught:
        Capture.open(tmp_path, {"model": "a"})
    assert caught.value.message == f"{tmp_path}: another trtprof is writing to this capture"
    capture.close()
    Capture.open(tmp_path, {"model": "a"}).close()


def test_another_comparison_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    capture = Capture.open(tmp_path, {"model": "a", "target": "sm89"})
    capture.finish({})
    capture.close()
    with pytest.raises(UsageError) as caught:
        Capture.open(tmp_path, {"model": "a", "target": "sm80"})
    assert caught.value.message == f"{tmp_path}: holds the capture of another comparison (it differs in target)"
    assert caught.value.hint == "choose another directory with --out, or replace it with --force"
    replaced = Capture.open(tmp_path, {"model": "a", "target": "sm80"}, replace=True)
    assert replaced.manifest["steps"] == {}
    replaced.close()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "expected JSON, found something else"),
        ("[]", "expected a trtprof capture manifest, found other JSON"),
        (json.dumps({"schema_version": 99, "identity": {}, "steps": {}, "status": "x"}), "version 1, found 99"),
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(InputError) as caught:
        read_manifest(tmp_path)
    assert words in caught.value.message
    with pytest.raises(InputError):
        Capture.open(tmp_path, {})
    # Refused, it must not stay locked.
    Capture.open(tmp_path, {}, replace=True).close()


def test_a_capture_is_found_in_its_directory_and_in_the_one_around_it(tmp_path: Path) -> None:
    assert find_capture(tmp_path) is None
    (tmp_path / "capture").mkdir()
    (tmp_path / "capture" / "manifest.json").write_text("{}")
    assert find_capture(tmp_path) == find_capture(tmp_path / "capture") == tmp_path / "capture"


def test_a_file_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(BuildError) as caught:
        write_text(tmp_path / "taken", "text")
    assert caught.value.message.startswith(f"{tmp_path / 'taken'}: cannot be written: ")
    assert [item.name for item in tmp_path.iterdir()] == ["taken"]
