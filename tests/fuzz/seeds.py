"""What each reader is fed at first: made from ``fixtures/`` at run time, and read in place from real files where
those lie beside the checkout. Nothing is copied."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
FIXTURES: Final = ROOT / "fixtures"
SHARED: Final = ROOT.parent / "shared" / "data"
_MOST_BYTES: Final = 1 << 17
"""Larger real files are left to the tests that read them whole: a search changes small ones more often."""

Seeds = Callable[[], list[bytes]]


def fixtures(pattern: str, shared: str | None = None) -> Seeds:
    """Return the files of the project that match, and the smaller of the real ones that do."""

    @lru_cache(maxsize=1)
    def read() -> list[bytes]:
        paths = sorted(FIXTURES.glob(pattern))
        paths += [path for path in sorted(SHARED.glob(shared)) if path.is_file()] if shared else []
        return [path.read_bytes() for path in paths if path.stat().st_size <= _MOST_BYTES] or [b""]

    return read


@lru_cache(maxsize=1)
def everything() -> list[bytes]:
    """Return every text that trtexec, nsys and ncu wrote."""
    found = [*fixtures("trtexec/*")(), *fixtures("nsys/*.csv")()]
    return [data for data in found if b"README" not in data[:200]]


@lru_cache(maxsize=1)
def headers() -> list[bytes]:
    """Return the beginnings of a timing cache and of serialized engines."""
    from tests.parsers.test_small_formats import PLAN, TIMING_CACHE

    return [TIMING_CACHE, PLAN, TIMING_CACHE + bytes(range(256)), PLAN + bytes(range(256))]


@lru_cache(maxsize=1)
def tegrastats() -> list[bytes]:
    """Return lines in the forms of JetPack 4 to 7."""
    from tests.parsers import test_tegrastats

    lines = [value for value in vars(test_tegrastats).values() if isinstance(value, str) and "RAM " in value]
    lines += [line for value in vars(test_tegrastats).values() if isinstance(value, dict) for line in value.values()
              if isinstance(line, str)]  # fmt: skip
    stamped = [f"{10 + number}.5 {line}" for number, line in enumerate(lines)]
    return [line.encode() for line in lines] + ["\n".join(stamped).encode()]


@lru_cache(maxsize=1)
def kernel_names() -> list[bytes]:
    """Return kernel names of every family, a few a file."""
    rows = (ROOT / "tests" / "kernels" / "classes.tsv").read_text(encoding="utf-8").splitlines()
    names = [row.split("\t")[0] for row in rows if row and not row.startswith("#")]
    return ["\n".join(names[start : start + 4]).encode() for start in range(0, len(names), 4)]


def calibration_tables() -> list[bytes]:
    """Return a table as ``trtprof quantize`` writes it, and caches."""
    table = {
        "schema_version": 1, "method": "entropy", "data": "8 samples of calib", "synthetic": False,
        "tensors": {"x": {"amax": 2.5, "scale": 0.0197, "observed": 2.7}, "conv/out": {"amax": 0.0, "observed": None}},
    }  # fmt: skip
    return [json.dumps(table).encode(), *fixtures("trtexec/*.cache")()]


def sensitivity() -> list[bytes]:
    """Return a ranking as ``trtprof sensitivity`` writes it."""
    layer = {
        "layer": "/conv1", "sqnr_db": 31.5, "exact": False, "cosine": 0.9997, "top1_agreement": 1.0, "metric": None,
        "nodes": ["/conv1/Conv"], "operators": ["Conv"], "place_ratio": 0.25,
    }  # fmt: skip
    whole = {
        "schema_version": 1, "model": "net.onnx", "model_sha256": "0" * 64, "mode": "alone", "method": "minmax",
        "weights": "per-channel", "calibration": "8 samples", "samples": 8, "synthetic": True, "seconds": 1.5,
        "all_layers": {"sqnr_db": None, "exact": True}, "layers": [layer, {**layer, "layer": "/fc"}],
        "ranges": {"x": 2.5, "y": 0}, "notices": [],
    }  # fmt: skip
    return [json.dumps(whole).encode()]


def settings() -> list[bytes]:
    """Return a project's settings."""
    return [
        b'[findings]\nselect = ["Q", "K"]\nignore = ["R404"]\n\n[findings.suppress]\n'
        b'Q102 = true  # stays in float\nK201 = ["*conv1*"]  # three channels\n',
        b"[findings.suppress]\n# nothing\n",
    ]


