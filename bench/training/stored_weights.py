"""The weights of a run's folder: parameters, buffers and the grid that the entry was trained along, if it has one."""

from collections.abc import Mapping

import torch
from torch import Tensor

from bench.errors import BenchError
from bench.models.entry import Entry, HasGrid
from bench.training.best_weights import copied_weights

GRID = "training grid"
"""Its name among the weights; no parameter's, which have no spaces."""


def stored_weights(entry: Entry) -> dict[str, Tensor]:
    """What the folder of a trained entry keeps."""
    weights = copied_weights(entry)
    if isinstance(entry, HasGrid):
        weights[GRID] = torch.tensor(entry.grid, dtype=torch.float64)
    return weights


def without_grid(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The parameters and buffers alone."""
    return {name: value for name, value in weights.items() if name != GRID}


def give_weights(entry: Entry, weights: Mapping[str, Tensor]) -> None:
    """Gives an entry what was kept.

    Raises:
        BenchError: it trains along a grid, and the weights are of before grids were kept.
    """
    entry.load_state_dict(without_grid(weights))
    if not isinstance(entry, HasGrid):
        return
    if GRID not in weights:
        raise BenchError("its training grid was not kept, whose error is measured: make it again by bench run --again")
    entry.grid = weights[GRID].tolist()
