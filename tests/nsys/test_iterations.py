"""Inferences one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from trtprof.analysis.attribution import Attribution, attribute
from trtprof.analysis.iterations import Iteration, IterationKind, inferences, named_iterations, spread
from trtprof.model import Unknown
from trtprof.parsers.nsys_schema import Trace

from .synthetic_export import SyntheticExport, inference
from .traces import iterations, tensorrt, traced

CONV, FC = "sm80_xmma_fprop", "nvjet_tst"


def test_inferences_one_by_one(tmp_path: Path) -> None:
    export = tensorrt()
    inference(export, [("conv", CONV, 900), ("fc", FC, 500)], 0)
    inference(export, [("conv", CONV, 940), ("fc", FC, 500)], 20_000)
    export.range("ExecutionContext::enqueue", 40_000, 40_100, domain=1)
    found = iterations(traced(export, tmp_path))
    assert found == (
        Iteration(IterationKind.RANGE, 5_000, 6_410, 350, 2, 1_400),
        Iteration(IterationKind.RANGE, 25_000, 26_450, 350, 2, 1_440),
    )
    kernel_time = spread(one.kernel_ns for one in found)
    assert kernel_time is not None
    assert (kernel_time.count, kernel_time.mean_ns, kernel_time.median_ns) == (2, 1_420, 1_420)
    assert (kernel_time.min_ns, kernel_time.max_ns) == (1_400, 1_440)
    assert kernel_time.stdev_ns == pytest.approx(28.284, abs=1e-3)


def test_spread_of_nothing_and_of_one() -> None:
    assert spread([None, None]) is None
    one = spread([None, 7])
    assert one is not None
    assert (one.mean_ns, one.stdev_ns) == (7, None)


def test_iterations_of_any_program_by_the_name_of_their_range(tmp_path: Path) -> None:
    export = SyntheticExport()
    for turn in range(3):
        start = 1_000 * turn
        export.range("step", start, start + 500)
        export.range("forward", start + 10, start + 400)
        export.launch("k", start + 20, start + 600, 30 + turn)
    trace = traced(export, tmp_path)
    call = attribute(trace.kernels, trace.calls, trace.ranges, domain="").call
    found = named_iterations(trace.kernels, trace.calls, trace.ranges, call, "step")
    assert [(one.kernel_ns, one.host_ns) for one in found] == [(30, 500), (31, 500), (32, 500)]
    assert isinstance(named_iterations(trace.kernels, trace.calls, trace.ranges, call, "epoch"), Unknown)
    assert isinstance(
        inferences(trace.kernels, trace.calls, trace.ranges, attribute_default(trace)), Unknown
    )  # fmt: skip


def attribute_default(trace: Trace) -> Attribution:
    found = attribute(trace.kernels, trace.calls, trace.ranges, domain="")
    assert isinstance(found, Attribution)
    return found
