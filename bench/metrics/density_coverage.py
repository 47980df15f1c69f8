"""Density and coverage: precision and recall by real balls alone (Naeem et al. 2020, arXiv 2002.09797)."""

from bench.metrics.point_clouds import NEIGHBOURS, Pair


def density(pair: Pair) -> float:
    """Real balls that hold a sample, mean over samples, divided by k: 1 in expectation where the laws agree.

    It sees samples where data are rare, as precision does, and samples crowded where data are dense (above 1). An
    outlier among the data, whose ball is large, weighs little.
    """
    k = min(NEIGHBOURS, len(pair.real.points) - 1)
    return pair.holding.double().mean().item() / k


def coverage(pair: Pair) -> float:
    """The share of real points whose ball holds a sample; 1 - 2^-k, .97, for as many independent points of one law.

    It sees a missing mode or class by that mode's share. Samples far outside cannot hide it: only real balls count.
    """
    return pair.covered.double().mean().item()
