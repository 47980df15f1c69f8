"""Rows of a user's data cut into training, validation and test rows: by chance from a seed, or in their own order."""

import math

import torch
from jaxtyping import Int
from torch import Tensor

from bench.errors import BenchError

SHARES = (0.70, 0.15, 0.15)
"""Of training, validation and test rows where nothing else is asked for."""

PARTS = ("train", "validation", "test")

Rows = tuple[Int[Tensor, " train"], Int[Tensor, " validation"], Int[Tensor, " test"]]


def cut(rows: int, split: object, seed: int, where: str) -> Rows:
    """The rows of each part.

    Args:
        rows: how many there are.
        split: None for 70, 15 and 15 % at random; three shares of them at random; `time` for the same shares of rows in
            their order, the last ones for testing.
        seed: of the random order. A run's own seed does not touch it.
        where: the file, which an error begins with.

    Raises:
        BenchError: a part is left empty, or `split` is none of these.
    """
    shares = SHARES if split in (None, "time") else as_shares(split, where)
    order = torch.arange(rows)
    if split != "time":
        order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    first, second = (math.floor(rows * sum(shares[:end]) + 0.5) for end in (1, 2))
    parts = order[:first], order[first:second], order[second:]
    for name, part in zip(PARTS, parts, strict=True):
        if not len(part):
            raise BenchError(
                f"{where}: {rows} rows leave {name} empty; bring more rows, or set data.split=[0.7,0.15,0.15]"
            )
    return parts


def as_shares(split: object, where: str) -> tuple[float, ...]:
    """Three shares that add up to 1.

    Raises:
        BenchError: they are not.
    """
    shares = tuple(split) if isinstance(split, list | tuple) else ()
    numbers = all(isinstance(share, int | float) and 0 < share < 1 for share in shares)
    if len(shares) != len(PARTS) or not numbers or not math.isclose(sum(shares), 1, abs_tol=1e-6):
        raise BenchError(f"{where}: data.split={split}: give three shares that add up to 1, such as [0.7,0.15,0.15]")
    return shares
