"""What ranking layers costs against running the whole model again for each, and against a minute for ResNet-50."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from measures import Measure, command, paired, seconds

if TYPE_CHECKING:
    from trtprof.pipeline.floats import FloatModel

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "fixtures" / "models" / "resnet18.onnx"
SAMPLES = 4
MINUTE_S = 60.0


def shared(ready: FloatModel, amax: Mapping[str, float], data: Any) -> int:
    """Measure every layer as ``trtprof sensitivity`` does, on one thread; return how many."""
    from trtprof.pipeline.sensitivity import groups_of
    from trtprof.variants.sensitivity import Sweep

    return len(list(Sweep(ready.model, ready.layers, amax, data).measure(groups_of(ready.layers, None))))


def naive(ready: FloatModel, amax: Mapping[str, float], data: Any) -> int:
    """Run the whole model for every layer with that layer quantised, on one thread; return how many."""
    import onnx

    from trtprof.graph.onnx_file import save_onnx
    from trtprof.variants.qdq import QuantisedType, insert_qdq
    from trtprof.variants.session import open_session

    outputs = [value.name for value in ready.model.graph.output]
    batches = list(data.batches())
    wanted = [open_session(ready.path, threads=1).run(outputs, batch) for batch in batches]
    with tempfile.TemporaryDirectory() as folder:
        for layer in ready.layers:
            variant = onnx.ModelProto()
            variant.CopyFrom(ready.model)
            insert_qdq(variant, layer.edges, amax, QuantisedType.INT8)
            path = Path(folder) / "variant.onnx"
            save_onnx(variant, path)
            session = open_session(path, threads=1)
            for batch, reference in zip(batches, wanted, strict=True):
                got = session.run(outputs, batch)
                assert all(np.isfinite(np.vdot(x - y, x - y)) for x, y in zip(got, reference, strict=True))
    return len(ready.layers)


def measures() -> Iterator[Measure]:
    """Yield both."""
    from trtprof.pipeline.floats import activation_tensors, edges_of, float_model, open_data
    from trtprof.variants.ranges import find_ranges

    with float_model(MODEL, {}) as ready:
        data = open_data(ready, f"random:{SAMPLES}", preprocess=None, seed=0)
        names = activation_tensors(edges_of(ready.layers))
        found = find_ranges(ready.path, names, data, method="minmax", percentile=99.99, threads=1)
        amax = {name: item.amax for name, item in found.items()}
        ratio, spread = paired(lambda: shared(ready, amax, data), lambda: naive(ready, amax, data), 3)
        yield Measure(
            "sensitivity, one thread", f"ResNet-18, {len(ready.layers)} layers, {SAMPLES} samples",
            "the whole model again for each layer", ratio, 1.0, spread,
        )  # fmt: skip
    sys.path.insert(0, str(ROOT))
    from tests.models.materialise import materialise

    with tempfile.TemporaryDirectory() as folder:
        model = materialise("resnet50", Path(folder) / "resnet50.onnx")
        words = ["sensitivity", str(model), "--calib", "random:16", "--out", f"{folder}/sens"]
        took = seconds(command([sys.executable, "-m", "trtprof", *words]))
    yield Measure(
        "sensitivity, in a minute", "ResNet-50, 70 layers, 16 samples, every core", "60 s", took / MINUTE_S, 1.0,
        f"{took:.0f} s, one run",
    )  # fmt: skip
