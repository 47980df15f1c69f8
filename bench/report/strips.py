"""Test data and samples as small PNGs of one pixel a pixel: strips of a card, and whole mosaics."""

import io
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from PIL import Image

from bench.report.study import Array, Study

SHOWN = 8
"""Pictures side by side."""
SIDE = 96
"""Pixels of a side of a plane of points."""
DOT = 2
"""Pixels of a point's side."""
GROUND, INK, GAP = (21, 23, 26), (150, 205, 245), 110
"""Colours of a plane and of the line between pictures: they stand on a light page and on a dark one."""
BELOW = {2: ((0, 1), (0, 0)), 3: ((0, 1), (0, 0), (0, 0))}
"""Padding of a grey and of a coloured picture by a line below."""
SEEN = 44
"""Units of a page that a picture is at least wide."""


class Strip(NamedTuple):
    """One row of pictures, or one plane of points.

    Attributes:
        label: what is seen.
        png: its bytes.
        width, height: in its own pixels.
        piece: own pixels from one picture to the next, after which a strip may be cut; 0 for a plane.
        scale: units of a page that one of its pixels takes at least; 0 for a plane, which may have any size.
    """

    label: str
    png: bytes
    width: int
    height: int
    piece: int
    scale: int


def strips(study: Study, data: str, model: str) -> list[Strip]:
    """Test data and samples of a model; nothing where the study has no pictures of both."""
    real, fake = (study.pictures.get(key) for key in (f"real/{data}", f"samples/{data}/{model}"))
    if real is None or fake is None:
        return []
    named = {"test data": real, f"samples of {model}": fake}
    if real.ndim > 2 and real.shape[1:] == fake.shape[1:]:
        return [row(label, array[:SHOWN]) for label, array in named.items()]
    if real.ndim == fake.ndim == 2:
        extent = study.pictures.get(f"extent/{data}")
        box = around(real) if extent is None else extent.astype(float)
        return [plane(label, array.astype(float), box) for label, array in named.items()]
    return []


def mosaics(study: Study, data: str, models: Iterable[str]) -> list[Strip]:
    """Test data and samples of each model in full, one pixel a pixel; nothing for what is no image."""
    named = {"test data": study.pictures.get(f"real/{data}")}
    named |= {model: study.pictures.get(f"samples/{data}/{model}") for model in models}
    images = {name: array for name, array in named.items() if array is not None and array.ndim > 2}
    return [mosaic(name, array) for name, array in images.items()]


def mosaic(label: str, pictures: Array) -> Strip:
    """All pictures in rows of `SHOWN`, the last of which is whole."""
    rows = max(1, len(pictures) // SHOWN)
    lines = [side_by_side(pictures[SHOWN * n : SHOWN * (n + 1)]) for n in range(rows)]
    return of_pixels(label, np.concatenate([np.pad(line, BELOW[line.ndim], constant_values=GAP) for line in lines]))


def row(label: str, pictures: Array) -> Strip:
    """A strip of pictures `(n, height, width)` or `(n, height, width, 3)`."""
    return of_pixels(label, side_by_side(pictures), pictures.shape[2] + 1)


def side_by_side(pictures: Array) -> Array:
    """The pictures as one, a grey line behind each."""
    channels = [(0, 0)] * (pictures.ndim - 3)
    padded = np.pad(pictures, [(0, 0), (0, 0), (0, 1), *channels], constant_values=GAP)
    return np.concatenate(list(padded), axis=1)


def of_pixels(label: str, picture: Array, piece: int = 1) -> Strip:
    """A picture as a strip of pieces of that width."""
    height, width = picture.shape[:2]
    return Strip(label, encoded(picture), width, height, piece, max(1, -(-SEEN // piece)) if piece > 1 else 1)


def plane(label: str, points: Array, extent: Array) -> Strip:
    """Points `(n, 2)` of a part of the plane, `extent` = x and y from the lowest to the highest."""
    low, high = extent[[0, 2]], extent[[1, 3]]
    places = np.floor((points - low) / np.maximum(high - low, 1e-12) * (SIDE - DOT))
    places = places[((places >= 0) & (places <= SIDE - DOT)).all(1)].astype(int)
    picture = np.full((SIDE, SIDE, 3), GROUND, np.uint8)
    for x in range(DOT):
        for y in range(DOT):
            picture[SIDE - 1 - places[:, 1] - y, places[:, 0] + x] = INK
    return Strip(label, encoded(picture), SIDE, SIDE, 0, 0)


def around(points: Array) -> Array:
    """The range of points with a margin, as an extent."""
    low, high = points.astype(float).min(0), points.astype(float).max(0)
    margin = 0.1 * (high - low)
    return np.stack([low - margin, high + margin], 1).ravel()


def encoded(picture: Array) -> bytes:
    """PNG of grey or coloured pixels in as few colours as it has; equal pixels give equal bytes."""
    image = Image.fromarray(picture)
    colours = image.getcolors(256) if image.mode == "RGB" else None
    buffer = io.BytesIO()
    (image.quantize(len(colours)) if colours else image).save(buffer, "png", optimize=True)
    return buffer.getvalue()
