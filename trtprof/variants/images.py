"""Calibration images: decoded, resized and normalised as the model's own preprocessing does it.

Wrong preprocessing calibrates wrong ranges and costs accuracy silently, so nothing is assumed: the user names it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trtprof.dependencies import require
from trtprof.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np

IMAGE_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp"})
PRESETS_HINT: Final = (
    "name the model's own preprocessing: --preprocess imagenet (resize, centre crop, mean and std of ImageNet), "
    "unit (0..1), symmetric (-1..1), raw (0..255) or 'mean=r,g,b;std=r,g,b'; add ;bgr or ;nhwc where it applies"
)


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How an image becomes the model's input: ``(pixel * scale - mean) / std`` per channel, mean and std on 0..1."""

    name: str
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    scale: float = 1 / 255
    crop: bool = False
    bgr: bool = False
    nhwc: bool = False


_PRESETS: Final = {
    "imagenet": Preprocess("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), crop=True),
    "unit": Preprocess("unit"),
    "symmetric": Preprocess("symmetric", (0.5,), (0.5,)),
    "raw": Preprocess("raw", scale=1.0),
}


def parse_preprocess(text: str) -> Preprocess:
    """Return the preprocessing that ``text`` names: a preset or ``mean=…;std=…``, then ``bgr`` and ``nhwc``.

    Raises:
        UsageError: the text is neither, or a number in it is none.
    """
    words = [word.strip() for word in text.split(";") if word.strip()]
    flags = {word.lower() for word in words} & {"bgr", "nhwc"}
    rest = [word for word in words if word.lower() not in flags]
    if len(rest) == 1 and rest[0].lower() in _PRESETS:
        chosen = _PRESETS[rest[0].lower()]
    elif {word.partition("=")[0].strip().lower() for word in rest} == {"mean", "std"} and len(rest) == 2:
        values = {word.partition("=")[0].strip().lower(): _numbers(text, word.partition("=")[2]) for word in rest}
        chosen = Preprocess("explicit", values["mean"], values["std"])
        _check_scale(text, chosen)
    else:
        raise UsageError(f"cannot read --preprocess '{text}'", hint=PRESETS_HINT)
    return Preprocess(
        text, chosen.mean, chosen.std, chosen.scale, chosen.crop, bgr="bgr" in flags, nhwc="nhwc" in flags
    )


def _numbers(text: str, values: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(value) for value in values.split(","))
    except ValueError:
        raise UsageError(
            f"cannot read --preprocess '{text}': '{values}' is no list of numbers", hint=PRESETS_HINT
        ) from None
    if len(numbers) not in (1, 3):
        raise UsageError(
            f"cannot read --preprocess '{text}': give 1 or 3 numbers, not {len(numbers)}", hint=PRESETS_HINT
        )
    return numbers


def _check_scale(text: str, chosen: Preprocess) -> None:
    if any(abs(value) > 2 for value in (*chosen.mean, *chosen.std)):
        raise UsageError(
            f"--preprocess '{text}': mean and std are for pixels from 0 to 1",
            hint="divide values meant for 0..255 by 255",
        )
    if any(value <= 0 for value in chosen.std):
        raise UsageError(f"--preprocess '{text}': std must be positive", hint=PRESETS_HINT)


_MOST_PIXELS: Final = 50_000_000
"""Larger than any camera's; a file of 50 bytes may say that it has more, and decoding those would take seconds."""


def image_extents(name: str, shape: tuple[int, ...], how: Preprocess) -> tuple[int, int, int]:
    """Return channels, height and width of the image input ``name`` of this shape.

    Raises:
        InputError: the input takes no image in this layout.
    """
    if len(shape) == 4:
        channels, height, width = (shape[3], shape[1], shape[2]) if how.nhwc else shape[1:]
        if channels in (1, 3):
            return channels, height, width
    layout = "NxHxWxC" if how.nhwc else "NxCxHxW"
    raise InputError(
        f"images need an input of shape {layout} with 1 or 3 channels, found {'x'.join(map(str, shape)) or 'a scalar'}",
        where=f"input '{name}'",
        hint="for a channels-last model add ;nhwc to --preprocess; for anything else calibrate with .npz or .npy files",
    )


def load_image(path: Path, extents: tuple[int, int, int], how: Preprocess) -> np.ndarray[Any, Any]:
    """Return one image as float32, CxHxW or HxWxC as ``how`` says.

    Raises:
        InputError: the file is no image Pillow can read.
        MissingDependency: Pillow is not installed.
    """
    import numpy as np

    module = require("PIL.Image", extra="quant", purpose="reading calibration images")
    channels, height, width = extents
    try:
        with module.open(path) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise ValueError("too large")
            picture = _fit(image.convert("L" if channels == 1 else "RGB"), height, width, how.crop, module)
    except (OSError, ValueError, SyntaxError, MemoryError, module.DecompressionBombError) as error:
        raise InputError(
            f"expected an image, cannot be read: {type(error).__name__}",
            path=path,
            hint="remove the file from the calibration directory, or save it as PNG or JPEG",
        ) from error
    pixels = np.asarray(picture, dtype=np.float32).reshape(height, width, channels)
    if how.bgr:
        pixels = pixels[:, :, ::-1]
    mean = np.asarray(how.mean, np.float32)
    std = np.asarray(how.std, np.float32)
    if channels == 1:
        mean, std = mean.mean(keepdims=True), std.mean(keepdims=True)
    pixels = (pixels * np.float32(how.scale) - mean) / std
    return np.ascontiguousarray(pixels if how.nhwc else pixels.transpose(2, 0, 1), dtype=np.float32)


def _fit(image: Any, height: int, width: int, crop: bool, module: Any) -> Any:
    """Resize to the input; ``crop`` as torchvision evaluates ImageNet: short side to 256/224 of it, then the centre."""
    bilinear = module.Resampling.BILINEAR
    if not crop:
        return image.resize((width, height), bilinear)
    factor = max(height * 256 / 224 / image.height, width * 256 / 224 / image.width)
    resized = image.resize(
        (max(width, round(image.width * factor)), max(height, round(image.height * factor))), bilinear
    )
    left, top = (resized.width - width) // 2, (resized.height - height) // 2
    return resized.crop((left, top, left + width, top + height))
