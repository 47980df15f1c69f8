"""The entries of a data set that the best one is told apart from: simultaneous tests over all entries.

Means are ordered, and the best is tested against the worst, the second worst and so on, as long as each differs. The
entry at rank r is tested by the range of the r means from the best down to it (Newman 1939, Keuls 1952), the error of
the difference its own. Any entries that are equal to the best lie within such a range, so that in at most 5 % of data
sets one of them is told apart from it. All pairs at once would need more: they are not what a table says.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from scipy.special import stdtrit
from scipy.stats import studentized_range

from bench.report.intervals import LEVEL, Interval
from bench.report.variance import Part, Products, Variance, of_difference, of_mean, pooled_seeds

DEGREES = (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 30, 45, 60, 120, 1000)
"""Degrees of freedom at which quantiles are computed, a tenth of a second each."""


class Comparison(NamedTuple):
    """The best entry of a data set and what it is told apart from.

    Attributes:
        best: the entry of the highest mean log-likelihood.
        worse: entries that differ from it, by the simultaneous tests.
        differences: mean of the best minus that of each other entry in nats, with its own 95 % interval.
    """

    best: str
    worse: frozenset[str]
    differences: dict[str, Interval]

    @property
    def winner(self) -> str | None:
        """The best where it differs from every other entry."""
        return self.best if len(self.worse) == len(self.differences) > 0 else None


def mean_interval(products: Products, runs: Sequence[int], pooled: Part | None = None) -> Interval:
    """Mean log-likelihood of an entry over its runs, with an interval over seeds and test examples.

    One run has no interval: its examples say nothing about another seed.
    """
    mean = products.mean(runs)
    if len(runs) < 2:
        return Interval(mean, None, len(runs))
    return interval(mean, of_mean(products, runs, pooled), len(runs))


def interval(mean: float, variance: Variance, n: int) -> Interval:
    """mean ± t_{0.975, df} of its standard error; no half-width where the variance has no estimate above 0."""
    error = variance.standard_error
    if error is None or error == 0:
        return Interval(mean, error, n)
    return Interval(mean, float(stdtrit(variance.df, (1 + LEVEL) / 2)) * error, n)


def comparison(products: Products, entries: Mapping[str, Sequence[int]]) -> Comparison:
    """The best of some entries, and those it is told apart from.

    Args:
        products: of the data set's runs.
        entries: the runs of each, at least one entry; those with fewer than two runs are told apart from none.
    """
    order = sorted(entries, key=lambda name: (-products.mean(entries[name]), name))
    best, *others = order
    pooled = pooled_of(products, entries)
    variances = {
        name: of_difference(products, entries[best], entries[name], pooled)
        for name in others
        if min(len(entries[best]), len(entries[name])) > 1
    }
    gaps = {name: products.mean(entries[best]) - products.mean(entries[name]) for name in others}
    runs = {name: min(len(entries[best]), len(entries[name])) for name in others}
    worse = set()
    for rank in range(len(order), 1, -1):
        name = order[rank - 1]
        if name in variances and not differ(gaps[name], variances[name], rank):
            break
        worse |= {name} & variances.keys()
    differences = {
        name: interval(gaps[name], variances[name], runs[name])
        if name in variances
        else Interval(gaps[name], None, runs[name])
        for name in others
    }
    return Comparison(best, frozenset(worse), differences)


def differ(gap: float, variance: Variance, means: int) -> bool:
    """True where the gap between the first and the last of so many means is more than equal ones would have."""
    error = variance.standard_error
    return error is not None and gap > quantile(means, rounded_down(variance.df)) * error


@cache
def quantile(means: int, df: float) -> float:
    """The 95 % quantile of the range of so many means, in standard errors of a difference of two."""
    return float(studentized_range.isf(1 - LEVEL, means, df)) / math.sqrt(2)


def rounded_down(df: float) -> float:
    """The next lower number of `DEGREES`, as tables are read: Satterthwaite's are estimates, and this errs to the safe
    side."""
    return max((degrees for degrees in DEGREES if degrees <= df), default=DEGREES[0])


def pooled_of(products: Products, entries: Mapping[str, Sequence[int]]) -> Part | None:
    """The variance of run means pooled over the entries whose runs differ at all; None where there is no common one."""
    repeated = [runs for runs in entries.values() if len(runs) > 1]
    varied = [runs for runs in repeated if float(products.means[list(runs)].var()) > 0]
    return pooled_seeds(products, varied) if varied and len(varied) == len(repeated) else None
