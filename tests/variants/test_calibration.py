from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trtprof.errors import InputError, UsageError
from trtprof.model import DType, Notice
from trtprof.variants import calibration
from trtprof.variants.calibration import open_calibration

IMAGE = (("x", (1, 3, 4, 5), DType.FP32),)
TOKENS = (("input_ids", (2, 6), DType.INT64), ("attention_mask", (2, 6), DType.INT64))
SAVE = "write it with numpy.savez(FILE, NAME=array, …) or numpy.save(FILE, array)"


def rng():
    return np.random.default_rng(0)


def images(count):
    return rng().standard_normal((count, 3, 4, 5)).astype(np.float32)


def error_of(kind, *args, **options):
    with pytest.raises(kind) as caught:
        open_calibration(*args, **options)
    return caught.value.message, caught.value.hint


class TestRandom:
    def test_default_is_eight_batches(self):
        data = open_calibration(None, IMAGE)
        assert (data.source, data.synthetic, data.count, data.samples, data.notices) == (
            "8 batches of seeded random numbers (seed 0)", True, 8, 8, (),
        )  # fmt: skip
        batches = list(data.batches())
        assert len(batches) == 8
        assert batches[0]["x"].shape == (1, 3, 4, 5)
        assert batches[0]["x"].dtype == np.float32
        assert abs(np.mean([b["x"] for b in batches])) < 0.2
        assert open_calibration("random:8", IMAGE).digest == data.digest

    def test_same_on_every_pass_and_every_run(self):
        data = open_calibration("random:3", IMAGE, seed=7)
        first, second = list(data.batches()), list(data.batches())
        assert all(np.array_equal(a["x"], b["x"]) for a, b in zip(first, second, strict=True))
        assert data.digest == open_calibration("random:3", IMAGE, seed=7).digest
        assert data.digest != open_calibration("random:3", IMAGE, seed=8).digest

    def test_integers_are_valid_indices_and_masks_are_ones(self):
        data = open_calibration("random:4", TOKENS)
        assert data.samples == 8
        for batch in data.batches():
            assert batch["input_ids"].dtype == np.int64
            assert set(np.unique(batch["input_ids"])) <= {0, 1}
            assert (batch["attention_mask"] == 1).all()

    @pytest.mark.parametrize("dtype", [DType.FP16, DType.BOOL, DType.INT32, DType.UINT8, None])
    def test_types(self, dtype):
        (batch,) = open_calibration("random:1", (("x", (2, 2), dtype),)).batches()
        assert batch["x"].dtype == np.dtype({None: "float32", DType.FP16: "float16"}.get(dtype, dtype and dtype.value))

    @pytest.mark.parametrize("text", ["random:", "random:0", "random:-1", "random:x", "random:1.5", "random"])
    def test_bad_count(self, text):
        assert error_of(UsageError, text, IMAGE) == (
            f"cannot read --calib '{text}'",
            "random:N needs a number of batches from 1, like random:8",
        )


