"""How every command ends: ``error:`` and ``hint:`` for what a user caused, a traceback for a bug, one exit code."""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import Any, ClassVar, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

from trtprof.cli import signals
from trtprof.cli.safe_text import guarded_output
from trtprof.errors import EXIT_BUG, InputError, Interrupted, TrtprofError
from trtprof.privacy import KEEP_HOST, OPTION, Places

_PROGRAM: Final = {"allow_extra_args": True, "ignore_unknown_options": True}
"""For commands that take another program's command line after ``--``."""
_AGAIN: Final = "run the same command again; every file that was written is whole"
_LANGUAGE: Final = "--lang"
_OF_A_NAME: Final = frozenset({errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EACCES})
_HANDED_ON: Final = ("json", "sarif", "csv", "markdown", "github")
"""Formats of answers that somebody else will read; a table is for the own terminal, which may name paths."""
_CONTROL_FLOW = ("Exit", "Abort", "UsageError", "ClickException")


@dataclass(frozen=True, slots=True)
class Entry:
    """A command that is not imported yet: its module in ``trtprof.cli``, its function, and its help's first line."""

    name: str
    module: str
    function: str
    help: str
    of_a_program: bool = False

    def load(self) -> Any:
        """Return the command itself, with its options."""
        function = getattr(import_module(f"trtprof.cli.{self.module}"), self.function)
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(self.name, context_settings=_PROGRAM if self.of_a_program else None)(function)
        return get_command(alone)


def add_commands(app: typer.Typer, entries: Iterable[Entry]) -> None:
    """Register commands by name and help alone; the group loads one when it is called."""
    for entry in entries:
        app.command(entry.name, help=entry.help)(_not_loaded)
        Group.entries[entry.name] = entry


def _not_loaded() -> None:
    """Stand in for a command until it is called."""


class Group(TyperGroup):
    """The command group that loads a command when it is called, and turns errors into lines and codes."""

    entries: ClassVar[dict[str, Entry]] = {}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is called, with its options."""
        name, command, rest = super().resolve_command(ctx, args)
        entry = self.entries.get(name or "")
        return name, entry.load() if entry and command is not None else command, rest

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Remember the arguments, since an error must be printed in the format they ask for.

        What they choose for all that is printed, the language and the host's names, ends with the command.
        """
        given = list(sys.argv[1:] if args is None else args)
        end = given.index("--") if "--" in given else len(given)
        kept = [word for place, word in enumerate(given) if word != OPTION or place > end]
        self._args = language_first(kept, self.entries)
        context = copy_context()
        context.run(KEEP_HOST.set, len(kept) < len(given))
        return context.run(super().main, self._args, *rest, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; see the module."""
        formats = [word for word in _HANDED_ON if wants_json(self._args, word)]
        as_json = any(word in ("json", "sarif") for word in formats)
        with guarded_output(as_json=as_json, places=Places(self._args) if formats else None):
            return self._guarded(ctx)

    def _guarded(self, ctx: Any) -> Any:
        try:
            with _bad_names():
                return super().invoke(ctx)
        except (TrtprofError, KeyboardInterrupt) as error:
            told = _told(error)
            print_error(told, as_json=wants_json(self._args))
            raise typer.Exit(told.exit_code) from None
        except BrokenPipeError:
            # The reader of our output has gone (`| head`): nothing is wrong, and nothing more can be said.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except Exception as error:
            if any(kind.__name__ in _CONTROL_FLOW for kind in type(error).__mro__):
                raise
            if signals.came():  # a library made an error of its own of it
                print_error(_told(KeyboardInterrupt()), as_json=wants_json(self._args))
                raise typer.Exit(signals.exit_code()) from None
            traceback.print_exc()
            sys.stderr.write("error: this is a bug in trtprof\nhint: report it with the traceback above\n")
            raise typer.Exit(EXIT_BUG) from None


def _told(error: TrtprofError | KeyboardInterrupt) -> TrtprofError:
    """The error to print; after a signal that is the interruption, with its name and its exit code."""
    if isinstance(error, TrtprofError) and not (isinstance(error, Interrupted) or signals.came()):
        return error
    message, hint = (error.message, error.hint) if isinstance(error, Interrupted) else ("interrupted", _AGAIN)
    told = Interrupted(message.replace("interrupted", signals.cause(), 1), hint=hint)
    told.exit_code = signals.exit_code()
    return told


def language_first(args: list[str], entries: Mapping[str, Entry]) -> list[str]:
    """Return arguments with ``--lang`` moved to the front: it is the program's, and may stand behind a command too.

    What follows ``--``, and without it all that follows a command that runs another program, is that program's.
    """
    end = args.index("--") if "--" in args else len(args)
    command = next((entries[word] for word in args if word in entries), None)
    if command is not None and command.of_a_program and end == len(args):
        return args
    own, moved = args[:end], []
    while (place := next((n for n, word in enumerate(own) if word.split("=")[0] == _LANGUAGE), None)) is not None:
        width = 1 if "=" in own[place] else 2
        moved += own[place : place + width]
        del own[place : place + width]
    return [*moved, *own, *args[end:]]


@contextmanager
def _bad_names() -> Iterator[None]:
    """Turn what the system says of a path that somebody typed into the error it is, wherever it was first looked at."""
    try:
        yield
    except OSError as error:
        if error.filename is None or error.errno not in _OF_A_NAME:
            raise
        raise InputError(
            f"cannot be read: {error.strerror}", path=str(error.filename), hint="check the name"
        ) from error


def wants_json(args: Sequence[str], word: str = "json") -> bool:
    """Return whether the command line asks for JSON, or for a kind of it that has its own word."""
    return f"--format={word}" in args or ("--format", word) in pairwise(args)


def print_error(error: TrtprofError, *, as_json: bool) -> None:
    """Print an error on stderr, as lines or as one JSON object."""
    if as_json:
        sys.stderr.write(json.dumps(error.to_dict()) + "\n")
        return
    sys.stderr.write(f"error: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"hint: {error.hint}\n")
