"""``trtprof explain``: a kernel name taken apart."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trtprof.cli.output import Format, FormatOption
from trtprof.cli.safe_text import CsvWriter
from trtprof.language import shown

if TYPE_CHECKING:
    from trtprof.model import KernelClass


def explain(
    names: Annotated[
        list[str], typer.Argument(metavar="KERNEL_NAME...", help="Names as Nsight or TensorRT print them.")
    ],
    output: FormatOption = Format.TABLE,
) -> None:
    """Say what a kernel's name tells: which core computes, in which types, and what each part of the name means."""
    from trtprof.kernels import classify
    from trtprof.kernels import explain as tokens_of

    answers = [(classify(name), tokens_of(name)) for name in names]
    if output is Format.JSON:
        entries = [{**kernel_json(kind), "tokens": [token._asdict() for token in tokens]} for kind, tokens in answers]
        sys.stdout.write(json.dumps({"schema_version": 1, "kernels": entries}, indent=1, ensure_ascii=False) + "\n")
        return
    for kind, tokens in answers:
        rows = [(token.text, token.meaning) for token in tokens if token.meaning]
        if output is Format.CSV:
            writer = CsvWriter()
            writer.writerows((kind.name, *row) for row in [("unit", kind.unit.value), ("why", kind.why), *rows])
        elif output is Format.MARKDOWN:
            from trtprof.cli.markdown_text import all_shown, said, table

            head = f"**{said(verdict_words(kind))}**{shown(': ')}{said(kind.why)}"
            lines = [head, "", *table(all_shown("token", "meaning"), _said(rows))]
            sys.stdout.write("\n".join(lines) + "\n")
        else:
            _print(kind, rows)


def kernel_json(kind: KernelClass) -> dict[str, Any]:
    """Return a kernel's class as JSON."""
    return {key: value.value if isinstance(value, Enum) else value for key, value in asdict(kind).items()}


def verdict_words(kind: KernelClass) -> str:
    """Return where a kernel computes and in what, in words."""
    words = {
        "tensor_core": "Tensor Core", "cuda_core": "CUDA cores", "none": "moves data, no arithmetic worth a core",
        "dla": "DLA", "unknown": "unknown: the name does not tell",
    }[kind.unit.value]  # fmt: skip
    types = [
        f"{label} {dtype.value.upper()}"
        for label, dtype in (("reads", kind.operand), ("multiplies", kind.mma), ("sums", kind.accumulate))
        if dtype is not None
    ]
    return words + (f" ({', '.join(types)})" if types else "")


def _said(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(text, shown(meaning)) for text, meaning in rows]


def _print(kind: KernelClass, rows: list[tuple[str, str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from trtprof.cli.output import terminal, worded

    console = terminal()
    console.print(Text(kind.name, style="bold"))
    words = f"  {verdict_words(kind)}; {kind.operation or 'operation unknown'}, {kind.role.value} kernel"
    console.print(worded(words, console))
    floor = (
        f"; written for compute capability {kind.isa_floor // 10}.{kind.isa_floor % 10} or newer"
        if kind.isa_floor
        else ""
    )
    console.print(worded(f"  because {kind.why} (confidence {kind.confidence:.0%}){floor}", console))
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2))
    for text, meaning in _said(rows):
        table.add_row(Text(text), Text(meaning))
    if rows:
        console.print(table)
    console.print()
