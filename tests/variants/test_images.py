from __future__ import annotations

import sys

import numpy as np
import pytest

from trtprof.errors import InputError, MissingDependency, UsageError
from trtprof.model import DType
from trtprof.variants.calibration import open_calibration
from trtprof.variants.images import PRESETS_HINT, parse_preprocess

Image = pytest.importorskip("PIL.Image")

RGB = (("x", (1, 3, 8, 8), DType.FP32),)
BLUE = (0, 51, 255)


def picture(path, size=(8, 8), colour=BLUE, mode="RGB"):
    Image.new(mode, size, colour).save(path)
    return path


def first(directory, preprocess, inputs=RGB):
    return next(open_calibration(str(directory), inputs, preprocess=preprocess).batches())["x"]


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp", "JPEG"])
def test_formats(tmp_path, suffix):
    picture(tmp_path / f"a.{suffix}", colour=(255, 255, 255))
    assert np.allclose(first(tmp_path, "unit"), 1, atol=0.02)


@pytest.mark.parametrize(
    ("preprocess", "expected"),
    [
        ("raw", [0, 51, 255]),
        ("unit", [0, 0.2, 1]),
        ("symmetric", [-1, -0.6, 1]),
        ("imagenet", [-0.485 / 0.229, (0.2 - 0.456) / 0.224, (1 - 0.406) / 0.225]),
        ("mean=0.5,0.2,0;std=0.5,1,2", [-1, 0, 0.5]),
        ("mean=0;std=1", [0, 0.2, 1]),
        ("unit;bgr", [1, 0.2, 0]),
        ("mean=0.5, 0.2, 0; std=0.5,1,2; BGR", [1, 0, 0]),
    ],
)
def test_values(tmp_path, preprocess, expected):
    picture(tmp_path / "a.png")
    value = first(tmp_path, preprocess)
    assert value.shape == (1, 3, 8, 8)
    assert value.dtype == np.float32
    assert np.allclose(value[0, :, 4, 4], expected, atol=1e-6)


def test_channels_last_grey_and_bytes(tmp_path):
    picture(tmp_path / "a.png")
    assert first(tmp_path, "unit;nhwc", (("x", (1, 8, 8, 3), DType.FP32),)).shape == (1, 8, 8, 3)
    grey = first(tmp_path, "raw", (("x", (1, 1, 8, 8), DType.UINT8),))
    assert grey.shape == (1, 1, 8, 8)
    assert grey.dtype == np.uint8


def test_imagenet_takes_the_centre_and_the_others_the_whole(tmp_path):
    wide = np.zeros((16, 48, 3), np.uint8)
    wide[:, 16:32] = 255
    Image.fromarray(wide).save(tmp_path / "a.png")
    centre = first(tmp_path, "imagenet")[0, 0]
    assert centre[:, 1:-1].min() > 2
    assert first(tmp_path, "unit")[0, 0, 4, 0] == 0


def test_order_batches_and_words(tmp_path):
    for index in range(5):
        picture(tmp_path / f"{index}.png", colour=(index, 0, 0))
    inputs = (("x", (2, 3, 8, 8), DType.FP32),)
    data = open_calibration(str(tmp_path), inputs, preprocess="raw")
    assert data.source == f"4 images of {tmp_path.name} (preprocess raw)"
    assert [b["x"][:, 0, 0, 0].tolist() for b in data.batches()] == [[0, 1], [2, 3]]
    assert [n.message for n in data.notices] == ["1 sample left out: 5 do not fill batches of 2"]


def test_images_in_class_directories(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        picture(tmp_path / name / "0.png")
    assert open_calibration(str(tmp_path), RGB, preprocess="unit").samples == 2


def error_of(kind, *args, **options):
    with pytest.raises(kind) as caught:
        open_calibration(*args, **options)
    return caught.value.message, caught.value.hint


def test_preprocess_is_never_guessed(tmp_path):
    picture(tmp_path / "a.png")
    assert error_of(UsageError, str(tmp_path), RGB) == (f"{tmp_path}: images need --preprocess", PRESETS_HINT)
    for preset in ("imagenet", "unit", "symmetric", "raw", "mean=", "bgr", "nhwc"):
        assert preset in PRESETS_HINT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vgg", "cannot read --preprocess 'vgg'"),
        ("", "cannot read --preprocess ''"),
        ("mean=0", "cannot read --preprocess 'mean=0'"),
        ("mean=a;std=1", "cannot read --preprocess 'mean=a;std=1': 'a' is no list of numbers"),
        ("mean=0,0;std=1", "cannot read --preprocess 'mean=0,0;std=1': give 1 or 3 numbers, not 2"),
        ("mean=123,117,104;std=1", "--preprocess 'mean=123,117,104;std=1': mean and std are for pixels from 0 to 1"),
        ("mean=0;std=0", "--preprocess 'mean=0;std=0': std must be positive"),
    ],
)
def test_bad_preprocess(text, message):
    with pytest.raises(UsageError) as caught:
        parse_preprocess(text)
    assert caught.value.message == message
    assert caught.value.hint


def test_broken_image(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    assert error_of(InputError, str(tmp_path), RGB, preprocess="unit") == (
        f"{tmp_path / 'a.png'}: expected an image, cannot be read: UnidentifiedImageError",
        "remove the file from the calibration directory, or save it as PNG or JPEG",
    )


def test_inputs_that_take_no_image(tmp_path):
    picture(tmp_path / "a.png")
    hint = "for a channels-last model add ;nhwc to --preprocess; for anything else calibrate with .npz or .npy files"
    assert error_of(InputError, str(tmp_path), (("x", (1, 8, 8, 3), DType.FP32),), preprocess="unit") == (
        "input 'x': images need an input of shape NxCxHxW with 1 or 3 channels, found 1x8x8x3",
        hint,
    )
    two = (*RGB, ("y", (1,), DType.FP32))
    assert error_of(InputError, str(tmp_path), two, preprocess="unit") == (
        f"{tmp_path}: images feed a model with one input, this one has 2",
        "calibrate with a .npz file that has one array per input",
    )


def test_without_pillow(tmp_path, monkeypatch):
    picture(tmp_path / "a.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    message, hint = error_of(MissingDependency, str(tmp_path), RGB, preprocess="unit")
    assert message == "reading calibration images needs the Python package 'PIL.Image', which is not installed"
    assert hint == "pip install 'trtprof[quant]'"


def test_synthetic_images_are_seeded_and_are_no_noise():
    from .support import ROOT, load_script

    make = load_script(ROOT / "fixtures/images/make_images.py").make_image
    first, again, other = (np.asarray(make(seed, 64), np.float32) for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()
    # Neighbours are alike, as they are not in noise.
    assert np.abs(np.diff(first, axis=1)).mean() < 0.5 * first.std()
