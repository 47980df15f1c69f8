"""Pictures cut into square patches, row by row: `(batch, tokens, numbers of a patch)` and back."""

from jaxtyping import Float
from torch import Tensor

from bench.errors import BenchError, NotApplicable
from bench.spec import DataSpec

LARGEST_DEFAULT = 4


def patched(x: Float[Tensor, "batch channels height width"], side: int) -> Float[Tensor, "batch tokens features"]:
    """Patches of `side` x `side` pixels; a patch's numbers stand channel by channel."""
    batch, channels, height, width = x.shape
    cells = x.reshape(batch, channels, height // side, side, width // side, side)
    return cells.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * side * side)


def unpatched(
    tokens: Float[Tensor, "batch tokens features"], side: int, image_shape: tuple[int, int, int]
) -> Float[Tensor, "batch channels height width"]:
    """The inverse of `patched`."""
    channels, height, width = image_shape
    cells = tokens.reshape(-1, height // side, width // side, channels, side, side)
    return cells.permute(0, 3, 1, 4, 2, 5).reshape(-1, *image_shape)


def settled_patch(data: DataSpec, patch: int | None, name: str, across: int) -> tuple[tuple[int, int, int], int]:
    """`(channels, height, width)` of pictures, and the side of their patches.

    Args:
        data: what an example is.
        patch: the side; null takes the largest of up to 4 pixels that leaves so many `across` each side, else 1.
        name: of the entry, in an error.
        across: patches that an unset side leaves across the shorter side of a picture at least.

    Raises:
        BenchError: for a side below 1.
        NotApplicable: for data that are no pictures in their own shape, or that a patch does not divide.
    """
    if patch is not None and patch < 1:
        raise BenchError(f"model.patch={patch} is not a side of pixels: give at least 1")
    if data.image_shape is None or data.event_shape != data.image_shape:
        raise NotApplicable(f"{name} models pictures, and these data are none")
    _, height, width = data.image_shape
    shorter = min(height, width)
    divisors = [side for side in range(1, shorter + 1) if height % side == 0 and width % side == 0]
    if patch is None:
        most = max(1, min(LARGEST_DEFAULT, shorter // across))
        return data.image_shape, max(side for side in divisors if side <= most)
    if patch not in divisors:
        nearest = min(divisors, key=lambda side: abs(side - patch))
        raise NotApplicable(f"{name}: model.patch={patch} does not divide {height}x{width} pixels: use {nearest}")
    return data.image_shape, patch
