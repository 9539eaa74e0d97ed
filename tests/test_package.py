"""The package as it is shipped, and the README as it is read."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def packages_on_disk() -> set[str]:
    places = {
        "trtprof": ROOT / "trtprof",
        "trtprof.parsers": ROOT / "parsers",
        "trtprof.dashboards": ROOT / "dashboards",
    }
    found = set()
    for name, place in places.items():
        for init in place.rglob("__init__.py"):
            inside = init.parent.relative_to(place)
            if not (name == "trtprof" and inside.parts[:1] in (("parsers",), ("dashboards",))):
                found.add(".".join((name, *inside.parts)))
    return found


def test_every_package_on_disk_is_listed() -> None:
    assert packages_on_disk() == set(PROJECT["tool"]["setuptools"]["packages"])


def test_the_links_for_editors_point_at_the_packages() -> None:
    for name in ("parsers", "dashboards"):
        link = ROOT / "trtprof" / name
        assert link.is_symlink()
        assert link.readlink() == Path("..") / name


def test_the_wheel_holds_trtprof_alone_with_its_data(tmp_path: Path) -> None:
    # From a copy: a build leaves its traces in the source tree.
    source = tmp_path / "source"
    unwanted = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info", "*-out", "*.onnx", "tests")
    shutil.copytree(ROOT, source, symlinks=True, ignore=unwanted)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    stem = f"trtprof-{PROJECT['project']['version']}"
    assert {name.split("/")[0] for name in names} == {"trtprof", f"{stem}.dist-info", f"{stem}.data"}
    assert [name for name in names if ".data/" in name] == [f"{stem}.data/data/share/man/man1/trtprof.1"]
    for needed in (
        "trtprof/py.typed",
        "trtprof/parsers/layer_text.py",
        "trtprof/dashboards/page.py",
        "trtprof/jetson/capture.sh",
        "trtprof/store/migrations/0001_runs.sql",
        "trtprof/store/migrations/0002_findings.sql",
        "trtprof/languages/zh/rules.json",
    ):
        assert needed in names
    templates = {f"trtprof/dashboards/templates/{path.name}" for path in (ROOT / "dashboards/templates").iterdir()}
    assert templates <= set(names)


def test_the_chinese_readme_has_the_same_commands_and_sections() -> None:
    """Its commands are those of README.md; one or two ask for Chinese as well."""
    english, chinese = ((ROOT / name).read_text() for name in ("README.md", "README.zh-CN.md"))

    def commands(text: str) -> list[str]:
        return [line.replace(" --lang zh", "") for line in re.findall(r"^(?:trtprof|make) .*$", text, re.MULTILINE)]

    assert commands(chinese) == commands(english)
    assert chinese.count("\n## ") == english.count("\n## ")
    links = [set(re.findall(r"\]\((docs/[^)]+|CONTRIBUTING.md)\)", text)) for text in (english, chinese)]
    assert links[0] == links[1]


def test_every_option_and_command_in_the_readme_exists() -> None:
    from typer.main import get_command

    from trtprof.cli.app import ENTRIES, app

    text = (ROOT / "README.md").read_text()
    commands = {entry.name: entry.load() for entry in ENTRIES}
    lines = re.findall(r"^trtprof (\w+)", text, re.MULTILINE)
    assert len(lines) >= 8
    assert set(lines) <= set(commands)
    known = {
        name
        for command in (get_command(app), *commands.values())
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    code = "\n".join(re.findall(r"`[^`\n]*`|^trtprof .*$", text, re.MULTILINE))
    # trtexec's own flags are in the text too, and have capitals.
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*(?![A-Za-z])", code)) <= known


@pytest.mark.parametrize("extra", ["rtx", "quant", "tensorrt", "png", "cpu"])
def test_each_extra_is_declared(extra: str) -> None:
    assert PROJECT["project"]["optional-dependencies"][extra]
