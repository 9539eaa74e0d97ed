"""The command line: arguments in, tables and exit codes out. One module a command; none computes anything."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the ``trtprof`` command."""
    from trtprof.cli import signals

    try:
        signals.install()  # inside: one may come as soon as the first is set
        from trtprof.cli.app import app

        app(prog_name="trtprof")  # also as `python -m trtprof`: completion goes by the name
    except (KeyboardInterrupt, SystemExit):
        if not signals.came():
            raise
        if not signals.Received.told:  # it came before or after the command itself
            sys.stderr.write(f"error: {signals.cause()}\nhint: run the same command again\n")
        sys.exit(signals.exit_code())
    finally:
        signals.restore()
