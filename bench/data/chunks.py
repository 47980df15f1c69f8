"""A split in pieces, as it may be larger than memory."""

from collections.abc import Callable, Iterable, Iterator

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

AT_ONCE = 2**22
"""Coordinates of a piece."""


def chunks(split: Shaped[Tensor, "n *event"]) -> Iterator[tuple[int, Shaped[Tensor, "rows dim"]]]:
    """The number of a piece's first row and its rows, laid flat; one empty piece of an empty split."""
    flat = split.flatten(1)
    start = 0
    for rows in torch.split(flat, max(1, AT_ONCE // max(1, flat.shape[1]))):
        yield start, rows
        start += len(rows)


def moments(pieces: Callable[[], Iterable[Shaped[Tensor, "rows dim"]]]) -> tuple[Tensor, Tensor]:
    """Mean and variance, over n, of each coordinate in float64: `(dim,)` each.

    The same pieces give the same bits, whether they come from memory or from a file. They are asked for twice.
    """
    count, total = 0, torch.zeros((), dtype=torch.float64)
    for rows in pieces():
        count, total = count + len(rows), total + rows.double().sum(0)
    mean, squares = total / count, torch.zeros((), dtype=torch.float64)
    for rows in pieces():
        squares = squares + (rows.double() - mean).square().sum(0)
    return mean, squares / count


def deviation(split: Shaped[Tensor, "n *event"]) -> Float[Tensor, " dim"]:
    """Standard deviation of each coordinate, over n - 1, in float64."""
    _, variance = moments(lambda: (rows for _, rows in chunks(split)))
    return (variance * (len(split) / (len(split) - 1))).sqrt()
