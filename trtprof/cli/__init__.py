"""The command line: arguments in, tables and exit codes out. One module a command; none computes anything."""

from __future__ import annotations


def main() -> None:
    """Run the ``trtprof`` command."""
    from trtprof.cli.app import app

    app()
