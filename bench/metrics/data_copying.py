"""C_T, the data-copying test of Meehan, Chaudhuri & Dasgupta (2020, arXiv 2004.05675)."""

import math

import torch
from jaxtyping import Float, Int
from scipy.stats import rankdata
from sklearn.cluster import KMeans
from torch import Tensor

from bench.errors import NotMeasured

PER_CELL = 40
"""Test examples that a cell holds on average: its Z is then close to normal."""
MOST_CELLS = 10
FEWEST = 10
"""Samples, and test examples, below which a cell is left out."""
CLUSTERED = 2_000
"""First so many training examples that the cells are found on."""


def cell_centres(training: Float[Tensor, "m d"], examples: int, seed: int) -> Float[Tensor, "cells d"]:
    """Centres of the cells, by k-means of the training examples; about `PER_CELL` of `examples` in each.

    Args:
        training: examples, of which the first `CLUSTERED` are used.
        examples: number of test examples that the cells divide.
        seed: of the clustering, 32 bits.
    """
    cells = max(1, min(MOST_CELLS, examples // PER_CELL))
    points = training[:CLUSTERED].float().cpu().numpy()
    centres = KMeans(cells, n_init=1, random_state=seed).fit(points).cluster_centers_
    return torch.from_numpy(centres).to(training)


def copying_z(
    samples: Float[Tensor, " n"],
    test: Float[Tensor, " m"],
    sample_cells: Int[Tensor, " n"],
    test_cells: Int[Tensor, " m"],
    cells: int,
) -> float:
    """C_T: the Mann-Whitney Z of distances to the training set, mean over cells weighted by their test examples.

    About 0 for fresh draws of the data. It sees copies: far below 0 where samples lie closer to training examples than
    test examples do. It sees samples that are too widely spread, even within a mode, or lie off the data: far above 0.

    Args:
        samples, test: distance of each sample and test example to its nearest training example.
        sample_cells, test_cells: cell that each lies in.
        cells: number of them.

    Raises:
        NotMeasured: no cell holds enough of both.
    """
    total, weight = 0.0, 0
    for cell in range(cells):
        of_samples, of_test = samples[sample_cells == cell], test[test_cells == cell]
        if min(len(of_samples), len(of_test)) >= FEWEST:
            total += len(of_test) * mann_whitney_z(of_samples, of_test)
            weight += len(of_test)
    if not weight:
        raise NotMeasured(f"no cell of the data holds {FEWEST} samples and as many test examples")
    return total / weight


def mann_whitney_z(a: Float[Tensor, " n"], b: Float[Tensor, " m"]) -> float:
    """(U - n m / 2) / sqrt(n m (n + m + 1) / 12), U counting the pairs in which `a` is larger; ties count a half."""
    n, m = len(a), len(b)
    ranks = rankdata(torch.cat([a, b]).cpu().numpy())
    larger = ranks[:n].sum() - n * (n + 1) / 2
    return float((larger - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12))
