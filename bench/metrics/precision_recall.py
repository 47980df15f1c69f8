"""Precision and recall of samples by balls to the k-th neighbour (Kynkäänniemi et al. 2019, arXiv 1904.06991)."""

from bench.metrics.point_clouds import Pair


def precision(pair: Pair) -> float:
    """The share of samples that lie in a real point's ball: how many of them look real.

    It sees samples outside of the data's support, such as blurred pictures or points between modes; no missing mode.
    """
    return (pair.holding > 0).double().mean().item()


def recall(pair: Pair) -> float:
    """The share of real points that lie in a sample's ball: how much of the data the samples reach.

    It sees a missing mode or class by that mode's share; samples far outside have large balls and hide it.
    """
    return pair.reached.double().mean().item()
