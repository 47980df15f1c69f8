"""Entries whose runs were all measured on the same test examples."""

from collections.abc import Mapping, Sequence

from bench.report.variance import Part, Sums, Variance, of_difference, of_mean, pooled_seeds


class SharedTestSet:
    """Log-likelihoods of entries on one test set.

    Attributes:
        sums: over the runs.
        places: entry -> its runs' places in `sums`.
        pooled: the variance of run means that entries share; None where there is no common one.
    """

    def __init__(self, sums: Sums, places: Mapping[str, Sequence[int]]) -> None:
        self.sums, self.places = sums, places
        self.pooled = self.common_variance()

    def mean(self, entry: str) -> float:
        """Mean over the entry's runs."""
        return float(self.sums.means[list(self.places[entry])].mean())

    def standing(self, entry: str) -> float:
        """The same: all entries have the same examples."""
        return self.mean(entry)

    def runs(self, entry: str) -> int:
        """Number of runs."""
        return len(self.places[entry])

    def gap(self, a: str, b: str) -> float:
        """Mean of `a` minus that of `b`."""
        return self.mean(a) - self.mean(b)

    def runs_of_gap(self, a: str, b: str) -> int:
        """The fewer runs of the two."""
        return min(self.runs(a), self.runs(b))

    def of_mean(self, entry: str) -> Variance | None:
        """The variance of the mean over seeds and examples; None of one run, which says nothing of another seed."""
        return of_mean(self.sums, self.places[entry], self.pooled) if self.runs(entry) > 1 else None

    def of_difference(self, a: str, b: str) -> Variance | None:
        """The variance of `gap`; None where one of them has a single run."""
        if min(self.runs(a), self.runs(b)) < 2:
            return None
        return of_difference(self.sums, self.places[a], self.places[b], self.pooled)

    def common_variance(self) -> Part | None:
        """Pooled over the entries whose runs differ at all; None where Bartlett's test says that they share none."""
        repeated = [runs for runs in self.places.values() if len(runs) > 1]
        varied = [runs for runs in repeated if float(self.sums.means[list(runs)].var()) > 0]
        return pooled_seeds(self.sums, varied) if varied else None
