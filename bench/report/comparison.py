"""The entries of a data set that the best one is told apart from: simultaneous tests over all entries.

The best is tested against the others in the order of how far they are behind in standard errors of the difference, the
farthest first, as long as each differs. Where r entries are left, the best among them, it is by the range of r means
(Newman 1939, Keuls 1952). Any entries that are equal to the best are among those left, so that in at most 5 % of data
sets one of them is told apart from it. All pairs at once would need more: they are not what a table says. That range is
of means of one variance. Where entries share none, each pair has its own, of few degrees of freedom, and the gap must
be larger than Holm's (1979) test of it allows too. Where they differ in it and no test sees that, more than 5 % are
false: about 10 % where scales differ by five.

A bound may show its model better, never worse. An entry measured by a bound is behind another by no more than what is
left of the gap when its slack, what the bound may lie too low by, is taken away.
"""

import math
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple, Protocol

from scipy.special import stdtrit

from bench.report import studentized_range
from bench.report.intervals import LEVEL, Interval
from bench.report.variance import Part, Variance

DEGREES = (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 30, 45, 60, 120, 1000)
"""Degrees of freedom at which quantiles are computed."""


class Measured(Protocol):
    """Log-likelihoods of the entries of a data set, and how sure they are; `None` where nothing says so."""

    @property
    def pooled(self) -> Part | None:
        """The variance of runs that entries share; None where each has its own."""
        ...

    def mean(self, entry: str) -> float:
        """Mean log-likelihood in nats."""
        ...

    def standing(self, entry: str) -> float:
        """The mean that entries are ordered by: over what all of them have."""
        ...

    def runs(self, entry: str) -> int:
        """Number of runs, or of folds."""
        ...

    def gap(self, a: str, b: str) -> float:
        """Mean of `a` minus that of `b`."""
        ...

    def runs_of_gap(self, a: str, b: str) -> int:
        """Number of runs of each, or of folds, that the gap is over."""
        ...

    def of_mean(self, entry: str) -> Variance | None:
        """The variance of the mean."""
        ...

    def of_difference(self, a: str, b: str) -> Variance | None:
        """The variance of the gap."""
        ...


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


def mean_interval(measured: Measured, entry: str) -> Interval:
    """Mean log-likelihood of an entry with its 95 % interval."""
    return interval(measured.mean(entry), measured.of_mean(entry), measured.runs(entry))


def interval(mean: float, variance: Variance | None, n: int) -> Interval:
    """mean ± t_{0.975, df} of its standard error; no half-width where the variance has no usable estimate."""
    error = None if variance is None else variance.standard_error
    if variance is None or error is None or error == 0:
        return Interval(mean, error, n)
    return Interval(mean, float(stdtrit(variance.df, (1 + LEVEL) / 2)) * error, n)


def comparison(measured: Measured, slack: Mapping[str, float | None]) -> Comparison:
    """The best of some entries, and those it is told apart from.

    Args:
        measured: the entries.
        slack: of each, in nats: 0 for an exact likelihood, None for a bound of unknown slack, behind which none is.
    """
    order = sorted(slack, key=lambda name: (-measured.standing(name), name))
    best, *others = order
    gaps = {name: measured.gap(best, name) for name in others}
    variances = {name: measured.of_difference(best, name) for name in others}
    # What each is behind at the least: entries of which nothing is known to be behind are not among those tested.
    least = {name: gaps[name] - loose for name in others if (loose := slack[name]) is not None and variances[name]}
    worse: set[str] = set()
    behind = {name: in_errors(gap, variances[name]) for name, gap in least.items()}
    for place, name in enumerate(sorted(behind, key=lambda name: (-behind[name], name))):
        if not differ(least[name], variances[name], len(order) - place, measured.pooled is not None):
            break
        worse.add(name)
    differences = {name: interval(gaps[name], variances[name], measured.runs_of_gap(best, name)) for name in others}
    return Comparison(best, frozenset(worse), differences)


def in_errors(gap: float, variance: Variance | None) -> float:
    """A gap in standard errors: 0 where there is no gap or no estimate of that, infinite where it is 0."""
    error = None if variance is None else variance.standard_error
    if error is None or gap == 0:
        return 0.0
    return gap / error if error else math.copysign(math.inf, gap)


def differ(gap: float, variance: Variance | None, means: int, pooled: bool) -> bool:
    """True where the gap between the first and the last of so many means is more than equal ones would have.

    Args:
        gap: in nats.
        variance: of it.
        means: among which the two are the first and the last.
        pooled: whether the variance is one of all of them.
    """
    error = None if variance is None else variance.standard_error
    if variance is None or error is None:
        return False
    least = quantile(means, rounded_down(variance.df))
    return gap > (least if pooled else max(least, holm(means - 1, variance.df))) * error


def holm(tests: int, df: float) -> float:
    """The gap in standard errors that the first of so many tests of pairs asks for, two-sided at 5 % together."""
    return float(stdtrit(df, 1 - (1 - LEVEL) / (2 * tests)))


@cache
def quantile(means: int, df: float) -> float:
    """The 95 % quantile of the range of so many means, in standard errors of a difference of two."""
    return studentized_range.quantile(LEVEL, means, df) / math.sqrt(2)


def rounded_down(df: float) -> float:
    """The next lower number of `DEGREES`, as tables are read: Satterthwaite's are estimates, and this errs to the safe
    side."""
    return max((degrees for degrees in DEGREES if degrees <= df), default=DEGREES[0])
