"""A small comparison written by hand: hostile names, a missing precision, unknown sizes, times and accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from trtprof.bounds import Bound, EngineRoofline, GroupSpeedup, Roofs, RowRoof, SpeedupCheck
from trtprof.comparison import (
    Breakdown,
    Built,
    Comparison,
    Conversion,
    FusionCell,
    FusionChange,
    FusionRow,
    GroupGain,
    ModelFacts,
    NodeGroup,
    NotBuilt,
    OutputAccuracy,
    Provenances,
    Row,
    SpeedupTerm,
    Verdict,
)
from trtprof.diagnosis import NOTHING, Answer, Diagnosis, Effect, Evidence, Finding, Suppressed
from trtprof.model import (
    Device,
    DType,
    Engine,
    Estimate,
    Graph,
    GraphNode,
    Layer,
    LayerKind,
    Layout,
    Notice,
    Precision,
    Provenance,
    Severity,
    Unknown,
)

HOSTILE = "</script><img src=x onerror=alert(1)>"
HOSTILE_ATTRIBUTE = "\" onmouseover=alert(2) x='"
NODES = (f"conv1{HOSTILE}", "relu1", "conv2", "add2", "relu2", "gap", "fc")
OPERATORS = ("Conv", "Relu", "Conv", "Add", "Relu", "GlobalAveragePool", "Gemm")
MATMULS = (NODES[0], NODES[2], NODES[6])
REASON = "the input arrives as FP32, linear & unpadded"


def estimate(mid_us: float) -> Estimate:
    return Estimate(mid_us * 500, mid_us * 1000, mid_us * 2500)


def row(
    index: int,
    kind: LayerKind,
    nodes: Sequence[str],
    types: tuple[DType | None, DType | None],
    time: Estimate | float | None,
    *,
    epilogue_of: str | None = None,
    known_bytes: bool = True,
) -> Row:
    return Row(
        layer=Layer(index, f"__myl_{kind.value}_{index}{HOSTILE_ATTRIBUTE if index == 1 else ''}", kind),
        kind=kind,
        nodes=tuple(nodes),
        added_nodes=(),
        matmuls=tuple(name for name in nodes if name in MATMULS),
        operand=types[0],
        result=types[1],
        read_bytes=4096 if known_bytes else None,
        written_bytes=2048 if known_bytes else None,
        constant_bytes=100,
        flops=None,
        time_ns=time,
        group=0,
        epilogue_of=epilogue_of,
    )


def fused_rows(dtype: DType) -> tuple[Row, ...]:
    types = (dtype, dtype)
    return (
        row(0, LayerKind.COMPUTE, NODES[0:2], types, estimate(20)),
        row(1, LayerKind.COMPUTE, NODES[2:5], types, estimate(30)),
        row(2, LayerKind.COMPUTE, NODES[5:6], types, estimate(3)),
        row(3, LayerKind.COMPUTE, NODES[6:7], types, estimate(4)),
    )


def int8_rows() -> tuple[Row, ...]:
    int8, fp16 = DType.INT8, DType.FP16
    return (
        row(0, LayerKind.QUANTIZE, (), (DType.FP32, int8), estimate(2)),
        row(1, LayerKind.COMPUTE, NODES[0:1], (int8, fp16), estimate(9)),
        row(2, LayerKind.COMPUTE, NODES[1:2], (fp16, int8), estimate(5), epilogue_of=NODES[0]),
        row(3, LayerKind.COMPUTE, NODES[2:5], (int8, fp16), estimate(16)),
        row(4, LayerKind.FOREIGN, NODES[5:6], (fp16, fp16), estimate(3)),
        row(5, LayerKind.REFORMAT, (), (fp16, None), estimate(1), known_bytes=False),
        row(6, LayerKind.COMPUTE, NODES[6:7], (fp16, fp16), estimate(4)),
    )


def conversion(index: int, what: tuple[str, ...], moved: int | None, removable: bool | None) -> Conversion:
    return Conversion(
        row=index,
        layer=f"__myl_Move_{index}",
        what=what,
        from_dtype=DType.FP32,
        to_dtype=DType.INT8,
        from_layout=Layout.LINEAR,
        to_layout=None,
        bytes_moved=moved,
        time_ns=estimate(2),
        before=f"engine input {HOSTILE}",
        after=None,
        reason=REASON,
        removable=removable,
    )


def built(name: str, precision: Precision, rows: tuple[Row, ...], **changes: object) -> Built:
    mix: dict[DType | None, int] = {}
    for item in rows:
        if item.matmuls:
            mix[item.operand] = mix.get(item.operand, 0) + 1
    times = [item.time_ns for item in rows if isinstance(item.time_ns, Estimate)]
    values = {
        "name": name,
        "precision": precision,
        "remainder": None,
        "engine": Engine(name, precision, tuple(item.layer for item in rows), size_bytes=1_500_000),
        "rows": rows,
        "conversions": (),
        "precision_mix": tuple(mix.items()),
        "activation_bytes": None,
        "total_ns": Estimate.total(times) if len(times) == len(rows) else None,
        "projected_ns": None,
        "provenance": Provenance.MODELLED,
        "accuracy": (OutputAccuracy(f"prob{HOSTILE}", 8, 1.0, math.inf, 0.0, 1.0),),
    }
    return Built(**{**values, **changes})  # type: ignore[arg-type]


def engines() -> tuple[Built, ...]:
    half = (OutputAccuracy("prob", 8, 0.99991, 41.234, 0.00123, 0.875), OutputAccuracy("aux", 8, None, None, None))
    return (
        built("fp32", Precision.FP32, fused_rows(DType.FP32)),
        built("fp16", Precision.FP16, fused_rows(DType.FP16), accuracy=half),
        built(
            "int8",
            Precision.INT8,
            int8_rows(),
            remainder=Precision.FP16,
            conversions=(conversion(0, ("quantize", "pad"), 4096, True), conversion(5, ("relayout",), None, None)),
            projected_ns=estimate(33),
            accuracy=Unknown("no calibration data"),
            engine=Engine("int8", Precision.INT8, (), size_bytes=None),
        ),
    )


def cell(engine: Built, change: FusionChange, indices: Sequence[int]) -> FusionCell:
    rows = [engine.rows[index] for index in indices]
    return FusionCell(
        engine=engine.name,
        change=change,
        kernels=tuple(item.nodes for item in rows),
        types=tuple((item.operand, item.result) for item in rows),
        rows=tuple(item.layer.index for item in rows),
    )


def fusions(items: Sequence[Built]) -> tuple[FusionRow, ...]:
    same, split = FusionChange.SAME, FusionChange.SPLIT
    first, second, third = items
    return (
        FusionRow(
            0,
            NODES[0:2],
            (cell(first, same, [0]), cell(second, same, [0]), cell(third, split, [1, 2])),
            "RTX splits it",
        ),
        FusionRow(1, NODES[2:5], (cell(first, same, [1]), cell(second, same, [1]), cell(third, same, [3]))),
        FusionRow(
            2, NODES[5:6], (cell(first, same, [2]), cell(second, FusionChange.MERGED, []), cell(third, same, [4]))
        ),
    )


def breakdown(engine: Built, reference: Built) -> Breakdown:
    """A breakdown whose terms are sums over all rows, so that they add up; every row is in one node group."""

    def term(key: str, label: str, multiplies: bool) -> SpeedupTerm:
        parts = [
            [item.time_ns for item in side.rows if bool(item.matmuls) is multiplies] for side in (reference, engine)
        ]
        times = tuple(Estimate.total(part) for part in parts)  # type: ignore[arg-type]
        return SpeedupTerm(key, label, (len(parts[0]), len(parts[1])), (times[0], times[1]))

    terms = (term("compute", "conv and gemm kernels", True), term("other", "the rest", False))
    return Breakdown(engine.name, reference.name, terms, Provenance.MODELLED, (GroupGain(0, NODES, terms),))


def rooflines() -> tuple[EngineRoofline, ...]:
    """One engine under its roofs, with rows of each bound and one that has none; one that has no roofs."""
    roofs = Roofs("L4", 2.04e9, ((DType.FP32, 30e12),), (), 300e9, "58 SMs of an L4")
    rows = (
        RowRoof(0, 10**9, 10**6, DType.FP32, 1000.0, 33_000.0, 50_000.0, Bound.COMPUTE),
        RowRoof(1, 10**6, 10**7, DType.FP32, 0.1, 33_000.0, 66_000.0, Bound.MEMORY),
        RowRoof(2, None, 1000, None, None, 3.0, 2_000.0, Bound.LAUNCH),
        RowRoof(3, None, None, None, None, None, 4_000.0, Unknown(f"no roof {HOSTILE}")),
    )
    return EngineRoofline("fp32", roofs, rows), EngineRoofline("int8", Unknown("the files name no GPU"), ())


def speedups() -> tuple[SpeedupCheck, ...]:
    groups = (GroupSpeedup(0, NODES, 0.5, 2.0, 1.5, 1.75), GroupSpeedup(1, NODES[:1], None, None, None, None))
    return (SpeedupCheck("fp16", "fp32", groups, 0.5, Unknown("too few"), "fp16 against fp32: rank correlation +0.50"),)


def comparison() -> Comparison:
    items = engines()
    nodes = tuple(GraphNode(name, kind, (), ()) for name, kind in zip(NODES, OPERATORS, strict=True))
    notices = (
        Notice("modelled-times", "No GPU was used; every time is modelled and printed as a range."),
        Notice("rtx-epilogues", "TensorRT-RTX does not fuse the epilogue of a quantised convolution."),
        Notice("fp16-overflow", f"a tensor named {HOSTILE}", where=f"fp16{HOSTILE}"),
    )
    return Comparison(
        model=ModelFacts(
            name=f"net{HOSTILE}",
            path="models/net.onnx",
            sha256="ab" * 32,
            opset=17,
            inputs=(("x", (1, 3, 224, 224), DType.FP32),),
            outputs=(("prob", None, None),),
            node_count=len(nodes),
            parameter_bytes=None,
        ),
        graph=Graph(nodes, ("x",), ("prob",), 17),
        device=Device("L4", (8, 9), 58, None, 300e9, 48 * 2**20),
        device_is_modelled=True,
        engines=items,
        missing=(
            NotBuilt("fp8", Precision.FP8, Unknown(f"modelopt is missing {HOSTILE}"), "pip install nvidia-modelopt"),
        ),
        groups=(NodeGroup(0, NODES, ((0, 1, 2, 3), (0, 1, 2, 3), (0, 1, 2, 3, 4, 5, 6))),),
        fusions=fusions(items),
        breakdowns=(breakdown(items[1], items[0]), breakdown(items[2], items[1])),
        verdict=Verdict(
            "No winner can be called between fp16 and int8.", None, Provenance.MODELLED, (f"int8: {HOSTILE}",)
        ),
        notices=notices,
        rooflines=rooflines(),
        speedups=speedups(),
        made=Provenances(
            backend="rtx-aot",
            tool="TensorRT-RTX",
            tool_version="1.7.1",
            target="sm89",
            command=f"trtprof compare net.onnx --calib '{HOSTILE}'",
            created="2026-01-02T03:04:05Z",
            versions=(("onnx", "1.20.0"), ("numpy", "2.3.0")),
            calibration="8 batches of seeded random numbers (seed 0)",
            capture="out/net",
        ),
        diagnosis=diagnosis(),
    )


def diagnosis() -> Diagnosis:
    """A cause with an effect, a note whose saving is unknown, a rule that cannot tell, and one set aside."""
    cause = Finding(
        code="Q101",
        title="Skip input of a residual Add is not quantised",
        engine="int8",
        severity=Severity.MAJOR,
        cause=f"1 residual Add {HOSTILE}",
        why="because",
        cure="quantise it",
        source="a guide",
        evidence=(
            Evidence(f"reads FP16 {HOSTILE}", "layers", 1, f"conv{HOSTILE}", 3_000.0),
            Evidence("'add': no Q/DQ", "onnx"),
        ),
        effects=(Effect("R401", "QuantizeLinear runs as a layer of its own", "q", (2, 99), ("q", "r"), None),),
        saving_ns=Estimate(1_000.0, 2_000.0, 3_000.0),
        saving_provenance=Provenance.MODELLED,
        saving_basis="a model",
        within_noise=True,
        rows=(1, 2, 99),
    )
    note = replace(cause, code="R404", severity=Severity.NOTE, effects=(), saving_ns=Unknown(f"who knows {HOSTILE}"))
    return Diagnosis(
        findings=(cause, note),
        answers=(Answer("K201", "t", "int8", Unknown("no layer names its kernel")), Answer("Q102", "t", "int8", None)),
        suppressed=(Suppressed(note, f"on purpose {HOSTILE}", "trtprof.toml: R404"),),
        healthy=("fp16",),
        sentence=f"int8: 1 residual Add {HOSTILE}.",
    )


def nothing_built() -> Comparison:
    """No precision has an engine."""
    return replace(
        comparison(),
        engines=(),
        groups=(),
        fusions=(),
        breakdowns=(),
        rooflines=(),
        speedups=(),
        notices=(),
        diagnosis=NOTHING,
        verdict=Verdict("No engine was built.", None, Provenance.MODELLED),
    )


def half_measured() -> Comparison:
    """One engine measured, one modelled, one with a row of unknown time."""
    first, second, third = engines()
    timed = tuple(replace(item, time_ns=1234.5 * (place + 1)) for place, item in enumerate(first.rows))
    measured = replace(first, rows=timed, total_ns=12345.0, provenance=Provenance.MEASURED)
    gap = replace(third, rows=(replace(third.rows[0], time_ns=None), *third.rows[1:]), total_ns=None)
    return replace(comparison(), engines=(measured, second, gap))


def large(layers: int) -> Comparison:
    """As many layers at three precisions, in groups of three nodes, with names as long as real ones."""
    names = tuple(f"/backbone/layer{place // 9}/block{place % 9}/conv/Conv_{place}" for place in range(layers * 2))
    items = []
    for base in engines():
        rows = tuple(
            replace(
                row(
                    index,
                    LayerKind.COMPUTE,
                    names[2 * index : 2 * index + 2],
                    (DType.FP16, DType.FP16),
                    estimate(index + 1),
                ),
                matmuls=names[2 * index : 2 * index + 1],
            )
            for index in range(layers)
        )
        items.append(replace(base, rows=rows, conversions=base.conversions * (layers // 20)))
    groups = []
    for start in range(0, layers, 2):
        change = FusionChange.SPLIT if start % 4 else FusionChange.SAME
        cells = tuple(cell(item, change, [start, start + 1]) for item in items)
        groups.append(FusionRow(start, names[2 * start : 2 * start + 4], cells))
    nodes = tuple(GraphNode(name, "Conv" if place % 2 else "Relu", (), ()) for place, name in enumerate(names))
    return replace(comparison(), engines=tuple(items), fusions=tuple(groups), graph=Graph(nodes, (), ()))
