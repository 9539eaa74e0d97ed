"""Engines somebody built and ran become a comparison: files of trtexec and TensorRT in, nothing is built here."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from trtprof.analysis.align import align
from trtprof.analysis.engine_graph import unify
from trtprof.analysis.findings.subjects import diagnose
from trtprof.analysis.fusion import fusion_table, mark_epilogues
from trtprof.analysis.latency import latency_of
from trtprof.analysis.layer_flops import with_flops
from trtprof.analysis.layer_roofline import engine_roofline
from trtprof.analysis.reformat import find_conversions
from trtprof.analysis.rows import activation_bytes, precision_mix, read_rows
from trtprof.analysis.speedup import breakdown, references
from trtprof.analysis.speedup_check import speedup_checks
from trtprof.analysis.tensor_cores import with_kernels
from trtprof.analysis.verdict import measured_verdict
from trtprof.comparison import Built, Comparison, ModelFacts, Provenances, Row
from trtprof.errors import InputError, UsageError
from trtprof.graph_facts import GraphFacts
from trtprof.jetson.dla import placement
from trtprof.model import Engine, Graph, Notice, Provenance, Unknown
from trtprof.parsers.engine_assembly import read_engines, times_by_layer
from trtprof.parsers.pairing import stem_of
from trtprof.pipeline.boards import board_notices, board_targets, unnamed_device, with_board_run
from trtprof.pipeline.handed_on import without_places
from trtprof.pipeline.model_facts import model_facts
from trtprof.pipeline.options import display_order
from trtprof.pipeline.targets import Target
from trtprof.pipeline.traces import with_timelines

NOT_RUN = "its ONNX model is not at hand"


def read_measured(targets: Sequence[Target], *, command: str) -> Comparison:
    """Return the comparison of measured engines, one or more a target.

    Raises:
        InputError: a file is refused, or a named target holds several engines.
        UsageError: two engines have the same name.
    """
    engine_targets, captures = board_targets(targets)
    named = sorted(_engines(engine_targets), key=lambda item: display_order(item[0]))
    if len({name for name, _ in named}) < len(named):
        twice = next(name for name, count in Counter(name for name, _ in named).items() if count > 1)
        raise UsageError(f"two engines are called '{twice}'", hint="name them: fp16=DIR int8=DIR")
    graph, engines = unify([replace(engine, name=name) for name, engine in named])
    tables = mark_epilogues([read_rows(engine, graph) for engine in engines])
    groups, placed = align(tables, graph)
    built = with_timelines(
        [
            with_board_run(measured_engine(engine, rows, graph), captures)
            for engine, rows in zip(engines, placed, strict=True)
        ]
    )
    rooflines = {item.name: engine_roofline(item) for item in built}
    pairs = references(built)
    comparison = Comparison(
        model=_model(engines, graph),
        graph=graph,
        device=next((engine.device for engine in engines if engine.device), unnamed_device(captures)),
        device_is_modelled=False,
        engines=built,
        missing=(),
        groups=groups,
        fusions=fusion_table(groups, [(item.name, item.rows) for item in built], rtx=False),
        breakdowns=tuple(breakdown(engine, reference, groups) for engine, reference in pairs),
        verdict=measured_verdict(built),
        notices=(MEASURED_ELSEWHERE, *board_notices(captures), *measured_notices(built)),
        made=_provenance(targets, engines, command),
        diagnosis=diagnose(built, graph, _facts(targets)),
        rooflines=tuple(rooflines.values()),
        speedups=speedup_checks(pairs, groups, rooflines),
    )
    return without_places(comparison, (str(path.absolute()) for _, path in targets))


def _facts(targets: Sequence[Target]) -> dict[str, GraphFacts | Unknown]:
    """What the ONNX model says that lies alone in the directory of a named engine."""
    found = {}
    for name, path in targets:
        models = sorted(path.glob("*.onnx")) if name is not None and path.is_dir() else []
        if name is not None and len(models) == 1:
            found[name] = model_facts(models[0])
    return found


def _engines(targets: Sequence[Target]) -> list[tuple[str, Engine]]:
    named: list[tuple[str, Engine]] = []
    for name, path in targets:
        if name is not None:
            found = read_engines(_with_siblings(path))
            if len(found) > 1:
                listing = ", ".join(engine.name for engine in found[:3])
                raise InputError(
                    f"expected one engine, found {len(found)} ({listing}, …)",
                    path=path,
                    where=f"'{name}'",
                    hint="name the directory or the files of one engine",
                )
            named.append((name, found[0]))
    unnamed = [file for name, path in targets if name is None for file in _with_siblings(path)]
    if unnamed:
        found = read_engines(dict.fromkeys(unnamed))
        precisions = Counter(engine.precision for engine in found)
        for engine in found:
            alone = engine.precision is not None and precisions[engine.precision] == 1
            named.append((engine.precision.value if alone and engine.precision else engine.name, engine))
    return named


def _with_siblings(path: Path) -> list[Path]:
    """A file stands for its engine: what lies beside it under the same stem belongs to it."""
    if not path.exists():
        raise InputError(
            "no such file or directory", path=path, hint="give an ONNX model, a capture or trtexec's files"
        )
    if path.is_dir():
        return [path]
    from trtprof.model import Unknown as Refused
    from trtprof.parsers.registry import sniff

    beside = [
        other
        for other in sorted(path.parent.iterdir())
        if other != path and other.is_file() and stem_of(other.name) == stem_of(path.name)
    ]
    return [path, *(other for other in beside if not isinstance(sniff(other), Refused))]


def measured_engine(engine: Engine, rows: tuple[Row, ...], graph: Graph) -> Built:
    """Return an engine of the comparison with the times of its profile and its iterations."""
    times = times_by_layer(engine)
    timed = with_flops(
        with_kernels(
            [replace(row, time_ns=time.mean_ns if time else None) for row, time in zip(rows, times, strict=True)]
        )
    )
    return Built(
        name=engine.name,
        precision=engine.precision,
        remainder=None,
        engine=engine,
        rows=timed,
        conversions=find_conversions(timed, engine, graph, {}),
        precision_mix=precision_mix(timed),
        activation_bytes=activation_bytes(timed) if timed else None,
        total_ns=sum(time.mean_ns for time in engine.timings) if engine.timings else None,
        projected_ns=None,
        provenance=Provenance.MEASURED,
        accuracy=Unknown(NOT_RUN),
        dla=placement(engine),
        latency=latency_of(engine),
    )


MEASURED_ELSEWHERE = Notice(
    "measured-elsewhere", "Every time was measured by the tools that wrote these files; nothing was built or run here."
)


def measured_notices(built: Sequence[Built]) -> tuple[Notice, ...]:
    """Return what must be known beside measured times: what the profiler cost, and what each file's reader noted."""
    notices: list[Notice] = []
    for item in built:
        if item.latency is not None and isinstance(item.total_ns, float) and item.rows:
            excess = item.total_ns - item.latency.median_ns
            if excess > 0:
                notices.append(
                    Notice(
                        "profiler-overhead",
                        f"its layers add up to {item.total_ns / 1e6:.3f} ms, {excess / len(item.rows) / 1e3:.1f} µs a "
                        f"layer more than its latency: what the profiler costs. Gains are scaled to the latency.",
                        item.name,
                    )
                )
    for item in built:
        notices.extend(replace(notice, where=item.name) for notice in item.engine.notices)
    return tuple(notices)


