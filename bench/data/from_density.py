"""A data set drawn from a known density: the splits, and the density itself as the truth."""

import torch

from bench.data.dataset import Dataset, Density
from bench.data.spaces import Identity
from bench.errors import BenchError
from bench.seeds import stream_seed
from bench.spec import DataSpec


def from_density(
    name: str, truth: Density, dim: int, *, train: int, validation: int, test: int, generator: torch.Generator
) -> Dataset:
    """Independent draws of `truth`, a density over `dim` coordinates, in its own coordinates.

    All runs share the test split. Each draws training and validation examples by its own seed, so that what varies
    between seeds is what another sample of the same law would change.

    Args:
        name: of the data set's file in conf/data.
        truth: the density.
        dim: its coordinates.
        train, validation, test: sizes of the splits.
        generator: of the test split; its seed counts in the other draws.

    Raises:
        BenchError: a split size is not a positive integer.
    """
    for split, size in (("train", train), ("validation", validation), ("test", test)):
        if not isinstance(size, int) or size < 1:
            raise BenchError(f"data={name}: {split}={size} is not a positive integer; set data.{split} to 1 or more")
    held_out, own_seed = truth.sample(test, generator), generator.initial_seed()

    def of_seed(seed: int) -> Dataset:
        # Validation comes first, so that more training examples leave it as it is.
        draws = torch.Generator().manual_seed(stream_seed(own_seed, "training draw", seed))
        selection = truth.sample(validation, draws)
        return Dataset(
            name=name,
            spec=DataSpec((dim,), "continuous"),
            space=Identity(),
            train=truth.sample(train, draws),
            validation=selection,
            test=held_out,
            truth=truth,
            version=2,
            by_seed=of_seed,
            varies="training draw",
        )

    return of_seed(0)
