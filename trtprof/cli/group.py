"""How every command ends: ``error:`` and ``hint:`` for what a user caused, a traceback for a bug, one exit code."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from trtprof.errors import EXIT_BUG, EXIT_INTERRUPTED, TrtprofError

_CONTROL_FLOW = ("Exit", "Abort", "UsageError", "ClickException")


class Group(TyperGroup):
    """The command group that turns errors into lines and codes."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Remember the arguments, since an error must be printed in the format they ask for."""
        self._args = list(sys.argv[1:] if args is None else args)
        return super().main(self._args, *rest, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; see the module."""
        try:
            return super().invoke(ctx)
        except TrtprofError as error:
            print_error(error, as_json=wants_json(self._args))
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            sys.stderr.write("error: interrupted\n")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except BrokenPipeError:
            # The reader of our output has gone (`| head`): nothing is wrong, and nothing more can be said.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except Exception as error:
            if any(kind.__name__ in _CONTROL_FLOW for kind in type(error).__mro__):
                raise
            traceback.print_exc()
            sys.stderr.write("error: this is a bug in trtprof\nhint: report it with the traceback above\n")
            raise typer.Exit(EXIT_BUG) from None


def wants_json(args: Sequence[str]) -> bool:
    """Return whether the command line asks for JSON."""
    pairs = zip(args, [*args[1:], ""], strict=True)
    return "--format=json" in args or any(pair == ("--format", "json") for pair in pairs)


def print_error(error: TrtprofError, *, as_json: bool) -> None:
    """Print an error on stderr, as lines or as one JSON object."""
    if as_json:
        sys.stderr.write(json.dumps(error.to_dict()) + "\n")
        return
    sys.stderr.write(f"error: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"hint: {error.hint}\n")
