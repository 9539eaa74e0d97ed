"""What TensorRT's Python bindings really offer, version by version, without TensorRT.

The wheels with the bindings are on the package index, the libraries are not. The bindings import all the same when
libraries of the right names export the dozen functions they link to, so a C file of stubs is enough to list every
class, member, signature and enum value. Nothing can be built with them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

WHEELS = {
    "8.6.1": "tensorrt-bindings",
    "10.0.1": "tensorrt-cu12-bindings",
    "10.3.0": "tensorrt-cu12-bindings",
    "10.16.1.11": "tensorrt-cu12-bindings",
    "11.0.0.114": "tensorrt-cu12-bindings",
    "11.4.0.106": "tensorrt-cu12-bindings",
}
LIBRARIES = ("nvinfer", "nvinfer_plugin", "nvonnxparser", "nvparsers")
SYMBOLS = (
    "createInferBuilder_INTERNAL",
    "createInferRefitter_INTERNAL",
    "createInferRuntime_INTERNAL",
    "createNvOnnxParser_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL",
    "getBuilderPluginRegistry",
    "getNvOnnxParserVersion",
    "getPluginRegistry",
    "initLibNvInferPlugins",
    # 8.6 only: the parsers of UFF and Caffe
    "_ZN11nvuffparser15createUffParserEv",
    "_ZN11nvuffparser8FieldMapC1EPKcPKvNS_9FieldTypeEi",
    "_ZN14nvcaffeparser117createCaffeParserEv",
    "_ZN14nvcaffeparser123shutdownProtobufLibraryEv",
)
DUMP = """
import json, sys
sys.path.insert(0, sys.argv[1])
import tensorrt_bindings as trt
classes, enums = {}, {}
for name in dir(trt):
    item = getattr(trt, name)
    if not isinstance(item, type):
        continue
    classes[name] = {member: str(getattr(item, member).__doc__ or "") for member in dir(item)}
    if hasattr(item, "__members__"):
        enums[name] = {member: int(value) for member, value in item.__members__.items()}
names = sorted(name for name in dir(trt) if not name.startswith("_"))
json.dump({"version": trt.__version__, "names": names, "classes": classes, "enums": enums}, open(sys.argv[2], "w"))
"""
_unreachable: list[str] = []
CACHE = Path(tempfile.gettempdir()) / f"trtprof-test-bindings-{os.getuid()}-{sys.implementation.cache_tag}"


@dataclass(frozen=True)
class Surface:
    """The names of one version: of the module, of each class with its docstrings, of each enum with its values."""

    version: str
    names: frozenset[str]
    classes: dict[str, dict[str, str]]
    enums: dict[str, dict[str, int]]

    def has(self, owner: str, member: str) -> bool:
        """Whether a class of the module has a member."""
        return member in self.classes.get(owner, ())

    def takes(self, owner: str, method: str, given: list[str]) -> bool:
        """Whether a method can be called with these parameters: an overload begins so and needs no more."""
        found = re.findall(rf"{method}\(self: [^,)]+(.*)\) -> \S+", self.classes[owner][method])
        for rest in found:
            parameters = re.findall(r"(?:^|, )(\w+): (.*?)(?=, \w+: |$)", rest.removeprefix(", "))
            names = [name for name, _ in parameters]
            if names[: len(given)] == given and all(" = " in kind for _, kind in parameters[len(given) :]):
                return True
        return False


def fetch(requirement: str, folder: Path) -> None:
    """Unpack the wheel of a requirement for this Python into ``folder``, or skip the test."""
    if folder.is_dir():
        return
    if _unreachable:
        pytest.skip(_unreachable[0])
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--disable-pip-version-check", "--timeout=5", "--retries=0", f"--dest={temporary}", requirement]
        started = time.monotonic()
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        except subprocess.TimeoutExpired:
            done = None
        if done is None or done.returncode != 0:
            reason = f"{requirement}: no wheel for this Python, or no package index within reach"
            if time.monotonic() - started > 4:  # nobody answers: do not wait again for the next wheel
                _unreachable.append(reason)
            pytest.skip(reason)
        [wheel] = Path(temporary).glob("*.whl")
        unpacked = Path(temporary) / "unpacked"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(unpacked)
        with suppress(OSError):  # another run was quicker
            unpacked.rename(folder)


def load_surface(version: str) -> Surface:
    """Return the surface of a version, or skip the test where it cannot be had."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        pytest.skip("the bindings are read on Linux x86-64")
    if shutil.which("gcc") is None:
        pytest.skip("gcc is needed to stand in for TensorRT's libraries")
    CACHE.mkdir(exist_ok=True)
    folder = CACHE / version
    fetch(f"{WHEELS[version]}=={version}", folder)
    dump = folder / "surface.json"
    if not dump.is_file():
        _stubs(folder / "stubs", version.partition(".")[0])
        part = folder / "surface.json.part"
        subprocess.run(
            [sys.executable, "-c", DUMP, str(folder), str(part)],
            check=True, capture_output=True, timeout=60, env={**os.environ, "LD_LIBRARY_PATH": str(folder / "stubs")},
        )  # fmt: skip
        part.rename(dump)
    raw: dict[str, Any] = json.loads(dump.read_text())
    return Surface(raw["version"], frozenset(raw["names"]), raw["classes"], raw["enums"])


def run_with_bindings(version: str, code: str) -> str:
    """Return what a program prints that imports the real bindings of a version, as ``trt``, over the stubs."""
    folder = CACHE / version
    head = f"import sys\nsys.path.insert(0, {str(folder)!r})\nimport tensorrt_bindings as trt\n"
    done = subprocess.run(
        [sys.executable, "-c", head + code],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "LD_LIBRARY_PATH": str(folder / "stubs")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def _stubs(folder: Path, major: str) -> None:
    folder.mkdir(exist_ok=True)
    source = folder / "stubs.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in SYMBOLS))
    for library in LIBRARIES:
        soname = f"lib{library}.so.{major}"
        command = ["gcc", "-shared", "-fPIC", f"-Wl,-soname,{soname}", "-o", str(folder / soname), str(source)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
