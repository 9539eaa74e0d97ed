"""Whatever a layer, a kernel or a file is called, on a terminal, in a spreadsheet or on disk it stays a name."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from typer.testing import Result

from trtprof.cli import safe_text

ESCAPES = "a\x1b[2J\x1b]0;owned\x07\x9b31m\u202edetrever\u2066\x7f\u200bz"
FORMULAS = ("=cmd()", "+1+1", "-2+3", "@SUM(A1)", "=1", "\t=1", "\r=1", "＝1")
SQL = "'); DROP TABLE run; --"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]")
Run = Callable[..., Result]
FORMATS = ("table", "json", "csv", "markdown")


def write_engine(folder: Path, names: list[str], precision: str = "Half") -> Path:
    """Layers and times of one engine, as trtexec writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    tensor = [{"Name": f"{names[0]} out", "Dimensions": [1, 8, 4, 4], "Format/Datatype": f"{precision}"}]
    layers = [
        {"Name": name, "LayerType": "CaskConvolution", "Inputs": tensor, "Outputs": tensor,
         "TacticName": f"sm80_xmma_{name}", "Metadata": f"[ONNX Layer: {name}]"}
        for name in names
    ]  # fmt: skip
    times = [{"count": 10}, *({"name": name, "timeMs": 10, "averageMs": 1, "percentage": 9} for name in names)]
    (folder / "layers.json").write_text(json.dumps({"Layers": layers, "Bindings": [names[0]]}))
    (folder / "profile.json").write_text(json.dumps(times))
    return folder


