"""Names against hardware counters, and against every real name at hand. Both need the real files."""

from __future__ import annotations

from collections.abc import Callable

from tests.kernels.conftest import Measured
from trtprof.kernels import classify
from trtprof.model import Unit


def _is_right(kernel: Measured) -> bool:
    unit = classify(kernel.name).unit
    return unit is not Unit.UNKNOWN and (unit is Unit.TENSOR_CORE) == kernel.tensor_core


def test_the_unit_is_right_by_names_launches_and_time(measured: list[Measured]) -> None:
    weights: list[Callable[[Measured], int]] = [lambda _: 1, lambda k: k.launches, lambda k: k.duration_ns]
    for weight in weights:
        right = sum(weight(kernel) for kernel in measured if _is_right(kernel))
        assert right >= 0.99 * sum(weight(kernel) for kernel in measured)


def test_the_mma_type_is_right_on_tensor_cores(measured: list[Measured]) -> None:
    multiplying = [kernel for kernel in measured if kernel.tensor_core]
    assert len(multiplying) > 50
    wrong = [k.name for k in multiplying if (mma := classify(k.name).mma) is None or mma.value not in k.mma]
    assert len(wrong) <= 0.01 * len(multiplying), wrong


def test_no_confident_answer_is_wrong(measured: list[Measured]) -> None:
    assert [k.name for k in measured if classify(k.name).confidence >= 0.8 and not _is_right(k)] == []


def test_a_name_cut_at_forty_or_eighty_characters_is_not_confidently_wrong(measured: list[Measured]) -> None:
    for length in (40, 80):
        cut = [(kernel, classify(kernel.name[:length])) for kernel in measured]
        wrong = [
            kernel.name
            for kernel, found in cut
            if found.confidence >= 0.8 and (found.unit is Unit.TENSOR_CORE) != kernel.tensor_core
        ]
        assert wrong == []


def test_few_real_names_stay_unknown(real_names: set[str]) -> None:
    assert len(real_names) > 1000
    unknown = sorted(name for name in real_names if classify(name).unit is Unit.UNKNOWN)
    assert len(unknown) <= 0.005 * len(real_names), unknown
