"""Variance of mean log-likelihoods over seeds and test examples, from run means and cross-products alone.

All runs of a data set are measured on the same n examples. The log-likelihood of example i in run s of an entry is

    l_si = mu + seed_s + example_i + rest_si,

with three independent random effects. The variance of the entry's mean over its S runs is estimated from the mean
squares of this table of two ways (Searle, Casella & McCulloch 1992, chapter 4),

    V = (MS_seed + MS_example - MS_rest) / (S n).

No component is clipped at 0, so V has no bias; its degrees of freedom are Satterthwaite's (1946). Two entries share the
examples and not the seeds: of the variance of their difference the examples' part is that of each example's difference,
and the seeds' parts of both add up.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.report import bartlett

Floats = NDArray[np.float64]

EQUAL_LEVEL = 0.05
"""Level of the test that entries have seeds' variances of one size. Of three seeds each it sees little: of equal
entries whose seeds' deviations differ by five, one is told apart in 8 to 12 % of data sets. A higher level would see
fewer than 80 % of true differences of four standard errors."""

FEWEST_DEGREES = 0.5
"""Degrees of freedom below which a variance is the small difference of large ones, and no estimate."""


class Sums(Protocol):
    """All that intervals need of R runs on the same examples."""

    @property
    def examples(self) -> int:
        """Their number n."""
        ...

    @property
    def means(self) -> Floats:
        """`(R,)` mean log-likelihood of each run, in nats."""
        ...

    def sum(self, a: Sequence[int], b: Sequence[int]) -> float:
        """The sum, over examples and all pairs of a run of `a` and one of `b`, of the products of their deviations."""
        ...

    def squares(self, runs: Sequence[int]) -> float:
        """The sum, over examples and runs, of squared deviations from the runs' means."""
        ...


@dataclass(frozen=True)
class Products:
    """Sums of runs whose log-likelihoods are known one by one.

    Attributes:
        examples: their number n.
        means: `(R,)` mean log-likelihood of each run, in nats.
        products: `(R, R)` sums over examples of the products of two runs' deviations from their means, in nats squared.
    """

    examples: int
    means: Floats
    products: Floats

    @classmethod
    def of(cls, log_likelihoods: Floats) -> "Products":
        """From the values themselves, `(R, n)` in nats."""
        means = log_likelihoods.mean(1)
        deviations = log_likelihoods - means[:, None]
        return cls(log_likelihoods.shape[1], means, deviations @ deviations.T)

    def sum(self, a: Sequence[int], b: Sequence[int]) -> float:
        """The sum of the products of all runs of `a` with all of `b`."""
        return float(self.products[np.ix_(a, b)].sum())

    def squares(self, runs: Sequence[int]) -> float:
        """The sum of the products of each run with itself."""
        return float(self.products[list(runs), list(runs)].sum())


@dataclass(frozen=True)
class Squares:
    """Sums of runs of which nothing is known but each one's own squares.

    They can only widen an interval: runs of one entry share all of the examples' deviations, those of two entries none.

    Attributes:
        examples: their number n.
        means: `(R,)` mean log-likelihood of each run, in nats.
        own: `(R,)` sum over examples of a run's squared deviations from its mean, in nats squared.
        entry: `(R,)` number of the entry of each run.
    """

    examples: int
    means: Floats
    own: Floats
    entry: NDArray[np.int64]

    def sum(self, a: Sequence[int], b: Sequence[int]) -> float:
        """The sum of the products of all runs of `a` with all of `b`."""
        roots, count = np.sqrt(self.own), int(self.entry.max()) + 1
        of_a, of_b = (np.bincount(self.entry[list(runs)], roots[list(runs)], count) for runs in (a, b))
        return float(of_a @ of_b)

    def squares(self, runs: Sequence[int]) -> float:
        """The sum of the runs' own squares."""
        return float(self.own[list(runs)].sum())

    def square(self) -> Floats:
        """`(R, R)` products of all pairs."""
        square = np.sqrt(np.outer(self.own, self.own)) * (self.entry[:, None] == self.entry[None, :])
        np.fill_diagonal(square, self.own)
        return np.asarray(square)


class Part(NamedTuple):
    """One term of a variance: a mean square over its number of values, and the degrees of freedom of that."""

    value: float
    df: float


