"""What the TensorRT backend is asked, in a form that crosses to its child process as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from trtprof.backends.weak_typing import Typing

CalibratorName = Literal["entropy2", "minmax", "entropy", "legacy"]


@dataclass(frozen=True, slots=True)
class TensorrtRequest:
    """One engine to build and measure through TensorRT's Python API, and the folder for what it leaves.

    ``shapes`` are for dynamic inputs. ``calibrator`` calibrates INT8 on the weak road up to TensorRT 10, and
    ``calibration_cache`` is the table it reads or writes (``calibration.cache`` in the folder unless given). ``feed``
    is an .npz with an array for each input, seeded random numbers unless given. ``graph`` replays the timed inferences
    from a CUDA graph. The profile run is left out with ``layer_times=False``. ``prefix`` goes before the names of the
    files that the measurement writes. ``timeout_s`` is for the build and for the measurement each.
    """

    name: str
    onnx: Path
    folder: Path
    precision: str
    typing: Typing = "strong"
    tf32: bool = False
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    calibrator: CalibratorName | None = None
    calibration_cache: Path | None = None
    workspace_bytes: int | None = None
    optimization_level: int | None = None
    timing_cache: Path | None = None
    device: int = 0
    feed: Path | None = None
    graph: bool = True
    layer_times: bool = True
    warm_up_s: float = 0.2
    max_warm_up_s: float = 10.0
    duration_s: float = 3.0
    iterations: int = 10
    prefix: str = ""
    timeout_s: float = 1800.0

    def written(self, name: str) -> Path:
        """Return where the measurement writes the file of this name."""
        return self.folder / f"{self.prefix}{name}"

    def to_json(self) -> str:
        """Return the request as JSON, paths as text."""
        return json.dumps(
            {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}
        )

    @classmethod
    def from_json(cls, text: str) -> TensorrtRequest:
        """Return the request that :meth:`to_json` wrote."""
        values: Mapping[str, Any] = json.loads(text)
        plain = dict(values)
        for name in ("onnx", "folder", "calibration_cache", "timing_cache", "feed"):
            plain[name] = None if plain[name] is None else Path(plain[name])
        plain["shapes"] = tuple((name, tuple(extents)) for name, extents in plain["shapes"])
        return cls(**plain)