def learned_rules() -> list[bytes]:
    """Return what ``trtprof verify --learn`` keeps."""
    kernels = {
        "ampere_sgemm_128x64_nn": {"unit": "cuda_core", "mma": None},
        "k": {"unit": "tensor_core", "mma": "fp16"},
    }
    return [json.dumps({"schema_version": 1, "kernels": kernels}).encode()]


def manifest() -> list[bytes]:
    """Return the manifest of a capture."""
    whole = {
        "schema_version": 1, "status": "complete", "created": "2025-01-01T00:00:00+00:00", "identity": {"model": "a"},
        "steps": {"build:fp32": {"key": "0", "record": {"seconds": 1.0}, "files": {"engines/fp32/layers.json": "0"}}},
    }  # fmt: skip
    return [json.dumps(whole).encode()]


@lru_cache(maxsize=1)
def store() -> list[bytes]:
    """Return a store with two runs in it."""
    from tests.dashboards.sample import comparison, half_measured
    from trtprof.store.runs import import_comparison

    with TemporaryDirectory(prefix="fuzz-") as folder:
        path = Path(folder) / "trtprof.db"
        for made in (comparison(), half_measured()):
            import_comparison(path, made)
        return [path.read_bytes()]


@lru_cache(maxsize=1)
def archive() -> list[bytes]:
    """Return captures of made boards, packed as the script of ``trtprof recipe`` packs them."""
    sys.path.insert(0, str(FIXTURES / "boards"))
    try:
        from make_boards import BOARDS
    finally:
        sys.path.pop(0)
    texts = tegrastats()
    info = "trtprof-capture: 1\nstatus: complete\nboard: {}\ntrt: 10.3.0\nmodel: net.onnx\nengines: fp16 int8\n"
    found = []
    for name, files in BOARDS.items():
        members = {"capture.txt": info.format(name).encode(), "tegrastats.txt": texts[-1]}
        members["marks.txt"] = b"10.0 fp16 latency start\n14.0 fp16 latency end\n15.0 int8 profile start\n"
        members["int8/failed.txt"] = b"trtexec ended with 1\n"
        for kind in ("layers", "times", "profile"):
            members[f"fp16/{kind}.json"] = (FIXTURES / "trtexec" / f"tiny_v86.{kind}.json").read_bytes()
        members |= {f"board/{path}": text.encode() for path, text in files().items()}
        found.append(_packed(members))
    return found


def _packed(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(f"capture/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


@lru_cache(maxsize=1)
def models() -> list[bytes]:
    """Return small ONNX models with and without Q/DQ, every kind of operator the rules know among them."""
    from tests.graph.qdq import Net

    sys.path.insert(0, str(FIXTURES / "models"))
    try:
        from make_models import residual_micro, residual_onesided_qdq
    finally:
        sys.path.pop(0)
    net = Net()
    block = net.node("Relu", net.conv(net.qdq("x"), int32_bias=True))
    added = net.node("Add", net.conv(net.qdq(block)), block)
    joined = net.node("Concat", net.qdq(added, 0.2), net.qdq(block, zero=3), axis=1)
    pooled = net.node("AveragePool", net.qdq(joined), kernel_shape=[2, 2], strides=[2, 2])
    plain = Net()
    sums = plain.node("Sum", plain.node("Sigmoid", "x"), plain.node("MaxPool", "x", kernel_shape=[1, 1]))
    models = [net.model(pooled), plain.model(sums), residual_micro(), residual_onesided_qdq()]
    return [model.SerializeToString() for model in models]


def arrays() -> list[bytes]:
    """Return ``.npy`` and ``.npz`` files."""
    import numpy as np

    found = []
    for save in (np.save, np.savez, np.savez_compressed):
        out = io.BytesIO()
        if save is np.save:
            np.save(out, np.ones((2, 4), np.float32))
        else:
            save(out, x=np.ones((2, 4), np.float32))
        found.append(out.getvalue())
    return found


def images() -> list[bytes]:
    """Return a small picture in three formats."""
    from PIL import Image

    found = []
    for kind in ("PNG", "JPEG", "BMP", "GIF"):
        out = io.BytesIO()
        Image.new("RGB", (9, 7), (200, 30, 40)).save(out, kind)
        found.append(out.getvalue())
    return found


def options() -> list[bytes]:
    """Return texts of ``--shapes``, ``--preprocess``, ``--variant`` and ``--select``."""
    return [b"x:1x3x224x224,y:1x10\nimagenet;bgr\nmean=0.5;std=0.5;nhwc\nint8\nfp8+fp16\nQ1,K\nint8-fp32"]