class Variance(NamedTuple):
    """A variance of a mean or of a difference of two.

    Attributes:
        value: in nats squared; below 0 where the mean squares contradict each other, as they may in small samples.
        df: Satterthwaite's degrees of freedom.
    """

    value: float
    df: float

    @property
    def standard_error(self) -> float | None:
        """Its root; 0 where all values are equal, None where mean squares cancel so that nothing is left to go by."""
        return math.sqrt(self.value) if self.value >= 0 and self.df >= FEWEST_DEGREES else None


def total(parts: Sequence[Part]) -> Variance:
    """The sum of independent mean squares, with Satterthwaite's degrees of freedom."""
    value = math.fsum(part.value for part in parts)
    scatter = math.fsum(part.value**2 / part.df for part in parts if part.value)
    return Variance(value, value**2 / scatter if scatter else math.inf)


def seed_part(sums: Sums, runs: Sequence[int]) -> Part:
    """MS_seed / (S n): the variance of run means over their number."""
    return Part(float(sums.means[list(runs)].var(ddof=1)) / len(runs), len(runs) - 1)


def seed_parts(sums: Sums, entries: Sequence[Sequence[int]], pooled: Part | None) -> list[Part]:
    """The seeds' parts of some entries; those with runs that differ take the pooled one together, where there is one.

    An entry whose runs are all alike has none.
    """
    if pooled is None:
        return [seed_part(sums, runs) for runs in entries]
    varied = [runs for runs in entries if float(sums.means[list(runs)].var()) > 0]
    return [Part(pooled.value * math.fsum(1 / len(runs) for runs in varied), pooled.df)]


def rest_part(sums: Sums, runs: Sequence[int]) -> Part:
    """MS_rest / (S n): what is neither the run's nor the example's."""
    seeds, examples = len(runs), sums.examples
    own = sums.squares(runs)
    df = (seeds - 1) * (examples - 1)
    return Part((own - sums.sum(runs, runs) / seeds) / df / (seeds * examples), df)


def example_part(sums: Sums, a: Sequence[int], b: Sequence[int] = ()) -> Part:
    """The variance over examples of their means over runs, or of the difference of two such means, over n."""
    df = sums.examples - 1
    square = sums.sum(a, a) / len(a) ** 2
    if b:
        square += sums.sum(b, b) / len(b) ** 2 - 2 * sums.sum(a, b) / (len(a) * len(b))
    return Part(square / df / sums.examples, df)


def of_mean(sums: Sums, runs: Sequence[int], pooled: Part | None = None) -> Variance:
    """The variance of one entry's mean over its runs.

    Args:
        sums: over runs of the data set.
        runs: of the entry; at least two.
        pooled: the variance of run means, pooled over entries; the entry's own by default.
    """
    rest = rest_part(sums, runs)
    seeds = seed_parts(sums, [runs], pooled)
    return total([*seeds, example_part(sums, runs), Part(-rest.value, rest.df)])


def of_difference(sums: Sums, a: Sequence[int], b: Sequence[int], pooled: Part | None = None) -> Variance:
    """The variance of the mean of `a` minus that of `b`, runs of two entries.

    Args:
        sums: over runs of the data set.
        a, b: runs; at least two of each.
        pooled: the variance of run means, pooled over entries; those of both by default.
    """
    seeds = seed_parts(sums, [a, b], pooled)
    rests = [rest_part(sums, runs) for runs in (a, b)]
    return total([*seeds, example_part(sums, a, b), *(Part(-rest.value, rest.df) for rest in rests)])


def pooled_seeds(sums: Sums, entries: Sequence[Sequence[int]]) -> Part | None:
    """The variance of run means that all entries share; None where Bartlett's test (1937) says that they share none.

    Entries whose runs are all alike, as those that are fitted in one go, have no such variance and are left out by the
    caller.

    Args:
        sums: over runs of the data set.
        entries: runs of each, two or more.
    """
    samples = [sums.means[list(runs)] for runs in entries]
    if len(samples) > 1 and bartlett.p_value(samples) < EQUAL_LEVEL:
        return None
    df = sum(len(sample) - 1 for sample in samples)
    return Part(math.fsum(float(sample.var(ddof=1)) * (len(sample) - 1) for sample in samples) / df, df) if df else None


def less_truth(products: Products, truth: int) -> Products:
    """Products of log-likelihoods less those of the true density, its own row `truth` with them (all zero)."""
    square, column = products.products, products.products[:, truth]
    less = square - column[:, None] - column[None, :] + column[truth]
    return Products(products.examples, products.means - products.means[truth], less)
