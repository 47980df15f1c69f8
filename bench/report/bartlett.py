"""Bartlett's test that samples have one variance, as SciPy has it, whose `stats` take a second to import."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc


def p_value(samples: Sequence[NDArray[np.float64]]) -> float:
    """The probability of variances as different as these in samples of normal variables of one variance.

    Bartlett (1937): (N - k) ln s² - Σ (n_i - 1) ln s_i², divided by 1 + (Σ 1/(n_i - 1) - 1/(N - k)) / 3 (k - 1), is
    nearly chi² with k - 1 degrees of freedom. NaN where a sample has one value, or none of them varies.

    Args:
        samples: two or more, `(n_i,)` each.
    """
    degrees = np.array([len(sample) - 1 for sample in samples])
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.array([sample.var() * len(sample) for sample in samples]) / degrees
        pooled = (degrees * own).sum() / degrees.sum()
        statistic = degrees.sum() * np.log(pooled) - (degrees * np.log(own)).sum()
        correction = 1 + ((1 / degrees).sum() - 1 / degrees.sum()) / (3 * (len(samples) - 1))
        return float(chdtrc(len(samples) - 1, statistic / correction))