def write_model(path: Path, name: str) -> Path:
    """A convolution of this name with Q/DQ on one side, so that lint has something to say of it."""
    constants = [
        helper.make_tensor(item, TensorProto.FLOAT, dims, np.ones(dims, np.float32).ravel())
        for item, dims in (("w", [4, 4, 1, 1]), ("s", []))
    ]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s"], ["q"], "q"),
        helper.make_node("DequantizeLinear", ["q", "s"], ["d"], "d"),
        helper.make_node("Conv", ["d", "w"], ["y"], name),
    ]
    ports = [helper.make_tensor_value_info(item, TensorProto.FLOAT, [1, 4, 4, 4]) for item in ("x", "y")]
    graph = helper.make_graph(nodes, "net", ports[:1], ports[1:], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def commands(folder: Path, name: str) -> dict[str, list[object]]:
    """Every command that prints names out of files, on files that hold this one."""
    one = write_engine(folder / "one", [name, "b"])
    two = write_engine(folder / "two", [name, "c"], "Int8")
    (folder / "names.txt").write_text(f"sm80_xmma_gemm_{name}\n", encoding="utf-8")
    model = write_model(folder / "net.onnx", name)
    return {
        "inspect": ["inspect", one],
        "roofline": ["inspect", one, "--roofline"],
        "compare": ["compare", f"fp16={one}", f"int8={two}", "--out", folder / "out"],
        "diff": ["diff", one, two],
        "kernels": ["kernels", folder / "names.txt"],
        "kernels of an engine": ["kernels", one],
        "explain": ["explain", f"sm80_xmma_gemm_{name}"],
        "lint": ["lint", model, "--no-parser"],
        "fix": ["fix", model, "-o", folder / "fixed.onnx"],
    }


@pytest.mark.parametrize("output", FORMATS)
@pytest.mark.parametrize(
    "what", ["inspect", "roofline", "compare", "diff", "kernels", "kernels of an engine", "explain", "lint", "fix"]
)
def test_no_control_character_of_a_name_reaches_the_terminal(
    trtprof: Run, tmp_path: Path, what: str, output: str
) -> None:
    done = trtprof(*commands(tmp_path, ESCAPES)[what], "--format", output)
    assert done.exit_code in (0, 1, 3), done.output
    assert "Traceback" not in done.output
    assert not CONTROL.search(done.stdout), ascii(done.stdout)
    assert not CONTROL.search(done.stderr), ascii(done.stderr)
    if output == "json":
        json.loads(done.stdout)
    elif output != "markdown" and what in ("inspect", "compare", "kernels", "explain"):
        assert "\\x1b[2J" in done.stdout.replace("\n", "").replace(" ", "")


def test_json_has_the_name_as_it_is(trtprof: Run, tmp_path: Path) -> None:
    done = trtprof("inspect", write_engine(tmp_path / "one", [ESCAPES, "b"]), "--format", "json")
    assert json.loads(done.stdout)["engines"][0]["layers"][0]["name"] == ESCAPES


@pytest.mark.parametrize("output", ["table", "json"])
def test_an_error_line_spells_the_escapes_of_a_file_name(trtprof: Run, tmp_path: Path, output: str) -> None:
    path = tmp_path / "a\x1b[2J\u202eb.json"
    path.write_text("nothing that anybody knows")
    for command in (["inspect", path], ["kernels", path, "--by-range"], ["lint", path], ["diff", path, path]):
        done = trtprof(*command, "--format", output)
        assert not CONTROL.search(done.output), ascii(done.output)


def test_a_lone_surrogate_can_be_printed(trtprof: Run, tmp_path: Path) -> None:
    for output in FORMATS:
        done = trtprof("inspect", write_engine(tmp_path / "one", ["a\ud800", "b"]), "--format", output)
        assert done.exit_code == 0, done.output


def test_a_table_on_a_terminal_keeps_its_own_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.text import Text

    from trtprof.cli.console import NameConsole

    out = io.StringIO()
    console = NameConsole(file=out, force_terminal=True, color_system="standard", no_color=False, width=60)
    monkeypatch.delenv("NO_COLOR")
    console.print(Text("x\x1b[2Jy", style="bold red"))
    console.print("plain \x1b[1m [bold]text[/bold]")
    own = re.compile("\x1b\\[[0-9;]*m")
    assert own.sub("", out.getvalue()) == "x\\x1b[2Jy\nplain \\x1b[1m text\n"
    assert len(own.findall(out.getvalue())) >= 4


def cells(text: str) -> list[str]:
    return [cell for row in csv.reader(io.StringIO(text)) for cell in row]


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("what", ["inspect", "compare", "diff", "kernels of an engine", "lint"])
def test_no_cell_of_csv_is_a_formula(trtprof: Run, tmp_path: Path, what: str, name: str) -> None:
    done = trtprof(*commands(tmp_path, name)[what], "--format", "csv")
    found = cells(done.stdout)
    assert found, done.output
    number = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
    assert [cell for cell in found if cell[:1] in "=+-@\t\r＝" and cell and not number.fullmatch(cell)] == []
    assert any(name.strip() in cell for cell in found)


@pytest.mark.parametrize(
    ("value", "written"),
    [("-0.5", "-0.5"), ("+3.25", "+3.25"), ("-1e-3", "-1e-3"), ("-3.1%", "-3.1%"), ("-2 pp", "-2 pp"), (-0.5, -0.5),
     (None, None), ("", ""), ("conv1", "conv1"), ("=1", "'=1"), ("-", "'-"), ("+1+1", "'+1+1"), ("@a", "'@a"),
     ("-2+3", "'-2+3"), ("\tx", "'\tx"), ("\rx", "'\rx"), ("1-2", "1-2")],
)  # fmt: skip
def test_numbers_stay_numbers(value: object, written: object) -> None:
    assert safe_text.safe_cell(value) == written


def test_csv_is_written_in_one_place() -> None:
    folder = Path(safe_text.__file__).parent
    assert [path.name for path in folder.glob("*.py") if "csv.writer(" in path.read_text()] == ["safe_text.py"]
    assert not [path.name for path in folder.glob("*.py") if re.search(r"[ =]Console\(", path.read_text())]


@pytest.mark.parametrize(
    "name", ["../x", "a\0b", "n" * 300, "CON", "/etc/passwd", SQL, "..", "~root", "$(id)", "a/../b"]
)
def test_a_name_is_no_path_and_no_statement(trtprof: Run, tmp_path: Path, name: str) -> None:
    """Engines and layers of any name: files are written below the output directory, the store keeps its tables."""
    inside = tmp_path / "inside"
    one = write_engine(inside / "one", [name, "b"])
    two = write_engine(inside / "two", [name, "c"], "Int8")
    before = {path for path in tmp_path.rglob("*") if inside not in path.parents}
    out = inside / "out"
    named = name.replace("\0", "").replace("=", "")
    for _ in range(2):
        done = trtprof("compare", f"{named}={one}", f"int8={two}", "--out", out, "--db", out / "store.db")
        assert done.exit_code in (0, 2), done.output
    assert "Traceback" not in done.output
    assert {path for path in tmp_path.rglob("*") if inside not in path.parents} == before
    assert all(len(path.name) < 256 for path in out.rglob("*"))
    if done.exit_code == 0:
        listed = trtprof("runs", "--db", out / "store.db", "--format", "json")
        assert len(json.loads(listed.stdout)["runs"]) == 1
        assert named in json.dumps(json.loads(listed.stdout)["runs"][0]["engines"], ensure_ascii=False)
