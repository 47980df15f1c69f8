"""Entries measured on disjoint test folds, each by runs of its own, whose training sets overlap.

The means over S folds are not independent: their training sets share examples. The variance of a mean over folds is
taken as s² (1/S + n_test / n_train) with s² the variance between folds (Nadeau & Bengio 2003, section 3). Entries are
paired by fold: what makes a fold easy is easy for all.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from bench.report import bartlett
from bench.report.variance import EQUAL_LEVEL, Part, Variance


class Folds:
    """Log-likelihoods by entry and fold.

    Attributes:
        values: entry -> fold -> mean log-likelihood over its test examples, in nats.
        whole: entries with the most folds; one whose run failed lacks some.
        common: folds that these have.
        ratio: n_test / n_train.
        pooled: the variance that entries have around the folds' means; None where they share none.
    """

    def __init__(self, values: Mapping[str, Mapping[str, float]], ratio: float) -> None:
        self.values, self.ratio = values, ratio
        most = max(len(own) for own in values.values())
        self.whole = [entry for entry, own in values.items() if len(own) == most]
        self.common = sorted(set.intersection(*(set(values[entry]) for entry in self.whole)))
        self.pooled = self.pooled_residual()

    def mean(self, entry: str) -> float:
        """Mean over folds."""
        return float(np.mean(list(self.values[entry].values())))

    def standing(self, entry: str) -> float:
        """Mean over the folds in common; where it lacks some, that of whole entries plus its distance on those it has.

        Its own mean where it shares no fold with them.
        """
        own = [fold for fold in self.common if fold in self.values[entry]]
        if not own:
            return self.mean(entry)
        beside = {fold: float(np.mean([self.values[one][fold] for one in self.whole])) for fold in self.common}
        apart = np.mean([self.values[entry][fold] - beside[fold] for fold in own])
        return float(apart + np.mean(list(beside.values())))

    def runs(self, entry: str) -> int:
        """Number of folds."""
        return len(self.values[entry])

    def of_mean(self, entry: str) -> Variance | None:
        """The variance of the mean; None of a single fold."""
        values = list(self.values[entry].values())
        return self.of(values) if len(values) > 1 else None

    def gap(self, a: str, b: str) -> float:
        """Mean of `a` minus that of `b` over the folds that both have; NaN where they share none."""
        shared = self.shared(a, b)
        return float(np.mean([self.values[a][fold] - self.values[b][fold] for fold in shared])) if shared else math.nan

    def of_difference(self, a: str, b: str) -> Variance | None:
        """The variance of `gap`; None where entries share fewer than two folds."""
        shared = self.shared(a, b)
        if len(shared) < 2:
            return None
        if self.pooled is not None:
            return Variance(2 * self.pooled.value * (1 / len(shared) + self.ratio), self.pooled.df)
        return self.of([self.values[a][fold] - self.values[b][fold] for fold in shared])

    def shared(self, a: str, b: str) -> list[str]:
        """Folds that both have."""
        return sorted(self.values[a].keys() & self.values[b].keys())

    def runs_of_gap(self, a: str, b: str) -> int:
        """Number of folds that both have."""
        return len(self.shared(a, b))

    def of(self, values: Sequence[float]) -> Variance:
        """Nadeau and Bengio's variance of the mean of values by fold."""
        return Variance(float(np.var(values, ddof=1)) * (1 / len(values) + self.ratio), len(values) - 1)

    def pooled_residual(self) -> Part | None:
        """The variance that entries have around the folds' means, shared by all.

        Of whole entries over the folds in common. None for fewer than two, or where a test says that they differ in it:
        Bartlett's (1937), or that of the entry which differs most. The second is for a wild entry, which moves the
        folds' means and with them the residuals of all others, so that Bartlett's test takes them for alike.
        """
        folds = self.common
        if len(self.whole) < 2 or len(folds) < 2:
            return None
        table = np.array([[self.values[entry][fold] for fold in folds] for entry in self.whole])
        residual = residuals(table)
        alike = [row for row in residual if float(row.var()) > 0]
        if len(alike) < len(table) or 2 * min(bartlett.p_value(list(residual)), wildest(table)) < EQUAL_LEVEL:
            return None
        return Part(float((residual**2).sum()) / residual_df(table), residual_df(table))


def residuals(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """What rows and columns do not explain, `(entries, folds)`."""
    return np.asarray(table - table.mean(0) - table.mean(1, keepdims=True) + table.mean())


def residual_df(table: NDArray[np.float64]) -> int:
    """Degrees of freedom of the residuals."""
    entries, folds = table.shape
    return int((entries - 1) * (folds - 1))


def wildest(table: NDArray[np.float64]) -> float:
    """The probability that some entry varies as much around all others as the one that does so most.

    With k entries of one variance σ², an entry less the mean of the others has variance σ² k / (k - 1) over folds. The
    others' residuals are independent of it: the ratio follows F. Times k, as the entry is chosen (Bonferroni).

    Args:
        table: `(entries, folds)`; two entries vary around each other alike, which gives 1.
    """
    entries, folds = table.shape
    if entries < 3:
        return 1.0
    least = 1.0
    for entry in range(entries):
        others = np.delete(table, entry, axis=0)
        own = (table[entry] - others.mean(0)).var(ddof=1) * (entries - 1) / entries
        with np.errstate(divide="ignore"):
            ratio = own / ((residuals(others) ** 2).sum() / residual_df(others))
        least = min(least, entries * float(fdtrc(folds - 1, residual_df(others), ratio)))
    return least
