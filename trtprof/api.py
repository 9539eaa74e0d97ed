"""The main job from Python: the same comparison the command line makes, with tables as pandas DataFrames."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trtprof.backends.capture import find_capture
from trtprof.comparison import Comparison
from trtprof.errors import InputError, UsageError
from trtprof.language import reader_language, showing, shown
from trtprof.pipeline.make import Silent, Stages, make_capture
from trtprof.pipeline.options import DEFAULT_WORKSPACE, CompareOptions, merge_precisions
from trtprof.pipeline.read import read_capture

if TYPE_CHECKING:
    import pandas as pd

    from trtprof.analysis.findings.choices import Choices

STORE_NAME = "trtprof.db"
PAGE_NAME = "report.html"


@dataclass(frozen=True)
class Report:
    """A comparison with its tables. ``comparison`` is the record everything is drawn from."""

    comparison: Comparison

    def engines(self) -> pd.DataFrame:
        """Return a line for each engine: rows, types, conversions, bytes, times in ns, accuracy."""
        import pandas as pd

        from trtprof.comparison_json import engine_json

        flat = []
        for item in (engine_json(built) for built in self.comparison.engines):
            line = {key: value for key, value in item.items() if not isinstance(value, list | dict)}
            flat.append({**line, **_flat_time(item["time"]), "conversions": len(item["conversions"])})
        return pd.DataFrame(flat)

    def layers(self) -> pd.DataFrame:
        """Return a line for each row of each engine, in execution order; times in ns, sizes in bytes."""
        return self._table("layers")

    def conversions(self) -> pd.DataFrame:
        """Return a line for each row that only converts; no line when there is none."""
        return self._table("conversions")

    def fusions(self) -> pd.DataFrame:
        """Return a line for each group of ONNX nodes and engine: the change and the kernels, as node names."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "group": row.group,
                    "onnx_nodes": row.nodes,
                    "engine": cell.engine,
                    "change": cell.change.value,
                    "kernels": cell.kernels,
                    "limit": row.limit,
                }
                for row in self.comparison.fusions
                for cell in row.cells
            ]
        )

    def findings(self) -> pd.DataFrame:
        """Return a line for each finding, costliest cause first; savings in ms, absent where they cannot be told."""
        import pandas as pd

        from trtprof.findings_json import finding_json

        lines = []
        for item in map(finding_json, self.comparison.diagnosis.findings):
            low, high = item["saving_ms"] or (None, None)
            lines.append(
                {
                    "code": item["code"],
                    "engine": item["engine"],
                    "severity": item["severity"],
                    "title": item["title"],
                    "cause": item["cause"],
                    "saving_low_ms": low,
                    "saving_high_ms": high,
                    "saving_provenance": item["saving"]["provenance"],
                    "effects": [effect["code"] for effect in item["effects"]],
                    "rows": item["rows"],
                    "cure": item["cure"],
                }
            )
        return pd.DataFrame(lines)

    def kernels(self) -> pd.DataFrame:
        """Return a line for each row that names its kernel: which core computes, in which types, and why."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "engine": built.name,
                    "row": row.layer.index,
                    "layer": row.layer.name,
                    "kernel": row.kernel.name,
                    "unit": row.kernel.unit.value,
                    "operation": row.kernel.operation,
                    "operand": row.kernel.operand.value if row.kernel.operand else None,
                    "mma": row.kernel.mma.value if row.kernel.mma else None,
                    "confidence": row.kernel.confidence,
                    "why": row.kernel.why,
                }
                for built in self.comparison.engines
                for row in built.rows
                if row.kernel is not None
            ]
        )

    def choose(self, choices: Choices) -> Report:
        """Return the report with only the chosen findings."""
        from dataclasses import replace

        from trtprof.analysis.findings.choices import choose

        comparison = self.comparison
        chosen = choose(comparison.diagnosis, comparison.engines, choices)
        return Report(replace(comparison, diagnosis=chosen))

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as the JSON object that ``--format json`` prints."""
        from trtprof.comparison_json import to_json

        return to_json(self.comparison)

    def to_html(self) -> str:
        """Return the offline page, in the language of the command line or, by itself, of the environment."""
        from trtprof.dashboards.page import render

        with showing(reader_language(os.environ)):
            page: str = render(self.comparison)
        return page

    def _repr_html_(self) -> str:
        with showing(reader_language(os.environ)):
            return self._html()

    def _html(self) -> str:
        from html import escape

        comparison = self.comparison
        head = f"<p><b>{escape(comparison.model.name)}</b>: {escape(shown(comparison.verdict.sentence))}</p>"
        engines = self.engines()
        engines.columns = engines.columns.map(shown)
        frame: str = engines.to_html(index=False, escape=True, na_rep="–")
        notes = "".join(f"<li>{escape(shown(notice.message))}</li>" for notice in comparison.notices[:3])
        return f"{head}{frame}{self._findings_html()}<ul>{notes}</ul>"

    def _findings_html(self) -> str:
        from html import escape

        from trtprof.model import Estimate

        diagnosis = self.comparison.diagnosis
        if not diagnosis.findings:
            return f"<p>{escape(shown(diagnosis.sentence))}</p>"
        first = self.findings().head(8)
        saves = [
            shown(f"{item.saving_ns.low / 1e6:.3f} to {item.saving_ns.high / 1e6:.3f}, {item.saving_provenance.value}")
            if isinstance(item.saving_ns, Estimate)
            else shown("cannot tell")
            for item in diagnosis.findings[: len(first)]
        ]
        columns = ["severity", "code", "engine", "cause", "saves, ms", "cure"]
        chosen = first.assign(**{"saves, ms": saves})[columns]
        for words in ("severity", "cause", "cure"):
            chosen[words] = chosen[words].map(shown)
        chosen.columns = chosen.columns.map(shown)
        table: str = chosen.to_html(index=False, escape=True)
        left = len(diagnosis.findings) - len(first)
        more = f"<p>{shown(f'{left} more')}: <code>report.findings()</code></p>" if left > 0 else ""
        return f"<p>{escape(shown(diagnosis.sentence))}</p>{table}{more}"

    def _table(self, key: str) -> pd.DataFrame:
        import pandas as pd

        from trtprof.comparison_json import engine_json

        lines = []
        for item in (engine_json(built) for built in self.comparison.engines):
            for entry in item[key]:
                flat = {name: value for name, value in entry.items() if name != "time"}
                lines.append({"engine": item["name"], **flat, **_flat_time(entry["time"])})
        # Nullable integers: a count beside an absent one must not turn into a float.
        return pd.DataFrame(lines).convert_dtypes()


