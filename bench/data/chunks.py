"""A split in pieces, as it may be larger than memory."""

from collections.abc import Iterator

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


def deviation(split: Shaped[Tensor, "n *event"]) -> Float[Tensor, " dim"]:
    """Standard deviation of each coordinate, over n - 1, in float64."""
    total = torch.stack([rows.double().sum(0) for _, rows in chunks(split)]).sum(0)
    mean = total / len(split)
    squares = torch.stack([(rows.double() - mean).square().sum(0) for _, rows in chunks(split)]).sum(0)
    return (squares / (len(split) - 1)).sqrt()
