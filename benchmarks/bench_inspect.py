"""What reading an engine's files costs beside json.load of the same files; ratios from one interleaved run.

Run with ``python benchmarks/bench_inspect.py [DIRECTORY]``. The directory holds one or more engines' layer information
and profiles; without one, the 1,309-layer engine of ``../shared/data/blackwell`` is read where it is to be had.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from trtprof.parsers.engine_assembly import read_engines
from trtprof.parsers.engine_inspector import read_engine_info
from trtprof.parsers.registry import FileKind, sniff
from trtprof.parsers.trtexec_profile import read_profile

DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data" / "blackwell"
LARGEST = "dmt_sm100*.json"
AIM = 3.0
ROUNDS = 60


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    pattern = "*.json" if len(sys.argv) > 1 else LARGEST
    paths = [path for path in sorted(folder.rglob(pattern)) if sniff(path) in (FileKind.LAYER_INFO, FileKind.PROFILE)]
    if not paths:
        sys.exit(f"no layer information or profile below {folder}: name a directory that holds some")
    infos = [path for path in paths if sniff(path) is FileKind.LAYER_INFO]
    profiles = [path for path in paths if path not in infos]
    layers = sum(len(read_engine_info(path).layers) for path in infos)
    print(f"{len(paths)} files, {layers} layers, {sum(path.stat().st_size for path in paths) / 1e6:.2f} MB")
    compare("layer information", infos, lambda: [read_engine_info(path) for path in infos])
    compare("profiles", profiles, lambda: [read_profile(path) for path in profiles])
    compare("both", paths, lambda: [*map(read_engine_info, infos), *map(read_profile, profiles)], aim=AIM)
    compare("both, recognised, paired and joined", paths, lambda: read_engines(paths))


def compare(label: str, paths: Sequence[Path], read: Callable[[], object], aim: float | None = None) -> None:
    """Print how many times longer ``read`` takes than json.load of the files."""
    if not paths:
        return
    bare, ours = [], []
    for _ in range(ROUNDS):  # turn and turn about, so that a busy machine slows both alike
        bare.append(timed(lambda: [load(path) for path in paths]))
        ours.append(timed(read))
    median = statistics.median(mine / theirs for mine, theirs in zip(ours, bare, strict=True))
    best = min(ours) / min(bare)
    wanted = f"   (aim: {aim:g} or less)" if aim else ""
    print(f"{label}: {median:.2f} x json.load, best of each {best:.2f} x{wanted}")


def load(path: Path) -> object:
    with path.open(encoding="utf-8") as file:
        return json.load(file)


def timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
