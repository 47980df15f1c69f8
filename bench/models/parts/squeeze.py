"""Pictures cut into cells of 2 x 2 pixels, each pixel of it a channel of its own (Dinh et al. 2017, section 3.6)."""

from jaxtyping import Float
from torch import Tensor

from bench.errors import BenchError, NotApplicable
from bench.spec import DataSpec

ORDER = ((0, 0), (1, 1), (0, 1), (1, 0))
"""Row and column of a cell's pixels: those of one colour of a checkerboard, then those of the other."""


def squeezed(x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch 4*channels height//2 width//2"]:
    """Half the sides and four times the channels; the first half of them is one colour of a checkerboard."""
    batch, channels, height, width = x.shape
    cells = x.reshape(batch, channels, height // 2, 2, width // 2, 2).permute(0, 3, 5, 1, 2, 4)
    by_pixel = cells.flatten(1, 2)[:, [2 * row + column for row, column in ORDER]]
    return by_pixel.flatten(1, 2)


def unsqueezed(y: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels//4 2*height 2*width"]:
    """The inverse of `squeezed`."""
    batch, channels, height, width = y.shape
    places = [ORDER.index((row, column)) for row in (0, 1) for column in (0, 1)]
    by_pixel = y.reshape(batch, 4, channels // 4, height, width)[:, places]
    cells = by_pixel.reshape(batch, 2, 2, channels // 4, height, width).permute(0, 3, 4, 1, 5, 2)
    return cells.reshape(batch, channels // 4, 2 * height, 2 * width)


def sides_halved(data: DataSpec, levels: int, name: str, fix: str = "model.levels={}") -> tuple[int, int, int]:
    """`(channels, height, width)` of pictures whose sides can be halved so many times.

    Args:
        data: what an example is.
        levels: halvings.
        name: of the entry, in an error.
        fix: what sets another number of levels, with a place for it.

    Raises:
        BenchError: for no level.
        NotApplicable: for data that are no pictures in their own shape, or whose sides cannot be halved so often.
    """
    if levels < 1:
        raise BenchError(f"model.levels={levels}: give at least 1")
    if data.image_shape is None or data.event_shape != data.image_shape:
        raise NotApplicable(f"{name} models pictures, and these data are none")
    channels, height, width = data.image_shape
    possible = min(halvings(height), halvings(width))
    if levels > possible:
        instead = fix.format(possible) if possible else "even sides, as data.size= of data=images gives them"
        raise NotApplicable(
            f"{name} halves the sides of pictures {levels} times, and {height}x{width} go {possible} times: "
            f"use {instead}"
        )
    return channels, height, width


def halvings(side: int) -> int:
    """How often a whole number can be halved."""
    return (side & -side).bit_length() - 1
