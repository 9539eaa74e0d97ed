"""What ``trtprof compare --format json`` wrote, read back as figures: a baseline that lies in a repository.

The schema is ``docs/compare.schema.json``. Of each layer only what figures need is read.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final, TypeVar

from trtprof.comparison import Latency, OutputAccuracy
from trtprof.errors import InputError
from trtprof.figures import EngineFigures, LayerFacts, NamedFinding, device_name, engine_figures
from trtprof.model import DType, Estimate, Provenance, Severity, Unit, Unknown

VERSION: Final = 2
_HINT: Final = "write it again: trtprof compare … --format json > baseline.json"
_MARKS: Final = (b'"schema_version"', b'"verdict"', b'"engines"')
_Kind = TypeVar("_Kind", bound=Enum)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Baseline:
    """The figures of each engine in the file, those that could not be built included, and the model's name."""

    model: str
    engines: tuple[EngineFigures, ...]


def is_comparison_json(content: bytes) -> bool:
    """Whether a file looks like one, by the keys that no file of TensorRT's has together."""
    return content.lstrip()[:1] == b"{" and all(mark in content for mark in _MARKS)


def read_comparison_json(content: bytes, path: Path | str) -> Baseline:
    """Return the baseline that a file holds.

    Raises:
        InputError: it is no JSON, of another schema, or lacks a key.
    """
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"expected JSON, found something else: {error}", path=path, hint=_HINT) from error
    found = whole.get("schema_version") if isinstance(whole, dict) else None
    if found != VERSION:
        raise InputError(
            f"expected a comparison of schema {VERSION}, found {found!r}",
            path=path,
            where="schema_version",
            hint=_HINT
            if not isinstance(found, int) or found < VERSION
            else "a newer trtprof wrote it; upgrade this one",
        )
    try:
        return _baseline(whole, Path(path).name)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"expected a whole comparison, found {what}", path=path, hint=_HINT) from error


def _baseline(whole: Json, source: str) -> Baseline:
    device = device_name(whole["device"]["name"])
    findings = [
        (item["engine"], NamedFinding(item["code"], Severity(item["severity"]), item["title"]))
        for item in whole["findings"]
    ]
    built = [
        _engine(item, source, device, tuple(finding for name, finding in findings if name == item["name"]))
        for item in whole["engines"]
    ]
    missing = [
        EngineFigures(item["name"], item["precision"], source, None, {}, (), Unknown(item["unknown"]))
        for item in whole["missing"]
    ]
    return Baseline(str(whole["model"]["name"]), (*built, *missing))


def _engine(item: Json, source: str, device: str | None, findings: tuple[NamedFinding, ...]) -> EngineFigures:
    time = item["time"]
    return EngineFigures(
        name=str(item["name"]),
        precision=item["precision"],
        source=source,
        device=device,
        figures=engine_figures(
            latency=_latency(item["latency"]),
            total_ns=_time(time),
            provenance=Provenance(time["provenance"]) if time else Provenance.MEASURED,
            layers=[_layer(layer) for layer in item["layers"]],
            conversions=len(item["conversions"]),
            activation_bytes=_count(item["activation_bytes"]),
            plan_bytes=_count(item["plan_bytes"]),
            accuracy=_accuracy(item["accuracy"]),
        ),
        findings=findings,
    )


def _time(time: Json | None) -> Estimate | float | None:
    if time is None:
        return None
    return (
        _size(time["ns"]) if "ns" in time else Estimate(*(_size(time[f"{end}_ns"]) for end in ("low", "mid", "high")))
    )


def _latency(item: Json | None) -> Latency | None:
    if item is None:
        return None
    keys = ("min_ns", "median_ns", "max_ns", "mean_ns", "p90_ns", "p99_ns", "spread_ratio")
    sure, maybe = keys[:4], keys[4:]
    return Latency(
        what=str(item["what"]),
        iterations=_count(item["iterations"]),
        **{key: _size(item[key]) for key in sure},
        **{key: _maybe(item[key]) for key in maybe},  # type: ignore[arg-type]
    )


def _layer(item: Json) -> LayerFacts:
    time, kernel = _time(item["time"]), item["kernel"]
    return LayerFacts(
        has_matmul=bool(item["conv_gemm_nodes"]),
        operand=_of(DType, item["operand_dtype"]),
        unit=_of(Unit, kernel["unit"]) if kernel else None,
        time_ns=time.mid if isinstance(time, Estimate) else time,
    )


def _finite(value: object) -> float | None:
    """A gate must not pass because a figure is no number: nothing is less or more than that."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} where a number was expected")
    return float(value)


def _maybe(value: object) -> float | None:
    number = _finite(value)
    if number is not None and number < 0:
        raise ValueError(f"{value!r} where nothing below 0 was expected")
    return number


def _size(value: object) -> float:
    number = _maybe(value)
    if number is None:
        raise ValueError("null where a number was expected")
    return number


def _count(value: object) -> int | None:
    number = _maybe(value)
    return None if number is None else int(number)


def _of(kind: type[_Kind], value: str | None) -> _Kind | None:
    return None if value is None else kind(value)


def _accuracy(item: Json) -> tuple[OutputAccuracy, ...] | Unknown:
    if "unknown" in item:
        return Unknown(item["unknown"])
    return tuple(
        OutputAccuracy(
            output=output["output"],
            samples=int(output["samples"]),
            cosine=_finite(output["cosine"]),
            sqnr_db=math.inf if output["exact"] else _finite(output["sqnr_db"]),
            max_abs_error=_finite(output["max_abs_error"]),
            top1_agreement=_finite(output["top1_agreement_ratio"]),
        )
        for output in item["outputs"]
    )
