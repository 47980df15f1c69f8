"""A data set drawn from a known density: the splits, and the density itself as the truth."""

import torch

from bench.data.dataset import Dataset, Density
from bench.data.spaces import Identity
from bench.errors import BenchError
from bench.spec import DataSpec


def from_density(
    name: str, truth: Density, dim: int, *, train: int, validation: int, test: int, generator: torch.Generator
) -> Dataset:
    """Independent draws of `truth`, a density over `dim` coordinates, in its own coordinates.

    The test split is drawn first and the training split last, so that more training data leave the test split as it is.

    Raises:
        BenchError: a split size is not a positive integer.
    """
    for split, size in (("train", train), ("validation", validation), ("test", test)):
        if not isinstance(size, int) or size < 1:
            raise BenchError(f"data={name}: {split}={size} is not a positive integer; set data.{split} to 1 or more")
    held_out = truth.sample(test, generator)
    selection = truth.sample(validation, generator)
    return Dataset(
        name=name,
        spec=DataSpec((dim,), "continuous"),
        space=Identity(),
        train=truth.sample(train, generator),
        validation=selection,
        test=held_out,
        truth=truth,
    )