class TestNpz:
    def write(self, path, **named):
        np.savez(path, **named)
        return str(path)

    def test_named_with_sample_axis(self, tmp_path):
        values = images(5)
        data = open_calibration(self.write(tmp_path / "c.npz", x=values), IMAGE)
        assert (data.source, data.synthetic, data.count, data.samples) == ("5 samples of c.npz", False, 5, 5)
        assert np.array_equal(np.concatenate([b["x"] for b in data.batches()]), values)

    @pytest.mark.parametrize("shape", [(1, 3, 4, 5), (3, 4, 5), (1, 1, 3, 4, 5)])
    def test_single_sample_in_any_rank_and_under_any_name(self, tmp_path, shape):
        values = images(1).reshape(shape)
        data = open_calibration(self.write(tmp_path / "c.npz", whatever=values), IMAGE)
        assert data.count == 1
        assert next(data.batches())["x"].shape == (1, 3, 4, 5)

    def test_two_inputs_in_batches_with_a_rest(self, tmp_path):
        ids = np.arange(30).reshape(5, 6)
        path = self.write(tmp_path / "c.npz", input_ids=ids, attention_mask=np.ones((5, 6), np.int32), more=[1])
        data = open_calibration(path, TOKENS)
        assert (data.count, data.samples) == (2, 4)
        assert np.array_equal(np.concatenate([b["input_ids"] for b in data.batches()]), ids[:4])
        assert data.notices == (
            Notice("calibration-array-ignored", "no input takes more", path),
            Notice("calibration-incomplete-batch", "1 sample left out: 5 do not fill batches of 2", path),
        )

    def test_scalar_input_serves_every_batch(self, tmp_path):
        path = self.write(tmp_path / "c.npz", x=images(3), level=np.float32(0.5))
        data = open_calibration(path, (*IMAGE, ("level", (), DType.FP32)))
        assert [float(b["level"]) for b in data.batches()] == [0.5] * 3

    def test_float64_and_small_integers_convert(self, tmp_path):
        path = self.write(tmp_path / "c.npz", x=images(1).astype(np.float64))
        assert next(open_calibration(path, IMAGE).batches())["x"].dtype == np.float32
        path = self.write(tmp_path / "d.npz", m=np.array([[0, 1, 1]], np.uint8))
        assert next(open_calibration(path, (("m", (1, 3), DType.BOOL),)).batches())["m"].dtype == np.bool_

    def test_shape(self, tmp_path):
        path = self.write(tmp_path / "c.npz", x=np.zeros((2, 3, 5, 5), np.float32))
        assert error_of(InputError, path, IMAGE) == (
            f"{path}: array 'x': expected samples of shape 1x3x4x5, found 2x3x5x5",
            "give an array of shape samplesx3x4x5",
        )

    def test_type(self, tmp_path):
        path = self.write(tmp_path / "c.npz", x=np.zeros((2, 3, 4, 5), np.uint8))
        assert error_of(InputError, path, IMAGE) == (
            f"{path}: array 'x': expected float32, found uint8",
            "convert it yourself, so that the scaling is yours: array.astype('float32')",
        )
        path = self.write(tmp_path / "d.npz", x=np.full((1, 3), 300))
        assert error_of(InputError, path, (("x", (1, 3), DType.INT8),)) == (
            f"{path}: array 'x': expected int8, found int64",
            "convert it yourself, so that the scaling is yours: array.astype('int8')",
        )

    def test_text_is_no_number(self, tmp_path):
        path = self.write(tmp_path / "c.npz", x=np.full((1, 3), "a"))
        assert error_of(InputError, path, (("x", (1, 3), None),)) == (
            f"{path}: array 'x': expected numbers, found <U1",
            "convert it yourself, so that the scaling is yours: array.astype('float32')",
        )

    def test_nan(self, tmp_path):
        values = images(2)
        values[1, 0, 0, :2] = np.nan, np.inf
        path = self.write(tmp_path / "c.npz", x=values)
        assert error_of(InputError, path, IMAGE) == (
            f"{path}: array 'x': expected finite numbers, found 2 of NaN or infinity",
            "leave those samples out",
        )

    def test_empty_array(self, tmp_path):
        path = self.write(tmp_path / "c.npz", x=np.zeros((0, 3, 4, 5), np.float32))
        assert error_of(InputError, path, IMAGE) == (
            f"{path}: array 'x': expected at least one sample, found shape 0x3x4x5",
            SAVE,
        )

    def test_empty_file(self, tmp_path):
        path = self.write(tmp_path / "c.npz")
        assert error_of(InputError, path, IMAGE) == (f"{path}: expected arrays, found an empty .npz file", SAVE)

    def test_names(self, tmp_path):
        path = self.write(tmp_path / "c.npz", ids=np.zeros((2, 6), int), attention_mask=np.zeros((2, 6), int))
        assert error_of(InputError, path, TOKENS) == (
            f"{path}: expected an array named 'input_ids', found ids, attention_mask",
            "name the arrays as the model's inputs: input_ids, attention_mask",
        )

    def test_unequal_counts(self, tmp_path):
        path = self.write(tmp_path / "c.npz", input_ids=np.zeros((4, 6), int), attention_mask=np.zeros((2, 6), int))
        assert error_of(InputError, path, TOKENS) == (
            f"{path}: expected as many samples for each input, found 'input_ids' 4, 'attention_mask' 2",
            "give every input each sample",
        )

    def test_less_than_a_batch(self, tmp_path):
        path = self.write(tmp_path / "c.npz", input_ids=np.zeros((1, 6), int), attention_mask=np.zeros((1, 6), int))
        assert error_of(InputError, path, TOKENS) == (
            f"{path}: input 'input_ids': expected at least 2 samples for one batch, found 1",
            "add samples, or build the model with a smaller batch: --shapes NAME:DIMS",
        )

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no archive at all"])
    def test_unreadable(self, tmp_path, content):
        path = tmp_path / "c.npz"
        path.write_bytes(content)
        assert error_of(InputError, str(path), IMAGE) == (f"{path}: expected a .npz file, cannot be read as one", SAVE)

    def test_npy_content(self, tmp_path):
        np.save(tmp_path / "c.npy", images(1))
        path = (tmp_path / "c.npy").rename(tmp_path / "c.npz")
        assert error_of(InputError, str(path), IMAGE) == (f"{path}: expected a .npz file, cannot be read as one", SAVE)

    def test_member_cut_off(self, tmp_path):
        path = tmp_path / "c.npz"
        np.savez_compressed(path, x=images(4))
        content = bytearray(path.read_bytes())
        content[200:400] = bytes(200)
        path.write_bytes(content)
        message, hint = error_of(InputError, str(path), IMAGE)
        assert (message, hint) == (f"{path}: array 'x': expected an array, cannot be read as one", SAVE)

    def test_pickled_objects_are_refused(self, tmp_path):
        path = self.write(tmp_path / "c.npz", x=np.array([{}], dtype=object))
        assert error_of(InputError, path, IMAGE)[0] == f"{path}: array 'x': expected an array, cannot be read as one"

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        arrays(
            st.sampled_from([np.float32, np.float16]),
            st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3)),
            elements=st.floats(-100, 100, width=16),
        )
    )
    def test_round_trip(self, tmp_path, values):
        np.savez(tmp_path / "c.npz", x=values)
        data = open_calibration(str(tmp_path / "c.npz"), (("x", (1, *values.shape[1:]), DType.FP32),))
        fed = np.concatenate([batch["x"] for batch in data.batches()])
        assert fed.dtype == np.float32
        assert np.array_equal(fed, values.astype(np.float32))
        assert data.samples == len(values)


