"""PNG and JPEG files decoded to eight-bit grey or RGB pixels, cropped and resized as asked; nothing else is guessed."""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from bench.errors import BenchError

MOST_PIXELS = 50_000_000
"""Of a picture; its header is asked before anything is decoded."""

MODES: dict[str, Literal["L", "RGB"]] = {"1": "L", "L": "L", "RGB": "RGB"}
"""Pillow's name of what a file holds -> grey or colour. All others are refused by name."""

REFUSED = {
    "P": "has a palette; save it as grey or RGB",
    "LA": "has an alpha channel; save it without, on the background that you mean",
    "RGBA": "has an alpha channel; save it without, on the background that you mean",
    "PA": "has a palette and an alpha channel; save it as grey or RGB",
    "I;16": "has 16 bits a pixel; save it with 8",
    "I": "has 16 or 32 bits a pixel; save it with 8",
    "F": "has floating-point pixels; save it with 8 bits",
    "CMYK": "is CMYK; save it as RGB",
    "YCbCr": "is YCbCr; save it as RGB",
}

PNG, DEPTH = b"\x89PNG\r\n\x1a\n", 24
"""First bytes of a PNG, and the place of the byte that says how many bits a sample has."""


ORIENTATION, UPRIGHT = 0x0112, 1
"""EXIF's tag of how a camera was held, and its value for upright."""


@dataclass(frozen=True)
class Form:
    """The form that pictures are brought to.

    Attributes:
        size: (height, width) after resizing; None leaves pictures as they are.
        crop: (height, width) that is cut from the centre before resizing, `square` for the largest square; None cuts
            nothing.
        channels: 1 for grey, 3 for colour; None takes what the files are.
    """

    size: tuple[int, int] | None = None
    crop: tuple[int, int] | Literal["square"] | None = None
    channels: Literal[1, 3] | None = None


def decoded(content: bytes, where: str, form: Form) -> UInt8[np.ndarray, "height width channels"]:
    """The pixels of a file; a photograph is turned as its EXIF says.

    Raises:
        BenchError: it is broken, animated, too large, or neither 8-bit grey nor 8-bit RGB; it begins with `where`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
                check(image, content, where)
                image.load()
                turned = image.getexif().get(ORIENTATION, UPRIGHT) != UPRIGHT
                upright = ImageOps.exif_transpose(image) if turned else image.copy()
    except Image.DecompressionBombError as error:
        raise BenchError(f"{where}: {error}; take it away, or make it smaller") from error
    except UnidentifiedImageError as error:
        raise BenchError(f"{where}: is no PNG or JPEG, or broken from its start; mend it, or take it away") from error
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, struct.error, zlib.error) as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise BenchError(f"{where}: is broken ({said}); mend it, or take it away") from error
    return formed(upright, where, form)


def check(image: Image.Image, content: bytes, where: str) -> None:
    """Refuses by its header what would not be decoded as it is.

    Raises:
        BenchError: it says what the picture is.
    """
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise BenchError(f"{where}: has {height}x{width} pixels, more than {MOST_PIXELS} in all; make it smaller")
    if getattr(image, "n_frames", 1) > 1:
        raise BenchError(f"{where}: is animated or holds several pictures; save the one that you mean")
    if content.startswith(PNG) and content[DEPTH] == 16:
        raise BenchError(f"{where}: {REFUSED['I;16']}")
    if image.mode not in MODES:
        raise BenchError(f"{where}: {REFUSED.get(image.mode, f'is of mode {image.mode}; save it as grey or RGB')}")
    if "transparency" in image.info:
        raise BenchError(f"{where}: {REFUSED['RGBA']}")


def formed(image: Image.Image, where: str, form: Form) -> UInt8[np.ndarray, "height width channels"]:
    """The picture in its form.

    Raises:
        BenchError: it is smaller than the crop, or resizing would stretch it.
    """
    mode = MODES[image.mode] if form.channels is None else ("L" if form.channels == 1 else "RGB")
    image = image if image.mode == mode else image.convert(mode)
    if form.crop is not None:
        image = cropped(image, where, form.crop)
    if form.size is not None and (image.height, image.width) != form.size:
        image = resized(image, where, form.size)
    pixels = np.asarray(image)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def cropped(image: Image.Image, where: str, crop: tuple[int, int] | Literal["square"]) -> Image.Image:
    """The centre of a picture.

    Raises:
        BenchError: the picture is smaller.
    """
    height, width = (min(image.size),) * 2 if crop == "square" else crop
    if height > image.height or width > image.width:
        raise BenchError(f"{where}: is {image.height}x{image.width}, smaller than data.crop=[{height},{width}]")
    top, left = (image.height - height) // 2, (image.width - width) // 2
    return image.crop((left, top, left + width, top + height))


def resized(image: Image.Image, where: str, size: tuple[int, int]) -> Image.Image:
    """A picture of another size, by the mean over areas where it shrinks (Pillow's box filter).

    Raises:
        BenchError: its sides are of another ratio, by more than rounding to whole pixels makes.
    """
    height, width = size
    if 2 * abs(image.height * width - image.width * height) > max(image.size):
        raise BenchError(
            f"{where}: is {image.height}x{image.width}, which data.size=[{height},{width}] would stretch; "
            "set data.crop=square or a crop of that ratio"
        )
    return image.resize((width, height), Image.Resampling.BOX)
