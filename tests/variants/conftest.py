from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from trtprof.graph.prepare import prepare

from .support import ROOT, load_script

SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "ch_PP-OCRv4_det_infer": {"x": (1, 3, 320, 320)},
    "ch_PP-OCRv4_rec_infer": {"x": (1, 3, 48, 320)},
}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the prepared base of a model by name: a fixture, a light model of onnx, or one of rapidocr's."""
    root = tmp_path_factory.mktemp("bases")
    made: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in made:
            source = _source(name, root)  # may skip
            prepare(source, SHAPES.get(name, {}), root / f"{name}.base.onnx")
            made[name] = root / f"{name}.base.onnx"
        return made[name]

    return get


def _source(name: str, root: Path) -> Path:
    if name.startswith("light_"):
        return load_script(ROOT / "tests/models/materialise.py").materialise(name[6:], root / f"{name}.onnx")
    if name.startswith("ch_"):
        package = pytest.importorskip("rapidocr_onnxruntime", reason="PP-OCR comes with rapidocr-onnxruntime")
        return Path(package.__file__).parent / "models" / f"{name}.onnx"
    return load_script(ROOT / "fixtures/models/make_models.py").write_model(name, root)
