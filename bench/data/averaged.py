"""MNIST in the format of digits: 8x8 pictures of 17 grey levels."""

from dataclasses import replace

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from bench.data.dataset import Dataset
from bench.data.digits import LEVELS
from bench.data.images import LEVELS as FINE_LEVELS
from bench.data.images import SIDE, idx_images
from bench.data.spaces import Binary, DequantisedLogit
from bench.spec import DataSpec

COARSE = 8


def averaged_images(
    name: str, *, folder: str, root: str | None = None, alpha: float = 0.005, binary: bool = False
) -> Dataset:
    """MNIST, or a set in its format, averaged to events `(64,)` of 17 grey levels, as digits have them.

    A pixel is the mean over its 3.5 x 3.5 pixels, rounded to 0..16; splits are those of `idx_images`.

    Args:
        name: the name of the data set's file in conf/data.
        folder: as for MNIST.
        root: as for MNIST.
        alpha: as for digits.
        binary: as for digits.

    Raises:
        BenchError: as `idx_images`.
    """
    fine = idx_images(name, folder=folder, root=root, binary=True)
    train, validation, test = (averaged(part) for part in (fine.train, fine.validation, fine.test))
    return replace(
        fine,
        spec=DataSpec((COARSE**2,), "binary") if binary else DataSpec((COARSE**2,), "discrete", LEVELS),
        space=Binary(LEVELS) if binary else DequantisedLogit.fitted(train, LEVELS, alpha),
        train=train,
        validation=validation,
        test=test,
        image_shape=(COARSE, COARSE),
    )


def averaged(images: UInt8[Tensor, "n 784"]) -> UInt8[Tensor, "n 64"]:
    """Pictures of 28x28 and 256 levels as 8x8 of 17, by the mean over areas."""
    weights = overlap(SIDE, COARSE)
    means = weights @ images.view(-1, SIDE, SIDE).float() @ weights.T
    return (means * ((LEVELS - 1) / (FINE_LEVELS - 1))).round().to(torch.uint8).flatten(1)


def overlap(fine: int, coarse: int) -> Float[Tensor, "coarse fine"]:
    """Share of each coarse interval that each fine one covers; rows add up to 1."""
    edges = torch.arange(fine + 1) / fine
    borders = torch.arange(coarse + 1) / coarse
    left = torch.maximum(edges[None, :-1], borders[:-1, None])
    right = torch.minimum(edges[None, 1:], borders[1:, None])
    return (right - left).clamp(min=0) * coarse