def _model(engines: Sequence[Engine], graph: Graph) -> ModelFacts:
    names = [engine.name for engine in engines]
    return ModelFacts(" vs ".join(names), None, None, None, (), (), len(graph.nodes), None)


def _provenance(targets: Sequence[Target], engines: Sequence[Engine], command: str) -> Provenances:
    digest = hashlib.sha256("\n".join(str(path.resolve()) for _, path in targets).encode()).hexdigest()[:12]
    versions = sorted({engine.tool_version for engine in engines if engine.tool_version})
    newest = max((path.stat().st_mtime for _, path in targets if path.exists()), default=0.0)
    from datetime import datetime, timezone

    return Provenances(
        backend="files",
        tool=next((engine.tool for engine in engines if engine.tool), "TensorRT"),
        tool_version=", ".join(versions) or "of unknown version",
        target=digest,
        command=command,
        created=datetime.fromtimestamp(newest, timezone.utc).isoformat(timespec="seconds"),
        versions=(),
        calibration="unknown",
        capture=", ".join(str(path) for _, path in targets),
    )


def inspect(paths: Sequence[Path]) -> tuple[Built, ...]:
    """Return each engine that the files and directories tell of, read for itself, sorted by name.

    Traces beside it are not read: see :func:`~trtprof.pipeline.traces.with_timelines`.

    Raises:
        InputError: a named file is refused, or nothing tells of an engine.
    """
    targets, captures = board_targets([(None, path) for path in paths])
    named = [(name, engine) for name, engine in _engines([item for item in targets if item[0] is not None])]
    files = dict.fromkeys(file for name, path in targets if name is None for file in _with_siblings(path))
    named += [(engine.name, engine) for engine in (read_engines(files) if files else ())]
    return tuple(with_board_run(_alone(replace(engine, name=name)), captures) for name, engine in named)


def _alone(engine: Engine) -> Built:
    graph, (named,) = unify([engine])
    (rows,) = mark_epilogues([read_rows(named, graph)])
    return measured_engine(named, rows, graph)
