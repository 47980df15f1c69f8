"""The contract of sampling: what `sample` draws is distributed as the density says."""

import math

import torch
from scipy import stats

from bench.contract.outcome import require
from bench.contract.testbed import Subject, Testbed

SAMPLES = 6000
FALSE_ALARM = 1e-6

CELL_ERROR = {"exact": 0.03, "bound": 0.06}
"""Relative error of a cell's expected count that is forgiven: quadrature and solver, or importance sampling."""


def samples(subject: Subject) -> None:
    """Counts of samples in coarse cells agree with the density summed over those cells (Pearson's χ²).

    The threshold is the 1 - 10⁻⁶ quantile of the noncentral χ² whose noncentrality N δ² is that of cell masses wrong by
    a share δ: an entry whose density is summed to better than that share fails once in a million checks at most. The
    variance of a count has the estimator's own added, so that a cell with one heavy importance weight decides nothing.
    """
    for testbed in subject.testbeds:
        counted, expected, variance, is_bound = counts(testbed)
        big = expected >= 10
        counted, expected, variance = (
            torch.cat([values[big], values[~big].sum(0, keepdim=True)]) for values in (counted, expected, variance)
        )
        expected[-1].clamp_(min=5)
        terms = (counted - expected).square() / (expected + variance)
        statistic = float(terms.sum())
        forgiven = SAMPLES * CELL_ERROR["bound" if is_bound else "exact"] ** 2
        threshold = float(stats.ncx2.isf(FALSE_ALARM, len(expected) - 1, forgiven))
        worst = int(terms.argmax())
        require(
            statistic <= threshold,
            f"{SAMPLES} samples on the {testbed.name} disagree with the density: chi-square {statistic:.0f} where "
            f"{threshold:.0f} is allowed, {counted[worst]:.0f} in a cell that expects {expected[worst]:.0f}",
            "draw from the same distribution that log_prob describes, observation noise included",
        )


def counts(testbed: Testbed) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, bool]:
    """Samples counted and expected in each coarse cell, the variance of the expectation, and whether it is a bound.

    Expected counts are scaled to the samples' number.

    Raises:
        Broken: the density is NaN, infinite or zero everywhere.
    """
    torch.manual_seed(11)
    with torch.no_grad():
        draws = testbed.entry.sample(SAMPLES)
        cells = testbed.partition.locate(draws)
    mass = testbed.mass
    coarse = testbed.partition.coarse
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
    scale = SAMPLES / total
    return torch.bincount(cells, minlength=n).double(), expected * scale, variance * scale**2, mass.is_bound
