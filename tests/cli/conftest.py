"""Running the command as a user does, with stdout, stderr and code apart."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result


@pytest.fixture
def trtprof(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Callable[..., Result]:
    """Run ``trtprof ARGUMENTS`` in an empty directory and return the result."""
    from trtprof.cli.app import app

    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="trtprof")

    return run
