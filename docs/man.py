"""The manual page, in roff, from the commands themselves: a section for each, every option, exit codes, files."""

from __future__ import annotations

import re
from enum import Enum
from importlib import import_module
from typing import Any, Final, get_args, get_type_hints

HEAD: Final = '.TH TRTPROF 1 "" "trtprof {version}" "User Commands"\n'
EXIT_CODES: Final = (
    ("0", "Done."),
    ("1", "A gate failed: what --fail-on or --fail-if asks for."),
    ("2", "The command line is wrong."),
    ("3", "An input cannot be read, or is not what it should be."),
    ("4", "A tool, a driver or a Python package is missing."),
    ("5", "A build or a measurement failed."),
    ("70", "A bug in trtprof."),
    ("129, 130, 143", "Ended by SIGHUP, SIGINT or SIGTERM. The same command goes on from there."),
)


def man_page() -> str:
    """Return the page."""
    from trtprof import __version__
    from trtprof.cli.app import ENTRIES, START
    from trtprof.cli.environment import VARIABLES

    parts = [
        HEAD.format(version=__version__),
        ".SH NAME\n",
        f"trtprof \\- {_text('why is my INT8 engine not faster? compares TensorRT engines layer by layer')}\n",
        ".SH SYNOPSIS\n.B trtprof\n.I COMMAND\n[\\fIARGUMENT\\fR]...\n",
        ".SH DESCRIPTION\n.nf\n",
        _text(START.partition("\n\n")[2].rpartition("\n\n")[0]) + "\n.fi\n",
        ".SH COMMANDS\n",
        *(_command(entry) for entry in sorted(ENTRIES, key=lambda entry: entry.name)),
        ".SH EXIT STATUS\n" + _terms(EXIT_CODES),
        ".SH ENVIRONMENT\n" + _terms((name, item.meaning.replace("`", "")) for name, item in VARIABLES.items()),
        ".SH FILES\n" + _terms((("trtprof.toml", "Which findings to show, and which are set aside for what reason."),)),
    ]
    return "".join(parts)


def _command(entry: Any) -> str:
    command = entry.load()
    hints = get_type_hints(getattr(import_module(f"trtprof.cli.{entry.module}"), entry.function))
    paragraphs = [" ".join(part.split()) for part in (command.help or "").split("\n\n")]
    terms = [
        (_names(parameter, hints.get(parameter.name)), " ".join((getattr(parameter, "help", None) or "").split()))
        for parameter in command.params
        if parameter.name != "help"
    ]
    return f".SS trtprof {_text(entry.name)}\n" + "\n.PP\n".join(map(_text, paragraphs)) + "\n" + _terms(terms)


def _names(parameter: Any, annotation: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or (parameter.name or "").upper())
    names = ", ".join((*parameter.opts, *parameter.secondary_opts))
    return f"{names} {parameter.metavar or '|'.join(_choices(annotation))}".rstrip()


def _choices(annotation: Any) -> list[str]:
    """The values of an option that has a closed set of them."""
    kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type) and issubclass(kind, Enum)]
    return [str(item.value) for kind in kinds for item in kind]


def _terms(pairs: Any) -> str:
    return "".join(f".TP\n\\fB{_text(term)}\\fR\n{_text(text)}\n" for term, text in pairs)


def _text(text: str) -> str:
    """Escape what roff would take for its own."""
    text = (
        text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga").replace("~", "\\(ti")
    )
    return re.sub(r"^\.", "\\\\&.", text, flags=re.MULTILINE)
