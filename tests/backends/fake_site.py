"""The packages that a child process of the TensorRT backend imports, for tests: put on its path by :func:`install`.

``tensorrt`` is :mod:`tests.backends.fake_tensorrt`, cut to a version's surface where one is given; ``pycuda.driver``
is :mod:`tests.backends.fake_gpu`; ``nvtx`` keeps the ranges it is given in the file ``ranges.txt``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.backends.bindings import Surface

ROOT = Path(__file__).resolve().parents[2]
_WANTS = "TRTPROF_TEST_WANTS"
_SURFACE = "TRTPROF_TEST_SURFACE"
_RANGES = "TRTPROF_TEST_RANGES"
_STUB = "import sys\nfrom tests.backends import fake_site\nsys.modules[__name__] = fake_site.{name}()\n"


def install(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    wants: Mapping[str, Any] | None = None,
    surface: Surface | None = None,
) -> Path:
    """Put the packages on the path of this process and of its children; return the file that keeps the ranges."""
    site = folder / "site"
    for name, path in (("tensorrt", "tensorrt"), ("pycuda_driver", "pycuda/driver"), ("nvtx", "nvtx")):
        file = site / f"{path}.py" if "/" in path else site / path / "__init__.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_STUB.format(name=name))
    (site / "pycuda" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(ROOT)]))
    monkeypatch.setenv(_WANTS, json.dumps(dict(wants or {})))
    monkeypatch.setenv(_RANGES, str(folder / "ranges.txt"))
    monkeypatch.delenv(_SURFACE, raising=False)
    if surface is not None:
        described = asdict(surface) | {"names": sorted(surface.names)}
        (folder / "surface.json").write_text(json.dumps(described))
        monkeypatch.setenv(_SURFACE, str(folder / "surface.json"))
    return folder / "ranges.txt"


def _gpu() -> Any:
    from tests.backends.fake_gpu import Gpu

    if not hasattr(_gpu, "one"):
        _gpu.one = Gpu()  # type: ignore[attr-defined]
    return _gpu.one  # type: ignore[attr-defined]


def tensorrt() -> Any:
    """Return the module ``tensorrt``."""
    from tests.backends.fake_tensorrt import Module

    wants = json.loads(os.environ[_WANTS])
    surface = None
    if _SURFACE in os.environ:
        raw = json.loads(Path(os.environ[_SURFACE]).read_text())
        surface = Surface(raw["version"], frozenset(raw["names"]), raw["classes"], raw["enums"])
    if wants.pop("broken", False):
        raise ImportError("libnvinfer.so.10: cannot open shared object file")
    if wants.pop("dies", False):
        print("[myelin] giving up", flush=True)  # noqa: T201
        os.abort()
    return Module(_gpu(), surface, **wants)


def pycuda_driver() -> Any:
    """Return the module ``pycuda.driver``."""
    from tests.backends.fake_gpu import Driver

    return Driver(_gpu())


def nvtx() -> Any:
    """Return the module ``nvtx``, which writes down each range with how deep it lies."""
    depth = [0]

    def push(attributes: str) -> None:
        with Path(os.environ[_RANGES]).open("a") as file:
            file.write("  " * depth[0] + attributes + "\n")
        depth[0] += 1

    def pop() -> None:
        depth[0] -= 1

    def get_domain(name: str) -> Any:
        assert name == "trtprof"
        return SimpleNamespace(get_event_attributes=lambda *, message: message, push_range=push, pop_range=pop)

    return SimpleNamespace(get_domain=get_domain)
