"""Counters against names: what ncu measured of each kernel, where names said otherwise, and keeping what was learnt."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from trtprof.analysis.counters import CounterReport, MeasuredKernel, compare_with_names, measured_kernels
from trtprof.backends.capture import write_text
from trtprof.errors import InputError
from trtprof.kernels import classify, classify_all
from trtprof.model import DType, KernelClass, Notice, Unit, Unknown

RULES_VERSION = 1
_WHY = "measured: hardware counters"
_CASTS: Final = re.compile(r"\((?:bool|(?:unsigned |signed )?(?:char|short|int|long|long long))\)(?=-?\d)")


def classes_of(names: Iterable[str], learned: Mapping[str, KernelClass]) -> dict[str, KernelClass]:
    """Return the class of each name; what counters settled overrules the name.

    nsys writes template arguments with a cast, ``(int)128``, where ncu may write ``128``: the casts do not count.
    """
    settled = {_CASTS.sub("", name): found for name, found in learned.items()}
    return {name: settled.get(_CASTS.sub("", name), found) for name, found in classify_all(names).items()}


@dataclass(frozen=True, slots=True)
class Verification:
    """The report of one ncu file; :class:`Unknown` where its metrics cannot tell."""

    path: str
    report: CounterReport | Unknown
    notices: tuple[Notice, ...]


def verify(path: Path, learned: Mapping[str, KernelClass]) -> Verification:
    """Return how the classes of names do against the counters of an ncu CSV.

    Raises:
        InputError: the file is absent or no CSV of ncu.
        MissingDependency: an ncu report is given and ncu, which alone reads it, is not here.
    """
    from trtprof.parsers.ncu_csv import parse_ncu_csv, read_ncu_csv

    if path.suffix == ".ncu-rep" and path.is_file():
        from trtprof.backends.ncu import export_csv

        found = parse_ncu_csv(export_csv(path), path=str(path))
    else:
        found = read_ncu_csv(path)
    kernels = measured_kernels(found.launches)
    if isinstance(kernels, Unknown):
        return Verification(str(path), kernels, found.notices)
    classes = classes_of((kernel.name for kernel in kernels), learned)
    return Verification(str(path), compare_with_names(kernels, classes), found.notices)


def learnt(report: CounterReport) -> dict[str, KernelClass]:
    """Return the class of each measured kernel as counters settle it: the name's, overruled where it is wrong."""
    return {kernel.name: _overruled(kernel) for kernel in report.kernels if not kernel.is_mixed}


def _overruled(kernel: MeasuredKernel) -> KernelClass:
    said = classify(kernel.name)
    if kernel.tensor_core:
        mma = kernel.mma[0] if len(kernel.mma) == 1 else said.mma
        return replace(said, unit=Unit.TENSOR_CORE, mma=mma, confidence=1.0, why=_WHY)
    unit = said.unit if said.unit in (Unit.CUDA_CORE, Unit.NONE) else Unit.CUDA_CORE
    return replace(said, unit=unit, mma=None, mma_shape=None, confidence=1.0, why=_WHY)


def save_rules(path: Path, classes: Mapping[str, KernelClass], known: Mapping[str, KernelClass]) -> int:
    """Write what was learnt beside what was known, and return how many kernels the file now holds.

    Raises:
        BuildError: it cannot be written.
    """
    merged = {**known, **classes}
    rules = {
        name: {"unit": item.unit.value, "mma": item.mma.value if item.mma else None}
        for name, item in sorted(merged.items())
    }
    write_text(path, json.dumps({"schema_version": RULES_VERSION, "kernels": rules}, indent=1) + "\n")
    return len(rules)


def load_rules(path: Path) -> dict[str, KernelClass]:
    """Return the classes of a rules file.

    Raises:
        InputError: it is absent or not one that ``trtprof verify --learn`` wrote.
    """
    hint = "trtprof verify FILE --learn RULES.json writes one"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rules = content["kernels"]
        if content["schema_version"] != RULES_VERSION:
            raise InputError(f"expected rules of version {RULES_VERSION}", path=path, hint=hint)
        return {
            name: replace(
                classify(name),
                unit=Unit(rule["unit"]),
                mma=DType(rule["mma"]) if rule["mma"] else None,
                confidence=1.0,
                why=_WHY,
            )
            for name, rule in rules.items()
        }
    except FileNotFoundError as error:
        raise InputError("no such file", path=path, hint=hint) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError("expected a rules file, found something else", path=path, hint=hint) from error
