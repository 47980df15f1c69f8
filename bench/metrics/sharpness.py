"""Sharpness of images: the variance of their Laplacian, which blur takes away (Pech-Pacheco et al. 2000)."""

import torch
from jaxtyping import Float
from torch import Tensor

from bench.errors import BenchError

SMALLEST_IMAGE = 3
"""Pixels a side below which no pixel has four neighbours."""


def laplacian_variance(images: Float[Tensor, "n *event"], image_shape: tuple[int, ...]) -> float:
    """Mean over images of the variance over pixels of the four-neighbour Laplacian.

    The Laplacian is taken where all four neighbours exist; channels count as images of their own.

    Args:
        images: pixels as fractions in [0, 1].
        image_shape: `(height, width)` or `(channels, height, width)` of one image.

    Returns:
        The mean variance, in squared fractions; larger is sharper (or noisier).

    Raises:
        BenchError: an image is smaller than 3 x 3.
    """
    height, width = image_shape[-2:]
    if min(height, width) < SMALLEST_IMAGE:
        raise BenchError(f"sharpness needs images of at least 3 x 3 pixels, not {height} x {width}")
    planes = images.reshape(-1, height, width).double()
    inner = planes[:, 1:-1, 1:-1]
    neighbours = planes[:, :-2, 1:-1] + planes[:, 2:, 1:-1] + planes[:, 1:-1, :-2] + planes[:, 1:-1, 2:]
    return float(torch.var(neighbours - 4 * inner, dim=(1, 2), correction=0).mean())