class TestNpy:
    def test_directory_of_samples_and_batches(self, tmp_path):
        values = images(4)
        np.save(tmp_path / "a.npy", values[0])
        np.save(tmp_path / "b.npy", values[1:3])
        np.save(tmp_path / "c.npy", values[3:])
        data = open_calibration(str(tmp_path), IMAGE)
        assert data.source == f"4 samples of {tmp_path.name}"
        assert np.array_equal(np.concatenate([b["x"] for b in data.batches()]), values)

    def test_one_file(self, tmp_path):
        np.save(tmp_path / "a.npy", images(2))
        assert open_calibration(str(tmp_path / "a.npy"), IMAGE).count == 2

    @pytest.mark.parametrize("layout", ["{name}/{sample}.npy", "{sample}.{name}.npy"])
    def test_several_inputs(self, tmp_path, layout):
        for name in ("input_ids", "attention_mask"):
            for sample in range(2):
                path = tmp_path / layout.format(name=name, sample=sample)
                path.parent.mkdir(exist_ok=True)
                np.save(path, np.full((1, 6), sample))
        (batch,) = open_calibration(str(tmp_path), TOKENS).batches()
        assert batch["input_ids"].tolist() == [[0] * 6, [1] * 6]

    def test_names_a_file_cannot_have(self, tmp_path):
        np.save(tmp_path / "0.gpu_0_data:0.npy".replace(":", "_"), images(1))
        np.save(tmp_path / "0.b.npy", images(1))
        inputs = (("gpu_0/data:0", (1, 3, 4, 5), DType.FP32), ("b", (1, 3, 4, 5), DType.FP32))
        assert open_calibration(str(tmp_path), inputs).count == 1

    def test_empty_directory(self, tmp_path):
        assert error_of(InputError, str(tmp_path), IMAGE) == (
            f"{tmp_path}: expected .npy files or images for input 'x', found none",
            "a directory of .npy files, each a sample or a batch, or a directory of images with --preprocess",
        )

    def test_missing_input(self, tmp_path):
        np.save(tmp_path / "0.input_ids.npy", np.zeros((2, 6), int))
        assert error_of(InputError, str(tmp_path), TOKENS) == (
            f"{tmp_path}: expected attention_mask/*.npy or *.attention_mask.npy for input 'attention_mask', found none",
            "one directory per input, or files named SAMPLE.INPUT.npy; inputs: input_ids, attention_mask",
        )

    def test_unreadable(self, tmp_path):
        (tmp_path / "a.npy").write_bytes(b"\x93NUMPY")
        assert error_of(InputError, str(tmp_path), IMAGE) == (
            f"{tmp_path / 'a.npy'}: expected a .npy file, cannot be read as one",
            SAVE,
        )

    def test_scalar_with_many_values(self, tmp_path):
        np.save(tmp_path / "a.npy", np.zeros(2, np.float32))
        assert error_of(InputError, str(tmp_path), (("s", (), DType.FP32),)) == (
            f"{tmp_path / 'a.npy'}: expected one value for a scalar input, found shape 2",
            SAVE,
        )


SOURCES = (
    "--calib takes random:N, a .npz file with one array per input, a directory of .npy files or a directory of images"
)


def test_missing_path(tmp_path):
    path = tmp_path / "none"
    assert error_of(InputError, str(path), IMAGE) == (f"{path}: no such file or directory", SOURCES)


def test_other_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("x")
    assert error_of(InputError, str(path), IMAGE) == (
        f"{path}: expected calibration data, found a '.txt' file",
        SOURCES,
    )


def test_large_data_is_read_again_and_not_kept(tmp_path, monkeypatch):
    np.savez(tmp_path / "c.npz", x=images(4))
    small = open_calibration(str(tmp_path / "c.npz"), IMAGE)
    monkeypatch.setattr(calibration, "_MEMORY_BUDGET_BYTES", 100)
    large = open_calibration(str(tmp_path / "c.npz"), IMAGE)
    assert large.digest == small.digest
    assert len(list(large.batches())) == len(list(small.batches())) == 4
    (tmp_path / "c.npz").unlink()
    assert len(list(small.batches())) == 4
    with pytest.raises(InputError):
        list(large.batches())


def test_a_caller_cannot_change_the_data():
    data = open_calibration("random:1", IMAGE)
    next(data.batches()).clear()
    assert set(next(data.batches())) == {"x"}
