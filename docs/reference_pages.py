"""The pages and tables of the reference that are made from code: formats, JSON, records, exit codes, environment."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
SCHEMAS = {
    "compare": "`trtprof compare --format json`; `inspect` prints its `engines`",
    "diff": "`trtprof diff --format json`",
    "history": "`trtprof report --format json`",
    "kernels": "`trtprof kernels --format json` and `trtprof run --format json`",
}
RECORDS_HEAD = (
    "# Records\n\nWritten by `make docs` from `trtprof/model.py`: what the readers return and everything else speaks "
    "in. Times are nanoseconds, sizes bytes, ratios 0 to 1; the unit is in the name. Absent is `None`, never 0.\n"
)
JSON_HEAD = (
    "# JSON\n\nWritten by `make docs` from the schemas. Keys carry units; a provenance (`measured`, `derived`, "
    "`modelled`) stands beside every figure; what could not be told is an object with a `reason`, where nothing was "
    "found a list is empty. `schema_version` rises when a key goes or changes its meaning.\n"
)
EXIT_HEAD = (
    "# Exit codes and errors\n\nWritten by `make docs` from `trtprof/errors.py`. What you can cause is one `error:` "
    "line, with the file, the place, what was expected and what was found, and where something can be done one "
    "`hint:` line, both on stderr. With `--format json` it is an object there: `error`, `hint`, `code`, `exit_code`.\n"
)
ENVIRONMENT_HEAD = (
    "# Environment variables\n\nWritten by `make docs` from `trtprof/cli/environment.py`. An option wins over a "
    "variable. No value of the environment is written into a page or JSON.\n"
)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    lines = [list(head), *([cell.replace("\n", " ") for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines).replace("|  |", "| |")


def with_tables(text: str, tables: Mapping[str, str]) -> str:
    """Return a page with its tables put between their marks: ``<!-- NAME: … -->`` and ``<!-- end -->``."""
    for name, body in tables.items():
        text, count = re.subn(
            rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end -->)",
            lambda found, body=body: f"{found[1]}\n{body}\n{found[2]}",
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(f"{count} places for the table {name!r}, expected one")
    return text


def formats_page() -> str:
    """Return docs/formats.md with its two tables made from what the readers declare."""
    from trtprof.parsers.support import SUPPORT

    formats = table(
        ("file", "written by", "versions", "what is read", "what it lacks", "`trtprof …`"),
        ((kind.value, it.written_by, it.versions, it.read, it.lacks, it.command) for kind, it in SUPPORT.items()),
    )
    certainty = table(
        ("file", "checked against real ones", "written after documentation and source alone"),
        ((kind.value, it.checked, it.documented) for kind, it in SUPPORT.items()),
    )
    page = (DOCS / "formats.md").read_text(encoding="utf-8")
    return with_tables(page, {"formats": formats, "certainty": certainty})


def records_page() -> str:
    """Return every record and enumeration of the model as Markdown."""
    from trtprof import model

    own = [
        item for item in vars(model).values() if inspect.isclass(item) and item.__module__ == model.__name__
    ]  # in the order of the module
    parts = [RECORDS_HEAD]
    for item in own:
        parts.append(f"## {item.__name__}\n\n{_first_words(item)}\n")
        if issubclass(item, Enum):
            parts.append(" · ".join(f"`{member.value}`" for member in item) + "\n")
        elif dataclasses.is_dataclass(item):
            parts.append(table(("field", "type"), _fields(item)))
    return "\n".join(parts)


def _first_words(item: type) -> str:
    text = " ".join(inspect.cleandoc(item.__doc__ or "").split())
    return text.replace("``", "`").replace(":class:", "")


def _fields(item: Any) -> list[tuple[str, str]]:
    return [(f"`{field.name}`", f"`{field.type}`".replace("|", "\\|")) for field in dataclasses.fields(item)]


def json_page() -> str:
    """Return the keys of every JSON output as Markdown, from the schemas beside it."""
    parts = [JSON_HEAD]
    for name, title in SCHEMAS.items():
        schema = json.loads((DOCS / f"{name}.schema.json").read_text(encoding="utf-8"))
        parts.append(f"## {name}\n\n{title}. Schema: [{name}.schema.json]({name}.schema.json).\n")
        parts.append(table(("key", "is", ""), _keys(schema)))
        for part, inner in schema["$defs"].items():
            if inner.get("properties"):
                parts.append(f"### {name}: {part}\n\n{_plain(inner.get('description', ''))}\n".rstrip() + "\n")
                parts.append(table(("key", "is", ""), _keys(inner)))
    return "\n".join(parts)


def _keys(schema: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    required = schema.get("required", ())
    rows = []
    for key, inner in schema["properties"].items():
        text = _plain(inner.get("description", ""))
        rows.append((f"`{key}`", _kind(inner), text if key in required else f"{text} (may be absent)".strip()))
        rows += [(f"`{key}.{name}`", kind, words) for name, kind, words in _inner(inner)]
    return rows


def _inner(schema: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The keys of an object or of the objects of a list, one step down."""
    item = schema.get("items", schema)
    properties = item.get("properties", {}) if isinstance(item, dict) else {}
    return [(name, _kind(inner), _plain(inner.get("description", ""))) for name, inner in properties.items()]


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return " or ".join(dict.fromkeys(_kind(each) for each in schema[choice]))
    kind = schema.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(kind)
    items = schema.get("items")
    of = _kind(items) if isinstance(items, dict) else "anything"
    return f"list of {of}" if kind == "array" else str(kind)


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def exit_codes_page() -> str:
    """Return the exit codes with the errors behind them as Markdown."""
    from trtprof import errors

    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.TrtprofError)]
    said = {kind.exit_code: _first_words(kind) for kind in kinds if kind is not errors.TrtprofError}
    words = {
        errors.EXIT_DONE: "Done. What was found may be bad news all the same: gates are asked for.",
        errors.EXIT_GATE: "A gate that was asked for failed, or a check whose answer is no: the answer is on stdout.",
        errors.EXIT_HANGUP: "Ended by SIGHUP, as when the terminal is closed; else as 130.",
        errors.EXIT_TERMINATED: "Ended by SIGTERM; else as 130. What is kept: [interruption](interruption.md).",
        errors.EXIT_BUG: "A bug in trtprof: the traceback is on stderr. Please report it.",
    }
    codes = {value: name for name, value in vars(errors).items() if name.startswith("EXIT_")}
    rows = [(f"`{code}`", f"`{codes[code]}`", words.get(code) or said[code]) for code in sorted(codes)]
    names = [(f"`{kind.code}`", f"`{kind.__name__}`", f"`{kind.exit_code}`") for kind in kinds]
    return "\n".join(
        [
            EXIT_HEAD,
            table(("code", "name", "means"), rows),
            "## Codes of errors\n",
            table(("code", "in Python", "exit"), names),
        ]
    )


def environment_page() -> str:
    """Return the environment variables that are looked at as Markdown."""
    from trtprof.cli.environment import VARIABLES

    rows = ((f"`{name}`", variable.option, variable.meaning) for name, variable in VARIABLES.items())
    return "\n".join([ENVIRONMENT_HEAD, table(("variable", "option", "what it says"), rows)])
