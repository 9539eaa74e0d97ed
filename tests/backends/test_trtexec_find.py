from __future__ import annotations

from pathlib import Path

import pytest

from tests.backends.trtexec_stand_in import install
from trtprof.backends.trtexec import find_trtexec, open_trtexec, parse_version
from trtprof.errors import MissingDependency, UsageError


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


class TestFinding:
    def test_each_place_comes_before_the_next(self, tmp_path: Path) -> None:
        names = ("given", "variable", "path", "root", "package")
        given, variable, on_path, root, package = (program(tmp_path / name / "bin" / "trtexec") for name in names)
        env = {"TRTEXEC": str(variable), "PATH": str(on_path.parent), "TRT_ROOT": str(tmp_path / "root")}
        places = [package.parent]
        assert find_trtexec(given, env, places) == given
        for name, found in (("TRTEXEC", variable), ("PATH", on_path), ("TRT_ROOT", root)):
            assert find_trtexec(None, env, places) == found
            env[name] = "" if name != "PATH" else str(tmp_path)
        assert find_trtexec(None, env, places) == package

    def test_the_lib_folder_and_the_targets_of_a_tar_lead_to_it(self, tmp_path: Path) -> None:
        found = program(tmp_path / "tar" / "targets" / "x86_64-linux-gnu" / "bin" / "trtexec")
        (tmp_path / "tar" / "lib").mkdir()
        env = {"PATH": str(tmp_path), "TRT_LIBPATH": str(tmp_path / "tar" / "lib")}
        assert find_trtexec(None, env, []) == found

    def test_a_file_that_is_no_program_is_passed_over(self, tmp_path: Path) -> None:
        (tmp_path / "one").mkdir()
        (tmp_path / "one" / "trtexec").write_text("")
        second = program(tmp_path / "two" / "trtexec")
        assert find_trtexec(None, {"PATH": ""}, [tmp_path / "one", tmp_path / "two"]) == second

    @pytest.mark.parametrize(("explicit", "env"), [("none", {}), (None, {"TRTEXEC": "none"})])
    def test_one_that_is_named_must_be_there(self, explicit: str | None, env: dict[str, str]) -> None:
        with pytest.raises(UsageError, match="none: no executable file"):
            find_trtexec(explicit, env, [])

    def test_none_names_where_it_was_looked_for(self, tmp_path: Path) -> None:
        with pytest.raises(MissingDependency, match=str(tmp_path / "nowhere")) as caught:
            find_trtexec(None, {"PATH": str(tmp_path)}, [tmp_path / "nowhere"])
        assert caught.value.hint is not None
        assert "TRTEXEC" in caught.value.hint


class TestVersion:
    @pytest.mark.parametrize(
        ("banner", "version"),
        [
            ("v8205", (8, 2, 5)),
            ("v8502", (8, 5, 2)),
            ("v8601", (8, 6, 1)),
            ("v9300", (9, 3, 0)),
            ("v100001", (10, 0, 1)),
            ("v100300", (10, 3, 0)),
            ("v101303", (10, 13, 3)),
            ("v101601", (10, 16, 1)),
            ("v110100", (11, 1, 0)),
        ],
    )
    def test_both_forms_of_the_banner(self, banner: str, version: tuple[int, int, int]) -> None:
        text = f"warning: x\n&&&& RUNNING TensorRT.trtexec [TensorRT {banner}] [b11] # trtexec --help\n"
        assert parse_version(text) == version

    def test_the_line_in_full(self) -> None:
        assert parse_version("[07/07/2026-02:02:05] [I] TensorRT version: 10.16.1\n") == (10, 16, 1)

    @pytest.mark.parametrize(
        "text", ["", "usage: other", "&&&& RUNNING TensorRT.sample_x [TensorRT v8601] #", "v10701"]
    )
    def test_none(self, text: str) -> None:
        assert parse_version(text) is None

    def test_a_banner_of_another_product_is_none(self) -> None:
        """Five digits would be 1.7.1: TensorRT-RTX counts as TensorRT 10 and later do."""
        assert parse_version("&&&& RUNNING TensorRT.trtexec [TensorRT v10701] # trtexec") is None

    def test_it_is_asked_of_the_program(self, tmp_path: Path) -> None:
        tool = open_trtexec(install(tmp_path, (10, 16)))
        assert str(tool.version) == "10.16.1"

    def test_a_missing_library_is_told(self, tmp_path: Path) -> None:
        said = "trtexec: error while loading shared libraries: libnvinfer.so.8: cannot open"
        text = f"#!/bin/sh\necho '{said}' >&2\nexit 127\n"
        with pytest.raises(MissingDependency, match=r"does not start: .*libnvinfer\.so\.8") as caught:
            open_trtexec(program(tmp_path / "trtexec", text))
        assert caught.value.hint is not None
        assert "LD_LIBRARY_PATH" in caught.value.hint

    def test_another_program_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(MissingDependency, match="does not say which TensorRT"):
            open_trtexec(program(tmp_path / "trtexec", "#!/bin/sh\necho hello\n"))
