"""Every reader of the project that takes bytes from outside: what reads, what it is fed at first, what changes that.

A reader may return or raise an error of :mod:`trtprof.errors`; anything else is a finding.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.fuzz import seeds
from tests.fuzz.binary_mutations import onnx_fields, sqlite_rows, tar_members, zip_members
from tests.fuzz.mutations import Mutation, any_bytes, json_values, lines

TEXT: Final = (any_bytes, lines)
JSON: Final = (json_values, any_bytes)


@dataclass(frozen=True)
class Reader:
    """One reader. ``slow`` ones get fewer inputs in the short run, since each takes milliseconds."""

    read: Callable[[Path], object]
    seeds: Callable[[], list[bytes]]
    mutations: tuple[Mutation, ...]
    suffix: str = ""
    slow: bool = False


def _layer_info(path: Path) -> object:
    from trtprof.parsers.engine_inspector import read_engine_info

    return read_engine_info(path)


def _profile(path: Path) -> object:
    from trtprof.parsers.trtexec_profile import read_profile

    return read_profile(path)


def _layer_latency(path: Path) -> object:
    from trtprof.parsers.trtexec_profile import read_layer_latency

    return read_layer_latency(path)


def _times(path: Path) -> object:
    from trtprof.parsers.trtexec_times import read_times

    return read_times(path)


def _trex_metadata(path: Path) -> object:
    from trtprof.parsers.trex_metadata import read_trex_metadata

    return read_trex_metadata(path)


def _tactic_replay(path: Path) -> object:
    from trtprof.parsers.polygraphy_replay import read_tactic_replay

    return read_tactic_replay(path)


def _trt_log(path: Path) -> object:
    from trtprof.parsers.trt_log import read_build_log

    return read_build_log(path)


def _trtexec_log(path: Path) -> object:
    from trtprof.parsers.trtexec_log import read_trtexec_log

    return read_trtexec_log(path)


def _engine_log(path: Path) -> object:
    from trtprof.parsers.engine_log import read_engine_log

    return read_engine_log(path)


def _layer_text(path: Path) -> object:
    from trtprof.parsers.layer_text import read_engine_text

    return read_engine_text(path.read_text(encoding="utf-8", errors="replace"), path=str(path))


def _calibration_cache(path: Path) -> object:
    from trtprof.parsers.calibration_cache import read_calibration_cache

    return read_calibration_cache(path)


def _calibration_table(path: Path) -> object:
    from trtprof.variants.table import load_table

    return load_table(path).magnitudes()


def _timing_cache(path: Path) -> object:
    from trtprof.parsers.timing_cache import read_timing_cache

    return read_timing_cache(path)


def _engine_plan(path: Path) -> object:
    from trtprof.parsers.engine_plan import read_engine_plan

    return read_engine_plan(path)


def _tegrastats(path: Path) -> object:
    from trtprof.jetson.power import board_samples, energy_of, memory_pressure, throttles_in
    from trtprof.parsers.tegrastats import read_tegrastats

    log = read_tegrastats(path)
    assert all(isinstance(str(field), str) for item in log.samples for field in item.sample.fields)
    timed, always = [item for item in log.samples if item.uptime_s is not None], (0.0, 1e6)
    throttles = throttles_in(board_samples(timed, 0.0), always)
    return energy_of(timed, always, 10, None), memory_pressure(timed, always), throttles


def _ncu_csv(path: Path) -> object:
    from trtprof.pipeline.verification import verify

    return verify(path, {})


def _nsys_stats(path: Path) -> object:
    from trtprof.parsers.nsys_stats_csv import read_nsys_stats

    return read_nsys_stats(path)


def _kernels(path: Path) -> object:
    """Everything that ``trtprof kernels`` may be given, up to its JSON."""
    from trtprof.cli.kernels import report_json
    from trtprof.pipeline.kernel_report import read_kernels

    return json.dumps(report_json(read_kernels(path)), allow_nan=False)


def _any_file(path: Path) -> object:
    from trtprof.parsers.registry import read_any

    return read_any(path)


def _inspect(path: Path) -> object:
    """Any file, through the analysis up to the JSON of ``trtprof inspect``."""
    from trtprof.comparison_json import engine_json
    from trtprof.pipeline.measured import inspect

    return [json.dumps(engine_json(built), allow_nan=False) for built in inspect([path])]


def _kernel_names(path: Path) -> object:
    from trtprof.kernels import classify, explain

    names = path.read_text(encoding="utf-8", errors="replace").splitlines()[:50]
    for name in names:
        assert "".join(token.text for token in explain(name)) == name
    return [classify(name) for name in names]


def _sensitivity(path: Path) -> object:
    from trtprof.sensitivity_json import read_sensitivity, sensitivity_json

    return json.dumps(sensitivity_json(read_sensitivity(path)), allow_nan=False)


def _settings(path: Path) -> object:
    from trtprof.pipeline.settings import read_settings

    return read_settings(path)


def _learned_rules(path: Path) -> object:
    from trtprof.pipeline.verification import load_rules

    return load_rules(path)


def _manifest(path: Path) -> object:
    from trtprof.backends.capture import MANIFEST, read_manifest

    place = path.with_name(MANIFEST)
    path.replace(place)
    return read_manifest(place.parent)


def _store(path: Path) -> object:
    from trtprof.store.history import read_history
    from trtprof.store.runs import list_runs

    runs = list_runs(path)
    return read_history(path, [run.id for run in runs]) if runs else ()


def _archive(path: Path) -> object:
    """An archive from a board, with what is read of it later: the capture, the samples and the recorded machine."""
    import shutil

    from trtprof.jetson.board_capture import import_capture, read_board_capture
    from trtprof.jetson.state import board_state

    out = path.with_name("unpacked")
    try:
        folder, _ = import_capture(path, out, path.parent)
        assert all(item.resolve().is_relative_to(out.resolve()) for item in folder.rglob("*"))
        capture = read_board_capture(folder)
        return board_state(capture)
    finally:
        shutil.rmtree(out, ignore_errors=True)


def _onnx(path: Path) -> object:
    """A model, through the rules and the structure; what TensorRT and onnxruntime make of it is theirs."""
    from trtprof.backends.trtexec_flags import Version
    from trtprof.graph.structure import read_graph
    from trtprof.pipeline.lint import lint_model
    from trtprof.pipeline.model_facts import model_facts

    read_graph(path)
    return lint_model(path, parser=False, dla=Version(8, 6, 1)), model_facts(path)


def _onnx_base(path: Path) -> object:
    """A model, made into the base of every variant."""
    from trtprof.graph.prepare import prepare

    return prepare(path, {}, path.with_name("base.onnx"))


def _onnx_repairs(path: Path) -> object:
    from trtprof.graph.onnx_file import load_onnx
    from trtprof.graph.prepare import name_nodes
    from trtprof.graph.repairs.registry import repair

    model = load_onnx(path)
    name_nodes(model)
    return repair(model, {})


def _arrays(path: Path) -> object:
    from trtprof.model import DType
    from trtprof.variants.arrays import fit_array, npz_file, one_array

    if path.read_bytes()[:2] == b"PK":
        sources, _ = npz_file(path, ["x"])
        return [fit_array(item, (1, 4), DType.FP32) for item in sources["x"]]
    return fit_array(one_array(path), (1, 4), DType.FP32)


def _image(path: Path) -> object:
    from trtprof.variants.images import load_image, parse_preprocess

    return load_image(path, (3, 8, 8), parse_preprocess("imagenet"))


def _texts(path: Path) -> object:
    """Words of the command line with a grammar of their own, a line each."""
    from trtprof.errors import TrtprofError
    from trtprof.graph.shapes import parse_shapes
    from trtprof.pipeline.settings import codes_of
    from trtprof.variants.images import parse_preprocess
    from trtprof.variants.spec import parse_variant

    grammars: tuple[Callable[[str], Any], ...] = (
        lambda text: parse_shapes([text]), parse_preprocess, parse_variant, lambda text: codes_of([text], "--select"),
    )  # fmt: skip
    answers = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines()[:20]:
        for grammar in grammars:
            try:
                answers.append(grammar(text))
            except TrtprofError as error:
                answers.append(error)
    return answers


_layers = seeds.fixtures("trtexec/*.layers.json", shared="*/*graph.json")
_logs = seeds.fixtures("trtexec/*.log", shared="cookbook/*.log")
_exports = seeds.fixtures("nsys/*.sqlite")
_models = seeds.models

READERS: Final[dict[str, Reader]] = {
    "engine_inspector": Reader(_layer_info, _layers, JSON),
    "trtexec_profile": Reader(_profile, seeds.fixtures("trtexec/*.profile.json", shared="*/*profile.json"), JSON),
    "layer_latency": Reader(_layer_latency, seeds.fixtures("trtexec/*latency.json"), JSON),
    "trtexec_times": Reader(_times, seeds.fixtures("trtexec/*.times.json"), JSON),
    "trex_metadata": Reader(_trex_metadata, seeds.fixtures("trtexec/*.metadata.json"), JSON),
    "polygraphy_replay": Reader(_tactic_replay, seeds.fixtures("trtexec/replay*.json"), JSON),
    "trt_log": Reader(_trt_log, _logs, TEXT),
    "trtexec_log": Reader(_trtexec_log, _logs, TEXT),
    "engine_log": Reader(_engine_log, _logs, TEXT),
    "layer_text": Reader(_layer_text, _logs, TEXT),
    "calibration_cache": Reader(_calibration_cache, seeds.fixtures("trtexec/*.cache"), TEXT),
    "calibration_table": Reader(_calibration_table, seeds.calibration_tables, (*JSON, lines)),
    "timing_cache": Reader(_timing_cache, seeds.headers, (any_bytes,)),
    "engine_plan": Reader(_engine_plan, seeds.headers, (any_bytes,)),
    "tegrastats": Reader(_tegrastats, seeds.tegrastats, TEXT),
    "ncu_csv": Reader(_ncu_csv, seeds.fixtures("nsys/*ncu*.csv"), TEXT, suffix=".csv"),
    "nsys_stats_csv": Reader(_nsys_stats, seeds.fixtures("nsys/*kern_sum.csv", shared="jetson_ncu/nsys*.csv"), TEXT),
    "nsys_sqlite": Reader(_kernels, _exports, (sqlite_rows,), suffix=".sqlite", slow=True),
    "kernels": Reader(_kernels, seeds.everything, (any_bytes, lines, json_values)),
    "registry": Reader(_any_file, seeds.everything, (any_bytes, lines, json_values)),
    "inspect": Reader(_inspect, seeds.everything, (any_bytes, lines, json_values)),
    "kernel_names": Reader(_kernel_names, seeds.kernel_names, TEXT),
    "sensitivity": Reader(_sensitivity, seeds.sensitivity, JSON),
    "settings": Reader(_settings, seeds.settings, TEXT, suffix=".toml"),
    "learned_rules": Reader(_learned_rules, seeds.learned_rules, JSON),
    "manifest": Reader(_manifest, seeds.manifest, JSON),
    "store": Reader(_store, seeds.store, (sqlite_rows,), suffix=".db", slow=True),
    "archive": Reader(_archive, seeds.archive, (tar_members,), suffix=".tgz", slow=True),
    "onnx": Reader(_onnx, _models, (onnx_fields,), suffix=".onnx", slow=True),
    "onnx_base": Reader(_onnx_base, _models, (onnx_fields,), suffix=".onnx", slow=True),
    "onnx_repairs": Reader(_onnx_repairs, _models, (onnx_fields,), suffix=".onnx", slow=True),
    "arrays": Reader(_arrays, seeds.arrays, (any_bytes, zip_members)),
    "images": Reader(_image, seeds.images, (any_bytes,)),
    "options": Reader(_texts, seeds.options, TEXT),
}
"""By the name that ``make fuzz PARSER=…`` takes."""
