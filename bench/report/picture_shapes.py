"""Shapes of the arrays that plots are drawn from: what is drawn is first held against them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.record.reading import Unreadable

Array = NDArray[Any]

MOST_PIXELS = 2**24
"""Pixels of all images of one array together."""
FARTHEST = 1e30
"""Largest size of a coordinate or a log-density; its square is still finite in single precision."""


def check_pictures(pictures: dict[str, Array]) -> None:
    """Refuses arrays that no plot could show.

    Args:
        pictures: as those of `bench.report.study.Study`.

    Raises:
        Unreadable: it names the kind of the array.
    """
    for key, array in pictures.items():
        kind = key.partition("/")[0]
        if kind not in FITS or not (array.size and FITS[kind](array)):
            raise Unreadable(f"{kind} {array.dtype}{list(array.shape)} cannot be drawn")


COLOURS = 3
"""Channels of a picture that is drawn in colour."""


def is_drawable(array: Array) -> bool:
    """True for finite numbers, none of them far away."""
    return array.dtype.kind == "f" and -FARTHEST < float(array.min()) <= float(array.max()) < FARTHEST


def is_images(array: Array, dimensions: int) -> bool:
    """True for images, grey or with three channels behind, of which a plot has room for so many."""
    axes = array.ndim - 1 if array.ndim > dimensions and array.shape[-1] == COLOURS else array.ndim
    return array.dtype == np.uint8 and axes == dimensions and array.size <= COLOURS * MOST_PIXELS


def is_points(array: Array) -> bool:
    """True for points of the plane."""
    return array.ndim == 2 and array.shape[1] == 2 and is_drawable(array)


def is_extent(array: Array) -> bool:
    """True for left, right, bottom and top of a part of the plane."""
    return array.shape == (4,) and is_drawable(array) and bool(array[0] < array[1] and array[2] < array[3])


def is_grid(array: Array) -> bool:
    """True for a log-density on a grid."""
    return array.ndim == 2 and array.size <= MOST_PIXELS and is_drawable(array)


FITS: dict[str, Callable[[Array], bool]] = {
    "samples": lambda array: is_images(array, 3) or is_points(array),
    "real": lambda array: is_images(array, 3) or is_points(array),
    "reconstructed": lambda array: is_images(array, 3),
    "reconstructed-noisy": lambda array: is_images(array, 3),
    "means": lambda array: is_images(array, 3),
    "draws": lambda array: is_images(array, 3),
    "by-class": lambda array: is_images(array, 4),
    "density": is_grid,
    "truth": is_grid,
    "extent": is_extent,
}
"""Kind of an array, the first word of its key -> whether it can be drawn."""
