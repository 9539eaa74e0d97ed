"""Writes what can be derived: the command reference and the picture of the README. Run with ``make docs``."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
COMMANDS = ("compare", "runs")
HEAD = "# Commands\n\nWritten by `make docs` from the program's own help.\n"


def command_reference() -> str:
    """Return the help of each command as Markdown."""
    from typer.testing import CliRunner

    from trtprof.cli.app import app

    runner = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"})
    parts = [HEAD]
    for arguments in ([], *([command] for command in COMMANDS)):
        text = runner.invoke(app, [*arguments, "--help"], prog_name="trtprof").stdout
        lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
        parts.append(f"## `{' '.join(['trtprof', *arguments])}`\n\n```text\n{lines}\n```\n")
    return "\n".join(parts)


def picture(capture: Path) -> str:
    """Return the terminal form of a finished comparison as SVG, without the web font rich would load."""
    import io

    from rich.console import Console

    from trtprof.api import load
    from trtprof.cli.compare_table import print_comparison

    console = Console(record=True, width=112, file=io.StringIO(), highlight=False, color_system="truecolor")
    print_comparison(load(capture).comparison, console)
    svg = console.export_svg(title="trtprof compare resnet18.onnx", unique_id="trtprof")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    # The window hides nothing of interest below, and a README has no room for it.
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def main() -> int:
    """Write the command reference, and the picture when a finished comparison is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--capture", type=Path, help="a finished comparison of resnet18, for the picture")
    arguments = parser.parse_args()
    (DOCS / "commands.md").write_text(command_reference(), encoding="utf-8")
    if arguments.capture is not None:
        (DOCS / "compare.svg").write_text(picture(arguments.capture), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