def compare(
    target: str | Path,
    *more: str | Path,
    precisions: Sequence[str] = (),
    variants: Mapping[str, str | Path] | None = None,
    out: str | Path | None = None,
    stages: Stages | None = None,
    command: str = "trtprof.compare(...)",
    **settings: Any,
) -> Report:
    """Compare one ONNX model across precisions, or read a capture, or engines that were measured; return the report.

    Measured engines are files and directories that trtexec wrote, one engine each; ``NAME=PATH`` names one.
    ``variants`` gives ONNX files of your own by precision; ``settings`` are the fields of
    :class:`~trtprof.pipeline.options.CompareOptions`. The capture is written to ``out``, a directory.

    Raises:
        TrtprofError: bad input, a missing package, a failed build; see :mod:`trtprof.errors`.
    """
    path = Path(target)
    if more or (path.is_dir() and find_capture(path) is None) or (path.is_file() and path.suffix != ".onnx"):
        from trtprof.pipeline.measured import read_measured
        from trtprof.pipeline.targets import parse_target

        return Report(read_measured([parse_target(str(item)) for item in (target, *more)], command=command))
    if path.is_dir():
        return load(path)
    given = tuple((name, Path(file)) for name, file in (variants or {}).items())
    options = make_options(precisions, given, settings)
    root = home(path, options, Path(out) if out else None) / "capture"
    make_capture(path, root, options, command=command, stages=stages or Silent())
    return Report(read_capture(root))


def load(path: str | Path) -> Report:
    """Return the report of a capture directory, or of the directory that holds one.

    Raises:
        InputError: there is no complete capture.
    """
    root = find_capture(Path(path))
    if root is None:
        raise InputError(
            "expected a capture (a directory with manifest.json, or one that holds capture/), found none"
            if Path(path).exists()
            else "no such file or directory",
            path=path,
            hint="trtprof compare MODEL.onnx --out DIR makes one",
        )
    return Report(read_capture(root))


def make_options(
    precisions: Sequence[str], given: Sequence[tuple[str, Path]], settings: Mapping[str, Any]
) -> CompareOptions:
    """Return checked options.

    Raises:
        UsageError: an option is unknown or out of range.
    """
    try:
        options = CompareOptions(precisions=merge_precisions(precisions, given), given=tuple(given), **settings)
    except TypeError as error:
        raise UsageError(str(error), hint="see trtprof.pipeline.options.CompareOptions") from error
    options.check()
    return options


def home(model: Path, options: CompareOptions, out: Path | None) -> Path:
    """Return the directory of a comparison: ``out``, or one in the workspace named after model, target and settings."""
    from trtprof.backends.capture import key_of

    if out is not None:
        return out
    settings = key_of({"model": str(model.resolve()), **options.identity()})[:6]
    return DEFAULT_WORKSPACE / f"{model.stem}-{options.target}-{settings}"


def _flat_time(time: dict[str, Any] | None) -> dict[str, Any]:
    return {} if time is None else {f"time_{key}": value for key, value in time.items()}
