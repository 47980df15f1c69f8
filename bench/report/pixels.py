"""Pictures of at most 256 colours as PNG: a third of the bytes that three channels take."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COLOURS = 256
EXACT = 128
"""Of more colours than a palette holds, so many of the most frequent stay as they are."""


def palette_png(rgb: NDArray[np.uint8], dpi: int) -> bytes:
    """The bytes of a PNG; equal pixels give equal bytes.

    Args:
        rgb: `(height, width, 3)`.
        dpi: pixels an inch, as the file says.
    """
    packed = (rgb.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)).ravel()
    starts = np.flatnonzero(np.diff(packed, prepend=~packed[:1]))  # of runs of one colour, a tenth of the pixels
    lengths = np.diff(starts, append=len(packed))
    found, codes = np.unique(packed[starts], return_inverse=True)
    colours = np.stack([found >> 16, found >> 8 & 255, found & 255], -1).astype(np.uint8)
    order = np.argsort(-np.bincount(codes, lengths), kind="stable")
    kept, rare = np.split(order, [COLOURS if len(order) <= COLOURS else EXACT])
    place = np.empty(len(colours), np.uint8)
    place[kept] = np.arange(len(kept))
    palette = [colours[kept]]
    if len(rare):
        # Median cut of the rare colours alone: of all pixels it takes most of the time of a figure.
        merged = Image.fromarray(colours[rare][None]).quantize(COLOURS - EXACT, dither=Image.Dither.NONE)
        place[rare] = EXACT + np.asarray(merged)[0]
        palette.append(np.array(merged.getpalette(), np.uint8).reshape(-1, 3))
    image = Image.fromarray(np.repeat(place[codes], lengths).reshape(rgb.shape[:2]), "P")
    image.putpalette(np.concatenate(palette).tobytes())
    content = io.BytesIO()
    image.save(content, format="PNG", dpi=(dpi, dpi))
    return content.getvalue()
