"""The command line: arguments in, tables and exit codes out. One module a command; none computes anything."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the ``trtprof`` command."""
    from trtprof.cli import signals

    signals.install()
    try:
        from trtprof.cli.app import app

        app()
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and not signals.came():
            raise
        if isinstance(end, KeyboardInterrupt):  # before or after the command itself
            sys.stderr.write(f"error: {signals.cause()}\n")
        sys.exit(signals.exit_code())
    finally:
        signals.restore()
