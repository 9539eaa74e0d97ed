"""What every test may use: a plain terminal, the real files where they are, small models, and one finished capture."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_configure() -> None:
    """Let Ctrl-C reach what is tested: a shell starts background jobs with it ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output must not depend on the terminal the tests run in."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("TRTPROF_DB", raising=False)
    monkeypatch.setenv("TRTPROF_LANG", "en")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The directory of real files from real engines, which is not part of the project."""
    if not (SHARED / "data" / "MANIFEST.tsv").is_file():
        pytest.skip("the real files are not beside this checkout (../shared/data)")
    return SHARED / "data"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the models of fixtures/models."""
    out = tmp_path_factory.mktemp("models")
    script = ROOT / "fixtures" / "models" / "make_models.py"
    subprocess.run([sys.executable, str(script), "--out", str(out)], check=True, capture_output=True)
    return out


@pytest.fixture(scope="session")
def rtx() -> None:
    """Skip where TensorRT-RTX is not to be had."""
    pytest.importorskip("tensorrt_rtx", reason="TensorRT-RTX is Linux x86-64 only: pip install 'trtprof[rtx]'")
    pytest.importorskip("onnxruntime", reason="pip install 'trtprof[quant]'")


@pytest.fixture(scope="session")
def micro_capture(rtx: None, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A finished comparison of the residual micro net at FP32, FP16 and INT8: its directory."""
    import trtprof

    out = tmp_path_factory.mktemp("micro")
    trtprof.compare(models / "residual_micro.onnx", out=out)
    yield out


@pytest.fixture(scope="session")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with a directory for each board."""
    out = tmp_path_factory.mktemp("boards")
    script = ROOT / "fixtures" / "boards" / "make_boards.py"
    subprocess.run([sys.executable, str(script), "--out", str(out)], check=True)
    return out


@pytest.fixture(scope="session")
def browser() -> str:
    """The program of a Chromium; skipped where there is none."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the path")
    return found


@pytest.fixture(scope="session")
def chromium(browser: str) -> Iterator[Any]:
    """A Chromium under playwright, one for all tests of a worker; skipped where either is missing."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install --group test"
    )
    with sync_api.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        yield started
        started.close()
