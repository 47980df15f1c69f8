"""Quantiles of the studentized range, by quadrature: SciPy's take a tenth of a second to one second each."""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaincinv, ndtr

NODES = 128
"""Of each of the two integrals."""
REACH = 9.0
"""Standard deviations of a normal variable that are integrated over."""

Array = NDArray[np.float64]


@cache
def quantile(level: float, means: int, df: float) -> float:
    """The value that the range of so many normal means, in their standard errors, lies below with this probability.

    P(range < q) = ∫ H(q s) dF(s), where s² df is chi² with df degrees of freedom, and
    H(w) = k ∫ φ(z) (Φ(z) - Φ(z - w))^(k - 1) dz for k means.

    Args:
        level: the probability.
        means: k, at least two.
        df: degrees of freedom of the standard error, infinite where it is known.
    """
    places, weights = nodes(0.0, 1.0)
    # Both ends of F(s) are steep: nodes are gathered there.
    shares, weights = places**3 * (10 - 15 * places + 6 * places**2), weights * 30 * (places * (1 - places)) ** 2
    known = math.isinf(df)
    scales = np.ones(NODES) if known else np.sqrt(2 * gammaincinv(df / 2, np.minimum(shares, 1 - 1e-15)) / df)
    high = 4.0
    while probability(high, means, scales, weights) < level:
        high *= 2
    return float(brentq(lambda q: probability(q, means, scales, weights) - level, 0.0, high, xtol=1e-10))


def probability(q: float, means: int, scales: Array, weights: Array) -> float:
    """P(range < q), over scales of the standard error with these weights."""
    z, of_z = nodes(-REACH, REACH)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    inside = ndtr(z) - ndtr(z - q * scales[:, None])
    return float(weights @ (means * (inside ** (means - 1)) @ (density * of_z)))


@cache
def nodes(low: float, high: float) -> tuple[Array, Array]:
    """Places and weights of Gauss-Legendre quadrature between two ends."""
    places, weights = np.polynomial.legendre.leggauss(NODES)
    return low + (high - low) * (places + 1) / 2, weights * (high - low) / 2
