"""Each way a file can be no usable model has its own error line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.graph.test_prepare import model_of
from trtprof.errors import BuildError, InputError
from trtprof.graph.onnx_file import load_onnx, save_onnx


def small() -> onnx.ModelProto:
    return model_of(
        [onnx.helper.make_node("Add", ["x", "w"], ["y"], name="add")],
        [("x", [64])],
        [("y", [64])],
        [("w", np.arange(64, dtype="f"))],
    )


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        load_onnx(path)
    return caught.value


def test_files_that_are_no_model(tmp_path: Path) -> None:
    empty, text, folder = tmp_path / "empty.onnx", tmp_path / "text.onnx", tmp_path / "folder"
    empty.write_bytes(b"")
    text.write_text("this is no ONNX file")
    folder.mkdir()
    missing = refused(tmp_path / "none.onnx")
    assert (missing.message, missing.hint) == (
        f"{tmp_path / 'none.onnx'}: no such file", "give the path of an .onnx file"
    )  # fmt: skip
    assert refused(empty).message == f"{empty}: expected an ONNX model, found an empty file"
    assert refused(text).message == (
        f"{text}: expected an ONNX model, found 20 bytes that are none, or the file is cut off"
    )
    assert refused(folder).message == f"{folder}: expected an ONNX file, found a directory"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_cut_or_damaged_model_loads_or_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(small().SerializeToString())
    cut = data.draw(st.integers(0, len(content) - 1))
    for place in data.draw(st.lists(st.integers(0, max(cut - 1, 0)), max_size=4)):
        content[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "damaged.onnx"
    path.write_bytes(bytes(content[:cut]))
    try:
        assert load_onnx(path).graph.node
    except InputError as error:
        assert str(path) in error.message


def test_missing_external_data_names_tensor_and_file(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(small(), path, save_as_external_data=True, location="m.weights", size_threshold=0)
    assert load_onnx(path).graph.initializer[0].raw_data
    content = (tmp_path / "m.weights").read_bytes()
    (tmp_path / "m.weights").write_bytes(content[:-8])
    error = refused(path)
    assert error.message == f"{path}: expected 256 bytes in m.weights for 'w', found 248"
    (tmp_path / "m.weights").unlink()
    error = refused(path)
    assert error.message == f"{path}: expected the weights of 'w' in the file m.weights, which is missing"
    assert error.hint == "copy m.weights beside the model: ONNX stores large weights outside the .onnx file"


def test_external_data_outside_the_directory_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"0" * 256)
    folder = tmp_path / "model"
    folder.mkdir()
    model = small()
    onnx.save(model, folder / "m.onnx", save_as_external_data=True, location="m.weights", size_threshold=0)
    model = onnx.load(folder / "m.onnx", load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = "../secret"
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    assert "m.onnx" in refused(folder / "m.onnx").message


def test_a_model_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file" / "m.onnx"
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BuildError) as caught:
        save_onnx(small(), path)
    assert str(path) in caught.value.message
    save_onnx(small(), tmp_path / "m.onnx")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "m.onnx"]
