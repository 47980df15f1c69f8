"""The metrics of samples: their columns, the floor of each, and when a value lies off it."""

import math
from functools import cache
from typing import NamedTuple

FLOOR_DRAWS = 5
"""Random draws of training examples that a floor is the mean over."""
LEVEL = 0.95


class SampleMetric(NamedTuple):
    """A distance, or a share, between a set of samples and as many test examples.

    Attributes:
        heading: above its column of a table.
        meaning: one line for the glossary.
    """

    heading: str
    meaning: str


SAMPLE_METRICS = {
    "sliced_w2": SampleMetric("sliced W2", "sliced 2-Wasserstein distance, samples against test"),
    "mmd2": SampleMetric("MMD²", "unbiased squared MMD, Gaussian kernels of several bandwidths, samples against test"),
    "energy_distance": SampleMetric("energy distance", "unbiased energy distance, samples against test"),
    "c2st": SampleMetric("C2ST", "held-out accuracy of a classifier of samples against test; 0.5 is indistinguishable"),
    "precision": SampleMetric("precision", "share of samples within a test example's ball of 5 neighbours"),
    "recall": SampleMetric("recall", "share of test examples within a sample's ball of 5 neighbours"),
    "density": SampleMetric("density", "test examples' balls that hold a sample, mean / 5; 1 where the laws agree"),
    "coverage": SampleMetric("coverage", "share of test examples whose ball of 5 neighbours holds a sample"),
    "feature_frechet": SampleMetric(
        "feature Fréchet", "Fréchet distance of features of a small classifier of the data, samples against test"
    ),
    "feature_kid": SampleMetric("feature KID", "unbiased kernel distance of the same features; no FID, no Inception"),
    "class_chi2": SampleMetric(
        "χ² of classes",
        "chi-square / degrees of freedom of the classes that the same classifier sees; about 1 is equal",
    ),
    "authenticity": SampleMetric(
        "authenticity", "share of samples farther from their nearest training example than that from its own nearest"
    ),
    "c_t": SampleMetric(
        "C_T", "Z of distances to training examples, samples against test; far below 0: copies, far above: off the data"
    ),
}
"""column -> its metric, in the order of tables."""


def floor(metric: str) -> str:
    """The column with the floor of a metric: its mean over draws of fresh training examples, the control *real*."""
    return f"{metric}_floor"


def floor_sd(metric: str) -> str:
    """The column with the standard deviation of the floor's draws."""
    return f"{metric}_floor_sd"


def copycat(metric: str) -> str:
    """The column with a metric of the control *copycat*: training examples returned as samples."""
    return f"{metric}_copycat"


def half_range(sd: float) -> float:
    """Half of the 95 % range in which one more set of real examples lies: t_{K-1} sd sqrt(1 + 1/K) of K draws."""
    return _quantile() * sd * math.sqrt(1 + 1 / FLOOR_DRAWS)


@cache
def _quantile() -> float:
    from scipy.special import stdtrit  # half a second to import, which commands that draw no table need not wait

    return float(stdtrit(FLOOR_DRAWS - 1, (1 + LEVEL) / 2))


def off_floor(value: float, mean: float, sd: float) -> int:
    """1 where the value lies above its floor's 95 % range, -1 below it, 0 within."""
    gap, half = value - mean, half_range(sd)
    return (gap > half) - (gap < -half)
