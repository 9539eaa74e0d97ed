"""A capture becomes a comparison: artefacts are parsed and analysed, nothing is built or run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from trtprof.analysis.align import align
from trtprof.analysis.devices import TARGET_DEVICES, Peaks
from trtprof.analysis.engine_graph import layer_nodes
from trtprof.analysis.findings.subjects import diagnose
from trtprof.analysis.fusion import fusion_table, mark_epilogues
from trtprof.analysis.layer_roofline import engine_roofline
from trtprof.analysis.reformat import find_conversions
from trtprof.analysis.roofline import projected_total, total, with_times
from trtprof.analysis.rows import activation_bytes, precision_mix, read_rows
from trtprof.analysis.speedup import breakdown, references
from trtprof.analysis.speedup_check import speedup_checks
from trtprof.analysis.verdict import measured_verdict, verdict
from trtprof.backends.capture import read_manifest
from trtprof.comparison import (
    Built,
    Comparison,
    ModelFacts,
    NotBuilt,
    OutputAccuracy,
    Provenances,
    Row,
)
from trtprof.errors import InputError
from trtprof.figures import THIS_GPU
from trtprof.graph.onnx_file import load_onnx
from trtprof.graph.prepare import default_opset
from trtprof.graph.shapes import input_specs, onnx_dtype, static_dims
from trtprof.graph.structure import graph_of, parameter_bytes
from trtprof.graph_facts import GraphFacts
from trtprof.model import Device, DType, Engine, Graph, Notice, Precision, Provenance, Unknown
from trtprof.parsers.engine_assembly import read_engines
from trtprof.parsers.layer_text import read_engine_text
from trtprof.pipeline.handed_on import without_places
from trtprof.pipeline.make import BASE, unmeasurable
from trtprof.pipeline.measured import measured_engine, measured_notices
from trtprof.pipeline.model_facts import facts_of, model_facts
from trtprof.pipeline.traces import with_timelines
from trtprof.variants.spec import parse_variant

_QUANTISED: Final = frozenset({DType.INT8, DType.FP8})


def read_capture(root: Path) -> Comparison:
    """Return the comparison a capture holds.

    Raises:
        InputError: the directory is no capture, is incomplete, or an artefact cannot be read.
    """
    manifest = read_manifest(root)
    if manifest["status"] != "complete":
        raise InputError(
            "the capture is incomplete: the run that made it did not finish",
            path=root,
            hint="run the same command again: it goes on where it stopped",
        )
    model = load_onnx(root / BASE, weights=False)
    graph = graph_of(model)
    names = [name for name in manifest["precisions"] if name not in manifest["missing"]]
    modelled = manifest["backend"] == "rtx-aot"
    engines = [(_engine if modelled else _measured_engine)(root, manifest, name) for name in names]
    groups, rows = align(mark_epilogues([read_rows(engine, graph) for engine in engines]), graph)
    missing = tuple(_missing(name, item) for name, item in manifest["missing"].items())
    pairs = list(zip(engines, rows, strict=True))
    peaks = TARGET_DEVICES[manifest["target"]] if modelled else None
    variants = {name: _variant(root, name) for name in names}
    if peaks is not None:
        built = tuple(
            _built(manifest, engine, table, graph, peaks, variants[engine.name].added) for engine, table in pairs
        )
        device, answer = peaks.device, verdict(built, missing)
    else:
        built = with_timelines(
            [_measured(manifest, engine, table, graph, variants[engine.name].added) for engine, table in pairs]
        )
        device = next((engine.device for engine in engines if engine.device), Device(THIS_GPU))
        answer = measured_verdict(built)
    rooflines = {item.name: engine_roofline(item) for item in built}
    against = references(built)
    comparison = Comparison(
        model=_model_facts(manifest, model, graph),
        graph=graph,
        device=device,
        device_is_modelled=modelled,
        engines=built,
        missing=missing,
        groups=groups,
        fusions=fusion_table(groups, [(item.name, item.rows) for item in built], rtx=modelled),
        breakdowns=tuple(breakdown(engine, reference, groups) for engine, reference in against),
        verdict=answer,
        notices=_notices(manifest, built),
        made=_provenance(root, manifest, built),
        diagnosis=diagnose(built, graph, _facts(variants), peaks, _refused(root, manifest["missing"])),
        rooflines=tuple(rooflines.values()),
        speedups=speedup_checks(against, groups, rooflines),
    )
    return without_places(comparison, (str(root.absolute()), manifest["model"]["path"]))


@dataclass(frozen=True, slots=True)
class _Variant:
    """What is taken from the ONNX model of one engine: its nodes by operator, and its Q/DQ where it has any to have."""

    added: dict[str, str]
    facts: GraphFacts | Unknown | None


def _variant(root: Path, name: str) -> _Variant:
    """Models are large, so each is read once."""
    model = load_onnx(root / name / "model.onnx", weights=False)
    facts = facts_of(model) if parse_variant(name).quantised else None
    return _Variant({node.name: node.op_type for node in graph_of(model).nodes}, facts)


def _facts(variants: dict[str, _Variant]) -> dict[str, GraphFacts | Unknown]:
    return {name: item.facts for name, item in variants.items() if item.facts is not None}


def _refused(root: Path, names: Iterable[str]) -> dict[str, GraphFacts | Unknown]:
    return {name: model_facts(root / name / "model.onnx") for name in names if parse_variant(name).quantised}


def _measured_engine(root: Path, manifest: dict[str, Any], name: str) -> Engine:
    """An engine that was run leaves the files that trtexec writes, whatever ran it."""
    step = manifest["steps"][f"build:{name}"]
    record = step["record"]
    (engine,) = read_engines([root / file for file in step["files"]])
    layers = tuple(replace(layer, onnx_nodes=layer_nodes(layer)) for layer in engine.layers)
    return replace(
        engine,
        name=name,
        precision=parse_variant(name).precision,
        layers=layers,
        tool=record["tool"],
        tool_version=record["tool_version"],
        size_bytes=record["plan_bytes"],
        build_ns=record["build_ns"],
    )


def _measured(
    manifest: dict[str, Any], engine: Engine, rows: tuple[Row, ...], graph: Graph, added: dict[str, str]
) -> Built:
    variant = manifest["steps"][f"variant:{engine.name}"]["record"]
    built = measured_engine(engine, rows, graph)
    return replace(
        built,
        remainder=Precision(variant["remainder"]) if variant["remainder"] else None,
        conversions=find_conversions(built.rows, engine, graph, added),
        accuracy=_accuracy(manifest, engine.name),
        variant_notes=tuple(Notice(**notice) for notice in variant["notices"]),
    )


def _engine(root: Path, manifest: dict[str, Any], name: str) -> Engine:
    record = manifest["steps"][f"build:{name}"]["record"]
    log = root / record["log"]
    try:
        content = log.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(
            f"the build log cannot be read: {error.strerror}", path=log, hint="compare the model again"
        ) from error
    text = read_engine_text(content, path=str(log))
    return Engine(
        name=name,
        precision=parse_variant(name).precision,
        layers=text.layers,
        io=text.io,
        tool=record["tool"],
        tool_version=record["tool_version"],
        size_bytes=record["plan_bytes"],
        build_ns=record["build_ns"],
        notices=text.notices,
    )


def _built(  # noqa: PLR0917
    manifest: dict[str, Any],
    engine: Engine,
    rows: tuple[Row, ...],
    graph: Graph,
    peaks: Peaks,
    added: dict[str, str],
) -> Built:
    spec = parse_variant(engine.name)
    tf32 = spec.precision is Precision.TF32
    timed = with_times(rows, peaks, tf32=tf32)
    projected = projected_total(timed, peaks, tf32=tf32) if _splits_epilogues(timed) else None
    variant = manifest["steps"][f"variant:{engine.name}"]["record"]
    return Built(
        name=engine.name,
        precision=spec.precision,
        remainder=Precision(variant["remainder"]) if variant["remainder"] else None,
        engine=engine,
        rows=timed,
        conversions=find_conversions(timed, engine, graph, added),
        precision_mix=precision_mix(timed),
        activation_bytes=activation_bytes(timed),
        total_ns=total(timed),
        projected_ns=projected,
        provenance=Provenance.MODELLED,
        accuracy=_accuracy(manifest, engine.name),
        variant_notes=tuple(Notice(**notice) for notice in variant["notices"]),
        timeline=Unknown("its engine was built and not run"),
        peak_memory_bytes=manifest["steps"][f"build:{engine.name}"]["record"]["peak_memory_bytes"],
    )


def _splits_epilogues(rows: tuple[Row, ...]) -> bool:
    return any(row.has_matmul and row.operand in _QUANTISED for row in rows) and any(row.epilogue_of for row in rows)


def _accuracy(manifest: dict[str, Any], name: str) -> tuple[OutputAccuracy, ...] | Unknown:
    step = manifest["steps"].get(f"accuracy:{name}")
    if step is None:
        return Unknown(
            unmeasurable(parse_variant(name), synthetic=True, weak=manifest["identity"]["typing"] == "weak")
            or "not measured"
        )
    answer = step["record"]["accuracy"]
    if isinstance(answer, dict):
        return Unknown(answer["unknown"])
    return tuple(OutputAccuracy(**{key: _number(value) for key, value in item.items()}) for item in answer)


def _number(value: Any) -> Any:
    return float(value) if value in ("inf", "-inf") else value


def _missing(name: str, item: dict[str, Any]) -> NotBuilt:
    return NotBuilt(name, parse_variant(name).precision, Unknown(item["reason"]), item["hint"])


def _model_facts(manifest: dict[str, Any], model: Any, graph: Graph) -> ModelFacts:
    return ModelFacts(
        name=Path(manifest["model"]["path"]).stem,
        path=manifest["model"]["path"],
        sha256=manifest["identity"]["model_sha256"],
        opset=default_opset(model),
        inputs=input_specs(model),
        outputs=tuple(
            (value.name, static_dims(value), onnx_dtype(value.type.tensor_type.elem_type))
            for value in model.graph.output
        ),
        node_count=len(graph.nodes),
        parameter_bytes=parameter_bytes(model),
    )


def _notices(manifest: dict[str, Any], built: tuple[Built, ...]) -> tuple[Notice, ...]:
    """The limits of what was done, most important first, then what the steps noted."""
    notices = []
    if manifest["backend"] == "rtx-aot":
        device = TARGET_DEVICES[manifest["target"]].device.name
        text = (
            f"No GPU was used. Structure, types and conversions are those of a real TensorRT-RTX build; every time is "
            f"modelled for one {device} and printed as a range."
        )
        notices.append(Notice("modelled-times", text))
    else:
        notices.extend(measured_notices(built))
    quantised = [item for item in built if parse_variant(item.name).quantised]
    if any(item.projected_ns is not None for item in quantised):
        notices.append(
            Notice(
                "rtx-epilogues",
                "TensorRT-RTX does not fuse the epilogue of a quantised convolution as TensorRT does: those kernels "
                "are the backend's, not your model's. 'folded' is the same engine with them in the convolution.",
            )
        )
    data = manifest["calibration"]
    ours = [item.name for item in quantised if manifest["steps"][f"variant:{item.name}"]["record"]["given"] is None]
    if data and data["synthetic"] and ours:
        notices.append(
            Notice(
                "random-calibration",
                f"{', '.join(ours)} was calibrated on {data['source']}: it stands for speed and structure only, its "
                f"accuracy cannot be told. Give real data with --calib.",
            )
        )
    steps = manifest["steps"]["base"]["record"]["notices"] + (data["notices"] if data else [])
    notices.extend(Notice(**notice) for notice in steps)
    if manifest["backend"] == "rtx-aot":
        notices.extend(notice for item in built for notice in item.engine.notices)
    notices.extend(replace(notice, where=notice.where or item.name) for item in built for notice in item.variant_notes)
    return tuple(notices)


def _provenance(root: Path, manifest: dict[str, Any], built: tuple[Built, ...]) -> Provenances:
    data = manifest["calibration"]
    engine = built[0].engine if built else None
    return Provenances(
        backend=manifest["backend"],
        tool=(engine.tool if engine else None) or "TensorRT-RTX",
        tool_version=(engine.tool_version if engine else None) or "unknown",
        target=manifest["target"],
        command=manifest["command"],
        created=manifest["created"],
        versions=tuple(sorted(manifest["versions"].items())),
        calibration=data["source"] if data else "none",
        capture=str(root),
    )
