"""The contract of sampling on a plane or a cube: what `sample` draws is distributed as the density says."""

import math

import torch
from scipy import stats

from bench.contract.density import resolved
from bench.contract.outcome import Absent, require
from bench.contract.testbed import Testbed
from bench.models.entry import HasLogProb, HasLogWeights

FALSE_ALARM = 1e-6

CELL_ERROR = {"exact": 0.03, "bound": 0.08}
"""Relative error of a cell's expected count that is forgiven: quadrature and solver, or importance sampling."""


def samples(testbed: Testbed) -> None:
    """Counts of samples in coarse cells agree with the density summed over those cells (Pearson's χ²).

    The threshold is the 1 - 10⁻⁶ quantile of the noncentral χ² whose noncentrality N δ² is that of cell masses wrong by
    a share δ: an entry whose density is summed to better than that share fails once in a million checks at most. The
    variance of a count has the estimator's own added, so that a cell with one heavy importance weight decides nothing.
    What lies beyond the grid is left out of both sides.
    """
    if not isinstance(testbed.entry, (HasLogProb, HasLogWeights)):
        raise Absent("no log_prob and no log_weights")
    if testbed.partition is None:
        raise Absent("too many coordinates for cells")
    counted, expected, variance, is_bound = counts(testbed)
    big = expected >= 10
    counted, expected, variance = (
        torch.cat([values[big], values[~big].sum(0, keepdim=True)]) for values in (counted, expected, variance)
    )
    expected[-1].clamp_(min=5)
    terms = (counted - expected).square() / (expected + variance)
    statistic, n = float(terms.sum()), float(counted.sum())
    forgiven = n * CELL_ERROR["bound" if is_bound else "exact"] ** 2
    threshold = float(stats.ncx2.isf(FALSE_ALARM, len(expected) - 1, forgiven))
    worst = int(terms.argmax())
    require(
        statistic <= threshold,
        f"{n:.0f} samples on the {testbed.name} disagree with the density: chi-square {statistic:.0f} where "
        f"{threshold:.0f} is allowed, {counted[worst]:.0f} in a cell that expects {expected[worst]:.0f}",
        "draw from the same distribution that log_prob describes, observation noise included",
    )


def counts(testbed: Testbed) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, bool]:
    """Samples counted and expected in each coarse cell, the variance of the expectation, and whether it is a bound.

    Expected counts are scaled to the samples' number.

    Raises:
        Broken: the density is NaN, infinite or zero everywhere.
    """
    partition, draws, mass = testbed.partition, testbed.draws, testbed.mass
    assert partition is not None
    if not resolved(testbed):
        raise Absent(f"the density is finer than the grid of the {testbed.name}")
    cells = partition.locate(draws[partition.inside(draws)])
    coarse = partition.coarse
    n = int(coarse.max()) + 1
    expected, variance = (
        torch.zeros(n, dtype=torch.float64).index_add(0, coarse, values)
        for values in (mass.value, mass.standard_error.square())
    )
    total = float(expected.sum())
    require(
        math.isfinite(total) and total > 0,
        f"log_prob gives the {testbed.name} a mass of {total}",
        "return finite log-densities",
    )
    scale = len(cells) / total
    return torch.bincount(cells, minlength=n).double(), expected * scale, variance * scale**2, mass.is_bound
