"""What reading an engine's files costs beside json.load of the same files, in processor time.

Read are the layers and times of the 1,309-layer engine in ``../shared/data/blackwell`` where it is to be had, else an
engine of as many layers made from the fixtures.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import process_time

from measures import Measure, paired

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "data" / "blackwell"
TIMES = 164  # of the fixture's eight layers
ROUNDS = 40


def engine_files(folder: Path) -> tuple[Path, Path, str]:
    """Return layer information, profile, and in words which engine it is."""
    real = REAL / "dmt_sm100_layers.json", REAL / "dmt_sm100_profile.json"
    if all(path.is_file() for path in real):
        return (*real, "1,309 layers of a real engine")
    fixtures = ROOT / "fixtures" / "trtexec"
    info = json.loads((fixtures / "tiny_v86.layers.json").read_text(encoding="utf-8"))
    times = json.loads((fixtures / "tiny_v86.profile.json").read_text(encoding="utf-8"))
    layers = [{**layer, "Name": f"{layer['Name']}/{number}"} for number in range(TIMES) for layer in info["Layers"]]
    rows = [{**row, "name": f"{row['name']}/{number}"} for number in range(TIMES) for row in times[1:]]
    made = folder / "layers.json", folder / "profile.json"
    made[0].write_text(json.dumps({**info, "Layers": layers}), encoding="utf-8")
    made[1].write_text(json.dumps([times[0], *rows]), encoding="utf-8")
    return (*made, f"{len(layers):,} layers made from a fixture")


def load(paths: Sequence[Path]) -> list[object]:
    """Parse the files as JSON and do nothing with them."""
    return [json.loads(path.read_bytes()) for path in paths]


def measures() -> Iterator[Measure]:
    """Yield what reading and what joining the files comes to."""
    from trtprof.parsers.engine_assembly import read_engines
    from trtprof.parsers.engine_inspector import read_engine_info
    from trtprof.parsers.trtexec_profile import read_profile

    with tempfile.TemporaryDirectory() as folder:
        info, profile, which = engine_files(Path(folder))
        paths = [info, profile]
        ratio, spread = paired(
            lambda: (read_engine_info(info), read_profile(profile)), lambda: load(paths), ROUNDS, process_time
        )
        yield Measure("reading an engine", "layers and times as records", "json.load", ratio, 3.0, f"{which}; {spread}")
        ratio, spread = paired(lambda: read_engines(paths), lambda: load(paths), ROUNDS, process_time)
        yield Measure(
            "reading an engine, whole", "recognised, read, paired and joined", "json.load", ratio, None, spread
        )
