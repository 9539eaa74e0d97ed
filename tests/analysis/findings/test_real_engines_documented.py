"""``docs/real-engines.md`` says what every real engine at hand is told; here it is told again and compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from trtprof.errors import InputError
from trtprof.model import Estimate
from trtprof.pipeline.measured import read_measured
from trtprof.pipeline.targets import Target
from trtprof.units import ms_range

DOCUMENT = ROOT / "docs" / "real-engines.md"


def targets(data: Path) -> dict[str, list[Target]]:
    """The engines by the name the document gives them."""

    def trex(family: str, **names: str) -> list[Target]:
        found = data / "trex"
        return [(name, next(found.glob(f"examples__{family}__{part}__*.graph.json"))) for name, part in names.items()]

    engines: dict[str, list[Target]] = {
        "TREx ResNet-18, A100: fp32, fp16, qat": trex("pytorch__resnet__A100", fp32="fp32", fp16="fp16", int8="qat"),
        "TREx ResNet-18, A100: qat-residual": trex("pytorch__resnet__A100", int8="qat-residual"),
        "TREx ResNet-50, RTX 3090: fp32, fp16, qat": trex(
            "tensorflow__resnet__RTX-3090", fp32="fp32", fp16="fp16", int8="qat"
        ),
    }
    files = [
        *sorted((data / "blackwell").glob("*_layers.json")),
        *sorted((data / "fuzzylabs").glob("*.graph.json")),
        *sorted((data / "fuzzylabs").glob("*_engine_info.json")),
        *sorted((data / "cookbook").glob("*.log")),
        *sorted((data / "logs").glob("*.log")),
    ]
    return engines | {f"{file.parent.name}/{file.name}": [(None, file)] for file in files}


def line(name: str, found: list[Target]) -> str:
    try:
        diagnosis = read_measured(found, command="test").diagnosis
    except InputError as error:
        return f"| {name} | refused: {error.message} |"
    said = []
    for item in diagnosis.findings:
        saving = item.saving_ns
        saved = f", {ms_range(saving.low, saving.high)} ms" if isinstance(saving, Estimate) else ""
        engine = f"{item.engine}: " if len(found) > 1 else ""
        said.append(f"{item.code} {item.severity.value}: {engine}{item.cause}{saved}")
    return f"| {name} | {'<br>'.join(said) or 'nothing'} |"


def test_the_document_says_what_the_program_says(shared: Path) -> None:
    lines = [item for item in DOCUMENT.read_text().splitlines() if item.startswith("| ") and "|---" not in item]
    assert lines[1:] == [line(name, found) for name, found in targets(shared).items()]


@pytest.mark.parametrize("severity", ["critical", "major"])
def test_no_engine_but_those_with_a_known_cause_is_told_that_it_is_ill(severity: str) -> None:
    ill = [item for item in DOCUMENT.read_text().splitlines() if f" {severity}: " in item]
    assert all("TREx ResNet-18" in item for item in ill)
