"""Numbers that no model of the data can have: they come from a wrong density, not from a good one.

Each bound holds for every density, also one that has learnt the test examples by heart, but for the noise of an
estimate: five standard errors are allowed for it.
"""

import math
from collections import Counter

from torch import Tensor

from bench.data.rows import digests
from bench.errors import Impossible
from bench.record.store import Record

ERRORS = 5.0
"""Standard errors by which a number may pass its bound."""
SLACK = 1e-3
"""Nats a coordinate by which the divergence of an exact model may fall below 0 in float32, or by its solver."""


def check_likelihood(record: Record, dim: int, levels: Tensor | None) -> None:
    """Holds a test likelihood and a divergence from the truth against what is possible.

    A density p of dequantised levels y = raw + u has E log p(raw + u) <= log P(raw), P its mass on the unit cube of raw
    (Jensen). Over n examples the mean of log P is largest where P is their own distribution (Gibbs): no mean NLL lies
    below the entropy of the n rows, which is 0 or more, and log n where all differ. The same holds of
    the logarithm of the mean of p over draws of u. Of binary pixels P itself is given.

    Args:
        record: with the columns of the likelihood.
        dim: coordinates of an event.
        levels: the test examples that the likelihood is the mean over, as levels or binary pixels; None for continuous
            data, whose density has no bound.

    Raises:
        Impossible: a number is beyond its bound.
    """
    nll, error = record["nll_nats"], record["nll_standard_error"]
    if levels is not None and error is not None:
        least = entropy(levels)
        if nll + ERRORS * error < 0 and record.get("bits_per_dim") is not None:
            raise Impossible(f"bits_per_dim = {record['bits_per_dim']:.4g} is below 0, where no density of levels is")
        if nll + ERRORS * error < least:
            raise Impossible(
                f"nll_nats = {nll:.4g} is below {least:.4g}, the entropy of the test examples: no density of levels is"
            )
        discrete, discrete_error = record.get("discrete_nll_nats"), record.get("discrete_nll_standard_error")
        if discrete is not None and discrete_error is not None and discrete + ERRORS * discrete_error < least:
            raise Impossible(
                f"discrete_nll_nats = {discrete:.4g} is below {least:.4g}, the entropy of the test examples: no "
                "probability of levels is"
            )
    kl, kl_error = record.get("kl_to_truth"), record.get("kl_standard_error")
    if kl is not None and kl_error is not None and kl + ERRORS * kl_error + SLACK * dim < 0:
        raise Impossible(f"kl_to_truth = {kl:.4g} with standard error {kl_error:.2g} is below 0, where no density is")


def entropy(rows: Tensor) -> float:
    """Entropy in nats of the distribution that gives each of some rows the same weight; equal rows are one value."""
    counts = Counter(digests(rows)).values()
    return math.log(len(rows)) - sum(count * math.log(count) for count in counts) / len(rows)
